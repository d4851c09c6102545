"""A count matrix in blocks of rows: what is computed by cell, or summed over cells, needs no more at a time.

`Blocks` stands in for a csr matrix (cells x genes). Functions that take either go over `parts`, which gives a
csr matrix as its one part; a small study is one block, so that its sums come out to the last bit as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Part: TypeAlias = "tuple[slice, sparse.csr_matrix]"
    Change: TypeAlias = "Callable[[slice, sparse.csr_matrix], sparse.csr_matrix]"

VALUES = 2**25  # non-zero values of a block: 256 MB of counts with their genes


class Blocks:
    """Rows of a matrix of `shape`, made anew by `read` (csr matrices, from the top down) at every pass."""

    def __init__(self, shape: tuple[int, int], read: Callable[[], Iterator[sparse.csr_matrix]]) -> None:
        self.shape = shape
        self._read = read

    def __iter__(self) -> Iterator[Part]:
        """The rows of each block, and the block."""
        start = 0
        for block in self._read():
            stop = start + block.shape[0]
            yield slice(start, stop), block
            start = stop

    def map(self, prepare: Callable[[], Change]) -> Blocks:
        """Blocks that are changed when they are read. `prepare` gives the change, anew for every pass."""

        def read() -> Iterator[sparse.csr_matrix]:
            change = prepare()
            for rows, block in self:
                yield change(rows, block)

        return Blocks(self.shape, read)

    def tocsr(self) -> sparse.csr_matrix:
        """All rows in memory; indices of 64 bits where there are more than 2**31 non-zero values."""
        return stacked([block for _, block in self])

    def sum(self, axis: int) -> NDArray:
        """Sums of rows (`axis` 1), as of a csr matrix."""
        if axis != 1:
            msg = "sums of columns are taken by weighted_sums"
            raise ValueError(msg)
        return np.concatenate([np.asarray(block.sum(axis=1)).ravel() for _, block in self])

    def columns(self, places: Any) -> sparse.csr_matrix:
        """Some columns of all rows, in memory."""
        return stacked([block[:, places] for _, block in self])

    def __getitem__(self, key: Any) -> Any:
        """``[:, places]`` as a csr matrix in memory."""
        if not isinstance(key, tuple) or key[0] != slice(None):
            msg = "of blocks that are not stored, only columns can be taken"
            raise TypeError(msg)
        return self.columns(key[1])


def parts(counts: sparse.csr_matrix | Blocks) -> Iterator[Part]:
    """The blocks of a matrix with their rows; a matrix in memory is one."""
    if isinstance(counts, Blocks):
        yield from counts
    else:
        yield slice(0, counts.shape[0]), counts


def stacked(blocks: list[sparse.csr_matrix]) -> sparse.csr_matrix:
    """`blocks` one below the other; a single one is not copied."""
    return blocks[0] if len(blocks) == 1 else sparse.vstack(blocks, format="csr")


def row_sums(counts: sparse.csr_matrix | Blocks, *, leave_out: NDArray[np.bool_] | None = None) -> NDArray:
    """Sum of every row (float64) over the columns that are not to be left out.

    One product with ones and zeros: taking columns out of a csr matrix costs more than all of the sum.
    """
    asked = np.ones(counts.shape[1])
    if leave_out is not None:
        asked[np.flatnonzero(leave_out)] = 0.0
    found = np.empty(counts.shape[0])
    for rows, block in parts(counts):
        found[rows] = block @ asked
    return found


def weighted_sums(counts: sparse.csr_matrix | Blocks, weights: list[NDArray[np.float64]]) -> list[NDArray]:
    """The sum over rows of every column (float64) under each of the `weights` (one number per row)."""
    found = [np.zeros(counts.shape[1]) for _ in weights]
    for rows, block in parts(counts):
        turned = block.T
        for place, weight in enumerate(weights):
            found[place] += np.asarray(turned @ weight[rows]).ravel()
    return found
