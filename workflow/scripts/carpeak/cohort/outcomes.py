"""How long it lasted: survival, relapse against non-relapse mortality, and kinetics, by group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import characteristics, competing, grouped, kinetics, paired, privacy, shares, survival
from .tables import Cohort

if TYPE_CHECKING:
    import pandas as pd

SURVIVAL = ("os", "efs")
CAUSES = {"relapse": 1, "non_relapse_mortality": 2}
RATES = ["endpoint", "grouping", "group", "statistic", "day", "n", "events", "estimate", "low", "high"]
RATES += ["plain_low", "plain_high", "at_risk", "beyond"]
CURVES = ["endpoint", "grouping", "group", "day", "estimate", "low", "high", "censored"]
RISK_COLUMNS = 6


def rates(cohort: Cohort) -> pd.DataFrame:
    """Medians, rates at the days asked for, both kinds of intervals and numbers at risk.

    `statistic` is ``median`` (days), ``rate`` (share) or ``follow_up`` (median days, reversed Kaplan-Meier).
    """
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    for endpoint, grouping, group, days, events in _survivals(cohort):
        key = (endpoint, grouping, group)
        curve = survival.kaplan_meier(days, events)
        counts = (curve.n, curve.events)
        rows.append((*key, "median", np.nan, *counts, *survival.median(curve), np.nan, np.nan, np.nan, False))
        for day in cohort.settings["rates_at_days"]:
            one = survival.rate(curve, day, days=days)
            bounds = (*one.log_log, *one.plain)
            rows.append((*key, "rate", day, *counts, one.estimate, *bounds, one.at_risk, one.beyond))
        if endpoint == "os":
            held = survival.follow_up(days, events)
            rows.append((*key, "follow_up", np.nan, *counts, *held, np.nan, np.nan, np.nan, False))
    for cause, grouping, group, days, events in _competing(cohort):
        curve_ = competing.incidence(days, events, cause=CAUSES[cause])
        for day in cohort.settings["rates_at_days"]:
            estimate, low, high = competing.at(curve_, day)
            plain = competing.at(curve_, day, kind="plain")[1:]
            beyond = bool(day > np.max(days))
            counts = (curve_.n, curve_.events)
            rows.append(
                (
                    cause,
                    grouping,
                    group,
                    "rate",
                    day,
                    *counts,
                    estimate,
                    low,
                    high,
                    *plain,
                    survival.at_risk(days, day),
                    beyond,
                )
            )
    return pd.DataFrame(rows, columns=RATES)


def curves(cohort: Cohort) -> pd.DataFrame:
    """The steps of every curve with its interval (log-log); ``censored`` counts those who left that day."""
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    for endpoint, grouping, group, days, events in _survivals(cohort):
        curve = survival.kaplan_meier(days, events)
        low, high = survival.bounds(curve)
        left = [int(((days == day) & (events == 0)).sum()) for day in curve.times]
        rows += [
            (endpoint, grouping, group, *one) for one in zip(curve.times, curve.estimate, low, high, left)
        ]
    for cause, grouping, group, days, events in _competing(cohort):
        found = competing.incidence(days, events, cause=CAUSES[cause])
        times = [*found.times, float(np.max(days))]
        rows += [(cause, grouping, group, day, *competing.at(found, day), 0) for day in dict.fromkeys(times)]
    return pd.DataFrame(rows, columns=CURVES)


def at_risk(cohort: Cohort) -> pd.DataFrame:
    """How many were at risk at some round days, the same for all groups of an endpoint."""
    import pandas as pd

    curves_ = [*_survivals(cohort), *_competing(cohort)]
    last: dict[str, float] = {}
    for endpoint, _, _, days, _ in curves_:
        last[endpoint] = max(float(np.max(days)), last.get(endpoint, 0.0))
    rows = [
        (endpoint, grouping, group, day, survival.at_risk(days, day))
        for endpoint, grouping, group, days, _ in curves_
        for day in _round_days(last[endpoint])
    ]
    return pd.DataFrame(rows, columns=["endpoint", "grouping", "group", "day", "n"])


def tests(cohort: Cohort) -> pd.DataFrame:
    """Log-rank tests of survival, Gray's tests of incidence, rank tests of kinetics, and tests of pairs."""
    import pandas as pd

    rows = []
    for analysis, found in (("survival", _survivals(cohort)), ("incidence", _competing(cohort))):
        sets: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
        for endpoint, grouping, _, days, events in found:
            if grouping:
                sets.setdefault((endpoint, grouping), []).append((days, events))
        for (endpoint, grouping), parts in sets.items():
            split = [[part[place] for part in parts] for place in (0, 1)]
            if analysis == "survival":
                p, method = survival.log_rank(*split), "log_rank"
            else:
                p, method = competing.gray(*split, cause=CAUSES[endpoint]).p, "gray"
            rows.append((analysis, grouping, endpoint, method, "", p))
    found_kinetics = kinetic_findings(cohort)
    for variable, part in found_kinetics.groupby("variable", sort=True):
        held = part[part["group"].notna()]
        for finding in kinetics.FINDINGS if len(set(held["group"])) > 1 else ():
            test = grouped.ranked(
                [one[finding].to_numpy(float) for _, one in held.groupby("group", sort=True)]
            )
            rows.append(("kinetics", "group", f"{variable}: {finding}", test.method, test.rule, test.p))
    return pd.DataFrame(rows, columns=["analysis", "grouping", "variable", "method", "rule", "p"])


def pairs(cohort: Cohort) -> pd.DataFrame:
    """Two measurements of the same patients: medians, difference, exact P and the smallest one possible."""
    import pandas as pd

    rows = []
    for first, second in cohort.settings["pairs"]:
        assert cohort.patients is not None
        one = paired.compare(cohort.patients[first].to_numpy(float), cohort.patients[second].to_numpy(float))
        rows.append(
            (first, second, one.n, one.first, one.second, one.difference, one.p, one.method, one.smallest_p)
        )
    columns = [
        "first",
        "second",
        "n",
        "median_first",
        "median_second",
        "difference",
        "p",
        "method",
        "smallest_p",
    ]
    return pd.DataFrame(rows, columns=columns)


def courses(cohort: Cohort) -> pd.DataFrame:
    """One row per patient with a known time: response, group, days to relapse and to the end."""
    import pandas as pd

    columns = ["patient", "group", "response", "days", "died", "relapse_day"]
    if cohort.patients is None or "os_days" not in cohort.patients:
        return pd.DataFrame(columns=columns)
    held = cohort.patients.dropna(subset=["os_days"])
    by = characteristics.groupings(cohort)
    relapsed = held["relapse_event"] == 1 if "relapse_event" in held else held["os_days"] < 0
    return pd.DataFrame(
        {
            "patient": held["patient"],
            "group": held[by[0]] if by else "",
            "response": held.get("response", ""),
            "days": held["os_days"],
            "died": held["os_event"] == 1,
            "relapse_day": held["relapse_days"].where(relapsed) if "relapse_days" in held else np.nan,
        }
    )


def kinetic_findings(cohort: Cohort) -> pd.DataFrame:
    """Peak, its day and area per patient and variable, with the patient's group."""
    import pandas as pd

    if cohort.series is None or cohort.patients is None:
        return pd.DataFrame(columns=["variable", "patient", "group", "n", *kinetics.FINDINGS])
    found = kinetics.findings(cohort.series)
    by = characteristics.groupings(cohort)
    group = cohort.patients.set_index("patient")[by[0]] if by else pd.Series(dtype=object)
    found.insert(2, "group", [group.get(name) for name in found["patient"]])
    return found


def kinetic_groups(cohort: Cohort) -> pd.DataFrame:
    """Median and range of each finding, over all patients and by group."""
    import pandas as pd

    rows = []
    found = kinetic_findings(cohort)
    for variable, part in found.groupby("variable", sort=True):
        sets = {"": part} | {str(name): one for name, one in part.groupby("group", sort=True)}
        for group, one in sets.items():
            for finding in kinetics.FINDINGS:
                held = shares.summary(one[finding].tolist())
                rows.append((variable, group, finding, held.n, held.median, held.low, held.high))
    table = pd.DataFrame(rows, columns=["variable", "group", "finding", "n", "median", "minimum", "maximum"])
    return table.assign(small=privacy.is_small(table["n"], limit=cohort.settings["small_cells"]))


def _survivals(cohort: Cohort) -> Iterator[tuple[str, str, str, Any, Any]]:
    """Every survival curve to draw: endpoint, grouping, group, days, events."""
    if cohort.patients is None:
        return
    for endpoint in SURVIVAL:
        for grouping, group, part in _parts(cohort, endpoint):
            days, events = survival.held(part[f"{endpoint}_days"], part[f"{endpoint}_event"])
            if days.size:
                yield endpoint, grouping, group, days, events
    landmark = cohort.settings["landmark_day"]
    if landmark and {"response", "os_days"} <= set(cohort.patients):
        held = cohort.patients.dropna(subset=["response", "os_days"])
        hit = characteristics.responded(cohort, held)
        for group, chosen in (("response", hit), ("no response", ~hit)):
            part = held[chosen]
            days, events, _ = survival.after_landmark(part["os_days"], part["os_event"], landmark)
            if days.size:
                yield "landmark_os", "response", group, days, events


def _competing(cohort: Cohort) -> Iterator[tuple[str, str, str, Any, Any]]:
    for cause in CAUSES if cohort.patients is not None else ():
        for grouping, group, part in _parts(cohort, "relapse"):
            days, events = survival.held(part["relapse_days"], part["relapse_event"])
            if days.size:
                yield cause, grouping, group, days, events


def _parts(cohort: Cohort, endpoint: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    assert cohort.patients is not None
    if f"{endpoint}_days" not in cohort.patients:
        return
    for grouping in ("", *characteristics.groupings(cohort)):
        for group, part in characteristics.groups(cohort, grouping).items():
            yield grouping, group, part


def _round_days(last: float) -> list[float]:
    """Up to RISK_COLUMNS + 1 round days from 0 to the last."""
    steps = (7, 14, 30, 60, 90, 180, 360, 720, 1440, 2880, 5760)
    step = next((one for one in steps if last / one <= RISK_COLUMNS), steps[-1])
    return [float(day) for day in range(0, int(last) + 1, step)]
