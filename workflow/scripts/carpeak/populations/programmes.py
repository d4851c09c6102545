"""Rank scores of gene programmes in single cells: UCell's statistic (Andreatta & Carmona 2021).

Beside the weighted axes a second line of evidence, free of weights, scale and depth correction. Own code:
the statistic needs each cell's expressed genes only, so that the matrix stays sparse (decoupler and pyucell
rank dense rows), and is held to a dense reference in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..stats import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE = 2**20  # cells x different counts looked at together
LARGEST = 2**20  # a count beyond is looked up by sorting
LAST_RANK = 1500  # genes beyond this rank, silent ones among them, count as this rank plus one


def scores(
    counts: sparse.csr_matrix | blocks.Blocks, genes: Sequence[str], programmes: Sequence[Sequence[str]]
) -> NDArray[np.float64]:
    """UCell's score (0..1, cells x programmes): 1 - U / largest U of a programme's genes among all genes.

    `counts` is cells x `genes`, raw UMIs of a csr matrix. Genes are ranked within the cell from the highest
    count down, ties at their mean rank. A programme without a measured gene scores 0.
    """
    place = {gene: i for i, gene in reversed(list(enumerate(genes)))}
    present = [[place[gene] for gene in listed if gene in place] for listed in programmes]
    needed = sorted({column for listed in present for column in listed})
    at = {column: i for i, column in enumerate(needed)}
    result = np.zeros((counts.shape[0], len(present)))
    for rows, block in blocks.parts(counts):
        ranked = _ranks(block.tocsr(), needed)
        for column, listed in enumerate(present):
            n = len(listed)
            if n == 0:
                continue
            # stored is LAST_RANK + 1 - rank, so that what is not stored has the last rank
            gain = np.asarray(ranked[:, [at[place] for place in listed]].sum(axis=1)).ravel()
            smallest = n * (n + 1) / 2
            statistic = n * (LAST_RANK + 1) - gain - smallest
            result[rows, column] = 1 - statistic / (n * LAST_RANK - smallest)
    return np.clip(result, 0, 1)


def _ranks(counts: sparse.csr_matrix, columns: Sequence[int]) -> sparse.csr_matrix:
    """LAST_RANK + 1 - rank of each stored count of the `columns` in its row, at least 0.

    A cell has few different counts: how often each occurs gives the ranks, without sorting.
    """
    distinct, code = _coded(counts.data)
    asked = sparse.csr_matrix((code, counts.indices, counts.indptr), shape=counts.shape)[:, columns]
    values = np.empty(asked.nnz)
    step = max(TABLE // max(distinct, 1), 1)
    for top in range(0, counts.shape[0], step):
        (row, own), (wanted, inside) = (_span(matrix, top, top + step) for matrix in (counts, asked))
        place = np.repeat(np.arange(len(row)), row) * distinct + code[own]
        ties = np.bincount(place, minlength=len(row) * distinct).reshape(-1, distinct)
        above = ties.sum(axis=1, keepdims=True) - np.cumsum(ties, axis=1)
        gain = np.maximum(LAST_RANK + 1 - (above + (ties + 1) / 2), 0)
        values[inside] = gain[np.repeat(np.arange(len(wanted)), wanted), asked.data[inside]]
    return sparse.csr_matrix((values, asked.indices, asked.indptr), shape=asked.shape)


def _span(matrix: sparse.csr_matrix, top: int, end: int) -> tuple[NDArray[np.intp], slice]:
    """How many values each row from `top` to before `end` holds, and where they are."""
    ends = matrix.indptr[top : end + 1]
    return np.diff(ends), slice(ends[0], ends[-1])


def _coded(counts: NDArray[np.integer[Any]]) -> tuple[int, NDArray[np.int64]]:
    """How many different values there are, and each one's place among them in ascending order."""
    if counts.max(initial=0) > LARGEST:
        found, code = np.unique(counts, return_inverse=True)
        return len(found), code
    present = np.bincount(counts, minlength=1) > 0
    return int(present.sum()), (np.cumsum(present) - 1)[counts]
