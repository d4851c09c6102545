"""Intervals of shares and of ratios of means. They cover the sampling of cells, never that of donors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaincinv, ndtri

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95


def jeffreys(
    n: ArrayLike, total: ArrayLike, *, level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Jeffreys interval of a share, `n` of `total` cells: equal tails of Beta(n + 1/2, total - n + 1/2).

    As Brown, Cai and DasGupta (2001) advise, it reaches 0 where n is 0 and 1 where n is `total`.
    Missing where `total` is 0.
    """
    hits, cells = _checked(n, total)
    tail = (1 - level) / 2
    low = np.where(hits == 0, 0.0, betaincinv(hits + 0.5, cells - hits + 0.5, tail))
    high = np.where(hits == cells, 1.0, betaincinv(hits + 0.5, cells - hits + 0.5, 1 - tail))
    return _missing_without_cells(low, cells), _missing_without_cells(high, cells)


def clopper_pearson(
    n: ArrayLike, total: ArrayLike, *, level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact (never too narrow) interval of a share, for rates near 0. Missing where `total` is 0."""
    hits, cells = _checked(n, total)
    tail = (1 - level) / 2
    low = np.where(hits == 0, 0.0, betaincinv(np.maximum(hits, 1), cells - hits + 1, tail))
    high = np.where(hits == cells, 1.0, betaincinv(hits + 1, np.maximum(cells - hits, 1), 1 - tail))
    return _missing_without_cells(low, cells), _missing_without_cells(high, cells)


def share(n: ArrayLike, total: ArrayLike) -> NDArray[np.float64]:
    """`n` / `total`, missing where `total` is 0."""
    hits, cells = _checked(n, total)
    return np.divide(hits, cells, out=np.full(hits.shape, np.nan), where=cells > 0)


def log2_ratio_of_means(
    mean: tuple[ArrayLike, ArrayLike],
    variance: tuple[ArrayLike, ArrayLike],
    n: tuple[int, int],
    *,
    pseudocount: float,
    level: float = LEVEL,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of log2((mean_1 + c) / (mean_2 + c)) by the delta method, for independent cells.

    `mean` and `variance` (over cells) are those of two groups of `n` cells, in the unit of `pseudocount`.
    """
    first, second = (np.asarray(m, dtype=float) + pseudocount for m in mean)
    relative = [
        np.asarray(v, dtype=float) / k / m**2 for v, k, m in zip(variance, n, (first, second), strict=True)
    ]
    width = ndtri((1 + level) / 2) * np.sqrt(relative[0] + relative[1]) / np.log(2)
    centre = np.log2(first / second)
    return centre - width, centre + width


def _checked(n: ArrayLike, total: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    hits, cells = np.broadcast_arrays(np.asarray(n, dtype=float), np.asarray(total, dtype=float))
    if (hits < 0).any() or (hits > cells).any():
        msg = "a share needs 0 <= n <= total"
        raise ValueError(msg)
    return hits, cells


def _missing_without_cells(bound: NDArray[np.float64], cells: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(cells > 0, bound, np.nan)
