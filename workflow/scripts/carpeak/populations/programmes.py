"""Rank scores of gene programmes in single cells: UCell's statistic (Andreatta & Carmona 2021).

Beside the weighted axes a second line of evidence, free of weights, scale and depth correction. Own code:
the statistic needs each cell's expressed genes only, so that the matrix stays sparse (decoupler and pyucell
rank dense rows), and is held to a dense reference in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ..stats import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    result = np.zeros((counts.shape[0], len(present)))
    for rows, block in blocks.parts(counts):
        ranked = _ranks(block)
        for column, listed in enumerate(present):
            n = len(listed)
            if n == 0:
                continue
            # stored is LAST_RANK + 1 - rank, so that what is not stored has the last rank
            gain = np.asarray(ranked[:, listed].sum(axis=1)).ravel()
            smallest = n * (n + 1) / 2
            statistic = n * (LAST_RANK + 1) - gain - smallest
            result[rows, column] = 1 - statistic / (n * LAST_RANK - smallest)
    return np.clip(result, 0, 1)


def _ranks(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """LAST_RANK + 1 - rank of each stored count in its row, at least 0."""
    counts = counts.tocsr()
    values = np.empty(counts.nnz)
    for start, stop in zip(counts.indptr[:-1], counts.indptr[1:]):
        row = counts.data[start:stop].astype(np.int64)
        if len(row) == 0:
            continue
        _, inverse, ties = np.unique(row, return_inverse=True, return_counts=True)
        above = len(row) - np.cumsum(ties)
        rank = above + (ties + 1) / 2
        values[start:stop] = np.maximum(LAST_RANK + 1 - rank, 0)[inverse]
    return sparse.csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape)
