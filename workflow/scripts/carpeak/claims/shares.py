"""Claims on a share: that it changed between the two conditions, or agrees with what a cytometer saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from .verdict import (
    ABSENT,
    CELLS,
    INDETERMINATE,
    MIN_CELLS,
    OPPOSED,
    SUPPORTED,
    Finding,
    Interval,
    Tables,
    beyond,
    draws,
    for_direction,
    not_estimable,
    percent,
    too_few,
)

if TYPE_CHECKING:
    import pandas as pd

LINEAGES = ("CD4", "CD8")
LEAST_CHANGE = 0.05  # five cells in a hundred
LEAST_APART = 0.10  # ten points: what two stains of one sample commonly differ by


def share_change(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """Share of one label at the test side less that at the reference.

    The error of a side is that of sampling cells or, where it is larger and the side has one library, that of
    the interval in the table, which holds label error. Over several donors nothing is said: cells of donors
    are not to be pooled, and their shares are compared in tables/donors.composition.CONTRAST.tsv.
    """
    population, label = quantity["population"], quantity["label"]
    if len(tables.donors()) > 1:
        return not_estimable("Shares of several donors are compared donor by donor, not pooled.")
    place = f"{population}_lineage" if label in LINEAGES else population
    shares, errors, parts = [], [], []
    for condition in (tables.contrast["reference"], tables.contrast["test"]):
        counts = tables.counts(place, condition, scheme=quantity["scheme"])
        total = int(counts.sum())
        if total < MIN_CELLS:
            return too_few(population, total, condition)
        n = int(counts.get(label, 0))
        shares.append(n / total)
        drawn = draws([n, total - n], tables.seed)[:, 0]
        errors.append(max(float(drawn.std()), _told(tables, place, condition, label)))
        parts.append(f"{condition}: {label} holds {percent(n / total)} of {total:,} {CELLS[population]}")
    found = Interval.normal(shares[1] - shares[0], float(np.hypot(errors[0], errors[1])))
    limit = LEAST_CHANGE if quantity.get("min_effect") is None else float(quantity["min_effect"])
    reason = f"{'; '.join(parts)}; limit {percent(limit)}."
    if blurred := tables.not_told_apart(*tables.contrast.values(), scheme=quantity["scheme"], states=[label]):
        reason += f" Too many cells may be misnamed to tell apart: {', '.join(blurred)}."
        return Finding(INDETERMINATE, *found[:3], reason)
    verdict = for_direction(beyond(found, limit), quantity["direction"])
    if verdict == INDETERMINATE and found.within(limit):
        verdict = ABSENT
    return Finding(verdict, *found[:3], reason)


def _told(tables: Tables, population: str, condition: str, label: str) -> float:
    """The standard error behind the table's own interval; 0 where the side has several libraries or none."""
    part = tables.composition
    rows = part[
        (part["population"] == population) & (part["condition"] == condition) & (part["label"] == label)
    ]
    if len(rows) != 1 or "fraction_low" not in rows:
        return 0.0
    width = float(rows["fraction_high"].iloc[0] - rows["fraction_low"].iloc[0])
    return width / 2 / float(ndtri(0.975)) if np.isfinite(width) else 0.0


def flow_agreement(tables: Tables, quantity: Mapping[str, Any]) -> Finding:
    """Estimated CAR+ share less the share by flow cytometry, in the library where they differ most.

    `supported` where every library's 95 % interval lies within the limit of the flow cytometer's share,
    `opposed` where one lies beyond it as a whole.
    """
    rows = _with_flow(tables)
    if rows is None or rows.empty:
        return not_estimable("No library has both an estimated CAR+ share and one by flow cytometry.")
    limit = LEAST_APART if quantity.get("min_effect") is None else float(quantity["min_effect"])
    flow = rows["flow_car_percent"].to_numpy(dtype=float) / 100
    low, middle, high = (
        rows[name].to_numpy(dtype=float) - flow
        for name in ("car_fraction_low", "car_fraction", "car_fraction_high")
    )
    apart = (low > limit) | (high < -limit)
    together = (low > -limit) & (high < limit)
    verdict = OPPOSED if apart.any() else SUPPORTED if together.all() else INDETERMINATE
    worst = int(np.argmax(np.abs(middle)))
    reason = "; ".join(
        f"{row['sample']}: {percent(row['car_fraction'])} ({percent(row['car_fraction_low'])} to "
        f"{percent(row['car_fraction_high'])}) estimated, {row['flow_car_percent']:g} % by flow cytometry"
        for row in rows.to_dict("records")
    )
    return Finding(verdict, float(middle[worst]), float(low[worst]), float(high[worst]), f"{reason}.")


def _with_flow(tables: Tables) -> pd.DataFrame | None:
    """The libraries of the contrast that have both shares."""
    table = tables.car
    if table is None:
        return None
    rows = table[table["condition"].isin(list(tables.contrast.values()))]
    known = rows["identifiable"].astype(str).eq("True") & rows["flow_car_percent"].notna()
    return rows[known]
