"""What aligners need of a construct: one contig, gene and transcript; alone or added to a reference."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..io import atomic, write_text
from . import fasta
from .doctor import Construct
from .fasta import Record
from .kmers import Shared

FILES = ("construct.fa", "construct.masked.fa", "construct.gtf", "construct.t2g.txt", "shared.bed")
_VALUE = {
    key: re.compile(rb'\b%s "?([^";]+)"?' % key) for key in (b"gene_id", b"gene_name", b"transcript_id")
}


@dataclass
class Appended:
    """What was found while a reference was copied."""

    contigs: int = 0
    genes: int = 0
    without_sequence: tuple[str, ...] = ()
    line_ends_mended: bool = False


def clean_name(text: str) -> str:
    """A name that every aligner and matrix takes: letters, digits, ``_``, ``.`` and ``-``."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_.-")


def gtf(name: str, size: int) -> str:
    """Rows gene, transcript and exon over the whole contig.

    Cell Ranger filters by gene_type or gene_biotype, SeekSoul Tools reads only gene rows, STAR only exon
    rows, kb needs gene_id, gene_name and transcript_id.
    """
    gene = f'gene_id "{name}"; gene_name "{name}"; gene_type "protein_coding"; gene_biotype "protein_coding";'
    transcript = (
        f'{gene} transcript_id "{name}_transcript"; transcript_name "{name}_transcript"; '
        'transcript_type "protein_coding"; transcript_biotype "protein_coding";'
    )
    exon = f'{transcript} exon_number "1"; exon_id "{name}_exon";'
    rows = (("gene", gene), ("transcript", transcript), ("exon", exon))
    return "".join(f"{name}\tcarpeak\t{kind}\t1\t{size}\t.\t+\t.\t{rest}\n" for kind, rest in rows)


def bed(constructs: Sequence[Construct], shared: Sequence[Shared], genes: Sequence[str]) -> str:
    """Shared stretches as BED: half-open, named by gene, mismatches as score."""
    rows = sorted(
        {(h.record, h.start - 1, h.end, gene, h.mismatches, h.strand) for h, gene in zip(shared, genes)}
    )
    order = {c.name: i for i, c in enumerate(constructs)}
    rows.sort(key=lambda row: (order[row[0]], row[1:]))
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def write(
    constructs: Sequence[Construct],
    masks: Sequence[bytes],
    shared: Sequence[Shared],
    genes: Sequence[str],
    out: Path,
) -> list[Path]:
    """Write the construct, plain and masked, its GTF, transcript-to-gene table and shared stretches."""
    paths = [out / name for name in FILES]
    fasta.write((c.record for c in constructs), paths[0])
    fasta.write((Record(c.name, "", mask) for c, mask in zip(constructs, masks)), paths[1])
    write_text("".join(gtf(c.name, len(c.sequence)) for c in constructs), paths[2])
    write_text("".join(f"{c.name}\t{c.name}\t{c.name}\n" for c in constructs), paths[3])
    write_text(bed(constructs, shared, genes), paths[4])
    return paths


def append(
    added: Sequence[Record], given: tuple[str | Path, str | Path], made: tuple[str | Path, str | Path]
) -> Appended:
    """Copy a reference (FASTA, GTF; plain or gzipped) to plain files with `added` at their ends.

    The reference stays as it is but for Windows line ends and a missing last one. Raises UserError where
    a name is taken, or where the annotation has no contig of the sequences.
    """
    for source, copy in zip(given, made):
        if Path(source).resolve() == Path(copy).resolve():
            msg = f"{source}: the output would replace the reference. Choose another --out."
            raise UserError(msg)
    seen = Appended()
    with atomic(made[0]) as sequences, atomic(made[1]) as rows:
        contigs = _copy_fasta(added, given[0], sequences, seen)
        _copy_gtf(added, given[1], rows, contigs, seen)
    return seen


def name_genes(shared: Sequence[Shared], path: str | Path) -> list[Shared]:
    """Say in each hit's description which gene of a reference's GTF it lies in, where it lies in one."""
    by_contig: dict[bytes, list[int]] = {}
    for number, hit in enumerate(shared):
        by_contig.setdefault(hit.target.encode(), []).append(number)
    named = list(shared)
    with fasta.open_bytes(path) as file:
        for line in file:
            fields = line.rstrip(b"\r\n").split(b"\t")
            if len(fields) < 9 or fields[2] != b"gene" or fields[0] not in by_contig:
                continue
            match = _VALUE[b"gene_name"].search(fields[8]) or _VALUE[b"gene_id"].search(fields[8])
            if match is None or not (fields[3].isdigit() and fields[4].isdigit()):
                continue
            for number in by_contig[fields[0]]:
                hit = named[number]
                if hit.target_start <= int(fields[4]) and hit.target_end >= int(fields[3]):
                    named[number] = hit._replace(
                        description=f"gene={match.group(1).decode('utf-8', 'replace')}"
                    )
    return named


def _copy_fasta(added: Sequence[Record], path: str | Path, out: Path, seen: Appended) -> set[str]:
    contigs: set[str] = set()
    last = b"\n"
    old_mac = fasta.line_end(path) == b"\r"
    with out.open("wb") as file:
        for piece in fasta.pieces(path):
            if piece.header:
                name = (piece.data.split() or [b""])[0].decode("utf-8", "replace")
                if name in contigs:
                    msg = f"{path}: two contigs are named '{name}'. Mend the reference first."
                    raise UserError(msg)
                contigs.add(name)
                file.write((b">" if last == b"\n" else b"\n>") + piece.data)
                last = b""  # the line end follows with the sequence
                continue
            seen.line_ends_mended |= b"\r" in piece.data
            data = piece.data.replace(b"\r", b"\n" if old_mac else b"")
            file.write(data)
            last = data[-1:] or last
        _refuse((r.name for r in added), contigs, "a contig", path)
        file.write(b"" if last == b"\n" else b"\n")
        file.writelines(fasta.text(record) for record in added)
    seen.contigs = len(contigs)
    return contigs


def _copy_gtf(
    added: Sequence[Record], path: str | Path, out: Path, contigs: set[str], seen: Appended
) -> None:
    names = {r.name for r in added}
    quoted = [n.encode() for n in names]
    annotated: set[bytes] = set()
    with fasta.open_bytes(path) as source, out.open("wb") as file:
        for number, line in enumerate(source, 1):
            clean = line.rstrip(b"\r\n") + b"\n"
            seen.line_ends_mended |= line.endswith(b"\r\n")
            file.write(clean)
            if clean.startswith(b"#") or not clean.strip():
                continue
            fields = clean.split(b"\t", 3)
            if len(fields) < 4:
                msg = f"{path}, line {number}: no GTF row (columns are parted by tabs). Give a GTF file."
                raise UserError(msg)
            annotated.add(fields[0])
            seen.genes += fields[2] == b"gene"
            if any(name in clean for name in quoted):
                taken = {m.group(1).decode() for p in _VALUE.values() if (m := p.search(clean))}
                _refuse(names, taken, "a gene or transcript", f"{path}, line {number}")
        file.write("".join(gtf(r.name, len(r)) for r in added).encode())
    unknown = sorted({c.decode("utf-8", "replace") for c in annotated} - contigs)
    if annotated and len(unknown) == len(annotated):
        msg = f"{path}: its contigs (such as '{unknown[0]}') are not those of the sequences (such as "
        msg += f"'{min(contigs)}'). Take FASTA and GTF from one source."
        raise UserError(msg)
    seen.without_sequence = tuple(unknown)


def _refuse(names: Iterable[str], taken: set[str], what: str, place: str | Path) -> None:
    for name in names:
        if name in taken:
            msg = f"{place}: '{name}' is already {what} there. Give the construct another name with --name, "
            msg += "or a reference without it."
            raise UserError(msg)
