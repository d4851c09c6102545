"""FASTA as users have it: plain or gzipped, any line ends, genomes as streams; mistakes told plainly."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import UserError
from ..io import atomic

BLOCK = 1 << 24
WIDTH = 60
MAX_CONSTRUCTS, LONGEST_CONSTRUCT = 50, 300_000  # vectors have up to 20,000 bases
MIN_BASES = 16  # in a row without N: shorter ones are found in no read
WHITESPACE = b" \t\r\n\v\f"
BASES = b"ACGT"
AMBIGUOUS = b"RYSWKMBDHVN"
# First bytes of what people hand over in place of text, and what it is.
FOREIGN = {
    b"PK\x03\x04": "a zip or Office file; unpack it or save the sequence as plain text",
    b"BZh": "compressed with bzip2; decompress it or use gzip",
    b"\xfd7zXZ": "compressed with xz; decompress it or use gzip",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; decompress it or use gzip",
    b"\xff\xfe": "UTF-16 text; save it as plain text (UTF-8)",
    b"\xfe\xff": "UTF-16 text; save it as plain text (UTF-8)",
    b"\t\x00\x00\x00\x0eSnapGene": "a SnapGene file; export it as FASTA",
    b"%PDF": "a PDF; the sequence is needed as plain text",
    b"LOCUS": "a GenBank file; export it as FASTA",
    b"ID   ": "an EMBL file; export it as FASTA",
    b"@": "FASTQ or SAM rather than FASTA",
}


@dataclass(frozen=True)
class Record:
    """One sequence of a FASTA file: first word of its header, the rest of it, and letters as in the file."""

    name: str
    description: str
    sequence: bytes

    def __len__(self) -> int:
        return len(self.sequence)


class Piece(NamedTuple):
    """A part of a FASTA file: a whole header line without ``>`` and line end, or some bytes of sequence."""

    header: bool
    data: bytes


@contextmanager
def open_bytes(path: str | Path, *, fastq: bool = False) -> Iterator[BinaryIO]:
    """Open a plain or gzipped file (told by its content) for reading bytes.

    Raises UserError where the file is missing, empty, of a known foreign format or damaged.
    """
    path = Path(path)
    try:
        with path.open("rb") as probe:
            first = probe.read(16)
    except FileNotFoundError:
        msg = f"{path}: there is no such file. Check the path."
        raise UserError(msg) from None
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror or error}). Name a readable file."
        raise UserError(msg) from None
    if not first:
        msg = f"{path}: the file is empty. Export the sequence again."
        raise UserError(msg)
    for magic, what in FOREIGN.items():
        if first.startswith(magic) and not fastq:
            msg = f"{path}: this is {what}."
            raise UserError(msg)
    try:
        with gzip.open(path) if first.startswith(b"\x1f\x8b") else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        msg = f"{path}: the gzip file is damaged or cut short ({error}). Copy it again."
        raise UserError(msg) from None


def pieces(path: str | Path) -> Iterator[Piece]:
    """Read a FASTA file as headers and runs of sequence bytes (line ends kept) in file order."""
    header: bytes | None = None  # bytes of a header that the block cut, else None
    started, previous = False, b"\n"
    with open_bytes(path) as file:
        while block := file.read(BLOCK):
            at = 0
            if not started:
                at, started = _start(block, path), True
            while at < len(block):
                if header is not None:
                    end = _line_end(block, at)
                    header += block[at:end]
                    at = end
                    if end < len(block):
                        yield Piece(True, header)  # noqa: FBT003
                        header = None
                    continue
                mark = block.find(b">", at)
                end = len(block) if mark < 0 else mark
                if end > at:
                    yield Piece(False, block[at:end])  # noqa: FBT003
                    previous = block[end - 1 : end]
                if mark >= 0:
                    if previous not in b"\r\n":
                        msg = (
                            f"{path}: '>' stands inside a sequence line. Each header needs a line of its own."
                        )
                        raise UserError(msg)
                    header, previous = b"", b"\n"
                at = end + 1 if mark >= 0 else end
    if header is not None:
        yield Piece(True, header)  # noqa: FBT003
    if not started:
        msg = f"{path}: the file is empty. Export the sequence again."
        raise UserError(msg)


def _line_end(block: bytes, at: int) -> int:
    newline = block.find(b"\n", at)
    end = len(block) if newline < 0 else newline
    carriage = block.find(b"\r", at, end)
    return end if carriage < 0 else carriage


def _start(block: bytes, path: str | Path) -> int:
    at = 3 if block.startswith(b"\xef\xbb\xbf") else 0
    while at < len(block) and block[at] in WHITESPACE:
        at += 1
    for magic, what in FOREIGN.items():  # once more, since the file may have been compressed
        if block[at:].startswith(magic):
            msg = f"{path}: this is {what}."
            raise UserError(msg)
    if at == len(block):
        msg = f"{path}: the file holds only blank lines. Export the sequence again."
        raise UserError(msg)
    if block[at : at + 1] != b">":
        seen = block[at : at + 20].decode("latin-1").split("\n")[0].strip()
        msg = (
            f"{path}: FASTA begins with '>' and a name, this begins with '{seen}'. Add a line such as '>CAR'."
        )
        raise UserError(msg)
    return at


def line_end(path: str | Path) -> bytes:
    """How the lines of a text end (Unix, Windows or old Macintosh), by its first megabyte."""
    with open_bytes(path) as file:
        head = file.read(1 << 20)
    if b"\r\n" in head:
        return b"\r\n"
    return b"\r" if b"\r" in head and b"\n" not in head else b"\n"


def records(path: str | Path) -> Iterator[Record]:
    """Read the records of a FASTA file one after the other; white space in sequences is dropped.

    Raises UserError on a header without a name; an empty sequence is given as it is.
    """
    header: bytes | None = None
    parts: list[bytes] = []
    for piece in pieces(path):
        if piece.header:
            if header is not None:
                yield _record(header, parts, path)
            header, parts = piece.data, []
        else:
            parts.append(piece.data.translate(None, WHITESPACE))
    if header is not None:
        yield _record(header, parts, path)


def _record(header: bytes, parts: list[bytes], path: str | Path) -> Record:
    words = header.decode("utf-8", "replace").split(maxsplit=1)
    if not words:
        msg = f"{path}: a header ('>') has no name. Name each sequence, for instance '>CAR'."
        raise UserError(msg)
    return Record(words[0], words[1].strip() if len(words) > 1 else "", b"".join(parts))


def read_construct(path: str | Path) -> list[Record]:
    """Read a user's construct: few, short records with DNA (or RNA) letters; U is read as T.

    Raises UserError on what cannot be a construct: no sequence, protein, gaps, digits, duplicated names.
    """
    found: list[Record] = []
    for record in records(path):
        if len(found) == MAX_CONSTRUCTS or len(record) > LONGEST_CONSTRUCT:
            msg = (
                f"{path}: a construct has at most {MAX_CONSTRUCTS} sequences of {LONGEST_CONSTRUCT:,} bases "
            )
            msg += "each; this is more, as a genome or its transcripts are. Give the construct's alone."
            raise UserError(msg)
        if any(record.name == other.name for other in found):
            msg = f"{path}: two sequences are named '{record.name}'. Rename one."
            raise UserError(msg)
        _demand_dna(record, path)
        dna = record.sequence.translate(bytes.maketrans(b"Uu", b"Tt"))
        found.append(Record(record.name, record.description, dna))
    for record in found:
        if not re.search(rb"[ACGT]{%d}" % MIN_BASES, record.sequence.upper()):
            msg = (
                f"{path}: '{record.name}' has no {MIN_BASES} known bases in a row. Give the construct's DNA."
            )
            raise UserError(msg)
    return found


def _demand_dna(record: Record, path: str | Path) -> None:
    if not record.sequence:
        msg = f"{path}: '{record.name}' has no sequence. Paste it below its header, or delete the header."
        raise UserError(msg)
    upper = record.sequence.upper()
    strange = upper.translate(None, BASES + b"U" + AMBIGUOUS)
    if strange:
        protein = set(strange) & set(b"EFILPQZXJO") and len(strange) > len(upper) * 0.05
        at = next(i for i, letter in enumerate(upper, 1) if letter in strange)
        shown = "".join(sorted({chr(c) for c in strange}))
        remedy = (
            "This looks like protein; the cloned DNA is needed (codons decide which reads can be told apart)."
            if protein
            else "Keep only letters of DNA (A C G T and IUPAC codes such as N)."
        )
        msg = f"{path}: '{record.name}' holds '{shown}', first at position {at}. {remedy}"
        raise UserError(msg)


def write(found: Iterable[Record], path: str | Path) -> None:
    """Write records with lines of 60 letters and no description."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        for record in found:
            file.write(text(record))


def text(record: Record) -> bytes:
    """A record as bytes of a FASTA file."""
    lines = [record.sequence[i : i + WIDTH] for i in range(0, len(record), WIDTH)]
    return b"\n".join([b">" + record.name.encode(), *lines]) + b"\n"
