"""The numbers that decide claims: each kind of quantity reads tables and gives a finding.

A verdict rests on an effect and its 95 % interval, not on p alone. Intervals cover the sampling of
cells (of genes, for gene sets), never differences between patients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from ..comparison import ambient_marks, enrichment
from ..names import UNASSIGNED
from ..stats import intervals
from .verdict import (
    CELLS,
    INDETERMINATE,
    MIN_CELLS,
    OPPOSED,
    SUPPORTED,
    Finding,
    Tables,
    by_sign,
    central,
    draws,
    margin,
    none,
    percent,
    place,
    too_few,
    turned,
)

if TYPE_CHECKING:
    import pandas as pd

    from ..settings import ChangeLimits


def captured_cells(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """Cells of all libraries before any filter; exact, so without an interval."""
    if tables.samples.empty:
        return none("There is no library.")
    cells, stated = int(tables.samples["cells_in"].sum()), int(quantity["count"])
    if cells == stated:
        return Finding(SUPPORTED, cells, cells, cells, f"The libraries hold {cells:,} cells.")
    reason = f"The libraries hold {cells:,} cells, not {stated:,}; a count says nothing of other libraries."
    return Finding(INDETERMINATE, cells, cells, cells, reason)


def lineages_present(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """Share of the rarest of the named lineages, and whether `largest` leads."""
    counts = tables.counts("all")
    total = int(counts.sum())
    if total < MIN_CELLS:
        return too_few("all", total, "both libraries")
    labels, least, limit = quantity["labels"], quantity["min_cells"], quantity["min_share"]
    n = counts.reindex(labels, fill_value=0).to_numpy()
    low, high = intervals.jeffreys(n, total)
    rarest = int(np.argmin(n))
    absent = [label for label, one in zip(labels, high, strict=True) if one < limit]
    doubtful = [one for one, k, bound in zip(labels, n, low, strict=True) if k < least or bound < limit]
    lead, lead_low, lead_high = margin(counts, quantity["largest"], seed=tables.seed)
    reason = f"The rarest, {labels[rarest]}, has {n[rarest]:,} of {total:,} cells; {quantity['largest']} "
    reason += f"{'leads' if lead > 0 else 'does not lead'} (margin {percent(lead)})."
    if absent:
        reason += f" Hardly present: {', '.join(absent)}."
    elif doubtful:
        reason += f" Too few cells to be sure of: {', '.join(doubtful)}."
    verdict = INDETERMINATE
    if absent or lead_high < 0:
        verdict = OPPOSED
    elif not doubtful and lead_low > 0:
        verdict = SUPPORTED
    return Finding(verdict, float(n[rarest] / total), float(low[rarest]), float(high[rarest]), reason)


def subset_count(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """How many subsets have a share of at least `min_share`; low and high by the shares' intervals."""
    population, limit = quantity["population"], quantity["min_share"]
    counts = tables.counts(population, scheme=quantity["scheme"])
    total = int(counts.sum())
    if total < MIN_CELLS:
        return too_few(population, total, "both libraries")
    named = counts.drop(UNASSIGNED, errors="ignore")
    low, high = intervals.jeffreys(named.to_numpy(), total)
    count = int((named / total >= limit).sum())
    least, most = int((low >= limit).sum()), int((high >= limit).sum())
    verdict = INDETERMINATE
    if least == most == quantity["count"]:
        verdict = SUPPORTED
    elif not least <= quantity["count"] <= most:
        verdict = OPPOSED
    shares = ", ".join(f"{label} {percent(k / total)}" for label, k in named.items())
    reason = f"{count} subsets have at least {percent(limit)} of {total:,} {CELLS[population]} ({shares})."
    return Finding(verdict, count, least, most, reason)


def largest_subset(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """Share of the named subset less that of the largest other one, at one side of the contrast."""
    population, label = quantity["population"], quantity["label"]
    condition = tables.contrast[quantity["condition"]]
    counts = tables.counts(population, condition, scheme=quantity["scheme"])
    total = int(counts.sum())
    if total < MIN_CELLS:
        return too_few(population, total, condition)
    lead, low, high = margin(counts, label, seed=tables.seed)
    others = counts.drop([label, UNASSIGNED], errors="ignore")
    share = counts.get(label, 0) / total
    reason = f"{condition}: {label} holds {percent(share)} of {total:,} {CELLS[population]}"
    if len(others):
        reason += f", {others.idxmax()} {percent(others.max() / total)}"
    unassigned = counts.get(UNASSIGNED, 0) / total
    if unassigned > share and lead > -unassigned:
        return Finding(INDETERMINATE, lead, low, high, f"{reason}, but {percent(unassigned)} are unassigned.")
    return Finding(by_sign(low, high), lead, low, high, f"{reason}.")


def majority(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """Share of one lineage less that of another; the less favourable side of the contrast decides."""
    population, label, over = quantity["population"], quantity["label"], quantity["over"]
    found, parts = [], []
    for condition in (tables.contrast["reference"], tables.contrast["test"]):
        counts = tables.counts(f"{population}_lineage", condition)
        total = int(counts.sum())
        if total < MIN_CELLS:
            return too_few(population, total, condition)
        first, second = int(counts.get(label, 0)), int(counts.get(over, 0))
        drawn = draws([first, second, total - first - second], tables.seed)
        found.append(((first - second) / total, *central(drawn[:, 0] - drawn[:, 1])))
        parts.append(
            f"{condition}: {label} {percent(first / total)}, {over} {percent(second / total)} "
            f"of {total:,} {CELLS[population]}"
        )
    opposing = [one for one in found if one[2] < 0]
    lead, low, high = min(opposing or found, key=lambda one: one[1])
    return Finding(by_sign(low, high), lead, low, high, "; ".join(parts) + ".")


def gene_change(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """log2 fold change of one gene, test against reference."""
    population, group, gene = quantity["population"], quantity["group"], quantity["gene"]
    few = _few_in_group(tables, population, group)
    if few:
        return few
    part = _of(tables.de, population, group)
    rows = part[part["gene"] == gene]
    if rows.empty:
        where = place(population, group)
        return none(f"{gene} was not tested in {where}: not measured, or detected in hardly any cell.")
    row = rows.iloc[0]
    change, p = float(row["log2_fold_change"]), float(row["p_adjusted"])
    low, high = float(row["log2_fold_change_low"]), float(row["log2_fold_change_high"])
    reason = (
        f"{gene} in {place(population, group)}: log2 fold change {change:.2f} ({low:.2f} to {high:.2f}), "
        f"adjusted p {p:.2g}, detected in {percent(row['pct_test'])} at {tables.contrast['test']} and "
        f"{percent(row['pct_reference'])} at {tables.contrast['reference']}."
    )
    verdict = INDETERMINATE
    if p < quantity["adjusted_p"]:
        # The whole interval lies beyond the effect that two libraries of like cells can show by themselves.
        least = quantity["min_effect"]
        verdict = turned(by_sign(low - least, high + least), quantity["direction"])
    if verdict != INDETERMINATE and ambient_marks.is_marked(rows.iloc[:1])[0]:
        source = ambient_marks.source_name(row[ambient_marks.COLUMN])
        reason += f" Most likely ambient RNA of {source}, which says nothing of T cells."
        verdict = INDETERMINATE
    return Finding(verdict, change, low, high, reason)


def term_change(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """log2 odds ratio of a gene set among changed genes; negative where those of the other direction lead."""
    population, group, term = quantity["population"], quantity["group"], quantity["term"]
    few = _few_in_group(tables, population, group)
    if few:
        return few
    de = _of(tables.de, population, group)
    if de.empty:
        return none(f"No gene was tested in {place(population, group)}.")
    if term not in tables.terms:
        return none(f"{term}: in no library, or none of its genes changed in any comparison.")
    rows = _of(tables.enrichment, population, group)
    rows = rows[rows["term_id"] == term].drop_duplicates("direction").set_index("direction")
    sides = {name: _odds(rows, name, de, tables.limits) for name in enrichment.DIRECTIONS}
    stated = quantity["direction"]
    opposite = next(name for name in enrichment.DIRECTIONS if name != stated)
    shown = f"{rows['term'].iloc[0]} ({term})" if len(rows) else term
    reason = f"{shown} in {place(population, group)}: " + "; ".join(
        f"{name}: {one.overlap} of {one.changed} changed genes, adjusted p {one.p_adjusted:.2g}"
        for name, one in sides.items()
    )
    leads = sides[stated].p_value <= sides[opposite].p_value
    one = sides[stated] if leads else sides[opposite]
    is_clear = one.p_adjusted < quantity["adjusted_p"] and (one.low or 0) > 0
    verdict = INDETERMINATE if not is_clear else SUPPORTED if leads else OPPOSED
    if leads or one.estimate is None or one.low is None or one.high is None:
        return Finding(verdict, one.estimate, one.low, one.high, f"{reason}.")
    return Finding(verdict, -one.estimate, -one.high, -one.low, f"{reason}.")


def untestable(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """A statement on patients, which cells cannot answer."""
    donors, least = len(tables.donors()), quantity["min_donors"]
    if donors < least:
        return none(f"It takes at least {least} patients to see what goes with what; here: {donors}.")
    return none("The study holds no clinical outcome to compare the patients by.")


KINDS: dict[str, Callable[[Tables, Mapping[str, Any]], Finding]] = {
    "captured_cells": captured_cells,
    "lineages_present": lineages_present,
    "subset_count": subset_count,
    "largest_subset": largest_subset,
    "majority": majority,
    "gene_change": gene_change,
    "term_change": term_change,
    "patient_association": untestable,  # of one donor; of several see by_donor
    "untestable": untestable,
}
UNITS = {
    "captured_cells": "cells",
    "lineages_present": "share of the rarest lineage",
    "subset_count": "subsets",
    "largest_subset": "share, less that of the largest other subset",
    "majority": "difference of shares, on the less favourable side",
    "gene_change": "log2 fold change",
    "term_change": "log2 odds ratio; negative where genes that changed the other way lead",
    "patient_association": "",
    "untestable": "",
}


class _Side(NamedTuple):
    overlap: int
    changed: int
    p_value: float
    p_adjusted: float
    estimate: float | None
    low: float | None
    high: float | None


def _odds(rows: pd.DataFrame, direction: str, de: pd.DataFrame, limits: ChangeLimits) -> _Side:
    """The gene set among the genes changed in one direction; 0.5 is added to each cell of the table."""
    changed = int(enrichment.changed(de, direction, limits).sum())
    if rows.empty:
        return _Side(0, changed, 1.0, 1.0, None, None, None)
    size = int(rows["set_size"].iloc[0])
    row = rows.loc[direction].to_dict() if direction in rows.index else {}
    overlap = int(row.get("overlap", 0))
    p_value, p_adjusted = float(row.get("p_value", 1)), float(row.get("p_adjusted", 1))
    cells = np.array([overlap, size - overlap, changed - overlap, len(de) - size - changed + overlap]) + 0.5
    estimate = float(np.log2(cells[0] * cells[3] / (cells[1] * cells[2])))
    half = float(ndtri(0.975) * np.sqrt((1 / cells).sum()) / np.log(2))
    return _Side(overlap, changed, p_value, p_adjusted, estimate, estimate - half, estimate + half)


def _of(table: pd.DataFrame, population: str, group: str) -> pd.DataFrame:
    return table[(table["population"] == population) & (table["group"] == group)]


def _few_in_group(tables: Tables, population: str, group: str) -> Finding | None:
    if f"{population}_lineage" not in set(tables.composition["population"]):
        return None
    for condition in tables.contrast.values():
        counts = tables.counts(f"{population}_lineage", condition)
        n = int(counts.sum()) if group == "all" else int(counts.get(group, 0))
        if n < MIN_CELLS:
            return none(f"{condition}: {n} {place(population, group)}; {MIN_CELLS} are needed.")
    return None
