"""Sums of raw UMIs over the cells of a donor, condition and population: what a test over donors is made of.

Libraries of one donor and condition are technical replicates: their UMIs are summed (the audit has said so).
Beside each sum stand the cells' own squares, from which the effect of one donor gets its variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

LEAST_CELLS = 10  # to enter a test at all (Crowell et al. 2020, muscat's default)
UNIT = ["donor", "condition"]


@dataclass(frozen=True)
class Sums:
    """UMIs by unit and gene. `units` has a row per unit: donor, condition, n_cells, n_umis.

    `umis`, `squares` and `crossed` are units x genes: sums over the unit's cells of x, x^2 and x n, where x
    are the cell's UMIs of the gene and n all of its UMIs. `depth_squares` are the sums of n^2.
    """

    units: pd.DataFrame
    umis: NDArray[np.float64]
    squares: NDArray[np.float64]
    crossed: NDArray[np.float64]
    depth_squares: NDArray[np.float64]


def sums(
    counts: sparse.csr_matrix,
    cells: pd.DataFrame,
    n_umis: NDArray[np.float64],
    *,
    chosen: NDArray[np.bool_],
    spread: bool = True,
) -> Sums:
    """Sum `counts` (cells x genes, raw) over the `chosen` cells of every donor and condition.

    `cells` has donor and condition in the order of `counts`, `n_umis` each cell's depth (the transgene
    excluded). Units stand in the order of donor, then condition. Without `spread` the squares stay 0, at less
    than half the time. Unit by unit, so that no copy of the whole matrix is made.
    """
    part = cells.loc[chosen, UNIT].astype(str)
    units = part.groupby(UNIT, sort=True).size().rename("n_cells").reset_index()
    unit = codes(cells, units, chosen)
    order = np.argsort(unit[chosen], kind="stable")
    of_units = np.split(np.flatnonzero(chosen)[order], np.cumsum(units["n_cells"].to_numpy())[:-1])
    umis, squares, crossed = (np.zeros((len(units), counts.shape[1])) for _ in range(3))
    depths, depth_squares = np.zeros(len(units)), np.zeros(len(units))
    for number, rows in enumerate(of_units if len(units) else ()):
        matrix, depth = counts[rows].astype(np.float64), n_umis[rows]
        umis[number] = np.asarray(matrix.sum(axis=0)).ravel()
        depths[number], depth_squares[number] = depth.sum(), depth @ depth
        if spread:
            crossed[number] = matrix.T @ depth
            matrix.data **= 2
            squares[number] = np.asarray(matrix.sum(axis=0)).ravel()
    return Sums(units.assign(n_umis=depths), umis, squares, crossed, depth_squares)


def codes(cells: pd.DataFrame, units: pd.DataFrame, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The row of `units` that every cell belongs to; -1 for those not `chosen`."""
    rows = {key: row for row, key in enumerate(zip(units["donor"], units["condition"], strict=True))}
    found = np.full(len(cells), -1, dtype=np.int64)
    part = cells.loc[chosen, UNIT].astype(str)
    found[chosen] = [rows[key] for key in zip(part["donor"], part["condition"], strict=True)]
    return found


def pairs(
    units: pd.DataFrame, donors: Sequence[str], *, test: str, reference: str, least: int = LEAST_CELLS
) -> list[tuple[str, int, int]]:
    """The donors with at least `least` cells on both sides: name, row of test, of reference."""
    keys = zip(units["donor"].astype(str), units["condition"].astype(str), units["n_cells"], strict=True)
    rows = {(donor, condition): row for row, (donor, condition, n) in enumerate(keys) if n >= least}
    return [
        (donor, rows[donor, test], rows[donor, reference])
        for donor in sorted(donors)
        if (donor, test) in rows and (donor, reference) in rows
    ]
