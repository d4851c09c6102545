"""Statements that can be held against other numbers of the same text, without any patient's row.

Each method returns the values that each usual way of computing gives; a printed number agrees if one of them
is printed so.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from scipy.special import ndtri

from . import grouped, paired, shares
from .rounding import Printed

Spec = Mapping[str, Any]
INTERVALS = (*shares.METHODS, "log_log", "log")


def percent_of(spec: Spec) -> dict[str, float]:
    """`n` of `total` in percent."""
    return {"": 100 * spec["n"] / spec["total"]}


def sum_of(spec: list[float]) -> dict[str, float]:
    """The parts added up."""
    return {"": float(sum(Decimal(str(part)) for part in spec))}


def p_value(spec: Spec) -> dict[str, float]:
    """P of a table of counts under each usual test."""
    found = grouped.usual(spec["counts"])
    return {name: p for name, p in found.items() if name != "expected_counts"}


def interval_of(spec: Spec) -> dict[str, tuple[float, float]]:
    """The interval of `n` of `total` in percent, by each usual method.

    ``log_log`` and ``log`` are those of a Kaplan-Meier curve without censoring, ``wald`` is its plain one.
    """
    n, total = spec["n"], spec["total"]
    found: dict[str, tuple[float, float]] = {}
    for method in shares.METHODS:
        held = shares.share(n, total, method=method)
        found[method] = (100 * held.low, 100 * held.high)
    if 0 < n < total:
        share, z = n / total, float(ndtri(0.975))
        error = float(np.sqrt((1 - share) / (share * total)))
        width = z * error / np.log(share)
        found["log_log"] = (100 * share ** np.exp(-width), 100 * share ** np.exp(width))
        found["log"] = (100 * share * np.exp(-z * error), 100 * min(share * np.exp(z * error), 1.0))
    return found


def mirrored(low: Printed, high: Printed, estimate: Printed, *, percent: bool) -> tuple[float, float, bool]:
    """What each bound would be if the interval were symmetric about the estimate, and whether it is.

    Bounds of percentages are cut at 0 and 100. The printed numbers may each be off by half their last digit.
    """
    below, above, middle = (float(one.value) for one in (low, high, estimate))
    slack = 2 * estimate.unit / 2 + low.unit / 2 + high.unit / 2 + 1e-9
    other_high, other_low = 2 * middle - below, 2 * middle - above
    cut_high, cut_low = (percent and above >= 100), (percent and below <= 0)
    symmetric = (
        abs(other_high - above) <= slack
        or (cut_high and other_high >= 100 - slack)
        or (cut_low and above >= middle)
    )
    if cut_high and cut_low:
        symmetric = True
    return other_low, other_high, bool(symmetric)


def wide_enough(estimate: float, half_width: float, n: int) -> bool:
    """Whether `n` patients can give a plain 95 % interval of a survival rate so narrow (all in percent).

    Censoring only widens Greenwood's interval: without it the error is that of a share of `n`.
    """
    return half_width >= float(ndtri(0.975)) * float(np.sqrt(estimate * (100 - estimate) / n)) - 0.1


def remainder(parts: list[Printed]) -> tuple[float, float]:
    """100 less the parts, and by how much printed numbers may be off it."""
    return 100.0 - float(sum(part.value for part in parts)), sum(part.unit / 2 for part in parts)


def median_rules(median: float, *, rate_percent: float, at: float) -> dict[str, bool]:
    """Whether a median time fits a survival rate at a time, by each rule for curves that meet one half.

    ``first_at_half``: the first time at which the curve is at or below one half. ``midpoint``: the middle of
    the stretch on which it is one half, as R's survival reports it.
    """
    if rate_percent > 50:
        return {"first_at_half": median > at, "midpoint": median >= at}
    if rate_percent < 50:
        return {"first_at_half": median <= at, "midpoint": median <= at}
    return {"first_at_half": median <= at, "midpoint": True}


def attainable_p(pairs: int) -> list[float]:
    """Every two-sided P that the exact signed-rank test of so many pairs without ties can give."""
    ways = np.ones(1)
    for rank in range(1, pairs + 1):
        longer = np.zeros(ways.size + rank)
        longer[: ways.size] += ways
        longer[rank:] += ways
        ways = longer
    tail = 2 * np.cumsum(ways) / 2.0**pairs
    assert tail[0] == paired.smallest(pairs)
    return [float(p) for p in tail if p <= 1]
