"""Everything a cohort's tables give, as the tables of results/cohort."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import adverse, characteristics, correlation, crosschecks, outcomes, privacy, verdicts
from .tables import Cohort

if TYPE_CHECKING:
    import pandas as pd

PERSONAL = ("kinetics", "courses", "series")  # one row per patient; left empty where small cells are hidden
EMPTY = {  # columns of tables without rows, where there are no rows of patients
    "characteristics": ["grouping", "group", "patients", "variable", "kind", "level", "n", "total", "small"],
    "tests": ["analysis", "grouping", "variable", "method", "rule", "p"],
    "responses": ["grouping", "group", "level", "n", "total", "share", "low", "high", "small"],
    "subgroups": ["variable", "level", "n", "total", "share", "low", "high", "p", "method", "small"],
    "series": ["patient", "day", "variable", "value"],
}
LISTS = ("methods", "missing", "patients")


def tables(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """Every table by its name; those without anything to say have columns and no rows."""
    import pandas as pd

    found: dict[str, pd.DataFrame] = {"statements": _statements(cohort), "checks": _checks(cohort)}
    found["adverse"] = _adverse(cohort)
    if cohort.patients is not None:
        found["characteristics"] = characteristics.described(cohort)
        found["tests"] = pd.concat(
            [one for one in (characteristics.compared(cohort), outcomes.tests(cohort)) if len(one)]
            or [characteristics.compared(cohort)],
            ignore_index=True,
        )
        found["responses"], found["subgroups"] = (
            characteristics.responses(cohort),
            characteristics.subgroups(cohort),
        )
    else:
        found |= {name: pd.DataFrame(columns=names) for name, names in EMPTY.items() if name != "series"}
    found["rates"], found["curves"] = outcomes.rates(cohort), outcomes.curves(cohort)
    found["at_risk"], found["pairs"] = outcomes.at_risk(cohort), outcomes.pairs(cohort)
    found["courses"] = outcomes.courses(cohort)
    found["series"] = pd.DataFrame(columns=EMPTY["series"]) if cohort.series is None else cohort.series
    found["kinetics"], found["kinetics_groups"] = (
        outcomes.kinetic_findings(cohort),
        outcomes.kinetic_groups(cohort),
    )
    return _without_small(found) if cohort.settings["hide_small_cells"] else found


def summary(cohort: Cohort, found: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """What the report says first: how many patients, what was given, and the verdicts counted."""
    counted = found["statements"]["verdict"].value_counts().to_dict() if len(found["statements"]) else {}
    checks = found["checks"]
    small = sum(int(table["small"].sum()) for table in found.values() if "small" in table)
    return {
        "patients": cohort.total,
        "rows": cohort.patients is not None,
        "source": cohort.source,
        "labels": {name: column.title for name, column in cohort.columns.items()},
        "verdicts": {str(name): int(n) for name, n in sorted(counted.items())},
        "checks": {
            str(name): int(n) for name, n in sorted(checks["verdict"].value_counts().to_dict().items())
        },
        "small_cells": small,
        "small_below": cohort.settings["small_cells"],
        "simulated": bool(cohort.settings["simulated"]),
        "hidden": bool(cohort.settings["hide_small_cells"]),
    }


def correlations(cohort: Cohort, cells: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Each number of the patients against each finding of the same patients' cells, by rank.

    `cells` holds patient, finding, value. Patients without either are left out; nothing here is a cause.
    """
    import pandas as pd

    rows = []
    if cohort.patients is not None:
        held = cohort.patients.set_index("patient")
        numbers = [name for name, one in cohort.columns.items() if one.numeric or one.kind == "grade"]
        for finding, part in cells.groupby("finding", sort=True):
            values = part.set_index("patient")["value"]
            both = [name for name in held.index if name in values.index]
            for name in numbers:
                one = correlation.spearman(
                    held.loc[both, name].to_numpy(float), values[both].to_numpy(float), seed=seed
                )
                rows.append((name, finding, one.n, one.rho, one.p, one.method))
    return pd.DataFrame(rows, columns=["variable", "finding", "n", "rho", "p", "method"])


def _statements(cohort: Cohort) -> pd.DataFrame:
    import pandas as pd

    names = list(verdicts.Verdict.__dataclass_fields__)
    rows = [asdict(one) for one in verdicts.examine(cohort)]
    joined = [row | {name: ", ".join(row[name]) for name in LISTS} for row in rows]
    return pd.DataFrame(joined, columns=names)


def _checks(cohort: Cohort) -> pd.DataFrame:
    import pandas as pd

    rows = [asdict(one) for one in crosschecks.examine(cohort)]
    return pd.DataFrame(rows, columns=list(crosschecks.Check.__dataclass_fields__))


def _adverse(cohort: Cohort) -> pd.DataFrame:
    table = adverse.by_grade(cohort.events, cohort.event_counts, total=cohort.total)
    limit = cohort.settings["small_cells"]
    small = privacy.is_small(table["any"].astype(float), limit=limit)
    for grade in adverse.GRADES:
        small |= privacy.is_small(table[f"grade_{grade}"].astype(float), limit=limit)
    return table.assign(small=small)


def _without_small(found: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables with marked counts and everything about single patients left out."""
    counts = ["n", "share", "low", "high", *characteristics.NUMBERS, "any", "severe"]
    counts += [f"grade_{grade}" for grade in adverse.GRADES]
    shown = {
        name: privacy.hidden(table, columns=counts) if "small" in table else table
        for name, table in found.items()
    }
    shown["statements"] = shown["statements"].assign(patients="")
    return shown | {name: shown[name].iloc[:0] for name in PERSONAL}
