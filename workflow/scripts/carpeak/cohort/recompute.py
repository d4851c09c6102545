"""What a statement says, recomputed from the cohort's tables.

Every method takes the cohort and the statement's parameters; it returns the value or raises LackingError
naming the column or table that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import competing, kinetics, shares, survival
from .conditions import LackingError, selected
from .tables import Cohort

Spec = Mapping[str, Any]
CAUSES = {"relapse": 1, "non_relapse_mortality": 2}


@dataclass(frozen=True)
class Found:
    """A recomputed value or words, in printed units (percent for shares), and whose rows gave it."""

    value: float = float("nan")
    words: tuple[str, ...] | None = None
    patients: tuple[str, ...] = ()
    n: int | None = None
    total: int | None = None
    method: str = ""


def count(cohort: Cohort, spec: Spec) -> Found:
    """How many patients meet the condition."""
    chosen = selected(cohort, spec.get("where"))
    return Found(float(chosen.sum()), patients=_names(cohort, chosen), n=int(chosen.sum()))


def share(cohort: Cohort, spec: Spec) -> Found:
    """Which percentage of the patients (of those under ``of``) meets the condition."""
    base = selected(cohort, spec.get("of"))
    chosen = base & selected(cohort, spec.get("where"))
    n, total = int(chosen.sum()), int(base.sum())
    value = 100 * n / total if total else float("nan")
    return Found(value, patients=_names(cohort, chosen), n=n, total=total)


def median(cohort: Cohort, spec: Spec) -> Found:
    """The median of a column."""
    return _of_column(cohort, spec, "median")


def minimum(cohort: Cohort, spec: Spec) -> Found:
    """The smallest value of a column."""
    return _of_column(cohort, spec, "low")


def maximum(cohort: Cohort, spec: Spec) -> Found:
    """The largest value of a column."""
    return _of_column(cohort, spec, "high")


def mean(cohort: Cohort, spec: Spec) -> Found:
    """The mean of a column."""
    return _of_column(cohort, spec, "mean")


def words(cohort: Cohort, spec: Spec) -> Found:
    """The words of a column in the rows that meet the condition, sorted, each once."""
    chosen = selected(cohort, dict(spec.get("where") or {}))
    values = _column(cohort, spec["column"], chosen)
    held = {
        word
        for value in values
        for word in (value if isinstance(value, tuple) else [value])
        if word is not None
    }
    return Found(words=tuple(sorted(map(str, held), key=_by_number)), patients=_names(cohort, chosen))


def event(cohort: Cohort, spec: Spec) -> Found:
    """How many patients had an adverse event, of one worst grade or of any."""
    value = _event_count(cohort, spec["event"], spec.get("grade", "any"))
    return Found(value, n=int(value))


def event_share(cohort: Cohort, spec: Spec) -> Found:
    """The same as a percentage of all patients."""
    value = _event_count(cohort, spec["event"], spec.get("grade", "any"))
    if not cohort.total:
        raise LackingError("total")
    return Found(100 * value / cohort.total, n=int(value), total=cohort.total)


def all_events(cohort: Cohort, spec: Spec) -> Found:
    """At most so many patients can have had every one of the events at the grade or above.

    From counts alone this is the smallest of the counts; from events of patients it is exact.
    """
    lowest = spec["grade_at_least"]
    if cohort.events is not None:
        held = cohort.events[cohort.events["grade"] >= lowest]
        sets = [set(held.loc[held["event"] == name, "patient"]) for name in spec["events"]]
        both = tuple(sorted(set.intersection(*sets)))
        return Found(float(len(both)), patients=both, n=len(both))
    found = [
        sum(_event_count(cohort, name, grade, absent=0.0) for grade in range(lowest, 6))
        for name in spec["events"]
    ]
    return Found(float(min(found)), n=int(min(found)), method="at_most")


def series(cohort: Cohort, spec: Spec) -> Found:
    """Median or range over patients of a peak, its day, or the area to day 28."""
    if cohort.series is None:
        raise LackingError("series")
    found = kinetics.findings(cohort.series)
    part = found[found["variable"] == spec["variable"]]
    if part.empty:
        raise LackingError(f"series: {spec['variable']}")
    if spec.get("where"):
        part = part[part["patient"].isin(_names(cohort, selected(cohort, spec["where"])))]
    held = shares.summary(part[spec["finding"]].tolist())
    value = {"median": held.median, "minimum": held.low, "maximum": held.high}[spec["statistic"]]
    return Found(value, n=held.n)


def survival_rate(cohort: Cohort, spec: Spec) -> Found:
    """Kaplan-Meier estimate (or a bound of its log-log interval) at a day, in percent."""
    if "day" not in spec:
        raise LackingError("day")
    days, events, names = _times(cohort, spec["endpoint"], spec.get("where"))
    rate = survival.rate(survival.kaplan_meier(days, events), spec["day"], days=days)
    bound = {"estimate": rate.estimate, "low": rate.log_log[0], "high": rate.log_log[1]}
    return Found(
        100 * bound[spec.get("bound", "estimate")], patients=names, n=len(days), method="kaplan_meier"
    )


def median_time(cohort: Cohort, spec: Spec) -> Found:
    """Median time to the event in days; of follow-up by the reversed Kaplan-Meier method."""
    days, events, names = _times(cohort, spec["endpoint"], spec.get("where"))
    if spec["endpoint"] == "follow_up":
        events = 1 - np.asarray(events)
    held = survival.median(survival.kaplan_meier(days, events))
    place = ("estimate", "low", "high").index(spec.get("bound", "estimate"))
    return Found(held[place], patients=names, n=len(days), method="kaplan_meier")


def incidence(cohort: Cohort, spec: Spec) -> Found:
    """Cumulative incidence (or a bound) at a day, in percent."""
    days, events, names = _times(cohort, "relapse", spec.get("where"))
    curve = competing.incidence(days, events, cause=CAUSES[spec["cause"]])
    place = ("estimate", "low", "high").index(spec.get("bound", "estimate"))
    return Found(
        100 * competing.at(curve, spec["day"])[place], patients=names, n=len(days), method="aalen_johansen"
    )


METHODS: dict[str, Callable[[Cohort, Spec], Found]] = {
    "count": count,
    "share": share,
    "median": median,
    "minimum": minimum,
    "maximum": maximum,
    "mean": mean,
    "words": words,
    "event": event,
    "event_share": event_share,
    "all_events": all_events,
    "series": series,
    "survival": survival_rate,
    "incidence": incidence,
    "median_time": median_time,
}


def _by_number(word: str) -> tuple[str, int]:
    """Orders P2 before P11."""
    letters = word.rstrip("0123456789")
    return letters, int(word[len(letters) :] or 0)


def _of_column(cohort: Cohort, spec: Spec, statistic: str) -> Found:
    chosen = selected(cohort, spec.get("where"))
    values = _column(cohort, spec["column"], chosen)
    held = shares.summary([np.nan if value is None else value for value in values])
    return Found(float(getattr(held, statistic)), n=held.n)


def _column(cohort: Cohort, name: str, chosen: Any) -> list[Any]:
    assert cohort.patients is not None  # `selected` has seen to it
    if name not in cohort.patients:
        raise LackingError(name)
    return cohort.patients.loc[chosen, name].tolist()


def _names(cohort: Cohort, chosen: Any) -> tuple[str, ...]:
    return () if cohort.patients is None else tuple(cohort.patients.loc[chosen, "patient"])


def _event_count(cohort: Cohort, name: str, grade: str | int, *, absent: float | None = None) -> float:
    if cohort.events is not None:
        worst = cohort.events[cohort.events["event"] == name].groupby("patient")["grade"].max()
        return float(len(worst) if grade == "any" else (worst == grade).sum())
    if cohort.event_counts is None:
        raise LackingError("event_counts")
    row = cohort.event_counts[cohort.event_counts["event"] == name]
    column = "any" if grade == "any" else f"grade_{grade}"
    if row.empty:
        raise LackingError(f"event_counts: {name}")
    if column not in row:
        if absent is not None:
            return absent
        raise LackingError(f"event_counts: {column}")
    return float(row[column].iloc[0])


def _times(cohort: Cohort, endpoint: str, where: Spec | None) -> tuple[Any, Any, tuple[str, ...]]:
    """Days and events of the patients that meet the condition and have both."""
    columns = [f"{'os' if endpoint == 'follow_up' else endpoint}_{part}" for part in ("days", "event")]
    if cohort.patients is None:
        raise LackingError("patients")
    lacking = [name for name in columns if name not in cohort.patients]
    if lacking:
        raise LackingError(*lacking)
    part = cohort.patients[selected(cohort, where)].dropna(subset=columns)
    if part.empty:
        raise LackingError(*columns)
    return part[columns[0]].to_numpy(float), part[columns[1]].to_numpy(int), tuple(part["patient"])
