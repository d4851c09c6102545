"""Survival by lifelines: Kaplan-Meier curves, two kinds of intervals, medians, rates, at risk, log-rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
INTERVALS = ("log_log", "plain")


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve at its steps (time 0 first): estimate, Greenwood's sum, numbers at risk.

    `greenwood` is the sum of d / (n (n - d)) up to each time; `n` are the patients, `events` their events.
    """

    n: int
    events: int
    times: NDArray[np.float64]
    estimate: NDArray[np.float64]
    greenwood: NDArray[np.float64]
    last: float


@dataclass(frozen=True)
class Rate:
    """Survival at one time with both intervals, and how many were still at risk."""

    day: float
    estimate: float
    log_log: tuple[float, float]
    plain: tuple[float, float]
    at_risk: int
    beyond: bool  # nobody was followed so long and the curve has not reached 0


def kaplan_meier(days: ArrayLike, events: ArrayLike) -> Curve:
    """The product-limit curve of `days` (n) with `events` (n; 0 censored, 1 event).

    Raises ValueError where nothing is there.
    """
    from lifelines import KaplanMeierFitter

    time, event = held(days, events)
    if not time.size:
        msg = "a survival curve needs at least one patient"
        raise ValueError(msg)
    fitted = KaplanMeierFitter().fit(time, event)
    table = fitted.event_table
    n, d = table["at_risk"].to_numpy(float), table["observed"].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(d > 0, d / (n * (n - d)), 0.0)
    estimate = fitted.survival_function_.iloc[:, 0].to_numpy(float)
    return Curve(
        int(time.size),
        int(event.sum()),
        table.index.to_numpy(float),
        estimate,
        np.cumsum(steps),
        float(time.max()),
    )


def bounds(
    curve: Curve, *, kind: str = "log_log", level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pointwise interval of the curve by Greenwood's variance: ``log_log`` (R's "log-log") or ``plain``.

    Plain intervals are cut at 0 and 1. Where the estimate is 0 the interval is missing, as in R.
    """
    z = ndtri((1 + level) / 2)
    s = curve.estimate
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "plain":
            width = z * s * np.sqrt(curve.greenwood)
            low, high = np.maximum(s - width, 0), np.minimum(s + width, 1)
        else:
            width = z * np.sqrt(curve.greenwood) / np.log(s)
            low, high = s ** np.exp(-width), s ** np.exp(width)
    low, high = np.where(s == 1, 1.0, low), np.where(s == 1, 1.0, high)
    return np.where(s > 0, low, np.nan), np.where(s > 0, high, np.nan)


def rate(curve: Curve, day: float, *, days: ArrayLike, level: float = LEVEL) -> Rate:
    """Survival at `day`; `days` are the patients' times, from which those at risk are counted."""
    place = int(np.searchsorted(curve.times, day, side="right")) - 1
    both = {kind: bounds(curve, kind=kind, level=level) for kind in INTERVALS}
    pair = {kind: (float(low[place]), float(high[place])) for kind, (low, high) in both.items()}
    beyond = bool(day > curve.last and curve.estimate[-1] > 0)
    return Rate(day, float(curve.estimate[place]), pair["log_log"], pair["plain"], at_risk(days, day), beyond)


def at_risk(days: ArrayLike, day: float) -> int:
    """Patients whose time is `day` or later."""
    values = np.asarray(days, dtype=float)
    return int((values[~np.isnan(values)] >= day).sum())


def median(curve: Curve, *, level: float = LEVEL) -> tuple[float, float, float]:
    """Median time and its interval by the log-log bounds (Brookmeyer and Crowley 1982).

    The first time at which the curve is at or below one half; infinite where it never is. The lower bound is
    missing where the curve falls to 0 before its bound reaches one half, as in R.
    """
    low, high = bounds(curve, level=level)
    middle, first, last = (_first_at_half(curve.times, values) for values in (curve.estimate, low, high))
    return middle, first if first <= middle else float("nan"), last


def _first_at_half(times: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    reached = np.flatnonzero(values <= 0.5 + 1e-12)
    return float(times[reached[0]]) if reached.size else float("inf")


def follow_up(days: ArrayLike, died: ArrayLike) -> tuple[float, float, float]:
    """Median follow-up by the reversed Kaplan-Meier method: death censors, the last contact is the event."""
    time, event = held(days, died)
    return median(kaplan_meier(time, 1 - event))


def log_rank(days: Sequence[ArrayLike], events: Sequence[ArrayLike]) -> float:
    """P of the log-rank test of two or more groups; missing without an event or a second group."""
    from lifelines.statistics import multivariate_logrank_test

    groups = [held(d, e) for d, e in zip(days, events)]
    groups = [pair for pair in groups if pair[0].size]
    if len(groups) < 2 or not sum(event.sum() for _, event in groups):
        return float("nan")
    labels = np.repeat(np.arange(len(groups)), [time.size for time, _ in groups])
    time, event = (np.concatenate(part) for part in zip(*groups))
    return float(multivariate_logrank_test(time, labels, event).p_value)


def after_landmark(
    days: ArrayLike, events: ArrayLike, day: float
) -> tuple[NDArray[np.float64], NDArray[np.int_], NDArray[np.bool_]]:
    """Times from the landmark `day` on, events, and which patients (n) were still at risk then.

    Anderson, Cain and Gelber (1983): those who had the event or left before the landmark are left out.
    """
    values = np.asarray(days, dtype=float)
    kept = values > day  # missing times compare false
    return values[kept] - day, np.asarray(events, dtype=float)[kept].astype(int), kept


def held(days: ArrayLike, events: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """Times and events of the patients for whom both are there."""
    time, event = np.asarray(days, dtype=float), np.asarray(events, dtype=float)
    kept = ~np.isnan(time) & ~np.isnan(event)
    return time[kept], event[kept].astype(int)
