"""Words for the keys and numbers of a cohort's tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .tables import records
from .wording import upper_first

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = {
    "disagrees": "disagrees",
    "depends": "depends",
    "not_recomputable": "cannot be recomputed",
    "agrees": "agrees",
}
CHIPS = {"disagrees": "failed", "depends": "poor", "not_recomputable": "not_estimable", "agrees": "ok"}
METHODS = {
    "chi_square": "chi-square",
    "yates": "chi-square with Yates’ correction",
    "fisher": "Fisher’s exact test",
    "fisher_sampled": "Fisher’s test, sampled",
    "likelihood_ratio": "likelihood ratio",
    "expected_counts": "chi-square, Yates’ or Fisher’s test by the smallest expected count",
    "mann_whitney_exact": "Mann-Whitney, exact",
    "mann_whitney_asymptotic": "Mann-Whitney",
    "kruskal_wallis": "Kruskal-Wallis",
    "exact_trend": "exact trend test",
    "log_rank": "log-rank test",
    "gray": "Gray’s test",
    "signed_rank_exact": "exact signed-rank test",
    "signed_rank_asymptotic": "signed-rank test",
    "log_log": "log-log interval of a Kaplan-Meier rate",
    "log": "log interval of a Kaplan-Meier rate",
    "wald": "plain (Wald) interval",
    "clopper_pearson": "Clopper-Pearson interval",
    "wilson": "Wilson interval",
    "agresti_coull": "Agresti-Coull interval",
    "jeffreys": "Jeffreys interval",
    "kaplan_meier": "Kaplan-Meier",
    "aalen_johansen": "Aalen-Johansen",
    "exact": "all orders of the patients counted",
    "permutation": "20,000 random orders",
    "none": "",
}
RULES = {
    "expected_small": "an expected count is below 5",
    "expected_large": "all expected counts are 5 or more",
    "too_many_tables": "an expected count is below 5 and the table is large",
    "small": "at most 20 patients",
    "large": "more than 20 patients",
    "more_than_two_groups": "more than two groups",
    "by_dose": "doses as they were given",
}
ENDPOINTS = {
    "os": "overall survival",
    "efs": "event-free survival",
    "landmark_os": "survival from the landmark",
    "relapse": "relapse",
    "non_relapse_mortality": "death without relapse",
}
FINDINGS = {"peak": "peak", "peak_day": "day of the peak", "auc": "area to day 28"}
REASONS = {  # by the key of a method or of rounding
    "midpoint": "A curve at or below 50 % has reached its median. It holds only where the median is read as "
    "the middle of a stretch at exactly 50 %.",
    "beyond_follow_up": "The rate is given for a time that most patients had not reached.",
    "not_symmetric": "The interval is not symmetric about its estimate.",
    "cut": "Only if decimals are cut off, not rounded.",
    "remainder": "100 % less the others, which holds if all are of the same patients and time.",
}
CHECKS = {
    "events_against_patients": "{event}, {level}: {left} in the table of adverse events, {right} in the "
    "patients’ {column}.",
    "deaths_against_grade_5": "{subject}: {right} died of it, but the table of adverse events {shown}.",
    "grade_not_defined": "{subject}: {left} of {left_source}, but {right_source} defines {right} only.",
    "grade_below_defined": "{subject}: {left} {left_source}, but {right_source} defines {right} only.",
    "grades_above_any": "{subject}: the grades add up to {left}, more than the {right} with any grade.",
    "more_than_patients": "{subject}: {left} patients, more than the {right} there were.",
    "term_of_other_criteria": "{left_source} is a term of {left}; the text names the criteria of {right}.",
    "stated_twice": "{what}: “{left}” in {left_source}, “{right}” in {right_source}.",
}
LONGEST = 60  # characters of patients' names that are written out


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage."""
    return "–" if share is None or np.isnan(share) else f"{100 * share:.{digits}f}\u00a0%"


def p_value(p: float) -> str:
    """A P value as one reads it: two digits, never 0."""
    if p is None or np.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def number(value: float) -> str:
    """A number with at most four digits, with thousands set apart."""
    if value is None or np.isnan(value):
        return "–"
    if np.isinf(value):
        return "not reached"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def blank(value: object) -> str:
    """A field as text, empty where it is missing; whole numbers without a point."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def because(row: Mapping[str, Any]) -> str:
    """Why a statement got its verdict."""
    missing, methods = blank(row["missing"]), [m for m in blank(row["methods"]).split(", ") if m]
    if row["verdict"] == "not_recomputable":
        return "Nothing says how." if missing == "compute" else f"The tables lack {missing}."
    key = next((name for name in (*methods, blank(row["rounding"])) if name in REASONS), "")
    if key and not (key == "midpoint" and row["verdict"] == "agrees"):
        total = blank(row["total"])
        most = (
            f" {blank(row['n'])} of the text’s {total} intervals are."
            if key == "not_symmetric" and total
            else ""
        )
        return REASONS[key] + most
    told = [METHODS[m] for m in methods if m in METHODS]
    if row["computed_by"] == "p_value":
        return f"By {' and by '.join(told)}." if row["verdict"] == "agrees" else "By no usual test."
    if told and row["computed_by"] in ("interval_of", "smallest_p"):
        return f"By {told[0]}."
    return _counted(row)


def _counted(row: Mapping[str, Any]) -> str:
    n, total, patients = blank(row["n"]), blank(row["total"]), blank(row["patients"])
    share = f"{n} of {total}." if n and total else ""
    if row["verdict"] != "disagrees" or not patients or len(patients) > LONGEST:
        return share
    who = f"Counted: {patients}." if row["computed_by"] in ("count", "share") else f"Read from {patients}."
    return f"{share} {who}".strip()


def check(row: Mapping[str, Any]) -> str:
    """One sentence on two values that should agree."""
    subject, left, right = row["subject"], blank(row["left"]), blank(row["right"])
    event, _, grade = subject.partition(", ")
    shown = "has no column for grade 5" if left == "no column" else f"gives {left} of grade 5"
    return CHECKS[row["check"]].format(
        subject=subject,
        left=left,
        right=right,
        left_source=row["left_source"],
        right_source=row["right_source"],
        event=event,
        level="any grade" if grade == "any" else grade.replace("_", " "),
        column=row["right_source"].split(": ")[-1].replace("_", " "),
        shown=shown,
        what=upper_first(subject),
    )


def p_rule(checks: pd.DataFrame) -> str:
    """Which test gives all P values of a text's tables; empty where it prints fewer than two."""
    held = checks[checks["check"] == "p_values_by_one_test"]
    if held.empty:
        return ""
    counts = {row["subject"]: (int(row["left"]), int(row["right"])) for row in records(held)}
    complete = [name for name, (n, total) in counts.items() if n == total]
    parts = [f"{METHODS[name]} {n} of {total}" for name, (n, total) in counts.items() if n < total]
    each = f" Alone: {', '.join(parts)}." if parts else ""
    if not complete:
        return f"No one usual test or rule gives all P values of the tables.{each}"
    return f"All {counts[complete[0]][1]} P values of the tables come from {METHODS[complete[0]]}.{each}"


def responders(row: Mapping[str, Any]) -> str:
    """How many responded."""
    interval = f"{percent(row['low'])} to {percent(row['high'])}"
    n, total = f"{row['n']:,.0f}", f"{row['total']:,.0f}"
    return f"{n} of {total} patients responded: {percent(row['share'])} (95 % interval {interval})."


def trend(p: float) -> str:
    """Whether the response went with the dose."""
    return f"Response by dose: P = {p_value(p)} (exact trend test).".replace("= <", "<")


def survival(endpoint: str, part: pd.DataFrame) -> str:
    """Median, and the rate at the first time, of an endpoint."""
    rows = records(part)
    median = next(row for row in rows if row["statistic"] == "median")
    text = f"{ENDPOINTS[endpoint]}: median {days(median['estimate'])}"
    rates = [row for row in rows if row["statistic"] == "rate" and not row["beyond"]]
    for row in rates[-1:]:
        interval = f"{percent(row['low'])} to {percent(row['high'])}"
        text += f"; {percent(row['estimate'])} at day {row['day']:.0f} (95 % interval {interval})"
    follow = [row for row in rows if row["statistic"] == "follow_up"]
    text += f"; median follow-up {days(follow[0]['estimate'])}" if follow else ""
    return f"{upper_first(text)}."


def days(value: float) -> str:
    """A time in days, or that it was not reached."""
    return "not reached" if value is None or not np.isfinite(value) else f"{value:,.0f} days"


def worst(row: Mapping[str, Any], total: int) -> str:
    """The most frequent severe adverse event."""
    n = f"{row['severe']:,.0f} of {total:,} patients"
    return f"Most frequent severe event (grade 3 or higher): {row['event']}, {n}."


def cell(row: Mapping[str, Any]) -> str:
    """One group's value of a variable."""
    small = " *" if row["small"] else ""
    if row["kind"] == "number":
        if row["median"] is None or np.isnan(row["median"]):
            return "–" if not row["small"] else "hidden *"
        return f"{number(row['median'])} ({number(row['minimum'])} to {number(row['maximum'])}){small}"
    if row["n"] is None or np.isnan(row["n"]):
        return "hidden *"
    return f"{row['n']:.0f} ({percent(row['share'])}){small}"


def test_cell(row: Mapping[str, Any] | None) -> str:
    """P, the test and why that one."""
    if row is None or not np.isfinite(row["p"]):
        return ""
    why = RULES.get(blank(row["rule"]), "")
    return f"{p_value(row['p'])}; {METHODS[row['method']]}{f' ({why})' if why else ''}"


def rate(row: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, str]:
    """One row of the table of survival."""
    whose = f"{labels.get(row['grouping'], row['grouping'])} {row['group']}" if row["grouping"] else "all"
    timed = row["statistic"] != "rate"
    what = {"median": "median", "follow_up": "median follow-up"}.get(
        row["statistic"], "" if timed else f"at day {row['day']:.0f}"
    )
    show = days if timed else percent
    plain = "" if timed else f"{percent(row['plain_low'])} to {percent(row['plain_high'])}"
    return {
        "endpoint": ENDPOINTS[row["endpoint"]],
        "whose": whose,
        "n": f"{row['n']:.0f}",
        "events": f"{row['events']:.0f}",
        "what": what,
        "estimate": "beyond the follow-up" if row["beyond"] else show(row["estimate"]),
        "interval": "" if row["beyond"] else _between(show(row["low"]), show(row["high"])),
        "plain": "" if row["beyond"] else plain,
        "at_risk": "" if timed else f"{row['at_risk']:.0f}",
    }


def _between(low: str, high: str) -> str:
    return "" if "–" in (low, high) else f"{low} to {high}"


def test(row: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, str]:
    """One row of the table of tests."""
    name, _, finding = row["variable"].partition(": ")
    what = ENDPOINTS.get(name, labels.get(name, name.replace("_", " ")))
    return {
        "what": f"{what}, {FINDINGS[finding]}" if finding else what,
        "by": labels.get(row["grouping"], row["grouping"]),
        "method": METHODS[row["method"]],
        "why": RULES.get(blank(row["rule"]), ""),
        "p": p_value(row["p"]),
    }


def pair(row: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """One sentence on two measurements of the same patients."""
    first, second = (labels.get(row[side], row[side]) for side in ("first", "second"))
    what = f"{upper_first(first)} against {second}, {row['n']:,.0f} pairs"
    if not row["n"] or np.isnan(row["p"]):
        return f"{what}: nothing to compare."
    medians = f"medians {number(row['median_first'])} and {number(row['median_second'])}"
    gap = number(row["difference"]).replace("-", "−")
    least = f"; so few pairs give no P below {p_value(row['smallest_p'])}" if row["n"] < 10 else ""
    test = f"P {p_value(row['p'])} ({METHODS[row['method']]}{least})"
    return f"{what}: {medians}, median difference {gap}, {test}."


def kinetic(row: Mapping[str, Any]) -> dict[str, str]:
    """One row of the table of kinetics."""
    span = _between(number(row["minimum"]), number(row["maximum"]))
    return {
        "variable": row["variable"].replace("_", " "),
        "group": row["group"] or "all",
        "finding": FINDINGS[row["finding"]],
        "n": blank(row["n"]),
        "median": number(row["median"]),
        "range": span,
    }


def correlation(row: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, str]:
    """One row of the table of correlations with single cells."""
    return {
        "variable": labels.get(row["variable"], row["variable"]),
        "finding": row["finding"],
        "n": blank(row["n"]),
        "rho": f"{row['rho']:.2f}".replace("-", "−"),
        "p": p_value(row["p"]),
        "method": METHODS[row["method"]],
    }
