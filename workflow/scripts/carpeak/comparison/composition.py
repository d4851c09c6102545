"""Which share of a population each label holds in each sample, with intervals for the sampling of cells.

An interval says how far the share could move if other cells of the same tube had been captured. It
says nothing of other patients or of a second preparation of the same sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..car import weighted_composition
from ..io import join_cells
from ..names import POSITIVE, UNASSIGNED, UNDETERMINED
from ..stats import intervals
from ..stats.matrix import depth_shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = [
    "population", "label", "sample", "condition", "donor", "n", "total",
    "fraction", "fraction_low", "fraction_high",
]  # fmt: skip
LINEAGES = ("CD4", "CD8", UNASSIGNED)


def gather(
    obs: pd.DataFrame, all_labels: pd.DataFrame, t_labels: pd.DataFrame, calls: pd.DataFrame
) -> pd.DataFrame:
    """One row per kept cell: sample, labels, T-cell labels (missing outside T cells) and CAR call.

    `obs` holds cell and sample; the other tables are keyed by cell, as the annotation and the caller
    wrote them.
    """
    states = [c for c in t_labels.columns if c.startswith(("t_state", "t_lineage"))]
    cells = join_cells(obs, all_labels, columns=["cell_type", "cell_type_unintegrated"])
    cells = join_cells(cells, calls, columns=["car_umis", "n_umis", "car_call"])
    cells = join_cells(cells, t_labels, columns=states, subset=True)
    cells["is_t"] = cells["cell"].isin(t_labels["cell"])
    return cells


def composition(
    cells: pd.DataFrame,
    samples: Sequence[Mapping[str, Any]],
    *,
    cell_type: str = "cell_type",
    t_state: str = "t_state",
    t_lineage: str = "t_lineage",
) -> pd.DataFrame:
    """Labels by sample in all cells, T cells and CAR+ T cells; every label stands in every sample.

    `cells` comes from `gather`, `samples` are the rows of the sheet (sample, condition, donor). The
    options name the columns to count. `total` is the sample's number of cells in the population; the
    fraction is missing where that is 0. Intervals: `intervals.jeffreys`, 95 %.
    """
    in_t = cells["is_t"]
    in_car = in_t & (cells["car_call"] == POSITIVE)
    parts = [
        _count(cells, "all", cell_type, samples),
        _count(cells[in_t], "t_cells", t_state, samples),
        _count(cells[in_car], "car_t", t_state, samples),
        _count(cells[in_t], "t_cells_lineage", t_lineage, samples, labels=LINEAGES),
        _count(cells[in_car], "car_t_lineage", t_lineage, samples, labels=LINEAGES),
    ]
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _count(
    cells: pd.DataFrame,
    population: str,
    column: str,
    samples: Sequence[Mapping[str, Any]],
    labels: Sequence[str] = (),
) -> pd.DataFrame:
    """Rows by label (alphabetical, `unassigned` last) and within it by sample.

    A cell counts with its `weight` where there is one; sums are rounded.
    """
    values = cells[column].astype(str)
    present = sorted(set(labels) | set(values), key=lambda label: (label == UNASSIGNED, label))
    names = [str(row["sample"]) for row in samples]
    weight = cells["weight"] if "weight" in cells else pd.Series(1.0, index=cells.index)
    table = pd.crosstab(values, cells["sample"].astype(str), values=weight, aggfunc="sum")
    table = table.reindex(index=present, columns=names).fillna(0.0)
    n = np.rint(table.to_numpy(dtype=np.float64)).astype(np.int64)
    total = np.broadcast_to(n.sum(axis=0), n.shape)
    low, high = intervals.jeffreys(n, total)
    width = len(names)
    return pd.DataFrame(
        {
            "population": population,
            "label": np.repeat(np.array(present, dtype=object), width),
            "sample": names * len(present),
            "condition": [str(row["condition"]) for row in samples] * len(present),
            "donor": [str(row["donor"]) for row in samples] * len(present),
            "n": n.ravel(),
            "total": total.ravel(),
            "fraction": intervals.share(n, total).ravel(),
            "fraction_low": low.ravel(),
            "fraction_high": high.ravel(),
        }
    )


def sensitivity(
    cells: pd.DataFrame,
    samples: Sequence[Mapping[str, Any]],
    *,
    scheme: str,
    fit: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """The same under other choices, with the column `variant` in front.

    ``unintegrated``: labels of the clusters without Harmony. ``equal_depth``: cells as if all samples
    were as shallow as the shallowest (medians over T cells): T cells under the names they then get, where
    `cells` has these, and CAR+ where the call was positive and a transgene UMI is left, counted as the mean
    of all draws of UMIs. ``two_umis``: CAR+ only at two UMIs and more. ``canonical_scheme`` or
    ``paper_scheme``: the scheme that is not `scheme`, for T cells and CAR+ T cells. Where `fit` (the
    caller's, by sample) is that of the rule sorted, no call rests on UMIs: ``equal_depth`` and ``two_umis``
    are left out. Where it is that of the calibrated rule, there are also ``umi_rule``, CAR+ from one UMI on
    as in the publication, and ``weighted``, every T cell with its P(CAR+) (see `weighted`). Variants of the
    CAR call hold only the populations that depend on it.
    """
    other = "paper" if scheme == "canonical" else "canonical"
    car_only = ["car_t", "car_t_lineage"]
    unintegrated = composition(
        cells,
        samples,
        cell_type="cell_type_unintegrated",
        t_state="t_state_unintegrated",
        t_lineage="t_lineage_unintegrated",
    )
    variants = {"unintegrated": unintegrated}
    rule = (fit or {}).get("rule")
    if rule != "sorted":
        variants["equal_depth"] = _shallow(cells, samples)
        variants["two_umis"] = _only(composition(_seen(cells, cells["car_umis"] >= 2), samples), car_only)
    variants[f"{other}_scheme"] = _only(
        composition(cells, samples, t_state=f"t_state_{other}"), ["t_cells", "car_t"]
    )
    if fit and rule == "calibrated":
        seen = np.where(cells["car_umis"] >= 1, POSITIVE, UNDETERMINED)
        variants["umi_rule"] = _only(composition(cells.assign(car_call=seen), samples), car_only)
        variants["weighted"] = _weighted(cells, samples, fit["samples"])
    parts = [table.assign(variant=name) for name, table in variants.items()]
    return pd.concat(parts, ignore_index=True)[["variant", *COLUMNS]]


def _weighted(
    cells: pd.DataFrame, samples: Sequence[Mapping[str, Any]], fits: Mapping[str, Any]
) -> pd.DataFrame:
    """Rows of car_t and car_t_lineage, in the order of `_count`, zeros included."""
    in_t = cells[cells["is_t"]]
    parts = []
    for population, column in (("car_t", "t_state"), ("car_t_lineage", "t_lineage")):
        found = weighted_composition.composition(in_t, fits, state="t_state", label=column)
        lineages = LINEAGES if population == "car_t_lineage" else ()
        empty = _count(in_t, population, column, samples, labels=lineages)[COLUMNS[:5]]
        keys = {"label": object, "sample": object}  # without T cells both are empty and of no type
        table = empty.astype(keys).merge(found.astype(keys), on=list(keys), how="left", validate="one_to_one")
        totals = table.groupby("sample")["total"].transform("max").fillna(0)
        absent = table["n"].isna() & (totals > 0)
        table.loc[absent, "fraction"] = 0.0
        table["n"], table["total"] = table["n"].fillna(0).astype(np.int64), totals.astype(np.int64)
        parts.append(table[COLUMNS])
    return pd.concat(parts, ignore_index=True)


def _only(table: pd.DataFrame, populations: Sequence[str]) -> pd.DataFrame:
    return table[table["population"].isin(populations)]


def _shallow(cells: pd.DataFrame, samples: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of CAR+ T cells at equal depth, and of T cells where they were named at equal depth."""
    named = "t_state_equal_depth" in cells
    end = "_equal_depth" if named else ""
    umis = cells["car_umis"].to_numpy(dtype=np.int64)
    left = np.where(cells["car_call"] == POSITIVE, 1 - (1 - kept_share(cells)) ** umis, 1.0)
    table = composition(
        cells.assign(weight=left), samples, t_state=f"t_state{end}", t_lineage=f"t_lineage{end}"
    )
    of_car = _only(table, ["car_t", "car_t_lineage"])
    if not named:
        return of_car
    whole = composition(cells, samples, t_state=f"t_state{end}", t_lineage=f"t_lineage{end}")
    return pd.concat([_only(whole, ["t_cells", "t_cells_lineage"]), of_car])


def _seen(cells: pd.DataFrame, seen: pd.Series) -> pd.DataFrame:
    """`cells`, with the positive calls kept only where `seen`."""
    return cells.assign(car_call=cells["car_call"].where(seen, UNDETERMINED))


def thinned(cells: pd.DataFrame, seed: int) -> pd.Series:
    """Transgene UMIs of each cell after binomial thinning to the depth of the shallowest sample."""
    umis = cells["car_umis"].to_numpy(dtype=np.int64)
    return pd.Series(np.random.default_rng(seed).binomial(umis, kept_share(cells)), index=cells.index)


def kept_share(cells: pd.DataFrame) -> NDArray[np.float64]:
    """The share of its UMIs that each cell keeps where samples are thinned to the shallowest one."""
    of_t = cells[cells["is_t"]]
    shares = depth_shares(of_t["n_umis"].to_numpy(), of_t["sample"].to_numpy(dtype=str))
    return np.asarray(cells["sample"].astype(str).map(shares).fillna(1.0), dtype=np.float64)
