"""Means of genes over weighted groups of cells, with the variance of each mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from . import blocks
from .ranksum import HALF

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Means:
    """Groups x genes: weighted mean, its variance, and the weighted share of cells that detect the gene.

    `cells` is the effective number of cells of each group.
    """

    mean: Floats
    variance: Floats
    detected: Floats
    cells: Floats

    def log2_ratio(self, test: int, reference: int, *, pseudocount: float) -> tuple[Floats, Floats]:
        """log2((mean + c) / (mean + c)) of two groups, and its variance by the delta method."""
        return log2_ratio(
            (self.mean[test], self.mean[reference]),
            (self.variance[test], self.variance[reference]),
            pseudocount=pseudocount,
        )


@dataclass(frozen=True)
class Sums:
    """What means are made from; rows of groups without a cell in common can be added up (`pooled`).

    `weight`, `squares`: sums of weights and of their squares, by group; the others are groups x genes: sums
    of weighted levels, of levels and squared levels under squared weights, and of the weights of cells that
    detect the gene. `single` is the mean level of a detection, by gene.
    """

    weight: Floats
    squares: Floats
    level: Floats
    squared_level: Floats
    squared_square: Floats
    detected: Floats
    single: Floats

    @classmethod
    def of(cls, levels: sparse.csr_matrix | blocks.Blocks, weights: ArrayLike | sparse.csr_matrix) -> Sums:
        """Sums of `levels` (cells x genes, CP10k) under each row of `weights` (groups x cells)."""
        (found,) = several(levels, [weights])
        return found

    def pooled(self, groups: Sequence[Sequence[int]]) -> Sums:
        """The same of unions of groups, each given by its rows."""
        adding = np.zeros((len(groups), len(self.weight)))
        for row, members in enumerate(groups):
            adding[row, list(members)] = 1.0
        parts = (
            self.weight, self.squares, self.level, self.squared_level, self.squared_square, self.detected,
        )  # fmt: skip
        weight, squares, level, squared_level, squared_square, detected = (adding @ part for part in parts)
        return Sums(weight, squares, level, squared_level, squared_square, detected, self.single)

    def means(self) -> Means:
        """Means with the variance of a ratio of sums over independent cells.

        The variance of half a detection is added, as in `ranksum.two_groups`. A group without weight has
        missing values.
        """
        total, squares = self.weight[:, None], self.squares[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, detected = np.maximum(self.level / total, 0), self.detected / total
            spread = self.squared_square - 2 * mean * self.squared_level + mean**2 * squares
            cells = total**2 / squares
            variance = np.maximum(spread, 0) / total**2 + HALF * (self.single / cells) ** 2
        return Means(mean, variance, detected, cells.ravel())


def several(
    levels: sparse.csr_matrix | blocks.Blocks, weightings: Sequence[ArrayLike | sparse.csr_matrix]
) -> list[Sums]:
    """`Sums.of` for several sets of groups, in one pass over the cells."""
    chosen = [sparse.csr_matrix(weights, dtype=np.float64) for weights in weightings]
    total, seen = np.zeros((2, levels.shape[1]))
    sums = [np.zeros((4, one.shape[0], levels.shape[1])) for one in chosen]
    for rows, block in blocks.parts(levels):
        spotted = block.copy()
        spotted.data = np.ones_like(spotted.data)
        squared = block.power(2)
        seen += np.asarray(spotted.sum(axis=0)).ravel()
        total += np.asarray(block.sum(axis=0)).ravel()
        for found, one in zip(sums, chosen, strict=True):
            weights = one[:, rows]
            squares = weights.power(2)
            found += [
                product.toarray()
                for product in (weights @ block, squares @ block, squares @ squared, weights @ spotted)
            ]
    single = np.divide(total, seen, out=np.zeros(len(seen)), where=seen > 0)
    result = []
    for (level, squared_level, squared_square, detected), one in zip(sums, chosen, strict=True):
        weight, squares = (np.asarray(part.sum(axis=1)).ravel() for part in (one, one.power(2)))
        result.append(Sums(weight, squares, level, squared_level, squared_square, detected, single))
    return result


def weighted_means(
    levels: sparse.csr_matrix | blocks.Blocks, weights: ArrayLike | sparse.csr_matrix
) -> Means:
    """Means over cells of `levels` (cells x genes, counts per 10,000) under each row of `weights`.

    `weights` is groups x cells; a cell's weight is its part in the group. Weights of a regression may be
    negative; the means, of levels that can't be, are cut at 0.
    """
    return Sums.of(levels, weights).means()


def log2_ratio(
    mean: tuple[Floats, Floats], variance: tuple[Floats, Floats], *, pseudocount: float
) -> tuple[Floats, Floats]:
    """log2((mean + c) / (mean + c)) of independent means, and its variance by the delta method."""
    first, second = (one + pseudocount for one in mean)
    spread = (variance[0] / first**2 + variance[1] / second**2) / np.log(2) ** 2
    return np.log2(first / second), spread
