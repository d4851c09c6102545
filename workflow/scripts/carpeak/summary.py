"""What a contrast found, in plain sentences with numbers, and what to be careful about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

FEW_CELLS = 50
NBSP = "\u00a0"
LINEAGES = ("CD4", "CD8")


def percent(value: float | None) -> str:
    """A share as a percentage, with decimals only where they tell something."""
    if value is None or np.isnan(value):
        return "–"
    digits = 0 if value >= 0.1 else 1 if value >= 0.001 or value == 0 else 3
    return f"{100 * value:.{digits}f}{NBSP}%"


def shares(composition: pd.DataFrame, population: str, condition: str) -> pd.DataFrame:
    """The labels of one condition, libraries pooled: n, total, fraction and its interval, largest first.

    The interval is that of the table where the condition has one library, else missing.
    """
    part = composition[(composition["population"] == population) & (composition["condition"] == condition)]
    total = int(part.drop_duplicates("sample")["total"].sum())
    pooled = part.groupby("label", sort=False).agg(
        n=("n", "sum"), fraction_low=("fraction_low", "first"), fraction_high=("fraction_high", "first")
    )
    pooled["total"] = total
    pooled["fraction"] = pooled["n"] / total if total else np.nan
    if len(set(part["sample"])) > 1:
        pooled[["fraction_low", "fraction_high"]] = np.nan
    return pooled.sort_values("n", ascending=False, kind="stable")


def sentences(
    *,
    sides: Mapping[str, str],
    composition: pd.DataFrame,
    car: pd.DataFrame,
    de: pd.DataFrame,
    enrichment: pd.DataFrame,
    limits: Mapping[str, float],
) -> list[str]:
    """What changed from the reference to the test condition; fewer sentences where there is less."""
    reference, test = sides["reference"], sides["test"]
    before, after = (shares(composition, "car_t", side) for side in (reference, test))
    found = []
    if before["n"].sum() and after["n"].sum():
        found += [_largest(before, after, reference, test), _moves(before, after, reference, test)]
        found += _lineages(composition, reference, test)
    else:
        found.append("Subsets of CAR+ T cells were not compared: one side holds none.")
    found += _detection(car, reference, test)
    found += _genes(de, test, limits)
    return found + _terms(enrichment, test, limits["adjusted_p"])


def _with_interval(row: pd.Series) -> str:
    interval = ""
    if not np.isnan(row["fraction_low"]):
        low, high = percent(row["fraction_low"]), percent(row["fraction_high"])
        interval = f"; 95{NBSP}% interval {low} to {high}"
    return f"{percent(row['fraction'])} of {int(row['total']):,}{interval}"


def _largest(before: pd.DataFrame, after: pd.DataFrame, reference: str, test: str) -> str:
    first, second = before.index[0], after.index[0]
    again = "again " if first == second else ""
    return (
        f"The largest subset of CAR+ T cells was {first} in {reference}"
        f" ({_with_interval(before.loc[first])}) and {again}{second} in {test}"
        f" ({_with_interval(after.loc[second])})."
    )


def _moves(before: pd.DataFrame, after: pd.DataFrame, reference: str, test: str) -> str:
    change = (after["fraction"] - before["fraction"]).drop("unassigned", errors="ignore")
    up, down = str(change.idxmax()), str(change.idxmin())
    old, new = before["fraction"], after["fraction"]
    return (
        f"From {reference} to {test}, {up} rose most (from {percent(old[up])} to {percent(new[up])} of CAR+"
        f" T cells) and {down} fell most (from {percent(old[down])} to {percent(new[down])})."
    )


def _lineages(composition: pd.DataFrame, reference: str, test: str) -> list[str]:
    parts = []
    for side in (reference, test):
        here = shares(composition, "car_t_lineage", side)["fraction"].reindex(LINEAGES)
        if here.isna().any():
            return []
        parts.append(f"{percent(here['CD4'])} CD4 and {percent(here['CD8'])} CD8 in {side}")
    return [f"CAR+ T cells were {parts[0]}, and {parts[1]}; the rest could not be told."]


def _detection(car: pd.DataFrame, reference: str, test: str) -> list[str]:
    rows = [row for side in (reference, test) for row in car[car["condition"] == side].to_dict("records")]
    parts = [
        f"{percent(row['detected_fraction'])} of {int(row['t_cells']):,} T cells of {row['sample']}"
        for row in rows
        if row["t_cells"]
    ]
    if not parts:
        return ["There are no T cells in which the CAR could be looked for."]
    return [
        f"The CAR was detected in {' and '.join(parts)}. That is detection, not transduction: cells that"
        " show no CAR are undetermined, and the detected share moves with sequencing depth and expression."
    ]


def changed(de: pd.DataFrame, limits: Mapping[str, float], *, population: str, group: str) -> pd.DataFrame:
    """Genes of one comparison beyond both limits at equal depth, largest change first."""
    part = de[(de["population"] == population) & (de["group"] == group) & (de["depth"] == "equal")]
    part = part[part["p_adjusted"] < limits["adjusted_p"]]
    part = part[part["log2_fold_change"].abs() >= limits["log2_fold_change"]]
    return part.sort_values("log2_fold_change", ascending=False, kind="stable")


def _genes(de: pd.DataFrame, test: str, limits: Mapping[str, float]) -> list[str]:
    if not ((de["population"] == "car_t") & (de["group"] == "CD4")).any():
        return ["CD4 CAR+ T cells were too few on one side: their genes were not compared."]
    found = changed(de, limits, population="car_t", group="CD4")
    up, down = found[found["log2_fold_change"] > 0], found[found["log2_fold_change"] < 0]
    text = (
        f"In CD4 CAR+ T cells at equal depth, {len(up):,} genes were higher and {len(down):,} lower in"
        f" {test} (adjusted P < {limits['adjusted_p']:g} and log2 fold change of at least"
        f" {limits['log2_fold_change']:g})"
    )
    if len(up):
        text += f"; the most raised: {', '.join(up['gene'].head(8))}"
    if len(down):
        text += f"; the most lowered: {', '.join(down['gene'].iloc[::-1].head(8))}"
    return [text + "."]


def _terms(enrichment: pd.DataFrame, test: str, adjusted_p: float) -> list[str]:
    if enrichment.empty:
        return []
    part = enrichment[(enrichment["population"] == "car_t") & (enrichment["group"] == "CD4")]
    part = part[(part["direction"] == "up") & (part["p_adjusted"] < adjusted_p)]
    if part.empty:
        return [f"No gene set stood out among the genes that were higher in {test}."]
    top = part.sort_values(["p_value", "term_id"], kind="stable")["term"].head(4)
    return [
        f"Among the genes higher in {test}, {len(part):,} gene sets were over-represented, first of all"
        f" {'; '.join(top)}."
    ]


def cautions(
    *,
    thresholds: Mapping[str, Mapping[str, Any]],
    integration: Mapping[str, Mapping[str, Any]],
    composition: pd.DataFrame,
) -> list[str]:
    """What the reader must know before believing numbers: weak libraries, small populations."""
    names = {"all": "All cells", "t_cells": "T cells", "car_t": "CAR+ T cells"}
    found = [
        f"{sample}: {value['message']}" for sample, value in thresholds.items() if value["status"] != "ok"
    ]
    found += [
        f"{names[name]}: {value['message']}" for name, value in integration.items() if value["status"] != "ok"
    ]
    for population in ("t_cells", "car_t"):
        part = composition[composition["population"] == population].drop_duplicates("sample")
        for row in part.to_dict("records"):
            if row["total"] < FEW_CELLS:
                found.append(
                    f"{row['sample']} holds only {int(row['total']):,} {names[population]}: their shares"
                    " and changes are too uncertain for conclusions."
                )
    return found


def replication(samples: pd.DataFrame, sides: Sequence[str]) -> tuple[str, str]:
    """A heading and a sentence on how many patients stand behind a contrast, by donors per condition."""
    donors = {side: samples.loc[samples["condition"] == side, "donor"].nunique() for side in sides}
    together = samples.loc[samples["condition"].isin(sides), "donor"].astype(str).unique()
    if len(together) == 1:
        counted = f"All libraries are of one donor ({together[0]})"
    else:
        counted = ", ".join(f"{n} donor{'s' if n != 1 else ''} in {side}" for side, n in donors.items())
    if min(donors.values()) <= 1:
        return (
            "One patient",
            (
                f"{counted}. One library per time; timing, culture, processing and batch are inseparable."
                " Intervals tell how well the captured cells stand for their tube; nothing here estimates"
                " effects in other patients."
            ),
        )
    return (
        "Few patients",
        (
            f"{counted}. Cells are the unit of every test and interval here, so P values rank genes and say"
            " nothing about patients."
        ),
    )
