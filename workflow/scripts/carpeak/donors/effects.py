"""Each donor's own effect behind a statement, with the variance that its cells alone give it.

Effects are log2: of a gene's level at the test side over the reference, of a set's genes against all others,
of one label's cells over another's. Variances cover the sampling of cells; what doubtful labels and CAR calls
add comes from repeated draws (see `evidence`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import normalisation

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from .pseudobulk import Sums

PRIOR = 0.5  # UMIs added at the mean depth, in proportion to depth, so that depth alone makes no effect
LN2_SQUARED = np.log(2) ** 2


@dataclass(frozen=True)
class Effects:
    """Effects and their variances, donors x statements."""

    effect: NDArray[np.float64]
    variance: NDArray[np.float64]


def of_genes(sums: Sums, pairs: Sequence[tuple[str, int, int]]) -> Effects:
    """log2 change of every gene of `sums` in each pair of units (name, test, reference).

    The variance of a side is that of the ratio of its UMIs of the gene to all UMIs, cells drawn anew, and
    at least that of counting (Poisson).
    """
    logs, prior = _logs(sums)
    umis, depth = sums.umis, sums.units["n_umis"].to_numpy(dtype=float)[:, None]
    cells = sums.units["n_cells"].to_numpy(dtype=float)[:, None]
    rate = umis / depth
    spread = sums.squares - 2 * rate * sums.crossed + rate**2 * sums.depth_squares[:, None]
    spread *= cells / np.maximum(cells - 1, 1)
    variance = np.maximum(spread, umis + prior) / (umis + prior) ** 2 / LN2_SQUARED
    return _paired(logs, variance, pairs)


def of_sets(
    sums: Sums,
    pairs: Sequence[tuple[str, int, int]],
    members: NDArray[np.bool_],
    *,
    tested: NDArray[np.bool_],
    cells: tuple[sparse.csr_matrix, NDArray[np.float64], NDArray[np.int64]] | None = None,
) -> Effects:
    """Mean log2 change of each set's genes less that of the other `tested` genes.

    `members` is sets x genes. `cells` are the counts, depths and units (-1: none) of the cells behind `sums`:
    with them the variance holds that genes move together from cell to cell; without, genes are independent.
    """
    weights = _set_weights(members, tested)
    logs, prior = _logs(sums)
    level = weights @ logs.T
    sensitivity = 1 / (sums.umis + prior)
    variance = (weights**2) @ sensitivity.T / LN2_SQUARED
    if cells is not None:
        counts, depth, units = cells
        for unit in {row for _, *rows in pairs for row in rows}:
            mine = np.flatnonzero(units == unit)
            slopes = weights * sensitivity[unit]
            total = sums.umis[unit] @ slopes.T / sums.units["n_umis"].iloc[unit]
            scores = counts[mine] @ slopes.T - np.outer(depth[mine], total)
            found = (scores**2).sum(axis=0) * len(mine) / max(len(mine) - 1, 1) / LN2_SQUARED
            variance[:, unit] = np.maximum(variance[:, unit], found)
    return _paired(level.T, variance.T, pairs)


def testable(sums: Sums, pairs: Sequence[tuple[str, int, int]]) -> NDArray[np.bool_]:
    """The genes with enough UMIs in these pairs to be compared (see `normalisation.enough_counts`)."""
    rows = [row for _, *two in pairs for row in two]
    return normalisation.enough_counts(sums.umis[rows].T, paired_design(len(pairs)))


def paired_design(pairs: int) -> NDArray[np.float64]:
    """~ donor + side for libraries in the order test, reference of each pair; the side is the last column."""
    donors = np.repeat(np.eye(pairs), 2, axis=0)[:, 1:]
    side = np.tile([1.0, 0.0], pairs)
    return np.column_stack([np.ones(2 * pairs), donors, side])


def of_counts(first: NDArray[np.float64], second: NDArray[np.float64]) -> Effects:
    """log2 of one count over another, per donor, with the variance of counting both."""
    a, b = first + PRIOR, second + PRIOR
    return Effects(np.log2(a / b), (1 / a + 1 / b) / LN2_SQUARED)


def _logs(sums: Sums) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """log2 of every unit's share of UMIs per gene, and the UMIs added to it."""
    depth = sums.units["n_umis"].to_numpy(dtype=float)[:, None]
    prior = PRIOR * depth / depth.mean()
    return np.log2((sums.umis + prior) / (depth + 2 * prior)), prior


def _set_weights(members: NDArray[np.bool_], tested: NDArray[np.bool_]) -> NDArray[np.float64]:
    inside, outside = members & tested, ~members & tested
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            np.nan_to_num(inside / inside.sum(axis=1, keepdims=True))
            - np.nan_to_num(outside / outside.sum(axis=1, keepdims=True))
        )


def _paired(
    levels: NDArray[np.float64], variance: NDArray[np.float64], pairs: Sequence[tuple[str, int, int]]
) -> Effects:
    test, reference = [one[1] for one in pairs], [one[2] for one in pairs]
    return Effects(levels[test] - levels[reference], variance[test] + variance[reference])
