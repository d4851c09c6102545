"""What the first reads of a lane say: are these the right files, kit and library?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ..errors import UserError
from ..study.geometry import PRESETS, Geometry, parse
from . import fastq
from .barcodes import Barcodes
from .scan import ENOUGH

READS = 20_000
CYCLES = 40  # a barcode read this short was sequenced for barcode and UMI only
NONE, FEW, MOST = 0.005, 0.2, 0.5  # shares of reads with a known barcode
SHIFTS = 11  # bases by which a barcode may begin later


@dataclass(frozen=True)
class Head:
    """The first reads of a lane: bases of both mates."""

    files: tuple[str | Path, str | Path]
    first: list[bytes]
    second: list[bytes]


def head(first: str | Path, second: str | Path) -> Head:
    """Read the head of a lane."""
    one, two = next(fastq.pairs(first, second, reads=READS))
    mates = [[block.line(i, 1) for i in range(len(block))] for block in (one, two)]
    return Head((first, second), *mates)


def demand_lengths(first: str | Path, second: str | Path, *, geometry: Geometry) -> None:
    """Raise UserError where the first reads of a lane are too short for the geometry, or cannot be cDNA."""
    _lengths(head(first, second), geometry)


def examine(
    files: Sequence[tuple[str | Path, str | Path]], geometry: Geometry, barcodes: Barcodes
) -> list[str]:
    """Warnings on the lanes, given what is known of the library's barcodes.

    Raises UserError where the mates are swapped, the reads are too short for the geometry, or hardly any
    barcode is known.
    """
    warnings = []
    for first, second in files:
        lane = head(first, second)
        warnings += _lengths(lane, geometry)
        warnings += _barcodes(lane, geometry, barcodes)
    return warnings


def examine_tags(path: str | Path, words: Sequence[bytes], barcodes: Barcodes) -> list[str]:
    """The same for the barcodes `words` of a BAM file's first reads."""
    share = _share(words, barcodes.known(set(words)))
    found = f"{path}: {share:.1%} of the first {len(words)} reads have a barcode of {barcodes.whose}"
    if share < NONE:
        msg = f"{found}. The BAM file must be of the same library as the matrix."
        raise UserError(msg)
    return [f"{found}: few. Is it of the same library as the matrix?"] if share < FEW else []


def _lengths(lane: Head, geometry: Geometry) -> list[str]:
    (first, second), sizes = lane.files, [int(median(map(len, m))) for m in (lane.first, lane.second)]
    one, two = sizes
    if two < ENOUGH:
        swapped = " r1 and r2 seem to be swapped." if one >= ENOUGH else ""
        msg = f"{second}: reads have {two} bases; cDNA reads need {ENOUGH} at least.{swapped}"
        raise UserError(msg)
    same = [n for n in PRESETS if parse(n).barcode == geometry.barcode and parse(n).size == one]
    hint = f" {' or '.join(same)} has {one}." if same else ""
    if one < geometry.size:
        msg = f"{first}: reads have {one} bases, the geometry needs {geometry.size}.{hint} "
        raise UserError(msg + "Choose the geometry of the kit.")
    if same and geometry.size < one < CYCLES:
        return [f"{first}: reads have {one} bases, the geometry uses {geometry.size} of them.{hint}"]
    return []


def _barcodes(lane: Head, geometry: Geometry, barcodes: Barcodes) -> list[str]:
    here = [word for read in lane.first for word in [geometry.split(read)[0]] if b"N" not in word]
    if not here:
        return [f"{lane.files[0]}: each barcode has an unknown base (N)."]
    share = _share(here, barcodes.known(set(here)))
    if share >= (FEW if barcodes.cells else MOST):
        return []
    found = f"{lane.files[0]}: {share:.1%} of the first {len(here)} reads have a barcode of {barcodes.whose}"
    others = dict(_elsewhere(lane, geometry))
    known = barcodes.known({word for words in others.values() for word in words})
    shares = {name: _share(words, known) for name, words in others.items()}
    best = max(shares, key=lambda name: shares[name])
    if shares[best] > max(5 * share, FEW):
        msg = f"{found}; {shares[best]:.0%} have one {best}."
        raise UserError(msg)
    if share >= NONE:
        return [f"{found}: few. Are reads, matrix and barcode list of one library and kit?"]
    remedy = "Reads, matrix and barcode list must be of one library and kit, and so must the geometry."
    if barcodes.cells and (of_kit := _share(here, barcodes.of_kit(set(here)))) > MOST:
        remedy = f"{of_kit:.0%} have one of the kit, so the reads are of another library than the matrix."
    msg = f"{found}. {remedy}"
    raise UserError(msg)


def _share(barcodes: Sequence[bytes], known: Collection[bytes]) -> float:
    return sum(barcode in known for barcode in barcodes) / len(barcodes)


def _elsewhere(lane: Head, geometry: Geometry) -> Iterator[tuple[str, list[bytes]]]:
    """Where the barcode might be instead, in words, with what stands there."""
    yield f"in {lane.files[1]}: r1 and r2 are swapped", [geometry.split(read)[0] for read in lane.second]
    if len(geometry.barcode) > 1 or len(geometry.umi) > 1:
        return
    size, umi = geometry.barcode_size, sum(end - start for start, end in geometry.umi)
    for at in range(SHIFTS):
        if at != geometry.barcode[0][0]:
            name = f"X{at}B{size}U{umi}" if at else f"B{size}U{umi}"
            yield f"with geometry {name}: choose that", [read[at : at + size] for read in lane.first]
