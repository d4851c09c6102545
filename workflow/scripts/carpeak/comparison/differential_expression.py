"""Genes that differ between two conditions, in T cells and CAR+ T cells, at full and at equal depth.

The unit is the cell: p-values and intervals say how well the cells of these tubes were sampled. They
are descriptive and estimate nothing for other patients, however small they get.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..io import join_cells
from ..names import FEW_CELLS, POSITIVE
from ..stats import intervals, matrix, ranksum

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

COLUMNS = [
    "population", "group", "gene", "depth", "log2_fold_change", "pct_test", "pct_reference", "auc",
    "p_value", "p_adjusted", "unit", "log2_fold_change_low", "log2_fold_change_high",
]  # fmt: skip
GROUPS = ("all", "CD4", "CD8")
DEPTHS = ("full", "equal")
# variant, column of the lineage, groups and depths; what varies is compared with the depth-fair analysis
VARIANTS = (
    ("", "t_lineage", GROUPS, DEPTHS),
    ("unintegrated", "t_lineage_unintegrated", ("CD4", "CD8"), ("equal",)),
    ("umi_rule", "t_lineage", ("CD4", "CD8"), ("equal",)),
)


def gather(obs: pd.DataFrame, t_labels: pd.DataFrame, calls: pd.DataFrame) -> pd.DataFrame:
    """The T cells with lineages and CAR call, in the order of `obs`; `calls` may hold other cells too."""
    cells = join_cells(obs, t_labels, columns=["t_lineage", "t_lineage_unintegrated"])
    calls = calls[calls["cell"].isin(set(cells["cell"]))]
    return join_cells(cells, calls, columns=["car_call", "car_umis", "car_probability"])


def compare(
    counts: sparse.csr_matrix,
    cells: pd.DataFrame,
    genes: Sequence[str],
    *,
    transgene: NDArray[np.bool_],
    conditions: Mapping[str, str],
    min_pct: float,
    min_cells: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Compare the condition ``test`` with ``reference`` (the keys of `conditions`).

    `counts`: T cells x genes, raw; `cells`: their sample, condition, donor, t_lineage,
    t_lineage_unintegrated, car_call, car_umis and car_probability; `transgene` masks genes that are neither
    tested nor part of a cell's depth. Returns the table (COLUMNS), a table with the column ``variant`` in
    front (at equal depth), and the status of each group. Variants: ``unintegrated`` takes CD4 and CD8 from
    the clusters without Harmony; ``umi_rule``, where the call rests on probabilities and another set of
    cells is CAR+ by one UMI, holds the CAR+ comparisons of those cells. A group with fewer than
    `min_cells` cells on a side has no rows and says so in the status.
    """
    compared = cells["condition"].isin([conditions["test"], conditions["reference"]]).to_numpy()
    counts, cells = counts[np.flatnonzero(compared)], cells[compared].reset_index(drop=True)
    n_umis = matrix.size_factors(counts, exclude=transgene) * matrix.TARGET_SUM
    samples = cells["sample"].to_numpy(dtype=str)
    shares = matrix.depth_shares(n_umis, samples)
    status = _status(cells, conditions, shares, min_cells=min_cells)
    tests = _tests(cells, conditions, min_cells=min_cells)
    found = []
    for depth in DEPTHS:
        if depth == "equal":
            counts = matrix.thin(counts, np.array([shares[name] for name in samples]), seed=seed)
        log_counts = matrix.normalise(counts, exclude=transgene)
        due = [test for test in tests if depth in test["depths"]]
        sides = [test["side"] for test in due]
        results = ranksum.two_groups(log_counts, sides, genes, min_pct=min_pct, exclude=transgene)
        found += [_rows(result, test, depth) for test, result in zip(due, results, strict=True)]
    found = [part for part in found if len(part)]  # on a small side no gene may have enough detections
    order = {name: number for number, name in enumerate(("t_cells", "car_t", *GROUPS, *DEPTHS))}
    found.sort(key=lambda part: tuple(order[part[c].iloc[0]] for c in ("population", "group", "depth")))
    table = _stack([part for part in found if part["variant"].iloc[0] == ""])
    varied = _stack([part for part in found if part["variant"].iloc[0] != ""], front=["variant"])
    return table, varied, status


def _tests(cells: pd.DataFrame, conditions: Mapping[str, str], *, min_cells: int) -> list[dict[str, Any]]:
    """The comparisons that have enough cells, each with the side of every cell (1, 0 or -1)."""
    in_test = (cells["condition"] == conditions["test"]).to_numpy()
    tests = []
    for variant, lineage, groups, depths in VARIANTS:
        for population, group, member in _members(cells, lineage, groups, variant):
            if min((member & in_test).sum(), (member & ~in_test).sum()) >= max(min_cells, 1):
                side = np.where(member, in_test.astype(np.int32), -1)
                names = {"variant": variant, "population": population, "group": group}
                tests.append({**names, "side": side, "depths": depths})
    return tests


def _members(
    cells: pd.DataFrame, lineage: str, groups: Sequence[str], variant: str
) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """Population, group and mask of the cells, for every population of `variant` and the named groups."""
    positive = (cells["car_call"] == POSITIVE).to_numpy()
    populations = {"t_cells": np.ones(len(cells), dtype=bool), "car_t": positive}
    if variant == "umi_rule":
        seen = (cells["car_umis"] >= 1).to_numpy()
        asked = cells["car_probability"].notna().any() and (seen != positive).any()
        populations = {"car_t": seen} if asked else {}
    return [
        (population, group, inside if group == "all" else inside & (cells[lineage] == group).to_numpy())
        for population, inside in populations.items()
        for group in groups
    ]


def _rows(found: ranksum.TwoGroups, test: Mapping[str, Any], depth: str) -> pd.DataFrame:
    """The rows of one comparison, from the most to the least significant gene."""
    n = (int((test["side"] == 1).sum()), int((test["side"] == 0).sum()))
    low, high = intervals.log2_ratio_of_means(
        (found.mean_test, found.mean_reference),
        (found.variance_test, found.variance_reference),
        n,
        pseudocount=ranksum.PSEUDOCOUNT,
    )
    names = {name: test[name] for name in ("variant", "population", "group")}
    table = found.table.assign(
        **names, depth=depth, unit="cell", log2_fold_change_low=low, log2_fold_change_high=high
    )
    order = np.lexsort((-np.abs(table["auc"] - 0.5), table["p_value"]))
    return table.iloc[order]


def _stack(parts: Sequence[pd.DataFrame], *, front: Sequence[str] = ()) -> pd.DataFrame:
    columns = [*front, *COLUMNS]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _status(
    cells: pd.DataFrame, conditions: Mapping[str, str], shares: Mapping[str, float], *, min_cells: int
) -> dict[str, Any]:
    """What was compared with what, and for each group whether its cells suffice."""
    groups = {}
    for variant, lineage, names, _ in VARIANTS:
        for population, group, member in _members(cells, lineage, names, variant):
            key = "/".join(filter(None, (population, group, variant)))
            groups[key] = _group_status(cells[member], conditions, min_cells)
    return {"conditions": dict(conditions), "unit": "cell", "depth_share": dict(shares), "groups": groups}


def _group_status(cells: pd.DataFrame, conditions: Mapping[str, str], min_cells: int) -> dict[str, Any]:
    sides = {side: cells[cells["condition"] == conditions[side]] for side in ("test", "reference")}
    small = min(sides, key=lambda side: len(sides[side]))
    n_small = len(sides[small])
    status, message = "ok", ""
    if n_small < max(min_cells, 1):
        status = "too_few_cells"
        message = f"{conditions[small]} holds {n_small} such cells; {max(min_cells, 1)} are needed"
    elif n_small < FEW_CELLS:
        status = "few_cells"
        message = f"{conditions[small]} holds {n_small} such cells only: wide intervals, no conclusions"
    return {
        "n_test": len(sides["test"]),
        "n_reference": len(sides["reference"]),
        "status": status,
        "message": message,
        "samples": {side: sorted(set(part["sample"].astype(str))) for side, part in sides.items()},
        "donors": {side: sorted(set(part["donor"].astype(str))) for side, part in sides.items()},
    }
