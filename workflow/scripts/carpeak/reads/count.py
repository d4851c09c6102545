"""Count a transgene's molecules per cell from FASTQ pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..construct.fasta import open_bytes
from ..errors import UserError
from .fastq import Block, demand_mates, pairs
from .geometry import Geometry
from .molecules import Molecule, correct, molecules, usable
from .scan import Scanner

AT_ONCE = 5000  # candidates aligned together; bounds the memory where a library is enriched for the construct
STRANDS = ("sense", "antisense", "both")


@dataclass
class Tally:
    """What became of the reads; each candidate is counted once below `candidates`."""

    pairs: int = 0
    candidates: int = 0
    not_the_construct: int = 0  # too little of the read fits
    shared: int = 0  # a look-alike fits (nearly) as well
    other_strand: int = 0
    short_barcode_read: int = 0
    bad_umi: int = 0
    no_cell: int = 0
    counted: int = 0
    molecules: int = 0
    kept: Counter[tuple[bytes, bytes, int]] = field(default_factory=Counter, repr=False)

    def summary(self) -> dict[str, int]:
        """The numbers, by name."""
        return {key: value for key, value in vars(self).items() if key != "kept"}


def count(
    files: Sequence[tuple[str | Path, str | Path]],
    scanner: Scanner,
    *,
    geometry: Geometry,
    strand: str,
    cells: Collection[bytes],
    whitelist: str | Path | None = None,
) -> tuple[list[Molecule], Tally]:
    """Count distinct UMIs of each construct per cell over all lanes.

    `files` are (barcode read, cDNA read) per lane; `strand` says which strand of the RNA the cDNA read
    shows; `cells` are barcodes without suffix. `whitelist` is a list of all barcodes of the kit: one that
    is on it but no cell is not corrected to a cell.
    """
    tally = Tally()
    for first, second in files:
        for barcodes, reads in pairs(first, second):
            tally.pairs += len(reads)
            chosen = scanner.candidates(reads)
            if chosen.size:
                for read in (int(chosen[0]), int(chosen[-1])):
                    demand_mates(barcodes, reads, read, first, second)
            for start in range(0, chosen.size, AT_ONCE):
                part = [int(i) for i in chosen[start : start + AT_ONCE]]
                _judge(barcodes, reads, part, scanner, geometry, strand, tally)
    observed = {barcode for barcode, _, _ in tally.kept}
    others = listed(whitelist, observed) - set(cells) if whitelist else set()
    mapping = correct(observed, cells, others)
    of_cells: Counter[tuple[bytes, bytes, int]] = Counter()
    for (barcode, umi, feature), number in tally.kept.items():
        if barcode in mapping:
            of_cells[mapping[barcode], umi, feature] += number
            tally.counted += number
        else:
            tally.no_cell += number
    found = molecules(of_cells)
    tally.molecules = len(found)
    return found, tally


def _judge(  # noqa: PLR0917
    barcodes: Block,
    reads: Block,
    chosen: list[int],
    scanner: Scanner,
    geometry: Geometry,
    strand: str,
    tally: Tally,
) -> None:
    fit = scanner.fit([reads.line(i, 1) for i in chosen])
    tally.candidates += len(chosen)
    for i, read in enumerate(chosen):
        if not fit.explained[i]:
            tally.not_the_construct += 1
        elif not fit.own[i]:
            tally.shared += 1
        elif strand != "both" and fit.forward[i] != (strand == "sense"):
            tally.other_strand += 1
        else:
            line = barcodes.line(read, 1)
            barcode, umi = geometry.split(line)
            if len(line) < geometry.size:
                tally.short_barcode_read += 1
            elif not usable(umi):
                tally.bad_umi += 1
            else:
                tally.kept[barcode, umi, int(fit.feature[i])] += 1


def listed(path: str | Path, wanted: Collection[bytes]) -> set[bytes]:
    """Those of `wanted` that a list of barcodes (one a line, plain or gzipped) holds."""
    with open_bytes(path) as file:
        return {word for line in file for word in [line.strip()] if word in wanted}


def cell_barcodes(names: Sequence[str], place: str | Path) -> dict[bytes, str]:
    """Barcodes without their ``-1`` to the names as given; UserError where they are none or not unique."""
    found: dict[bytes, str] = {}
    for name in names:
        bare = name.partition("-")[0].encode()
        if not bare or bare.translate(None, b"ACGT"):
            msg = f"{place}: '{name}' is no barcode of bases. Give the cells of one library as counted."
            raise UserError(msg)
        if bare in found:
            msg = (
                f"{place}: '{found[bare]}' and '{name}' have one barcode. Give the cells of one library only."
            )
            raise UserError(msg)
        found[bare] = name
    if not found:
        msg = f"{place}: no cells."
        raise UserError(msg)
    return found


def check_barcode_size(cells: Collection[bytes], geometry: Geometry, place: str | Path) -> None:
    """Raise UserError where the cells' barcodes are not as long as the geometry's."""
    size = sum(end - start for start, end in geometry.barcode)
    wrong = next((cell for cell in cells if len(cell) != size), None)
    if wrong is not None:
        msg = f"{place}: barcode '{wrong.decode()}' has {len(wrong)} bases, the geometry {size}. "
        msg += "Choose the --geometry of the kit."
        raise UserError(msg)
