"""What a series says of a patient: peak, its day, area under the curve to day 28."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

AUC_DAY = 28.0
FINDINGS = ("peak", "peak_day", "auc")


def findings(series: pd.DataFrame) -> pd.DataFrame:
    """One row per patient and variable: ``peak``, ``peak_day``, ``auc`` (see `area`), ``n`` days measured.

    `series` holds patient, day, variable, value. Days before the infusion count for neither peak nor area.
    The first of equal peaks is taken.
    """
    import pandas as pd

    rows = []
    held = series.dropna(subset=["value"])
    for (variable, patient), part in held.groupby(["variable", "patient"], sort=True):
        after = part[part["day"] >= 0].sort_values("day", kind="stable")
        if after.empty:
            continue
        day, value = after["day"].to_numpy(float), after["value"].to_numpy(float)
        top = int(np.argmax(value))
        rows.append((variable, patient, len(after), value[top], day[top], area(day, value)))
    return pd.DataFrame(rows, columns=["variable", "patient", "n", "peak", "peak_day", "auc"])


def area(days: ArrayLike, values: ArrayLike, *, until: float = AUC_DAY) -> float:
    """Area by trapezoids from the first day measured to day `until`; the value there is interpolated.

    Missing with fewer than two days, or where the last day measured is before `until`: no extrapolation.
    """
    x, y = np.asarray(days, dtype=float), np.asarray(values, dtype=float)
    if x.size < 2 or x[-1] < until or x[0] >= until:
        return float("nan")
    inside = x < until
    x, y = np.append(x[inside], until), np.append(y[inside], np.interp(until, x, y))
    return float(np.trapezoid(y, x))
