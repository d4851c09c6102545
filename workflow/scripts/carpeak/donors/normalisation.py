"""Which genes of a pseudobulk table can be tested, and how deep its libraries are.

Ours and not a library's: the ones that have it are R packages or GPL. Held to edgeR in
tests/unit/test_donor_moderated.py, factors equal to 1e-12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_COUNT, MIN_TOTAL = 10, 15
LARGE, LARGE_SHARE = 10, 0.7
LEAST_DIFFERENCE = 1e-6
TOLERANCE = 1e-14


def enough_counts(
    counts: NDArray[np.float64],
    design: NDArray[np.float64],
    *,
    sizes: NDArray[np.float64] | None = None,
) -> NDArray[np.bool_]:
    """The genes with enough counts to be tested (Chen, Lun and Smyth 2016, F1000Research 5:1438).

    A gene needs the rate that is MIN_COUNT in a library of median size in as many libraries as the smallest
    group has, and MIN_TOTAL altogether. The smallest group is read from the design's leverages. `counts` is
    genes x libraries, `design` libraries x coefficients, `sizes` the libraries' UMIs (default: those of
    `counts`).
    """
    basis, _ = np.linalg.qr(design)
    smallest = 1 / (basis**2).sum(axis=1).max()
    if smallest > LARGE:
        smallest = LARGE + (smallest - LARGE) * LARGE_SHARE
    sizes = counts.sum(axis=0) if sizes is None else sizes
    limit = MIN_COUNT / np.median(sizes)
    enough = (counts / np.where(sizes > 0, sizes, 1) >= limit).sum(axis=1) >= smallest - TOLERANCE
    return enough & (counts.sum(axis=1) >= MIN_TOTAL - TOLERANCE)


def tmm(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factors for the sizes of libraries by the trimmed mean of M values (Robinson and Oshlack 2010).

    Their product is 1. The reference is the library whose upper quartile is nearest to the mean one.
    `counts` is genes x libraries; every library needs at least one UMI.
    """
    counts = counts[counts.sum(axis=1) > 0]
    sizes = counts.sum(axis=0)
    if counts.shape[1] == 1 or not len(counts):
        return np.ones(counts.shape[1])
    quartiles = np.quantile(counts, 0.75, axis=0) / sizes
    if np.median(quartiles) < 1e-20:
        reference = int(np.argmax(np.sqrt(counts).sum(axis=0)))
    else:
        reference = int(np.argmin(np.abs(quartiles - quartiles.mean())))
    factors = np.array(
        [_factor(counts[:, k], counts[:, reference], sizes[k], sizes[reference]) for k in range(len(sizes))]
    )
    return factors / np.exp(np.log(factors).mean())


def _factor(
    library: NDArray[np.float64],
    reference: NDArray[np.float64],
    size: float,
    reference_size: float,
    *,
    ratio_trim: float = 0.3,
    level_trim: float = 0.05,
) -> float:
    """The factor of one library against the reference."""
    both = (library > 0) & (reference > 0)
    first, second = library[both], reference[both]
    ratio = np.log2((first / size) / (second / reference_size))  # in edgeR's order: ties hang on rounding
    level = (np.log2(first / size) + np.log2(second / reference_size)) / 2
    variance = (size - first) / size / first + (reference_size - second) / reference_size / second
    n = len(ratio)
    if not n or np.abs(ratio).max() < LEAST_DIFFERENCE:
        return 1.0
    kept = np.ones(n, dtype=bool)
    for values, trim in ((ratio, ratio_trim), (level, level_trim)):
        low = np.floor(n * trim) + 1
        rank = rankdata(values)
        kept &= (rank >= low) & (rank <= n + 1 - low)
    if not kept.any():
        return 1.0
    return float(2 ** (np.sum(ratio[kept] / variance[kept]) / np.sum(1 / variance[kept])))
