"""Which cells belong to a population: all cells, the T cells, the CAR+ T cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..names import T_CELL

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def members(
    cells: pd.Index, population: str, *, labels: pd.DataFrame | None = None, calls: pd.DataFrame | None = None
) -> NDArray[np.bool_]:
    """Mask over `cells` (names) of the members of `population`.

    `labels` is the table of population ``all`` (cell, cell_type), needed for ``t_cells`` and ``car_t``;
    `calls` is the table of CAR calls (cell, car_call), needed for ``car_t``.
    """
    if population == "all":
        return np.ones(len(cells), dtype=bool)
    if labels is None or (population == "car_t" and calls is None):
        msg = f"population {population} needs the labels of all cells, car_t the CAR calls too"
        raise ValueError(msg)
    chosen = set(labels["cell"][labels["cell_type"] == T_CELL])
    if population == "car_t" and calls is not None:
        chosen &= set(calls["cell"][calls["car_call"] == "positive"])
    return np.fromiter((cell in chosen for cell in cells), dtype=bool, count=len(cells))
