"""All tested genes and terms of a contrast, packed for the page's own tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .packed_table import Column, pack

if TYPE_CHECKING:
    import pandas as pd

    from ..settings import ChangeLimits

GROUPS = (("car_t", "CD4"), ("car_t", "CD8"), ("car_t", "all"), ("t_cells", "all"))  # population, lineage
NAMES = {
    ("car_t", "CD4"): "CD4 CAR+",
    ("car_t", "CD8"): "CD8 CAR+",
    ("car_t", "all"): "all CAR+",
    ("t_cells", "all"): "all T cells",
}
P_STEP = 0.005  # of -log10 P: two digits of P
GENE_COLUMNS = (
    Column("cells", "name"),
    Column("gene", "name"),
    Column("change", "number"),
    Column("half", "number"),
    Column("full", "number"),
    Column("undetected", "number"),
    Column("within", "number"),
    Column("pct_test", "number"),
    Column("pct_reference", "number"),
    Column("auc", "number"),
    Column("p_adjusted", "p", P_STEP),
    Column("ambient_from", "name"),
    Column("passes", "name"),
)
TERM_COLUMNS = (
    Column("cells", "name"),
    Column("direction", "name"),
    Column("term", "name"),
    Column("term_id", "name"),
    Column("overlap", "number", 1),
    Column("set_size", "number", 1),
    Column("odds", "number", 0.005),
    Column("p_adjusted", "p", P_STEP),
    Column("leader", "name"),
    Column("passes", "name"),
    Column("genes", "text"),
)


def genes(de: pd.DataFrame, attribution: pd.DataFrame, limits: ChangeLimits) -> dict[str, Any]:
    """Every gene tested at equal depth in each of `GROUPS`, with its change at full depth beside.

    `de` is tables/de.CONTRAST.tsv. `half` is half the width of the 95 % interval of `change`; `passes` tells
    the genes beyond both `limits`, before anything is rounded. From `attribution`
    (tables/attribution.CONTRAST.tsv) come the change in CAR-undetected T cells, and in CAR+ T cells at an
    equal mix of states.
    """
    table = _cells(de)
    full = table[table["depth"] == "full"].set_index(["cells", "gene"])["log2_fold_change"]
    table = table[table["depth"] == "equal"].sort_values(["cells", "gene"], kind="stable")
    table = table.rename(columns={"log2_fold_change": "change"})
    place = list(zip(table["cells"], table["gene"], strict=True))
    table["half"] = (table["log2_fold_change_high"] - table["log2_fold_change_low"]) / 2
    table["full"] = full.reindex(place).to_numpy()
    large = table["change"].abs() >= limits.log2_fold_change
    table["passes"] = np.where(large & (table["p_adjusted"] < limits.adjusted_p), "yes", "")
    found = attribution[attribution["kind"] == "gene"]
    groups = [NAMES.get(("car_t", str(group)), "") for group in found["group"]]
    beside = found.assign(cells=groups).set_index(["cells", "name"]).reindex(place)
    table["undetected"] = beside["undetected"].to_numpy(dtype=np.float64)
    table["within"] = beside["within_states"].to_numpy(dtype=np.float64)
    return pack(table, GENE_COLUMNS)


def terms(enrichment: pd.DataFrame, limits: ChangeLimits) -> dict[str, Any]:
    """Every term with a changed gene in each of `GROUPS`; `odds` is log2 of the odds ratio.

    `enrichment` is tables/enrichment.CONTRAST.tsv; `leader` is the id of the term that stands for a
    redundant one; `passes` tells the terms below the limit.
    """
    table = _cells(enrichment)
    table = table.sort_values(["cells", "direction", "p_value", "term_id"], kind="stable")
    with np.errstate(divide="ignore"):
        table["odds"] = np.log2(table["odds_ratio"].to_numpy(dtype=np.float64))
    table["passes"] = np.where(table["p_adjusted"] < limits.adjusted_p, "yes", "")
    return pack(table, TERM_COLUMNS)


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `GROUPS`, with their name in column `cells`."""
    names = [NAMES.get(place, "") for place in zip(table["population"], table["group"], strict=True)]
    table = table.assign(cells=names)
    return table[table["cells"] != ""]
