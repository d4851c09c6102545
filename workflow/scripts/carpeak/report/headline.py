"""The first screen: a few numbers of the reference and the test condition, and findings of one line each.

Everything is computed from the tables of the run. Where a condition has several libraries, a number is the
median over them and the span is their range; with one library the span is its 95 % interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import ambient_marks
from ..figures import palette
from ..names import FEW_CELLS, UNASSIGNED
from . import what_changed

if TYPE_CHECKING:
    import pandas as pd

    from ..settings import EnrichmentSettings

NBSP = "\u00a0"
Z95 = 1.959964  # normal quantile of a 95 % interval
NAMED = 3  # genes or terms that one finding names
MAX_WORDS = 25  # of a finding
SHOWN = 0.03  # share of a condition's CAR+ T cells from which a subset has a part of its bar


@dataclass(frozen=True)
class Tile:
    """A number before and after: `name`, the two values as text with their spans, and where to read on.

    `before` is empty where there is one value.
    """

    name: str
    before: str
    after: str
    before_span: str
    after_span: str
    link: str


@dataclass(frozen=True)
class Finding:
    """One line of what was found, and the id of the figure or table that shows it."""

    text: str
    link: str


@dataclass(frozen=True)
class Bar:
    """What the CAR+ T cells of a condition consist of: (label, share, colour), in one order."""

    condition: str
    n: int
    parts: tuple[tuple[str, float, str], ...]


def tiles(
    sides: Mapping[str, str], composition: pd.DataFrame, car: pd.DataFrame, claims: pd.DataFrame
) -> list[Tile]:
    """CAR+ share, CD4:CD8 ratio and the subset that moved most, where they can be given; then the claims."""
    order = (sides["reference"], sides["test"])
    found = [car_share(car, order), ratio(composition, order), _moved(composition, order)]
    return [*(tile for tile in found if tile), _claims(claims)]


def bars(order: Sequence[str], composition: pd.DataFrame) -> list[Bar]:
    """One bar per condition of `order`; none for a condition without CAR+ T cells."""
    found = []
    for side in order:
        rows = what_changed.shares(composition, "car_t", side)
        rows = rows[rows["n"] > 0]
        large = rows[rows["fraction"] >= SHOWN]
        shares = {str(label): float(share) for label, share in large["fraction"].items()}
        if shares and len(large) < len(rows):
            shares["other"] = 1 - sum(shares.values())
        names = palette.ordered(shares)
        if names:
            found.append(
                Bar(
                    side,
                    int(rows["n"].sum()),
                    tuple((name, shares[name], palette.colour(name)) for name in names),
                )
            )
    return found


def findings(
    *,
    sides: Mapping[str, str],
    composition: pd.DataFrame,
    car: pd.DataFrame,
    de: pd.DataFrame,
    enrichment: pd.DataFrame,
    limits: EnrichmentSettings,
    name: str,
    over_donors: Sequence[Finding] = (),
) -> list[Finding]:
    """At most seven findings of at most `MAX_WORDS` words; `name` is the contrast's, for links.

    `over_donors` are findings on genes with the donor as the unit: they stand in for those on cells.
    """
    few = what_changed.few_cells(composition, sides)
    found: list[Finding] = []
    if few:
        found.append(Finding(f"CAR+ T cells are not compared: {few}.", "composition"))
    else:
        found += _subsets(sides, composition, f"fig-composition.{name}")
        found += _lineages(sides, composition, f"fig-composition.{name}")
    found += _carriers(sides, car)
    if over_donors:
        return [*found, *over_donors]
    if not few:
        found += _genes(de, limits, f"fig-volcano.{name}")
        found += _terms(enrichment, limits.adjusted_p, f"fig-enrichment.{name}")
    return found


def _per_library(composition: pd.DataFrame, population: str, condition: str) -> pd.DataFrame:
    """Cells of each label (columns) in each library (rows) of a condition."""
    part = composition[(composition["population"] == population) & (composition["condition"] == condition)]
    return part.pivot_table(index="sample", columns="label", values="n", aggfunc="sum", fill_value=0)


def _values(values: Sequence[float], show: Any, low: float = np.nan, high: float = np.nan) -> tuple[str, str]:
    """The text of one library's value and interval, or of several libraries' median and range."""
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return "–", ""
    if len(known) > 1:
        span = f"{show(min(known))} to {show(max(known))} in {len(known)} libraries"
        return show(float(np.median(known))), span
    span = f"{show(low)} to {show(high)}" if np.isfinite(low) and np.isfinite(high) else ""
    return show(known[0]), span


def _percent(value: float) -> str:
    return f"{100 * value:.1f}{NBSP}%"


def car_share(car: pd.DataFrame, order: Sequence[str]) -> Tile | None:
    """The share of T cells with the CAR in each condition of `order`, detected where none is estimated."""
    texts = []
    estimated = bool(_identifiable(car).any())
    column = "car_fraction" if estimated else "detected_fraction"
    for side in order:
        rows = car[(car["condition"] == side) & (car["t_cells"] > 0)]
        if estimated:
            rows = rows[_identifiable(rows)]
        span = rows[["car_fraction_low", "car_fraction_high"]].iloc[0] if len(rows) == 1 and estimated else ()
        texts.append(_values(rows[column].tolist(), _percent, *span))
    if all(value == "–" for value, _ in texts):
        return None
    name = "T cells with the CAR, estimated" if estimated else "T cells with the CAR detected"
    return _tile(name, texts, "car")


def _identifiable(car: pd.DataFrame) -> pd.Series:
    return car["identifiable"].astype(str).eq("True")  # missing where a rule gives no share


def ratio(composition: pd.DataFrame, order: Sequence[str]) -> Tile | None:
    """The CD4 to CD8 ratio of CAR+ T cells in each condition of `order`."""
    texts = []
    for side in order:
        counts = _per_library(composition, "car_t_lineage", side)
        if not {"CD4", "CD8"} <= set(counts.columns):
            return None
        counts = counts[(counts["CD4"] > 0) & (counts["CD8"] > 0)]
        ratios = (counts["CD4"] / counts["CD8"]).tolist()
        error = Z95 * np.sqrt(1 / counts["CD4"].to_numpy() + 1 / counts["CD8"].to_numpy())
        span = (ratios[0] * np.exp(-error[0]), ratios[0] * np.exp(error[0])) if len(ratios) == 1 else ()
        texts.append(_values(ratios, lambda value: f"{value:.1f}", *span))
    if all(value == "–" for value, _ in texts):
        return None
    return _tile("CD4 to CD8 among CAR+ T cells", texts, "composition")


def _moved(composition: pd.DataFrame, order: Sequence[str]) -> Tile | None:
    before, after = (what_changed.shares(composition, "car_t", side) for side in order)
    if min(before["n"].sum(), after["n"].sum()) < FEW_CELLS:
        return None
    change = (after["fraction"] - before["fraction"]).drop(UNASSIGNED, errors="ignore").dropna()
    if change.empty:
        return None
    label = str(change.abs().idxmax())
    texts = []
    for side in order:
        counts = _per_library(composition, "car_t", side)
        rows = composition[(composition["population"] == "car_t") & (composition["condition"] == side)]
        one = rows[rows["label"] == label]
        span = one[["fraction_low", "fraction_high"]].iloc[0] if len(one) == 1 else ()
        texts.append(_values((counts[label] / counts.sum(axis=1)).tolist(), _percent, *span))
    return _tile(f"{label}, the subset that moved most", texts, "composition")


def _tile(name: str, texts: Sequence[tuple[str, str]], link: str) -> Tile:
    before, before_span = texts[0] if len(texts) > 1 else ("", "")
    after, after_span = texts[-1]
    return Tile(name, before, after, before_span, after_span, link)


def _claims(claims: pd.DataFrame) -> Tile:
    counts = claims["verdict"].value_counts()
    supported = int(counts.get("supported", 0))
    others = [f"{n} {str(name).replace('_', ' ')}" for name, n in counts.items() if name != "supported"]
    return Tile("claims supported", "", f"{supported} of {len(claims)}", "", ", ".join(others), "claims")


def _subsets(sides: Mapping[str, str], composition: pd.DataFrame, link: str) -> list[Finding]:
    reference, test = sides["reference"], sides["test"]
    before, after = (what_changed.shares(composition, "car_t", side) for side in (reference, test))
    if not (before["n"].sum() and after["n"].sum()):
        return [Finding("Subsets of CAR+ T cells were not compared: one side has none.", link)]
    first, second = str(before.index[0]), str(after.index[0])
    share = what_changed.percent
    found = [
        f"The largest CAR+ subset was {first} in {reference} ({share(before['fraction'].iloc[0])}) and"
        f" {'again ' if first == second else ''}{second} in {test} ({share(after['fraction'].iloc[0])})."
    ]
    change = (after["fraction"].reindex(before.index) - before["fraction"]).drop(UNASSIGNED, errors="ignore")
    change = change.dropna()
    parts = []
    for label, verb in ((change.idxmax(), "rose"), (change.idxmin(), "fell")) if len(change) > 1 else ():
        old, new = (float(part["fraction"].to_dict()[label]) for part in (before, after))
        if (new > old) == (verb == "rose") and new != old:
            parts.append(f"{label} {verb} most, {share(old)} to {share(new)}")
    if parts:
        donors = int(max(before["donors"].max(), after["donors"].max()))
        whose = f", mean of {donors} patients" if donors > 1 else ""
        found.append(f"Among CAR+ T cells{whose}, {'; '.join(parts)}.")
    return [Finding(text, link) for text in found]


def _lineages(sides: Mapping[str, str], composition: pd.DataFrame, link: str) -> list[Finding]:
    order = (sides["reference"], sides["test"])
    if any(len(_per_library(composition, "car_t_lineage", side)) > 1 for side in order):
        return []  # the tile has the median and the range
    parts = []
    for side in order:
        counts = what_changed.shares(composition, "car_t_lineage", side)["n"].reindex(["CD4", "CD8"])
        if counts.isna().any() or not (counts > 0).all():
            return []
        parts.append(f"{counts['CD4'] / counts['CD8']:.1f} to 1 in {side}")
    return [Finding(f"CD4 to CD8 among CAR+ T cells: {parts[0]}, {parts[1]}.", link)]


def _carriers(sides: Mapping[str, str], car: pd.DataFrame) -> list[Finding]:
    rows = [car[car["condition"] == side] for side in (sides["reference"], sides["test"])]
    for column, verb, known in (
        ("car_fraction", "An estimated", lambda part: part[_identifiable(part)]),
        ("detected_fraction", "The CAR was detected in", lambda part: part[part["t_cells"] > 0]),
    ):
        parts = [known(part)[column].dropna() for part in rows]
        if all(len(part) for part in parts):
            values = [what_changed.percent(float(part.median())) for part in parts]
            tail = "carry the CAR" if column == "car_fraction" else ""
            where = f"{values[0]} of T cells in {sides['reference']} and {values[1]} in {sides['test']}"
            found = [Finding(f"{verb} {where} {tail}".strip() + ".", "fig-car_detection")]
            shown = [row for part in rows for row in known(part).to_dict("records")]
            if column == "car_fraction" and (named := what_changed.wide(shown)):
                text = f"The interval of the CAR share is wide ({', '.join(named)}): read it, not its middle."
                found.append(Finding(text, "fig-car_detection"))
            return found
    return []


def _genes(de: pd.DataFrame, limits: EnrichmentSettings, link: str) -> list[Finding]:
    found = what_changed.changed(de, limits, population="car_t", group="CD4")
    ambient = ambient_marks.is_marked(found)
    own, leaked = found[~ambient], found[ambient]
    parts = []
    for verb, part in (
        ("rose", own[own["log2_fold_change"] > 0]),
        ("fell", own[own["log2_fold_change"] < 0].iloc[::-1]),
    ):
        first = f" ({', '.join(part['gene'].head(NAMED))} most)" if len(part) else ""
        parts.append(f"{len(part):,} {verb}{first}")
    if found.empty:
        return []
    texts = [f"Genes of CD4 CAR+ T cells at equal depth: {' and '.join(parts)}."]
    if len(leaked):
        named = ", ".join(
            leaked.reindex(
                leaked["log2_fold_change"].abs().sort_values(ascending=False, kind="stable").index
            )["gene"].head(NAMED)
        )
        texts.append(f"{len(leaked):,} changed genes ({named} first) are left out: probably ambient RNA.")
    return [Finding(text, link) for text in texts]


def _terms(enrichment: pd.DataFrame, adjusted_p: float, link: str) -> list[Finding]:
    if enrichment.empty:
        return []
    part = enrichment[(enrichment["population"] == "car_t") & (enrichment["group"] == "CD4")]
    part = part[(part["direction"] == "up") & (part["p_adjusted"] < adjusted_p)]
    if part.empty:
        return []
    top = _short(part.sort_values(["p_value", "term_id"], kind="stable")["term"].head(2))
    return [
        Finding(
            f"Genes raised in CD4 CAR+ T cells belong first to: {top} ({len(part):,} overlapping sets).", link
        )
    ]


def _short(terms: Iterable[str]) -> str:
    """Names of terms, together at most 12 words."""
    words: list[str] = []
    for term in terms:
        if words and len(" ".join([*words, term]).split()) > 12:
            break
        words.append(term)
    return "; ".join(words)
