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

PRIOR = 0.5  # UMIs added at the mean depth of a pair, in proportion to depth: depth alone makes no effect
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
    effect, variance = (np.empty((len(pairs), sums.umis.shape[1])) for _ in range(2))
    for number, (_, *rows) in enumerate(pairs):
        umis, depth, prior = _pair(sums, rows)
        effect[number] = _change(umis, depth, prior)
        variance[number] = _of_sampling(sums, rows, umis, depth, prior).sum(axis=0)
    return Effects(effect, variance)


def _of_sampling(
    sums: Sums,
    rows: Sequence[int],
    umis: NDArray[np.float64],
    depth: NDArray[np.float64],
    prior: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Variance of the log2 share of every gene in the units at `rows`."""
    rows = list(rows)
    n = sums.units["n_cells"].to_numpy(dtype=float)[rows][:, None]
    rate = umis / depth
    squares = rate**2 * sums.depth_squares[rows][:, None]
    spread = (sums.squares[rows] - 2 * rate * sums.crossed[rows] + squares) * n / np.maximum(n - 1, 1)
    found: NDArray[np.float64] = np.maximum(spread, umis + prior) / (umis + prior) ** 2 / LN2_SQUARED
    return found


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
    effect, variance = (np.empty((len(pairs), len(members))) for _ in range(2))
    for number, (_, *rows) in enumerate(pairs):
        umis, depth, prior = _pair(sums, rows)
        effect[number] = weights @ _change(umis, depth, prior)
        variance[number] = _of_set_sampling(rows, weights, (umis, depth, prior), cells).sum(axis=0)
    return Effects(effect, variance)


def _of_set_sampling(
    rows: Sequence[int],
    weights: NDArray[np.float64],
    counted: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    cells: tuple[sparse.csr_matrix, NDArray[np.float64], NDArray[np.int64]] | None,
) -> NDArray[np.float64]:
    """Variance of every set's mean log2 share in the units at `rows`."""
    umis, depth, prior = counted
    of_units = (weights**2 @ (1 / (umis + prior)).T).T
    for number, unit in enumerate(rows if cells is not None else ()):
        slopes = weights / (umis[number] + prior[number])
        of_units[number] = np.maximum(
            of_units[number], _between_cells(cells, unit, slopes, umis[number] / depth[number])
        )
    found: NDArray[np.float64] = of_units / LN2_SQUARED
    return found


def _between_cells(
    cells: tuple[sparse.csr_matrix, NDArray[np.float64], NDArray[np.int64]] | None,
    unit: int,
    slopes: NDArray[np.float64],
    rate: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Variance of sums of genes, weighted by `slopes` (sets x genes), over the cells of a unit drawn anew."""
    assert cells is not None
    counts, depth, units = cells
    mine = np.flatnonzero(units == unit)
    scores = counts[mine] @ slopes.T - np.outer(depth[mine], slopes @ rate)
    found: NDArray[np.float64] = (scores**2).sum(axis=0) * len(mine) / max(len(mine) - 1, 1)
    return found


def levels_of_genes(sums: Sums, rows: Sequence[int]) -> Effects:
    """log2 share of UMIs of every gene in each unit of `rows`, for donors with one side each.

    Variances as in `of_genes`.
    """
    umis, depth, prior = _pair(sums, rows)
    return Effects(
        np.log2((umis + prior) / (depth + 2 * prior)), _of_sampling(sums, rows, umis, depth, prior)
    )


def levels_of_sets(
    sums: Sums,
    rows: Sequence[int],
    members: NDArray[np.bool_],
    *,
    tested: NDArray[np.bool_],
    cells: tuple[sparse.csr_matrix, NDArray[np.float64], NDArray[np.int64]] | None = None,
) -> Effects:
    """Mean log2 share of each set's genes less that of the other `tested` genes, in each unit of `rows`.

    For the rest see `of_sets`.
    """
    weights = _set_weights(members, tested)
    umis, depth, prior = _pair(sums, rows)
    logs = np.log2((umis + prior) / (depth + 2 * prior))
    return Effects(logs @ weights.T, _of_set_sampling(rows, weights, (umis, depth, prior), cells))


def testable(sums: Sums, rows: Sequence[int], design: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The genes with enough UMIs in the units at `rows` (see `normalisation.enough_counts`)."""
    sizes = sums.units["n_umis"].to_numpy(dtype=float)[list(rows)]
    return normalisation.enough_counts(sums.umis[list(rows)].T, design, sizes=sizes)


def rows_of(pairs: Sequence[tuple[str, int, int]]) -> list[int]:
    """The rows of test and reference of each pair."""
    return [row for _, *two in pairs for row in two]


def paired_design(pairs: int) -> NDArray[np.float64]:
    """~ donor + side for libraries in the order test, reference of each pair; the side is the last column."""
    donors = np.repeat(np.eye(pairs), 2, axis=0)[:, 1:]
    side = np.tile([1.0, 0.0], pairs)
    return np.column_stack([np.ones(2 * pairs), donors, side])


def of_counts(first: NDArray[np.float64], second: NDArray[np.float64]) -> Effects:
    """log2 of one count over another, per donor, with the variance of counting both."""
    a, b = first + PRIOR, second + PRIOR
    return Effects(np.log2(a / b), (1 / a + 1 / b) / LN2_SQUARED)


def _pair(
    sums: Sums, rows: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """UMIs, depths and the UMIs added, of the two sides of a pair (or of all units compared)."""
    depth = sums.units["n_umis"].to_numpy(dtype=float)[list(rows)][:, None]
    return sums.umis[list(rows)], depth, PRIOR * depth / depth.mean()


def _change(
    umis: NDArray[np.float64], depth: NDArray[np.float64], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """log2 of every gene's share of UMIs at the first side over that at the second."""
    logs = np.log2((umis + prior) / (depth + 2 * prior))
    change: NDArray[np.float64] = logs[0] - logs[1]
    return change


def _set_weights(members: NDArray[np.bool_], tested: NDArray[np.bool_]) -> NDArray[np.float64]:
    inside, outside = members & tested, ~members & tested
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            np.nan_to_num(inside / inside.sum(axis=1, keepdims=True))
            - np.nan_to_num(outside / outside.sum(axis=1, keepdims=True))
        )
