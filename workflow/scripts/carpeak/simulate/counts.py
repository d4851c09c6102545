"""Negative-binomial counts of many cells that share few expected profiles, without a dense matrix.

A gene of mean m and size k in a cell of scale s is a gamma-Poisson draw. Where m is large that is drawn as
such. Where it is small, which is nearly everywhere, the same distribution is drawn as clusters of UMIs: a
negative binomial is a Poisson number of clusters whose sizes follow the logarithmic distribution
(Quenouille 1949). Only clusters that exist are drawn; a Poisson number at the larger rate m s is thinned
to the rate k log(1 + m s / k).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

DENSE_MEAN = 0.25
CHUNK = 512


@dataclass
class Entries:
    """Counts as triplets; a (row, gene) pair may come more than once."""

    rows: NDArray[np.int32]
    genes: NDArray[np.int32]
    counts: NDArray[np.int32]


def negative_binomial(
    profile: NDArray[np.float64],
    scales: NDArray[np.float64],
    sizes: NDArray[np.float64],
    rows: NDArray[np.int32],
    *,
    rng: np.random.Generator,
) -> list[Entries]:
    """Counts of cells with expected values ``scales[:, None] * profile`` and NB sizes `sizes` per gene."""
    if not len(scales):
        return []
    dense = np.flatnonzero(profile * scales.mean() > DENSE_MEAN)
    rest = profile.copy()
    rest[dense] = 0.0
    found = [_clusters(rest, scales, sizes, rows, rng)]
    for start in range(0, len(scales), CHUNK):
        part = slice(start, start + CHUNK)
        found.append(
            _gamma_poisson(profile[dense], scales[part], sizes[dense], rows[part], genes=dense, rng=rng)
        )
    return found


def _gamma_poisson(
    means: NDArray[np.float64],
    scales: NDArray[np.float64],
    sizes: NDArray[np.float64],
    rows: NDArray[np.int32],
    *,
    genes: NDArray[np.intp],
    rng: np.random.Generator,
) -> Entries:
    rates = rng.standard_gamma(np.broadcast_to(sizes, (len(scales), len(means))))
    rates *= scales[:, None] * (means / sizes)[None, :]
    counts = rng.poisson(rates)
    row, column = np.nonzero(counts)
    return Entries(rows[row], genes[column].astype(np.int32), counts[row, column].astype(np.int32))


def _clusters(
    means: NDArray[np.float64],
    scales: NDArray[np.float64],
    sizes: NDArray[np.float64],
    rows: NDArray[np.int32],
    rng: np.random.Generator,
) -> Entries:
    cumulated = np.cumsum(scales)
    numbers = rng.poisson(means * cumulated[-1])
    genes = np.repeat(np.arange(len(means), dtype=np.int32), numbers)
    cells = np.searchsorted(cumulated, rng.random(len(genes)) * cumulated[-1], side="right")
    cells = np.minimum(cells, len(scales) - 1)
    ratio = means[genes] * scales[cells] / sizes[genes]
    kept = rng.random(len(genes)) * ratio < np.log1p(ratio)
    genes, cells, ratio = genes[kept], cells[kept], ratio[kept]
    counts = rng.logseries(ratio / (1 + ratio)).astype(np.int32)
    return Entries(rows[cells], genes, counts)


def poisson(
    profile: NDArray[np.float64],
    scales: NDArray[np.float64],
    rows: NDArray[np.int32],
    *,
    rng: np.random.Generator,
) -> Entries:
    """Poisson counts with expected values ``scales[:, None] * profile``."""
    cumulated = np.cumsum(scales)
    numbers = rng.poisson(profile * cumulated[-1])
    genes = np.repeat(np.arange(len(profile), dtype=np.int32), numbers)
    cells = np.minimum(np.searchsorted(cumulated, rng.random(len(genes)) * cumulated[-1]), len(scales) - 1)
    return Entries(rows[cells], genes, np.ones(len(genes), dtype=np.int32))


def gather(entries: list[Entries], shape: tuple[int, int]) -> sparse.csr_matrix:
    """The matrix (rows x genes, int32) with the sum of all triplets, its genes sorted within each row."""
    data = np.concatenate([e.counts for e in entries])
    places = (np.concatenate([e.rows for e in entries]), np.concatenate([e.genes for e in entries]))
    matrix = sparse.coo_matrix((data, places), shape=shape).tocsr()
    matrix.sum_duplicates()
    return matrix
