"""The section on the patients: what each table of results/cohort says, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import io
from . import cohort_words as words
from . import wording
from .tables import records

if TYPE_CHECKING:
    import pandas as pd

NAMES = dict.fromkeys(("grouping", "group", "level", "patient", "response", "event", "variable"), str)
ORDER = ("disagrees", "depends", "not_recomputable", "agrees")
COMMON = 12  # adverse events in the section; the table holds all


def section(
    inputs: Mapping[str, Any], embed: Callable[[str], Any], *, cells_simulated: bool | None = None
) -> str:
    """The HTML of the section.

    `inputs` maps ``cohort`` (the tables), ``cohort_figures``, ``cohort_summary``, ``cohort_correlations`` and
    ``cohort_template`` to paths; `embed` makes a figure of a path; `cells_simulated` says so of the cells of
    the same page, None where there are none.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(Path(inputs["cohort_template"]).read_text(encoding="utf-8"))
    figures = {Path(path).stem: embed(path) for path in inputs["cohort_figures"]}
    return template.render(**_context(inputs), cells_simulated=bool(cells_simulated), figures=figures)


def _context(inputs: Mapping[str, Any]) -> dict[str, Any]:
    tables = {Path(path).stem: io.read_table(path, dtype=NAMES) for path in inputs["cohort"]}
    told = io.read_json(inputs["cohort_summary"])
    labels = told["labels"]
    correlations = [io.read_table(path) for path in inputs.get("cohort_correlations") or []]
    statements, checks = _statements(tables["statements"]), _checks(tables["checks"])
    return {
        "summary": told,
        "findings": _findings(tables, told),
        "statements": statements,
        "checks": [one for one in checks if one["verdict"] == "disagrees"],
        "verdicts": {name: text for name, text in words.VERDICTS.items() if name in told["verdicts"]},
        "p_rule": words.p_rule(tables["checks"]),
        "characteristics": _characteristics(tables["characteristics"], tables["tests"], labels),
        "columns": _columns(tables["characteristics"], labels),
        "rates": _rates(tables["rates"], labels),
        "tests": _tests(tables["tests"], labels),
        "pairs": [words.pair(row, labels) for row in records(tables["pairs"])],
        "kinetics": _kinetics(tables["kinetics_groups"]),
        "correlations": _correlations(correlations[0], labels) if correlations else [],
        "has": {name: bool(len(table)) for name, table in tables.items()},
    }


def _findings(tables: Mapping[str, pd.DataFrame], told: Mapping[str, Any]) -> list[str]:
    found = []
    responses = tables["responses"]
    every = responses[responses["grouping"].isna() & (responses["level"] == "responders")]
    for row in records(every.dropna(subset=["n"])):
        found.append(words.responders(row))
    trend = tables["tests"][tables["tests"]["analysis"] == "trend"]
    found += [words.trend(float(p)) for p in trend["p"].dropna()]
    rates = tables["rates"]
    overall = rates[rates["grouping"].isna()]
    for endpoint in ("os", "efs"):
        part = overall[overall["endpoint"] == endpoint]
        if len(part):
            found.append(words.survival(endpoint, part))
    severe = tables["adverse"].dropna(subset=["severe"]).sort_values("severe", ascending=False, kind="stable")
    if len(severe) and told["patients"]:
        found.append(words.worst(records(severe)[0], told["patients"]))
    return found


def _statements(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = [
        {
            **row,
            "chip": words.CHIPS[row["verdict"]],
            "word": words.VERDICTS[row["verdict"]],
            "because": words.because(row),
            "recomputed": words.blank(row["recomputed"]),
        }
        for row in records(table)
    ]
    return sorted(rows, key=lambda row: ORDER.index(row["verdict"]))


def _checks(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {"verdict": row["verdict"], "sentence": words.check(row)}
        for row in records(table)
        if row["check"] != "p_values_by_one_test"
    ]


def _columns(table: pd.DataFrame, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """All patients, then the groups of the first grouping: heading and number of patients."""
    held = table.fillna({"grouping": "", "group": ""})
    sets = records(held[["grouping", "group", "patients"]].drop_duplicates())
    first = next((one["grouping"] for one in sets if one["grouping"]), "")
    return [
        {
            "key": (one["grouping"], one["group"]),
            "heading": f"{labels.get(first, first)} {one['group']}" if one["grouping"] else "All",
            "patients": int(one["patients"]),
        }
        for one in sets
        if one["grouping"] in ("", first)
    ]


def _characteristics(
    table: pd.DataFrame, tests: pd.DataFrame, labels: Mapping[str, str]
) -> list[dict[str, Any]]:
    """One row per variable and level, a cell per group; the test stands in the variable's first row."""
    held = table.fillna({"grouping": "", "group": "", "level": ""})
    columns = [one["key"] for one in _columns(table, labels)]
    grouping = next((key[0] for key in columns if key[0]), "")
    asked = tests[(tests["analysis"] == "characteristics") & (tests["grouping"] == grouping)]
    test = {row["variable"]: row for row in records(asked)}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in records(held):
        key = (row["variable"], row["level"])
        one = rows.setdefault(key, {"cells": {}, "level": row["level"], "variable": row["variable"]})
        one["cells"][row["grouping"], row["group"]] = words.cell(row)
    seen: set[str] = set()
    found = []
    for (variable, _), one in rows.items():
        first = variable not in seen
        seen.add(variable)
        found.append(
            {
                "label": wording.upper_first(labels.get(variable, variable)) if first else "",
                "level": one["level"],
                "cells": [one["cells"].get(key, "") for key in columns],
                "test": words.test_cell(test.get(variable)) if first else "",
            }
        )
    return found


def _rates(table: pd.DataFrame, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    return [words.rate(row, labels) for row in records(table.fillna({"grouping": "", "group": ""}))]


def _tests(table: pd.DataFrame, labels: Mapping[str, str]) -> list[dict[str, str]]:
    later = table[table["analysis"].isin(["survival", "incidence", "kinetics", "trend"])]
    return [words.test(row, labels) for row in records(later.dropna(subset=["p"]))]


def _kinetics(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [words.kinetic(row) for row in records(table.fillna({"group": ""}))]


def _correlations(table: pd.DataFrame, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    held = table[np.isfinite(table["p"].astype(float))].sort_values("p", kind="stable")
    return [words.correlation(row, labels) for row in records(held)]
