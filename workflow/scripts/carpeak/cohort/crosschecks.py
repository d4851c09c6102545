"""Checks that need no statement: tables against each other, repeated statements, scales, P values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from . import adverse, grouped, rounding
from .conditions import LackingError
from .recompute import count as count_of
from .tables import Cohort

AGREES, PARTLY, DISAGREES = "agrees", "partly", "disagrees"
# Which criteria grade a toxicity under which name: CARTOX (Neelapu 2018) has CRES, ASTCT (Lee 2019) ICANS.
TERM_OF = {"CRES": "CARTOX", "ICANS": "ASTCT"}


@dataclass(frozen=True)
class Check:
    """Two values that should agree: `check` is its kind, `subject` what it is about."""

    check: str
    subject: str
    left_source: str
    left: str
    right_source: str
    right: str
    verdict: str


def examine(cohort: Cohort) -> list[Check]:
    """Every check that the tables allow, in a fixed order."""
    return [
        *_linked(cohort),
        *_counted(cohort),
        *_ranges(cohort),
        *_terms(cohort),
        *_repeated(cohort.statements),
        *_p_rule(cohort.statements),
    ]


def _check(kind: str, subject: str, left: tuple[str, Any], right: tuple[str, Any], *, agrees: bool) -> Check:
    return Check(
        kind, subject, left[0], str(left[1]), right[0], str(right[1]), AGREES if agrees else DISAGREES
    )


def _linked(cohort: Cohort) -> Iterator[Check]:
    """Terms of the counted events against the patients' grades, and against causes of death."""
    if cohort.event_counts is None or cohort.patients is None:
        return
    rows = cohort.event_counts.set_index("event")
    for link in cohort.settings["event_links"]:
        name = link["event"]
        if name not in rows.index:
            continue
        for column in [link["column"]] if "column" in link else []:
            for grade in ("any", *(f"grade_{n}" for n in adverse.GRADES)):
                if grade in rows:
                    wanted = ">= 1" if grade == "any" else int(grade[-1])
                    try:
                        held = count_of(cohort, {"where": {column: wanted}}).value
                    except LackingError:
                        break
                    printed = rows.loc[name, grade]
                    yield _check(
                        "events_against_patients",
                        f"{name}, {grade}",
                        ("event_counts", f"{printed:g}"),
                        (f"patients: {column}", f"{held:g}"),
                        agrees=printed == held,
                    )
        if "cause" in link:
            held = count_of(cohort, {"where": {"cause_of_death": link["cause"]}}).value
            printed = rows.loc[name, "grade_5"] if "grade_5" in rows else None
            yield _check(
                "deaths_against_grade_5",
                name,
                ("event_counts", "no column" if printed is None else f"{printed:g}"),
                ("patients: cause_of_death", f"{held:g}"),
                agrees=(printed or 0) == held,
            )


def _counted(cohort: Cohort) -> Iterator[Check]:
    """Grades that add up to more than the patients with the event, and more events than patients."""
    if cohort.event_counts is None:
        return
    table = cohort.event_counts
    grades = [name for name in (f"grade_{n}" for n in adverse.GRADES) if name in table]
    for _, row in table.iterrows():
        graded, every = float(row[grades].astype(float).sum()), float(row["any"])
        if graded > every:
            yield _check(
                "grades_above_any",
                str(row["event"]),
                ("grades", f"{graded:g}"),
                ("any", f"{every:g}"),
                agrees=False,
            )
        if cohort.total and every > cohort.total:
            yield _check(
                "more_than_patients",
                str(row["event"]),
                ("any", f"{every:g}"),
                ("patients", cohort.total),
                agrees=False,
            )


def _ranges(cohort: Cohort) -> Iterator[Check]:
    """Grades that CTCAE 5.0 does not define for a term."""
    if cohort.settings["criteria"] != "CTCAE":
        return
    table = adverse.by_grade(cohort.events, cohort.event_counts, total=cohort.total)
    for _, row in table.iterrows():
        low, high = adverse.CTCAE_RANGE.get(str(row["event"]).lower(), (1, 5))
        for grade in adverse.GRADES:
            n = row[f"grade_{grade}"]
            if n > 0 and not low <= grade <= high:
                yield _check(
                    "grade_not_defined",
                    str(row["event"]),
                    (f"grade {grade}", f"{n:g}"),
                    ("CTCAE 5.0", f"grades {low} to {high}"),
                    agrees=False,
                )
        defined = sum(
            row[f"grade_{g}"] for g in range(low, high + 1) if row[f"grade_{g}"] == row[f"grade_{g}"]
        )
        if low >= 3 and row["any"] > defined:
            yield _check(
                "grade_below_defined",
                str(row["event"]),
                (f"below grade {low}", f"{row['any'] - defined:g}"),
                ("CTCAE 5.0", f"grades {low} to {high}"),
                agrees=False,
            )


def _terms(cohort: Cohort) -> Iterator[Check]:
    """A toxicity named by one set of criteria and graded, as the text says, by another."""
    for name, column in cohort.columns.items():
        if column.term in TERM_OF and column.criteria:
            belongs = TERM_OF[column.term]
            yield _check(
                "term_of_other_criteria",
                name,
                (column.term, belongs),
                ("criteria", column.criteria),
                agrees=belongs == column.criteria,
            )


def _repeated(statements: Sequence[Mapping[str, Any]]) -> Iterator[Check]:
    """Two statements of one quantity."""
    for one, two in combinations([s for s in statements if "quantity" in s], 2):
        if one["quantity"] == two["quantity"]:
            yield _check(
                "stated_twice",
                one["quantity"],
                (one["place"], _text(one["value"])),
                (two["place"], _text(two["value"])),
                agrees=_same(one["value"], two["value"]),
            )


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, str) and isinstance(two, str):
        first, second = rounding.printed(one), rounding.printed(two)
        if first and second:
            fine, coarse = (first, second) if first.decimals >= second.decimals else (second, first)
            return bool(rounding.rule(coarse, float(fine.value)))
    words = [{w.lower() for w in ([value] if isinstance(value, str) else value)} for value in (one, two)]
    return words[0] == words[1]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _p_rule(statements: Sequence[Mapping[str, Any]]) -> Iterator[Check]:
    """How many of a text's P values of tables each test reproduces, and whether one gives all."""
    tables = {
        s["id"]: (s["value"], s["compute"]["p_value"]["counts"])
        for s in statements
        if "p_value" in s.get("compute", {})
    }
    if len(tables) < 2:
        return
    agreed: dict[str, dict[str, bool]] = {}
    for name, (value, counts) in tables.items():
        shown = rounding.printed(value)
        found = grouped.usual(counts)
        agreed[name] = {test: bool(shown and rounding.rule(shown, p)) for test, p in found.items()}
    complete = set(grouped.rule_for_all(agreed))
    for test in dict.fromkeys(name for found in agreed.values() for name in found):
        n = sum(found.get(test, False) for found in agreed.values())
        verdict = AGREES if test in complete else PARTLY if complete else DISAGREES
        yield Check("p_values_by_one_test", test, "reproduced", str(n), "of", str(len(agreed)), verdict)
