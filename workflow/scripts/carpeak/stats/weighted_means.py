"""Means of genes over weighted groups of cells, with the variance of each mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Means:
    """Groups x genes: weighted mean, variance of that mean, and weighted share of cells that detect the gene."""

    mean: Floats
    variance: Floats
    detected: Floats

    def log2_ratio(self, test: int, reference: int, *, pseudocount: float) -> tuple[Floats, Floats]:
        """log2((mean + c) / (mean + c)) of two groups, and its variance by the delta method."""
        first, second = self.mean[test] + pseudocount, self.mean[reference] + pseudocount
        variance = (self.variance[test] / first**2 + self.variance[reference] / second**2) / np.log(2) ** 2
        return np.log2(first / second), variance


def weighted_means(levels: sparse.csr_matrix, weights: Floats) -> Means:
    """Means over cells of `levels` (cells x genes, counts per 10,000) under each row of `weights`.

    `weights` is groups x cells, not negative; a cell's weight is its part in the group, such as P(CAR+). The
    variance of a mean is that of a ratio of sums over independent cells. Where no cell of a group detects the
    gene it is that of a single detection, as in `ranksum.two_groups`: one more cell might have been the first.
    A group without weight has missing values.
    """
    weights = np.asarray(weights, dtype=np.float64)
    squares = weights**2
    columns = levels.tocsc()
    spotted = columns.copy()
    spotted.data = np.ones_like(spotted.data)
    total = weights.sum(axis=1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (columns.T @ weights.T).T / total
        detected = (spotted.T @ weights.T).T / total
        second = (columns.power(2).T @ squares.T).T - 2 * mean * (columns.T @ squares.T).T
        variance = np.maximum(second + mean**2 * squares.sum(axis=1)[:, None], 0) / total**2
        cells = total**2 / squares.sum(axis=1)[:, None]  # effective number
        seen = np.asarray(spotted.sum(axis=0)).ravel()
        one = np.divide(
            np.asarray(columns.sum(axis=0)).ravel(), seen, out=np.zeros(len(seen)), where=seen > 0
        )
        variance = np.where((detected <= 0) & (total > 0), (one / cells) ** 2, variance)
    return Means(mean, variance, detected)
