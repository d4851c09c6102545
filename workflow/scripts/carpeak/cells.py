"""The kept cells of a study and what each stage says about them, as one table keyed by `cell`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import io
from .names import NOT_T, UNASSIGNED

if TYPE_CHECKING:
    import pandas as pd

QC_COLUMNS = ["sample", "condition", "donor", "n_umis", "n_genes", "pct_mito", "doublet_score"]
OBS_COLUMNS = [*QC_COLUMNS, "cluster", "cell_type", "t_state", "car_umis", "car_probability", "car_call"]


def kept(quality: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The cells that passed, samples in the order given: cell, sample, condition, donor and metrics."""
    import pandas as pd

    passed = [table.loc[table["kept"], ["cell", *QC_COLUMNS]] for table in quality]
    return pd.concat(passed, ignore_index=True)


def placed(umap: pd.DataFrame, other: pd.DataFrame, passed: pd.DataFrame) -> pd.DataFrame:
    """UMAP places of a population joined with `other` (labels or calls) and the sample of each cell.

    `other` may hold more cells than `umap`, as calls do.
    """
    inside = set(umap["cell"])
    table = io.join_cells(umap, other[other["cell"].isin(inside)])
    return io.join_cells(table, passed[passed["cell"].isin(inside)], columns=["sample"])


def joined(
    passed: pd.DataFrame,
    *,
    labels: pd.DataFrame,
    t_labels: pd.DataFrame,
    umap: pd.DataFrame,
    calls: pd.DataFrame,
) -> pd.DataFrame:
    """Columns cell, `OBS_COLUMNS`, umap_1, umap_2: one row per kept cell, in the order of `passed`.

    `labels` and `umap` are those of all cells, `t_labels` those of the T cells. Where a population
    was too small to be embedded, its cells are unassigned and have no place.
    """
    table = io.join_cells(passed, labels, columns=["cluster", "cell_type"], subset=True)
    table = io.join_cells(table, t_labels, columns=["t_state"], subset=True)
    table = io.join_cells(table, calls, columns=["car_umis", "car_probability", "car_call"])
    table = io.join_cells(table, umap, columns=["umap_1", "umap_2"], subset=True)
    for column, word in (("cluster", "none"), ("cell_type", UNASSIGNED), ("t_state", NOT_T)):
        table[column] = table[column].astype(object).fillna(word).astype(str)
    return table[["cell", *OBS_COLUMNS, "umap_1", "umap_2"]]
