"""What a contrast found, in plain sentences with numbers, and what to be careful about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import ambient_marks
from ..names import FEW_CELLS
from ..stats import intervals
from .wording import joined

if TYPE_CHECKING:
    import pandas as pd

    from ..settings import ChangeLimits

MAX_NAMED = 8
# Width of a share's 95 % interval from which its middle leans on the caller's priors: in simulated libraries
# 5 to 15 points on average, below 0.2 three at most (docs/caller.md).
WIDE = 0.30
NBSP = "\u00a0"
LINEAGES = ("CD4", "CD8")


def percent(value: float | None) -> str:
    """A share as a percentage, with decimals only where they tell something."""
    if value is None or np.isnan(value):
        return "–"
    digits = 0 if value >= 0.1 else 1 if value >= 0.001 or value == 0 else 3
    return f"{100 * value:.{digits}f}{NBSP}%"


def shares(composition: pd.DataFrame, population: str, condition: str) -> pd.DataFrame:
    """The labels of one condition: n, total, fraction, its interval, and how many donors; largest first.

    Cells of one donor's libraries are summed; over donors the fraction is the mean of theirs, so that nobody
    counts for more by bringing more cells. The interval is that of the table where the condition has one
    library, else missing.
    """
    part = composition[(composition["population"] == population) & (composition["condition"] == condition)]
    total = int(part.drop_duplicates("sample")["total"].sum())
    pooled = part.groupby("label", sort=False).agg(
        n=("n", "sum"), fraction_low=("fraction_low", "first"), fraction_high=("fraction_high", "first")
    )
    own = part.groupby(["label", "donor"], sort=False, as_index=False)[["n", "total"]].sum()
    own = own[own["total"] > 0]
    fraction = own.assign(fraction=own["n"] / own["total"]).groupby("label")["fraction"].mean()
    pooled["total"] = total
    pooled["fraction"] = fraction.reindex(pooled.index).astype(float)
    pooled["donors"] = own["donor"].nunique()
    if len(set(part["sample"])) > 1:
        pooled[["fraction_low", "fraction_high"]] = np.nan
    return pooled.sort_values("fraction", ascending=False, kind="stable")


def sentences(
    *,
    sides: Mapping[str, str],
    composition: pd.DataFrame,
    car: pd.DataFrame,
    de: pd.DataFrame,
    enrichment: pd.DataFrame,
    limits: ChangeLimits,
    over_donors: Sequence[str] = (),
) -> list[str]:
    """What changed from the reference to the test condition; fewer sentences where there is less.

    `over_donors` are sentences on genes with the donor as the unit: they stand in for those on cells.
    """
    reference, test = sides["reference"], sides["test"]
    before, after = (shares(composition, "car_t", side) for side in (reference, test))
    few = few_cells(composition, sides)
    found = []
    if not (before["n"].sum() and after["n"].sum()):
        found.append("Subsets of CAR+ T cells were not compared: one side holds none.")
    elif few:
        found.append(f"What CAR+ T cells consist of is not compared: {few}.")
        found += [
            _largest_of(part, side)
            for side, part in ((reference, before), (test, after))
            if part["n"].sum() >= FEW_CELLS
        ]
    else:
        found += [_largest(before, after, reference, test), *_moves(before, after, reference, test)]
        found += _lineages(composition, reference, test)
    found += detection(car, reference, test)
    if over_donors:
        return [*found, *over_donors]
    found += _genes(de, test, limits, few, few_cells(composition, sides, "t_cells"))
    compared = ((de["population"] == "car_t") & (de["group"] == "CD4")).any()
    return found + (_terms(enrichment, test, limits.adjusted_p) if compared and not few else [])


def few_cells(composition: pd.DataFrame, sides: Mapping[str, str], population: str = "car_t") -> str:
    """Which sides hold too few cells of a population for conclusions; nothing where none does."""
    kind = "CAR+ T cells" if population == "car_t" else "T cells"
    parts, none = [], []
    for side in (sides["reference"], sides["test"]):
        rows = shares(composition, population, side)
        n = int(rows["n"].sum())
        if len(rows) and n < FEW_CELLS:
            none += [] if n else [side]
            parts.append(f"{side} holds {f'only {n:,}' if n else 'no'} {kind}")
    if len(none) > 1:
        return f"neither {none[0]} nor {none[1]} holds {kind}"
    return f"{' and '.join(parts)}, too few for conclusions" if parts else ""


def _largest_of(part: pd.DataFrame, side: str) -> str:
    first = part.index[0]
    share = _with_interval(part.loc[first])
    return f"In {side} alone, the largest subset of CAR+ T cells was {first} ({share})."


def _with_interval(row: pd.Series) -> str:
    interval = ""
    if not np.isnan(row["fraction_low"]):
        low, high = percent(row["fraction_low"]), percent(row["fraction_high"])
        interval = f"; 95{NBSP}% interval {low} to {high}"
    if row["donors"] > 1:
        return f"{percent(row['fraction'])}, mean of {int(row['donors'])} patients"
    return f"{percent(row['fraction'])} of {int(row['total']):,}{interval}"


def _largest(before: pd.DataFrame, after: pd.DataFrame, reference: str, test: str) -> str:
    first, second = before.index[0], after.index[0]
    again = "again " if first == second else ""
    return (
        f"The largest subset of CAR+ T cells was {first} in {reference}"
        f" ({_with_interval(before.loc[first])}) and {again}{second} in {test}"
        f" ({_with_interval(after.loc[second])})."
    )


def _moves(before: pd.DataFrame, after: pd.DataFrame, reference: str, test: str) -> list[str]:
    """The subsets that rose and fell most, if their intervals lie apart."""
    after = after.reindex(before.index)
    if max(before["donors"].max(), after["donors"].max()) > 1:
        return []  # the section on donors has every share with its interval
    rose = after["fraction_low"] > before["fraction_high"]
    fell = after["fraction_high"] < before["fraction_low"]
    old, new = before["fraction"], after["fraction"]
    change = (new - old)[rose | fell].drop("unassigned", errors="ignore")
    parts = []
    if (change > 0).any():
        up = str(change.idxmax())
        parts.append(f"{up} rose most (from {percent(old[up])} to {percent(new[up])} of CAR+ T cells)")
    if (change < 0).any():
        down = str(change.idxmin())
        parts.append(f"{down} fell most (from {percent(old[down])} to {percent(new[down])})")
    if not parts:
        return ["No subset's share of CAR+ T cells changed beyond its interval."]
    return [f"From {reference} to {test}, {' and '.join(parts)}."]


def _lineages(composition: pd.DataFrame, reference: str, test: str) -> list[str]:
    parts = []
    for side in (reference, test):
        here = shares(composition, "car_t_lineage", side).reindex(LINEAGES)
        if here["fraction"].isna().any():
            return []
        words = [f"{_span(row)} {name}" for name, row in here.iterrows()]
        parts.append(f"{' and '.join(words)} in {side}")
    return [
        f"CAR+ T cells were {parts[0]}, and {parts[1]}; the remaining cells could not be assigned to either."
    ]


def _span(row: pd.Series) -> str:
    """A share with its interval, if it has one."""
    if np.isnan(row["fraction_low"]):
        return percent(row["fraction"])
    return f"{percent(row['fraction'])} ({percent(row['fraction_low'])} to {percent(row['fraction_high'])})"


def detection(car: pd.DataFrame, *conditions: str) -> list[str]:
    """In which share of the T cells the CAR was detected, and what share carries it, library by library."""
    rows = [row for side in conditions for row in car[car["condition"] == side].to_dict("records")]
    parts = [
        f"{_detected(row['detected_fraction'], int(row['t_cells']))} T cells of {row['sample']}"
        for row in rows
        if row["t_cells"] and not np.isnan(row["detected_fraction"])
    ]
    if not parts and any(row["t_cells"] for row in rows):
        return ["The matrices hold no feature of the CAR: which T cells are CAR+ was decided by sorting."]
    if not parts:
        return ["There are no T cells in which the CAR could be looked for."]
    return [
        f"The CAR was detected in {' and '.join(parts)}. That is detection, not transduction: cells that"
        " show no CAR are undetermined, and the detected share moves with sequencing depth and expression."
        f"{_estimated(rows)}"
    ]


def _estimated(rows: Sequence[Mapping[Any, Any]]) -> str:
    """What the calibrated caller says of the true shares, where it gives one."""
    parts = [
        f"{percent(row['car_fraction'])} ({percent(row['car_fraction_low'])} to"
        f" {percent(row['car_fraction_high'])}) in {row['sample']}"
        for row in rows
        if row.get("identifiable")
    ]
    if not parts:
        return ""
    said = f" Dropout and ambient RNA considered, the CAR+ share is {' and '.join(parts)}."
    if named := wide(rows):
        said += (
            f" Wide ({', '.join(named)}): where counts tell so little, the share leans on what is usual of"
            " CAR+ cells and may be ten points off, more often too high. Read the interval, not its middle."
        )
    return said


def wide(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """The libraries whose estimated share has an interval wider than WIDE."""
    return [
        str(row["sample"])
        for row in rows
        if row.get("identifiable") and row["car_fraction_high"] - row["car_fraction_low"] > WIDE
    ]


def _detected(share: float, total: int) -> str:
    n = round(share * total)
    low, high = intervals.jeffreys(n, total)
    return f"{percent(share)} ({percent(float(low))} to {percent(float(high))}) of {total:,}"


def changed(de: pd.DataFrame, limits: ChangeLimits, *, population: str, group: str) -> pd.DataFrame:
    """Genes of one comparison beyond both limits at equal depth, largest change first."""
    part = de[(de["population"] == population) & (de["group"] == group) & (de["depth"] == "equal")]
    part = part[part["p_adjusted"] < limits.adjusted_p]
    part = part[part["log2_fold_change"].abs() >= limits.log2_fold_change]
    return part.sort_values("log2_fold_change", ascending=False, kind="stable")


def _genes(de: pd.DataFrame, test: str, limits: ChangeLimits, few: str, few_t: str) -> list[str]:
    if few:
        listed = f"Changed genes of CAR+ T cells are not stated here: {few}."
        if few_t:
            return [listed, f"Nor are those of all T cells: {few_t}."]
        return [listed, *_changes(de, test, limits, ("t_cells", "all"), "all T cells, CAR+ or not,")]
    if not ((de["population"] == "car_t") & (de["group"] == "CD4")).any():
        return ["CD4 CAR+ T cells were too few on one side: their genes were not compared."]
    return _changes(de, test, limits, ("car_t", "CD4"), "CD4 CAR+ T cells")


def _changes(
    de: pd.DataFrame, test: str, limits: ChangeLimits, place: tuple[str, str], cells: str
) -> list[str]:
    """The changed genes of one comparison, and those that changed as ambient RNA; nothing if not compared."""
    population, group = place
    if not ((de["population"] == population) & (de["group"] == group)).any():
        return []
    found = changed(de, limits, population=population, group=group)
    ambient = ambient_marks.is_marked(found)
    own, leaked = found[~ambient], found[ambient]
    up, down = own[own["log2_fold_change"] > 0], own[own["log2_fold_change"] < 0]
    text = (
        f"In {cells} at equal depth, {len(up):,} genes were higher and {len(down):,} lower in"
        f" {test} (adjusted P < {limits.adjusted_p:g} and log2 fold change of at least"
        f" {limits.log2_fold_change:g})"
    )
    if len(up):
        text += f"; the most raised: {', '.join(up['gene'].head(MAX_NAMED))}"
    if len(down):
        text += f"; the most lowered: {', '.join(down['gene'].iloc[::-1].head(MAX_NAMED))}"
    return [text + ".", *_leaked(leaked)]


def _leaked(genes: pd.DataFrame) -> list[str]:
    """One sentence on changed genes that another lineage's RNA most likely accounts for."""
    if genes.empty:
        return []
    order = genes["log2_fold_change"].abs().sort_values(ascending=False, kind="stable").index
    names = genes.loc[order, "gene"].tolist()
    shown = names[:MAX_NAMED]
    if len(names) > MAX_NAMED:
        shown.append(f"{len(names) - MAX_NAMED:,} more")
    sources = joined(
        [ambient_marks.source_name(name) for name in genes[ambient_marks.COLUMN].value_counts().index]
    )
    directions = {"rise" if change > 0 else "fall" for change in genes["log2_fold_change"]}
    verb = " or ".join(sorted(f"{word}{'s' if len(names) == 1 else ''}" for word in directions))
    return [
        f"Not counted there: {joined(shown)}, which {verb} most likely as ambient RNA of {sources} (†"
        f" below): haemoglobins, and genes that another lineage expresses at least "
        f"{ambient_marks.MIN_RATIO:g} times as much as T cells, or of which ambient RNA "
        "accounts for at least half of what T cells hold."
    ]


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
