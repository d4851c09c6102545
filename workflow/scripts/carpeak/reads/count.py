"""Count a transgene's molecules per cell from reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from .barcodes import Barcodes
from .molecules import Molecule, molecules, usable
from .scan import Chunk, Scanner

AT_ONCE = 5000  # candidates aligned together; bounds the memory where a library is enriched for the construct
STRANDS = ("sense", "antisense", "both")


class Origin(NamedTuple):
    """Where a read comes from; `settled` where its barcode was corrected by whoever wrote the file."""

    barcode: bytes
    umi: bytes
    settled: bool = False


class Reads(Chunk, Protocol):
    """Some reads with their barcodes."""

    def __len__(self) -> int: ...

    def sequence(self, read: int) -> bytes:
        """The bases of a read as sequenced."""

    def origin(self, read: int) -> Origin | None:
        """Barcode and UMI; None where the barcode read is too short."""


@dataclass
class ReadTally:
    """What became of the reads; each candidate is counted once below `candidates`."""

    pairs: int = 0
    candidates: int = 0
    not_the_construct: int = 0  # too little of the read fits
    shared: int = 0  # a look-alike fits (nearly) as well
    other_strand: int = 0
    no_barcode: int = 0
    bad_umi: int = 0
    no_cell: int = 0
    counted: int = 0
    molecules: int = 0
    kept: Counter[tuple[bytes, bytes, int]] = field(default_factory=Counter, repr=False)
    settled: set[bytes] = field(default_factory=set, repr=False)

    def summary(self) -> dict[str, int]:
        """The numbers, by name."""
        return {key: value for key, value in vars(self).items() if key not in {"kept", "settled"}}


def count(
    chunks: Iterable[Reads], scanner: Scanner, *, strand: str, barcodes: Barcodes
) -> tuple[list[Molecule], ReadTally]:
    """Distinct UMIs of each construct per cell, and per other droplet where those are known.

    `strand` says which strand of the RNA the reads show. The molecules that the tally counts are those
    of cells.
    """
    tally = ReadTally()
    for chunk in chunks:
        tally.pairs += len(chunk)
        chosen = scanner.candidates(chunk)
        for start in range(0, chosen.size, AT_ONCE):
            _judge(chunk, [int(i) for i in chosen[start : start + AT_ONCE]], scanner, strand, tally)
    mapping = barcodes.assign({barcode for barcode, _, _ in tally.kept}, tally.settled)
    placed: Counter[tuple[bytes, bytes, int]] = Counter()
    for (barcode, umi, feature), number in tally.kept.items():
        droplet = mapping.get(barcode)
        if droplet is not None:
            placed[droplet, umi, feature] += number
        if droplet is not None and (droplet in barcodes.cells or not barcodes.cells):
            tally.counted += number
        else:
            tally.no_cell += number
    found = molecules(placed)
    tally.molecules = sum(m.barcode in barcodes.cells or not barcodes.cells for m in found)
    return found, tally


def _judge(chunk: Reads, chosen: list[int], scanner: Scanner, strand: str, tally: ReadTally) -> None:
    fit = scanner.fit([chunk.sequence(i) for i in chosen])
    tally.candidates += len(chosen)
    for i, read in enumerate(chosen):
        if not fit.explained[i]:
            tally.not_the_construct += 1
        elif not fit.own[i]:
            tally.shared += 1
        elif strand != "both" and fit.forward[i] != (strand == "sense"):
            tally.other_strand += 1
        elif (origin := chunk.origin(read)) is None:
            tally.no_barcode += 1
        elif not usable(origin.umi):
            tally.bad_umi += 1
        else:
            tally.kept[origin.barcode, origin.umi, int(fit.feature[i])] += 1
            if origin.settled:
                tally.settled.add(origin.barcode)
