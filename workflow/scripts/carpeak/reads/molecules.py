"""From reads to molecules: barcodes corrected against the library's cells, UMIs collapsed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple


class Molecule(NamedTuple):
    """One counted molecule: cell barcode (without suffix), UMI, number of the feature, reads."""

    barcode: bytes
    umi: bytes
    feature: int
    reads: int


def neighbours(word: bytes) -> Iterator[bytes]:
    """All words with one base changed."""
    for i, letter in enumerate(word):
        for base in b"ACGT":
            if base != letter:
                yield word[:i] + bytes((base,)) + word[i + 1 :]


def correct(
    observed: Iterable[bytes], cells: Collection[bytes], others: Collection[bytes] = ()
) -> dict[bytes, bytes]:
    """Map observed barcodes to cells: equal, or one base off exactly one cell.

    `others` are barcodes of the kit that are no cells of the library: they belong to other droplets.
    """
    known = set(cells)
    mapping: dict[bytes, bytes] = {}
    for barcode in set(observed):
        if barcode in known:
            mapping[barcode] = barcode
        elif barcode not in others:
            near = [n for n in neighbours(barcode) if n in known]
            if len(near) == 1:
                mapping[barcode] = near[0]
    return mapping


def usable(umi: bytes) -> bool:
    """Whether a UMI has only bases, and not one base throughout (a failed read)."""
    return not umi.translate(None, b"ACGT") and len(set(umi)) > 1


def collapse(reads: Mapping[bytes, int]) -> dict[bytes, int]:
    """UMIs of one cell and feature: each that is one base off one with as many reads or more joins it."""
    kept: dict[bytes, int] = {}
    for umi, count in sorted(reads.items(), key=lambda item: (-item[1], item[0])):
        near = [n for n in neighbours(umi) if n in kept]
        if near:
            kept[max(near, key=lambda n: (kept[n], n))] += count
        else:
            kept[umi] = count
    return kept


def molecules(reads: Mapping[tuple[bytes, bytes, int], int]) -> list[Molecule]:
    """Count the molecules behind reads keyed by (cell, UMI, feature), sorted.

    A UMI of a cell seen with several features is one molecule of that with most reads, of none on a tie
    (as Cell Ranger does).
    """
    groups: dict[tuple[bytes, int], Counter[bytes]] = defaultdict(Counter)
    for (barcode, umi, feature), count in reads.items():
        groups[barcode, feature][umi] += count
    claims: dict[tuple[bytes, bytes], list[tuple[int, int]]] = defaultdict(list)
    for (barcode, feature), umis in groups.items():
        for umi, count in collapse(umis).items():
            claims[barcode, umi].append((count, feature))
    found = []
    for (barcode, umi), rivals in claims.items():
        rivals.sort(key=lambda rival: (-rival[0], rival[1]))
        if len(rivals) == 1 or rivals[0][0] > rivals[1][0]:
            found.append(Molecule(barcode, umi, rivals[0][1], rivals[0][0]))
    return sorted(found)
