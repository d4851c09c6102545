"""Reads of a BAM file as Cell Ranger and STARsolo write it: unmapped ones kept, barcodes as tags."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..construct.orf import reverse_complement
from ..errors import UserError
from .count import Origin

if TYPE_CHECKING:
    from pysam import AlignedSegment

READS = 100_000
PROBED = 20_000
BGZF = b"\x1f\x8b\x08\x04"  # gzip in blocks with an extra field; plain gzip can't be read in pieces
LATER = 0x900  # secondary and supplementary: the same read once more
FIRST_OF_PAIR, UNMAPPED, REVERSE = 0x40, 0x4, 0x10
BARCODE, UMI = ("CB", "CR"), ("UR", "UB")  # in order of preference; UMIs are collapsed anyway
_NO_UNMAPPED = (
    "{}: the BAM file has no unmapped reads, so its aligner left out those of the construct. "
    "Give the FASTQ files instead."
)


class Segments:
    """Some reads of a BAM file."""

    def __init__(self, records: list[AlignedSegment], sequences: list[str]) -> None:
        self.records = records
        self.data = "\n".join(sequences).encode("ascii")
        self.ends = np.cumsum([len(sequence) + 1 for sequence in sequences]) - 1

    def __len__(self) -> int:
        return len(self.records)

    def holding(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the reads in which `places` of `data` lie."""
        return np.unique(np.searchsorted(self.ends, places))

    def sequence(self, read: int) -> bytes:
        """The bases of a read as sequenced."""
        start = int(self.ends[read - 1]) + 1 if read else 0
        bases = self.data[start : int(self.ends[read])]
        return reverse_complement(bases) if self.records[read].flag & REVERSE else bases

    def origin(self, read: int) -> Origin | None:
        """Barcode and UMI; None where one is missing."""
        record = self.records[read]
        barcode, umi = tag(record, *BARCODE), tag(record, *UMI)
        if not barcode or not umi:
            return None
        return Origin(barcode, umi, settled=bool(tag(record, "CB")))


def tag(record: AlignedSegment, *names: str) -> bytes:
    """The first of these tags that a record has, without a suffix such as -1; empty where it has none."""
    for name in names:
        if record.has_tag(name):
            value = str(record.get_tag(name)).partition("-")[0]
            if value:
                return value.encode("latin-1")
    return b""


def chunks(path: str | Path, *, reads: int = READS) -> Iterator[Segments]:
    """All reads of a BAM file, each once; of pairs the second, which is the cDNA read.

    Raises UserError where the file is no BAM file, is cut short, or has no unmapped reads: then those of
    the construct were dropped with them.
    """
    import pysam

    demand_bam(path)
    pysam.set_verbosity(0)  # htslib writes to stderr of itself
    records: list[AlignedSegment] = []
    sequences: list[str] = []
    unmapped = 0
    try:
        with pysam.AlignmentFile(str(path), "rb", check_sq=False) as file:
            if file.has_index() and not file.unmapped + file.nocoordinate:
                raise UserError(_NO_UNMAPPED.format(path))  # told at once, not after the whole file
            for record in file.fetch(until_eof=True):
                flag = record.flag
                if flag & (LATER | FIRST_OF_PAIR):
                    continue
                unmapped += bool(flag & UNMAPPED)
                sequence = record.query_sequence
                if sequence:
                    records.append(record)
                    sequences.append(sequence)
                if len(records) == reads:
                    yield Segments(records, sequences)
                    records, sequences = [], []
    except (OSError, ValueError, NotImplementedError):  # htslib's words on it help nobody
        msg = f"{path}: the BAM file is damaged or cut short. Copy it again."
        raise UserError(msg) from None
    if records:
        yield Segments(records, sequences)
    if not unmapped:
        raise UserError(_NO_UNMAPPED.format(path))


def demand_bam(path: str | Path) -> None:
    """Raise UserError unless the file at `path` begins as BAM does."""
    try:
        with Path(path).open("rb") as packed:
            blocked = packed.read(4) == BGZF
        with gzip.open(path) as file:
            magic = file.read(4)
    except FileNotFoundError:
        msg = f"{path}: there is no such file. Check the path."
        raise UserError(msg) from None
    except (OSError, EOFError, zlib.error):
        magic = b""
    if magic != b"BAM\1" or not blocked:
        msg = f"{path}: this is not a BAM file. SAM and CRAM files have to be converted (samtools view -b)."
        raise UserError(msg)


def barcodes_at_head(path: str | Path) -> list[bytes]:
    """Barcodes of the first reads that have one; UserError where none has."""
    found: list[bytes] = []
    for chunk in chunks(path, reads=PROBED):
        found += [barcode for record in chunk.records if (barcode := tag(record, *BARCODE))]
        if found:
            return found
    msg = f"{path}: no read has a barcode (tag CB or CR). Give the BAM file of a single-cell aligner, "
    msg += "such as Cell Ranger's possorted_genome_bam.bam, or the FASTQ files."
    raise UserError(msg)
