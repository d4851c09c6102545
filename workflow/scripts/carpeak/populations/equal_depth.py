"""States as they would be named if all libraries were as shallow as the shallowest.

A deep library's cells carry finer names, and other ones: thinned to 0.64 of its UMIs, a seventh of the T
cells of the demo's product and of PBMC 3k is named otherwise, and shares of states move by up to two and four
points. A difference between libraries that depth alone makes is none of the cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..stats import matrix
from . import states

if TYPE_CHECKING:
    from . import axes, lineages

COLUMNS = ["t_state_equal_depth", "t_lineage_equal_depth"]
SEED = 0


def named(
    cells: lineages.Cells, full: pd.DataFrame, marker_file: Mapping[str, Any], scheme: str, model: axes.Model
) -> pd.DataFrame:
    """COLUMNS of every T cell, or no column where no library is deeper than another.

    `full` has the names at full depth (t_state, t_lineage; rows as in `cells`), which stand for libraries
    that keep all UMIs.
    """
    n_umis = cells.factors() * matrix.TARGET_SUM
    shares = matrix.depth_shares(n_umis, cells.samples)
    deeper = [name for name, share in shares.items() if share < 1]
    if not deeper:
        return pd.DataFrame(index=full.index)
    result = pd.DataFrame(
        {name: full[name.removesuffix("_equal_depth")].to_numpy(dtype=object).copy() for name in COLUMNS},
        index=full.index,
    )
    asked = {**marker_file, "t_states": {scheme: marker_file["t_states"][scheme]}}  # the other is not shown
    for name in deeper:  # one in memory at a time
        rows = np.flatnonzero(cells.samples == name)
        thinned = replace(
            cells,
            counts=matrix.thin(cells.counts[rows].tocsr(), shares[name], seed=SEED),
            cells=[cells.cells[int(row)] for row in rows],
            samples=cells.samples[rows],
            clusters=cells.clusters[rows],
        )
        found, *_ = states.label_states(thinned, asked, model)
        result.iloc[rows, 0] = found[f"t_state_{scheme}"].to_numpy()
        result.iloc[rows, 1] = found["t_lineage"].to_numpy()
    return result
