"""Adverse events by grade, of patients or counted; each patient counts with the worst grade."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import shares

if TYPE_CHECKING:
    import pandas as pd

GRADES = (1, 2, 3, 4, 5)

# Lowest and highest grade that CTCAE 5.0 (NCI, 2017) defines for a term, where not 1 to 5. Terms as
# publications write them, in lower case.
CTCAE_RANGE = {
    "fatigue": (1, 3),
    "tremor": (1, 3),
    "restlessness": (1, 3),
    "alopecia": (1, 2),
    "sepsis": (3, 5),
    "pseudomonal sepsis": (3, 5),
    "hypoxia": (2, 5),
    "neutropenia": (1, 4),
    "neutrophil count decreased": (1, 4),
    "thrombocytopenia": (1, 4),
    "platelet count decreased": (1, 4),
    "aspartate aminotransferase increased": (1, 4),
    "alanine aminotransferase increased": (1, 4),
}


def by_grade(events: pd.DataFrame | None, counts: pd.DataFrame | None, *, total: int | None) -> pd.DataFrame:
    """One row per term: ``event``, ``any``, ``grade_1`` to ``grade_5``, ``severe`` (3 and above), shares.

    Grades that a publication does not count are missing. Terms by falling number, then by name.
    """
    import pandas as pd

    if events is not None:
        worst = events.groupby(["event", "patient"], as_index=False)["grade"].max()
        table = pd.DataFrame({"event": sorted(worst["event"].unique())})
        table["any"] = [int((worst["event"] == name).sum()) for name in table["event"]]
        for grade in GRADES:
            table[f"grade_{grade}"] = [
                float(((worst["event"] == name) & (worst["grade"] == grade)).sum()) for name in table["event"]
            ]
    elif counts is not None:
        table = counts.copy()
        for grade in GRADES:
            if f"grade_{grade}" not in table:
                table[f"grade_{grade}"] = np.nan
        table = table[["event", "any", *[f"grade_{grade}" for grade in GRADES]]]
    else:
        return pd.DataFrame(columns=["event", "any", *[f"grade_{grade}" for grade in GRADES], "severe"])
    table["severe"] = table[["grade_3", "grade_4", "grade_5"]].sum(axis=1, min_count=1)
    table = table.sort_values(["any", "event"], ascending=[False, True], kind="stable", ignore_index=True)
    if total:
        held = [shares.share(int(n), total) if 0 <= n <= total else shares.share(0, 0) for n in table["any"]]
        table["share"] = [one.share for one in held]
        table["low"] = [one.low for one in held]
        table["high"] = [one.high for one in held]
    return table
