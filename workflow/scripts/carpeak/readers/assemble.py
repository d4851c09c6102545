"""From a stream of blocks to one sparse matrix, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

Ints: TypeAlias = "NDArray[np.int32]"
Counts: TypeAlias = "tuple[Ints, Ints, Ints]"  # genes, cells, counts: of one block

MAX_AT_FIRST = 1 << 26  # entries that there is room for at first, whatever a file announces
LARGEST = np.iinfo(np.int32).max


def build(
    blocks: Callable[[], Iterator[Counts]], shape: tuple[int, int], *, expected: int
) -> sparse.csr_matrix:
    """The matrix (cells x genes, csr int32, sorted, without duplicates) that `blocks()` yields in pieces.

    `expected` is how many entries the file announces; it may be wrong.

    Entries that come cell by cell or gene by gene, as nearly all files have them, are read once and need
    at most twice the memory of the matrix; others are read twice, with the matrix and one block in memory.
    """
    cells = _stacked(blocks(), 0, 1, majors=shape[0], expected=expected)
    if cells is not None:
        return _canonical(*cells, shape)
    genes = _stacked(blocks(), 1, 0, majors=shape[1], expected=expected)
    if genes is None:
        return _scattered(blocks, shape)
    from scipy import sparse

    values, minor, sizes = genes
    matrix = sparse.csc_matrix((values, minor, _starts(sizes)), shape=shape).tocsr()
    matrix.sum_duplicates()
    return matrix


def _stacked(
    blocks: Iterator[Counts], minor: int, major: int, *, majors: int, expected: int
) -> tuple[Ints, Ints, NDArray[np.int64]] | None:
    """Values and minor index of all entries, and how many each of the `majors` has; None if unsorted."""
    inner, values = _Growing(expected), _Growing(expected)
    sizes = np.zeros(majors, np.int64)
    last = 0
    for block in blocks:
        along = block[major]
        if not len(along):
            continue
        starts = np.concatenate([[0], np.flatnonzero(along[1:] != along[:-1]) + 1])
        runs = along[starts]
        if runs[0] < last or (runs[1:] < runs[:-1]).any():
            return None
        last = runs[-1]
        inner.extend(block[minor])
        values.extend(block[2])
        sizes[runs] += np.diff(starts, append=len(along))
    return values.taken(), inner.taken(), sizes


class _Growing:
    """An int32 array that grows where it is: joining pieces would need twice the memory."""

    def __init__(self, expected: int) -> None:
        self.room: Ints = np.empty(min(max(expected, 1), MAX_AT_FIRST), np.int32)
        self.used = 0

    def extend(self, values: Ints) -> None:
        end = self.used + len(values)
        if end > len(self.room):
            self.room.resize(max(end, len(self.room) * 5 // 4), refcheck=False)
        self.room[self.used : end] = values
        self.used = end

    def taken(self) -> Ints:
        self.room.resize(self.used, refcheck=False)
        return self.room


def _scattered(blocks: Callable[[], Iterator[Counts]], shape: tuple[int, int]) -> sparse.csr_matrix:
    """The matrix of entries in any order: count first, then put each in its place."""
    sizes = np.zeros(shape[0], np.int64)
    for _, cells, _ in blocks():
        sizes += np.bincount(cells, minlength=len(sizes))
    place = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    genes = np.empty(sizes.sum(), np.int32)
    values = np.empty(sizes.sum(), np.int32)
    for features, cells, counts in blocks():
        order = np.argsort(cells, kind="stable")
        rows = cells[order]
        within = np.bincount(cells, minlength=len(sizes))
        target = place[rows] + np.arange(len(rows)) - np.concatenate([[0], np.cumsum(within)[:-1]])[rows]
        genes[target], values[target] = features[order], counts[order]
        place += within
    return _canonical(values, genes, sizes, shape)


def _canonical(
    values: Ints, genes: Ints, sizes: NDArray[np.int64], shape: tuple[int, int]
) -> sparse.csr_matrix:
    from scipy import sparse

    matrix = sparse.csr_matrix((values, genes, _starts(sizes)), shape=shape)
    matrix.sum_duplicates()
    return matrix


def _starts(sizes: NDArray[np.int64]) -> NDArray[np.integer]:
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return starts.astype(np.int32 if starts[-1] <= LARGEST else np.int64)
