"""The numbers that decide claims: each kind of quantity reads tables and gives a finding.

A verdict rests on an effect and its interval, never on p: `supported` and `opposed` where the 95 % interval
lies beyond the limit of interest, `absent` where the 90 % interval lies within it (equivalence). Intervals
cover the sampling of cells (of genes, for gene sets), never differences between patients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..comparison import ambient_marks, enrichment
from ..names import UNASSIGNED
from ..stats import intervals
from . import shares
from .verdict import (
    ABSENT,
    CELLS,
    INDETERMINATE,
    MIN_CELLS,
    OPPOSED,
    SUPPORTED,
    Finding,
    Interval,
    Tables,
    beyond,
    draws,
    for_direction,
    group_name,
    margin,
    not_estimable,
    percent,
    too_few,
)

if TYPE_CHECKING:
    import pandas as pd

    from ..settings import ChangeLimits

# Limits of interest where a claim declares none.
LEAST = {
    "gene_change": 0.58,  # log2: 1.5-fold; tests against such a limit: McCarthy and Smyth 2009
    "term_change": 1.0,  # log2: twice the odds; less is found for many sets, since genes move together
    "largest_subset": 0.05,  # five cells in a hundred more
    "majority": 0.05,
    "share_change": shares.LEAST_CHANGE,
}
SIGNIFICANT = 0.05  # adjusted p below which a term in both directions speaks for neither
OTHER_LIMITS = (0.25, 0.5, 1.0)  # log2, at which the verdict on a gene is reported beside


def captured_cells(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """Cells of all libraries before any filter; exact, so without an interval."""
    if tables.samples.empty:
        return not_estimable("There is no library.")
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
    lead = margin(counts, quantity["largest"], seed=tables.seed)
    reason = f"The rarest, {labels[rarest]}, has {n[rarest]:,} of {total:,} cells; {quantity['largest']} "
    reason += f"{'leads' if lead.estimate > 0 else 'does not lead'} "
    reason += f"(margin {percent(lead.estimate)})."
    if absent:
        reason += f" Hardly present: {', '.join(absent)}."
    elif doubtful:
        reason += f" Too few cells to be sure of: {', '.join(doubtful)}."
    verdict = INDETERMINATE
    if absent or lead.high < 0:
        verdict = OPPOSED
    elif not doubtful and lead.low > 0:
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
    sides = tuple(tables.contrast.values())
    if blurred := tables.not_told_apart(*sides, scheme=quantity["scheme"], states=named.index):
        return Finding(INDETERMINATE, count, least, most, f"{reason} {_blurred(blurred)}")
    return Finding(verdict, count, least, most, reason)


def _blurred(states: Sequence[str]) -> str:
    return f"Too many cells may be misnamed to tell apart: {', '.join(states)}."


def largest_subset(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """Share of the named subset less that of the largest other one, at one side of the contrast."""
    population, label = quantity["population"], quantity["label"]
    condition = tables.contrast[quantity["condition"]]
    counts = tables.counts(population, condition, scheme=quantity["scheme"])
    total = int(counts.sum())
    if total < MIN_CELLS:
        return too_few(population, total, condition)
    lead = margin(counts, label, seed=tables.seed)
    others = counts.drop([label, UNASSIGNED], errors="ignore")
    share = counts.get(label, 0) / total
    reason = f"{condition}: {label} holds {percent(share)} of {total:,} {CELLS[population]}"
    if len(others):
        reason += f", {others.idxmax()} {percent(others.max() / total)}"
    if blurred := tables.not_told_apart(condition, scheme=quantity["scheme"], states=[label]):
        return Finding(INDETERMINATE, *lead[:3], f"{reason}. {_blurred(blurred)}")
    unassigned = counts.get(UNASSIGNED, 0) / total
    if unassigned > share and lead.estimate > -unassigned:
        reason += f", but {percent(unassigned)} have no state of their own."
        return Finding(INDETERMINATE, *lead[:3], reason)
    return Finding(_leads(lead, quantity), *lead[:3], f"{reason}.")


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
        found.append(Interval.of((first - second) / total, drawn[:, 0] - drawn[:, 1]))
        parts.append(
            f"{condition}: {label} {percent(first / total)}, {over} {percent(second / total)} "
            f"of {total:,} {CELLS[population]}"
        )
    opposing = [one for one in found if one.high < 0]
    lead = min(opposing or found, key=lambda one: one.low)
    return Finding(_leads(lead, quantity), *lead[:3], "; ".join(parts) + ".")


def gene_change(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """log2 fold change of one gene, test against reference."""
    population, group, gene = quantity["population"], quantity["group"], quantity["gene"]
    few = _few_in_group(tables, population, group)
    if few:
        return few
    part = tables.de_of[population, group]
    rows = part[part["gene"] == gene]
    if rows.empty:
        where = group_name(population, group)
        return not_estimable(
            f"{gene} was not tested in {where}: not measured, or detected in hardly any cell."
        )
    row = rows.iloc[0]
    found = Interval.between(float(row["log2_fold_change_low"]), float(row["log2_fold_change_high"]))
    found = found._replace(estimate=float(row["log2_fold_change"]))
    limit, where = limit_of(quantity, tables.floor), group_name(population, group)
    reason = (
        f"{gene} in {where}: log2 fold change {found.estimate:.2f} ({found.low:.2f} to "
        f"{found.high:.2f}), detected in {percent(row['pct_test'])} at {tables.contrast['test']} and "
        f"{percent(row['pct_reference'])} at {tables.contrast['reference']}; limit {limit:.2f}."
    )
    verdict = of_change(tables, quantity, found)
    if verdict != INDETERMINATE and ambient_marks.is_marked(rows.iloc[:1])[0]:
        source = ambient_marks.source_name(row[ambient_marks.COLUMN])
        reason += f" Most likely ambient RNA of {source}, which says nothing of T cells."
        verdict = INDETERMINATE
    return Finding(verdict, *found[:3], reason)


def of_change(tables: Tables, quantity: Mapping[str, Any], found: Interval) -> str:
    """The verdict on a change of a gene.

    It counts beyond the claim's limit or the study's floor, whichever is larger, and is absent within the
    claim's limit.
    """
    verdict = for_direction(beyond(found, limit_of(quantity, tables.floor)), quantity["direction"])
    return ABSENT if verdict == INDETERMINATE and found.within(_least(quantity)) else verdict


def at_other_limits(tables: Tables, quantity: Mapping[str, Any]) -> dict[str, str]:
    """The verdict on a gene's change were the limit of interest another one (OTHER_LIMITS)."""
    return {
        f"{limit:g}": gene_change(tables, {**quantity, "min_effect": limit}).verdict for limit in OTHER_LIMITS
    }


def term_change(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """log2 odds ratio of a gene set among changed genes; negative where those of the other direction lead."""
    population, group, term = quantity["population"], quantity["group"], quantity["term"]
    few = _few_in_group(tables, population, group)
    if few:
        return few
    de = tables.de_of[population, group]
    if de.empty:
        return not_estimable(f"No gene was tested in {group_name(population, group)}.")
    if term not in tables.terms:
        return not_estimable(f"{term}: in no library, or none of its genes was tested in any comparison.")
    rows = tables.enrichment_of[population, group]
    rows = rows[rows["term_id"] == term].drop_duplicates("direction").set_index("direction")
    sides = {name: _odds(rows, name, de, tables.limits) for name in enrichment.DIRECTIONS}
    stated = quantity["direction"]
    opposite = next(name for name in enrichment.DIRECTIONS if name != stated)
    shown = f"{rows['term'].iloc[0]} ({term})" if len(rows) else term
    reason = f"{shown} in {group_name(population, group)}: " + "; ".join(
        f"{name}: {one.overlap} of {one.changed} changed genes, adjusted p {one.p_adjusted:.2g}"
        for name, one in sides.items()
    )
    first, second = sides[stated], sides[opposite]
    if first.odds is None or second.odds is None:
        return Finding(INDETERMINATE, None, None, None, f"{reason}.")
    limit = _least(quantity)
    net = _net(first, second)
    both = max(first.p_adjusted, second.p_adjusted) < SIGNIFICANT
    if both:
        reason += "; over-represented both ways, so that it speaks for neither"
    one, sign = (first, 1) if net.estimate >= 0 else (second, -1)
    verdict = INDETERMINATE
    if first.odds.within(limit) and second.odds.within(limit):
        verdict = ABSENT
    elif not both and one.odds is not None and one.odds.low > limit:
        verdict = SUPPORTED if net.low > 0 else OPPOSED if net.high < 0 else INDETERMINATE
    odds = one.odds or first.odds
    bounds = (odds.low, odds.high) if sign > 0 else (-odds.high, -odds.low)
    return Finding(verdict, sign * odds.estimate, *bounds, f"{reason}.")


def untestable(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """A statement on patients, which cells cannot answer."""
    donors, least = len(tables.donors()), quantity["min_donors"]
    if donors < least:
        return not_estimable(
            f"It takes at least {least} patients to see what goes with what; here: {donors}."
        )
    return not_estimable("The study holds no clinical outcome to compare the patients by.")


KINDS: dict[str, Callable[[Tables, Mapping[str, Any]], Finding]] = {
    "captured_cells": captured_cells,
    "lineages_present": lineages_present,
    "subset_count": subset_count,
    "largest_subset": largest_subset,
    "majority": majority,
    "share_change": shares.share_change,
    "flow_agreement": shares.flow_agreement,
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
    "share_change": "difference of shares",
    "flow_agreement": "difference of shares, estimated less flow cytometry",
    "gene_change": "log2 fold change",
    "term_change": "log2 odds ratio; negative where genes that changed the other way lead",
    "patient_association": "",
    "untestable": "",
}


class _Side(NamedTuple):
    """A gene set among the genes that changed one way; `odds` (log2) is None where it was not listed."""

    overlap: int
    changed: int
    size: int
    tested: int
    p_adjusted: float
    odds: Interval | None


def _odds(rows: pd.DataFrame, direction: str, de: pd.DataFrame, limits: ChangeLimits) -> _Side:
    """The gene set among the genes changed in one direction; 0.5 is added to each cell of the table."""
    changed = int(enrichment.changed(de, direction, limits).sum())
    if rows.empty:
        return _Side(0, changed, 0, 0, 1.0, None)
    size, tested = int(rows["set_size"].iloc[0]), int(rows["background"].iloc[0])
    row = rows.loc[direction].to_dict() if direction in rows.index else {}
    overlap, changed = int(row.get("overlap", 0)), int(row.get("query", changed))
    cells = np.array([overlap, size - overlap, changed - overlap, tested - size - changed + overlap]) + 0.5
    estimate = float(np.log2(cells[0] * cells[3] / (cells[1] * cells[2])))
    odds = Interval.normal(estimate, float(np.sqrt((1 / cells).sum()) / np.log(2)))
    return _Side(overlap, changed, size, tested, float(row.get("p_adjusted", 1)), odds)


def _net(first: _Side, second: _Side) -> Interval:
    """Genes that changed the stated way less those that changed the other, members against all others.

    A difference of shares: members that rose less members that fell, over the members, less the same of the
    genes outside the set. Half a gene is added to each count (Agresti and Caffo 2000), so that none is not
    taken for certain.
    """
    parts = []
    for n, up, down in (
        (first.size, first.overlap, second.overlap),
        (first.tested - first.size, first.changed - first.overlap, second.changed - second.overlap),
    ):
        total, rise, fall = n + 1.5, up + 0.5, down + 0.5
        mean = (rise - fall) / total
        parts.append((mean, ((rise + fall) / total - mean**2) / total))
    (inside, one), (outside, other) = parts
    return Interval.normal(inside - outside, float(np.sqrt(one + other)))


def limit_of(quantity: Mapping[str, Any], floor: float | None) -> float:
    """What a change must exceed: the claim's limit, for genes at least the study's `floor`."""
    least = _least(quantity)
    return max(least, floor or 0.0) if quantity["kind"] == "gene_change" else least


def _least(quantity: Mapping[str, Any]) -> float:
    """The limit of interest that the claim declares, or that of its kind."""
    given = quantity.get("min_effect")
    return float(LEAST[quantity["kind"]] if given is None else given)


def _leads(lead: Interval, quantity: Mapping[str, Any]) -> str:
    """By the sign of the lead, unless it is as good as none."""
    return ABSENT if lead.within(_least(quantity)) else beyond(lead, 0.0)


def _few_in_group(tables: Tables, population: str, group: str) -> Finding | None:
    if f"{population}_lineage" not in set(tables.composition["population"]):
        return None
    for condition in tables.contrast.values():
        counts = tables.counts(f"{population}_lineage", condition)
        n = int(counts.sum()) if group == "all" else int(counts.get(group, 0))
        if n < MIN_CELLS:
            return not_estimable(f"{condition}: {n} {group_name(population, group)}; {MIN_CELLS} are needed.")
    return None
