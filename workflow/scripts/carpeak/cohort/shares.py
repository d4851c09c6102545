"""Shares of patients and summaries of numbers, with exact and with score intervals (statsmodels)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

LEVEL = 0.95
METHODS = {
    "clopper_pearson": "beta",
    "wilson": "wilson",
    "wald": "normal",
    "agresti_coull": "agresti_coull",
    "jeffreys": "jeffreys",
}


@dataclass(frozen=True)
class Share:
    """`n` of `total`, with an interval; all missing (NaN) where `total` is 0."""

    n: int
    total: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """Numbers in short: how many, median, range and quartiles (linear between order statistics)."""

    n: int
    median: float
    low: float
    high: float
    q1: float
    q3: float
    mean: float


def share(n: int, total: int, *, method: str = "clopper_pearson", level: float = LEVEL) -> Share:
    """A share with its interval by one of METHODS.

    Raises ValueError unless 0 <= n <= total.
    """
    from statsmodels.stats.proportion import proportion_confint

    if not 0 <= n <= total:
        msg = "a share needs 0 <= n <= total"
        raise ValueError(msg)
    if total == 0:
        return Share(0, 0, np.nan, np.nan, np.nan)
    low, high = proportion_confint(n, total, alpha=1 - level, method=METHODS[method])
    return Share(n, total, n / total, float(low), float(high))


def summary(values: ArrayLike) -> Summary:
    """Median, range, quartiles and mean of what is not missing; all missing where nothing is there."""
    held = np.asarray(values, dtype=float)
    held = held[~np.isnan(held)]
    if not held.size:
        return Summary(0, *[np.nan] * 6)
    q1, median, q3 = np.quantile(held, [0.25, 0.5, 0.75])
    return Summary(
        held.size,
        float(median),
        float(held.min()),
        float(held.max()),
        float(q1),
        float(q3),
        float(held.mean()),
    )
