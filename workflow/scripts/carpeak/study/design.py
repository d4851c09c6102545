"""The model over donors as the configuration names it: a formula, an outcome, an order of times.

Its columns are those of the sample sheet or, per donor, of the patients' table. What can be estimated of it
is the audit's (`donors.audit`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import nearest
from . import sheet

if TYPE_CHECKING:
    from .samples import Sample

DONOR, CONDITION = "donor", "condition"
OF_SHEET = (DONOR, CONDITION, "batch", "chemistry", "sorted")  # columns that every sheet may have
MISSING = ("", "NA", "NaN", "nan", "n/a")
PATIENT = "patient"
_NAME = re.compile(r"[A-Za-z_]\w*")
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")
_FORMULA = re.compile(r"^\s*~[\w\s+:*()]+$")


def variables(formula: str | None) -> list[str]:
    """The columns that a formula names, in its order."""
    return [name for name in dict.fromkeys(_NAME.findall(formula or "")) if name != "C"]


def own_columns(settings: Mapping[str, Any]) -> list[str]:
    """The columns beyond the sheet's usual ones that `settings` (the block `donors`) needs."""
    named = variables(settings["formula"]) + ([settings["outcome"]] if settings["outcome"] else [])
    return [name for name in dict.fromkeys(named) if name not in OF_SHEET]


def problems(
    settings: Mapping[str, Any], samples: Sequence[Sample], contrasts: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """What is wrong in the model that the block `donors` names, as sentences."""
    found = _of_formula(settings["formula"], samples, contrasts) if settings["formula"] else []
    outcome = settings["outcome"]
    if outcome in (DONOR, CONDITION):
        found.append(
            f"donors.outcome: '{outcome}' is no outcome. Name a column that says one thing per donor."
        )
    elif outcome:
        found += _of_outcome(outcome, samples)
    if len(settings["times"]) == 1:
        found.append("donors.times: one condition has no order. Name two or more, the first one first.")
    conditions = sorted({sample.condition for sample in samples})
    found += [
        f"donors.times: no sample has the condition '{one}'{nearest(one, conditions)}; conditions: "
        f"{', '.join(conditions)}"
        for one in settings["times"]
        if conditions and one not in conditions
    ]
    return found


def _of_outcome(outcome: str, samples: Sequence[Sample]) -> list[str]:
    """Donors who have two values of an outcome."""
    values: dict[str, set[str]] = {}
    for sample in samples:
        value = sample.columns.get(outcome) or str(getattr(sample, outcome, "") or "")
        values.setdefault(sample.donor, set()).update({value} - {""})
    twice = sorted(donor for donor, of in values.items() if len(of) > 1)
    return [f"donors.outcome: {donor} has more than one value of '{outcome}'." for donor in twice]


def _of_formula(
    formula: str, samples: Sequence[Sample], contrasts: Mapping[str, Mapping[str, str]]
) -> list[str]:
    if not _FORMULA.match(formula) or any(name != "C" for name in _CALL.findall(formula)):
        return [
            f"donors.formula: '{formula}' can't be read. It starts with ~ and joins columns by +, such as "
            "'~ donor + condition + batch'; : and * join two, C(column) takes numbers for names."
        ]
    named, found = variables(formula), []
    if CONDITION not in named:
        found.append(f"donors.formula: '{formula}' lacks condition, which the contrasts compare. Add it.")
    if re.search(r"\bcondition\b\s*\)?\s*[:*]|[:*]\s*(C\()?\s*condition\b", formula):
        found.append(
            "donors.formula: condition stands in it by itself. How the change differs between groups of "
            "donors is asked by donors.outcome; between CAR+ and other T cells it is always told."
        )
    for contrast in contrasts.values() if DONOR not in named else ():
        sides: dict[str, set[str]] = {}
        for sample in samples:
            sides.setdefault(sample.donor, set()).add(sample.condition)
        twice = [donor for donor, of in sorted(sides.items()) if set(contrast.values()) <= of]
        if twice:
            found.append(
                f"donors.formula: '{formula}' lacks donor, but {twice[0]} has libraries on both sides: they "
                "are no independent patients. Add donor."
            )
            break
    return found


def filled(
    samples: Sequence[Sample], columns: Sequence[str], *, patients: str | None
) -> tuple[tuple[Sample, ...], list[str]]:
    """`samples` with those `columns` that the sheet lacks, from the patients' table; and what is wrong.

    A value that is missing is empty: the donor then takes no part where it is needed. Raises UserError where
    the table can't be read.
    """
    lacking = [name for name in columns if not any(name in sample.columns for sample in samples)]
    if not lacking:
        return tuple(samples), []
    if not patients or not Path(patients).is_file():
        told = "the sample sheet lacks the column" if not patients else "no table holds the column"
        return tuple(samples), [
            f"donors: {told} '{name}'. Add it to the sheet, or name a table with it (donors.patients)."
            for name in lacking
        ]
    rows = [row for _, row in sheet.rows(Path(patients))]
    header = list(rows[0])
    found = [
        f"donors.patients: {patients} lacks the column '{name}'{nearest(name, header)}; it has "
        f"{', '.join(header)}"
        for name in (PATIENT, *lacking)
        if name not in header
    ]
    times = Counter(row.get(PATIENT, "") for row in rows)
    twice = sorted(name for name, n in times.items() if n > 1)
    found += [f"donors.patients: {patients} has the patient '{name}' twice" for name in twice]
    of_donor = {row.get(PATIENT, ""): row for row in rows}
    result = []
    for sample in samples:
        row = of_donor.get(sample.donor, {})
        result.append(
            replace(sample, columns={**sample.columns, **{name: _value(row, name) for name in lacking}})
        )
    return tuple(result), found


def _value(row: Mapping[str, str], name: str) -> str:
    text = row.get(name, "")
    return "" if text in MISSING else text
