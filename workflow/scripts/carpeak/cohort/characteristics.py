"""Who the patients were: every column by group, with intervals, and the test of a difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import grouped, privacy, shares, trend
from .columns import Column
from .tables import Cohort

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("n", "share", "low", "high")
NUMBERS = ("median", "minimum", "maximum", "q1", "q3", "mean")
FORMER = ("patient", "os_days", "os_event", "efs_days", "efs_event", "relapse_days", "relapse_event")
AFTERWARDS = ("response", "crs_grade", "neurotoxicity_grade", "died", "relapsed")  # no subgroups of patients
SOME_LEVELS = 12  # a column with more words is no category


def groupings(cohort: Cohort) -> list[str]:
    """The columns by which groups are compared: those that are set, else ``group``."""
    assert cohort.patients is not None
    return list(cohort.settings["groups"]) or [name for name in ("group",) if name in cohort.patients]


def groups(cohort: Cohort, grouping: str) -> dict[str, pd.DataFrame]:
    """The patients of each group by its name; all of them, named "", for the grouping ""."""
    assert cohort.patients is not None
    if not grouping:
        return {"": cohort.patients}
    held = cohort.patients[cohort.patients[grouping].notna()]
    return {word(name): part for name, part in held.groupby(grouping, sort=True)}


def described(cohort: Cohort) -> pd.DataFrame:
    """One row per column, group and level: counts with shares, or numbers in short; ``small`` marks few."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for grouping in ("", *groupings(cohort)):
        for group, part in groups(cohort, grouping).items():
            for name, column in _shown(cohort):
                if name != grouping:
                    rows += [
                        {"grouping": grouping, "group": group, "patients": len(part), "variable": name} | row
                        for row in _rows(cohort, part[name], column)
                    ]
    columns = [
        "grouping",
        "group",
        "patients",
        "variable",
        "kind",
        "level",
        "n",
        "total",
        *COUNTS[1:],
        *NUMBERS,
    ]
    table = pd.DataFrame(rows, columns=columns)
    limit = cohort.settings["small_cells"]
    counted = table["kind"] == "count"
    table = privacy.marked(table, limit=limit, within=["grouping", "group", "variable"])
    table["small"] = np.where(counted, table["small"], privacy.is_small(table["n"], limit=limit))
    return table


def compared(cohort: Cohort) -> pd.DataFrame:
    """The test of every column between the groups, with its method and the rule that chose it."""
    import pandas as pd

    assert cohort.patients is not None
    rows = []
    for grouping in groupings(cohort):
        parts = groups(cohort, grouping)
        for name, column in _shown(cohort):
            if name == grouping or len(parts) < 2:
                continue
            if column.numeric:
                test = grouped.ranked([part[name].to_numpy(float) for part in parts.values()])
            else:
                labels = [group for group, part in parts.items() for _ in range(len(part))]
                values = [value for part in parts.values() for value in part[name]]
                test = grouped.counted(grouped.table_of(labels, values)[2])
            rows.append(("characteristics", grouping, name, test.method, test.rule, test.p))
    if cohort.patients is not None and {"dose", "response"} <= set(cohort.patients):
        held = cohort.patients.dropna(subset=["dose", "response"])
        found = trend.exact(held["dose"].tolist(), responded(cohort, held).tolist())
        rows.append(("trend", "dose", "response", "exact_trend", "by_dose", found.p))
    return pd.DataFrame(rows, columns=["analysis", "grouping", "variable", "method", "rule", "p"])


def responses(cohort: Cohort) -> pd.DataFrame:
    """Patients by response and group, from worst to best; ``responders`` is one more level."""
    import pandas as pd

    if cohort.patients is None or "response" not in cohort.patients:
        return pd.DataFrame(
            columns=["grouping", "group", "level", "n", "total", "share", "low", "high", "small"]
        )
    rows = []
    by = ["", *groupings(cohort), *(["dose"] if "dose" in cohort.patients else [])]
    for grouping in dict.fromkeys(by):
        for group, part in groups(cohort, grouping).items():
            held = part.dropna(subset=["response"])
            for level in cohort.settings["responses"]:
                rows.append(
                    _counted(grouping, group, level, int((held["response"] == level).sum()), len(held))
                )
            hits = int(responded(cohort, held).sum())
            rows.append(_counted(grouping, group, "responders", hits, len(held)))
    table = pd.DataFrame(rows, columns=["grouping", "group", "level", "n", "total", "share", "low", "high"])
    return privacy.marked(table, limit=cohort.settings["small_cells"], within=["grouping", "group"])


def subgroups(cohort: Cohort) -> pd.DataFrame:
    """Responders in every subgroup: levels of categories, numbers split at their median, with P."""
    import pandas as pd

    columns = ["variable", "level", "n", "total", "share", "low", "high", "p", "method", "small"]
    if cohort.patients is None or "response" not in cohort.patients:
        return pd.DataFrame(columns=columns)
    held = cohort.patients.dropna(subset=["response"])
    hit = responded(cohort, held)
    rows = []
    for name, column in _shown(cohort):
        if name in AFTERWARDS or column.after or column.kind == "text":
            continue
        levels = _levels(held[name], column)
        counts = [(int(hit[chosen].sum()), int(chosen.sum())) for chosen in levels.values()]
        if len([1 for _, total in counts if total]) < 2:
            continue
        test = grouped.counted([[n, total - n] for n, total in counts if total])
        for level, (n, total) in zip(levels, counts):
            one = shares.share(n, total)
            rows.append((name, level, n, total, one.share, one.low, one.high, test.p, test.method))
    table = pd.DataFrame(rows, columns=columns[:-1])
    return privacy.marked(table, limit=cohort.settings["small_cells"], within=["variable", "level"])


def responded(cohort: Cohort, patients: pd.DataFrame) -> Any:
    """Whether each patient responded (n): the responses that count as such, else the best one."""
    scale = cohort.settings["responses"]
    return patients["response"].isin(cohort.settings["responders"] or scale[-1:]).to_numpy()


def word(value: object) -> str:
    """A level as a word: yes and no for truth values, numbers without a point where they are whole."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _shown(cohort: Cohort) -> list[tuple[str, Column]]:
    """The columns that describe patients: numbers, grades and categories with some levels."""
    assert cohort.patients is not None
    kept = []
    for name, column in cohort.columns.items():
        if name in FORMER or column.kind in ("id", "list", "days", "code"):
            continue
        if column.kind == "text" and cohort.patients[name].nunique() > SOME_LEVELS:
            continue
        kept.append((name, column))
    return kept


def _rows(cohort: Cohort, values: pd.Series, column: Column) -> list[dict[str, Any]]:
    if column.numeric:
        held = shares.summary(values.to_numpy(float))
        numbers = (held.median, held.low, held.high, held.q1, held.q3, held.mean)
        return [{"kind": "number", "level": "", "n": held.n, "total": held.n} | dict(zip(NUMBERS, numbers))]
    held_values = values.dropna()
    found = []
    levels = column.levels or sorted(set(held_values), key=lambda value: (isinstance(value, str), value))
    for level in levels:
        one = shares.share(int((held_values == level).sum()), len(held_values))
        row = {"kind": "count", "level": word(level), "n": one.n, "total": one.total}
        found.append(row | {"share": one.share, "low": one.low, "high": one.high})
    return found


def _levels(values: pd.Series, column: Column) -> dict[str, Any]:
    if column.numeric and values.nunique() > 3:
        middle = float(values.median())
        return {
            f"up to {middle:g}": (values <= middle).to_numpy(),
            f"above {middle:g}": (values > middle).to_numpy(),
        }
    levels = sorted(set(values.dropna()), key=lambda value: (isinstance(value, str), value))
    return {word(level): (values == level).to_numpy() for level in levels}


def _counted(grouping: str, group: str, level: str, n: int, total: int) -> tuple[Any, ...]:
    one = shares.share(n, total)
    return (grouping, group, level, n, total, one.share, one.low, one.high)
