"""Variable genes by Seurat's `vst` (Stuart et al. 2019, doi:10.1016/j.cell.2019.05.031).

scanpy's flavour `seurat_v3` needs scikit-misc, which is compiled and not among the workflow's packages; what
it takes from it, a local regression in one variable, is a few lines, held to R's (tests/oracles/seurat).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..stats import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

SPAN = 0.3  # share of the genes that a local fit uses, as FindVariableFeatures has it
CELL, MARGIN = 0.2, 0.005  # of R's loess: points of a cell, as a share of the span; room beyond the ends


def standardised_variance(counts: sparse.csr_matrix | blocks.Blocks) -> NDArray[np.float64]:
    """Variance of every gene after standardising by what its mean lets expect; 0 for genes without variance.

    `counts` is cells x genes (UMIs). Standardised values are clipped at the square root of the number of
    cells.
    """
    n, width = counts.shape
    total, square, stored = np.zeros((3, width))
    for _, block in blocks.parts(counts):
        values = block.data.astype(np.float64)
        total += np.bincount(block.indices, values, width)
        square += np.bincount(block.indices, np.square(values, out=values), width)
        stored += np.bincount(block.indices, minlength=width)
    mean = total / n
    variance = (square - n * mean**2) / max(n - 1, 1)
    usable = variance > 0
    found = np.zeros(width)
    if usable.sum() < 4:  # nothing to fit a curve through
        found[usable] = 1.0
        return found
    x, y = np.log10(mean[usable]), np.log10(variance[usable])
    sd = np.ones(width)
    sd[usable] = np.sqrt(10 ** local_fit(x, y))
    above = np.zeros(width)
    for _, block in blocks.parts(counts):
        clipped = block.data - mean[block.indices]
        clipped /= sd[block.indices]
        np.minimum(clipped, np.sqrt(n), out=clipped)
        above += np.bincount(block.indices, np.square(clipped, out=clipped), width)
    spread = above + (n - stored) * (mean / sd) ** 2
    found[usable] = spread[usable] / max(n - 1, 1)
    return found


def local_fit(x: NDArray[np.float64], y: NDArray[np.float64], *, span: float = SPAN) -> NDArray[np.float64]:
    """R's `loess` of `y` on `x` (degree 2, tricube weights), evaluated at `x`.

    As in R the fit is made at vertices only, values and slopes, and joined by cubics (Cleveland and Grosse
    1991): cells of the line are halved at their median until they hold at most a fifth of a span.
    """
    from scipy.interpolate import CubicHermiteSpline

    order = np.argsort(x, kind="stable")
    sorted_x, sorted_y = x[order], y[order]
    n = len(x)
    margin = MARGIN * max(float(np.ptp(x)), 1e-10 * float(np.abs(x).max()) + 1e-30)
    ends = {float(sorted_x[0]) - margin, float(sorted_x[-1]) + margin}
    at = np.array(sorted(ends | _cuts(sorted_x, max(int(n * span * CELL), 1))))
    k = min(max(int(np.floor(n * span + 1e-5)), 4), n)
    fits = np.array([_fit_at(point, sorted_x, sorted_y, k) for point in at])
    return np.asarray(CubicHermiteSpline(at, fits[:, 0], fits[:, 1])(x), dtype=np.float64)


def _cuts(x: NDArray[np.float64], most: int) -> set[float]:
    """Where the sorted `x` are halved until no part holds more than `most`."""
    if len(x) <= most or x[0] == x[-1]:
        return set()
    middle = (len(x) - 1) // 2
    while middle + 1 < len(x) - 1 and x[middle] == x[middle + 1]:  # equal values stay together
        middle += 1
    cut = float(x[middle])
    return {cut} | _cuts(x[: middle + 1], most) | _cuts(x[middle + 1 :], most)


def _fit_at(point: float, x: NDArray[np.float64], y: NDArray[np.float64], k: int) -> tuple[float, float]:
    """Value and slope of the fit at `point` from its `k` nearest of the sorted `x`."""
    place = int(np.searchsorted(x, point))
    low, high = max(place - k, 0), min(place + k, len(x))
    nearest = low + np.argsort(np.abs(x[low:high] - point), kind="stable")[:k]
    dx, part = x[nearest] - point, y[nearest]
    width = max(float(np.abs(dx).max()), 1e-12)
    root = np.sqrt((1 - (np.abs(dx) / width) ** 3) ** 3)
    solution, *_ = np.linalg.lstsq(np.vander(dx, 3, increasing=True) * root[:, None], part * root, rcond=None)
    return float(solution[0]), float(solution[1])
