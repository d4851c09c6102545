"""Exact tests of a donor-level quantity against a column of the patients' table, from five patients on.

Groups (response: yes or no) are tested by Fisher's exact test on the quantity's halves, ordered grades by
Spearman's rank correlation with all permutations, drawn at random where there are too many.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEAST_PATIENTS = 5
MOST_PERMUTATIONS = 50_000  # 8! = 40,320 are listed; from nine patients on, so many are drawn
TIE = 1e-12


class Association(NamedTuple):
    """An estimate with its 95 % interval and the exact two-sided p over `n` patients."""

    n: int
    estimate: float
    low: float
    high: float
    p_value: float
    exact: bool


def spearman(quantity: ArrayLike, grade: ArrayLike, *, seed: int) -> Association:
    """Rank correlation of a quantity with an ordered grade; p over permutations of the patients.

    The interval is that of Fisher's z with Bonett and Wright's (2000) variance. Raises ValueError for fewer
    than five patients, or where all have the same value.
    """
    x, y = (stats.rankdata(np.asarray(one, dtype=float)) for one in (quantity, grade))
    n = len(x)
    if n < LEAST_PATIENTS or np.ptp(x) == 0 or np.ptp(y) == 0:
        msg = f"a correlation needs {LEAST_PATIENTS} patients who differ in both columns; there are {n}"
        raise ValueError(msg)
    x, y = x - x.mean(), y - y.mean()
    scale = math.sqrt((x**2).sum() * (y**2).sum())
    rho = float(x @ y / scale)
    exact = math.factorial(n) <= MOST_PERMUTATIONS
    orders = (
        np.array(list(itertools.permutations(range(n))))
        if exact
        else np.random.default_rng(seed).permuted(np.tile(np.arange(n), (MOST_PERMUTATIONS, 1)), axis=1)
    )
    extreme = int((np.abs(y[orders] @ x) / scale >= abs(rho) - TIE).sum())
    p = extreme / len(orders) if exact else (extreme + 1) / (len(orders) + 1)
    width = stats.norm.ppf(0.975) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    centre = math.atanh(min(max(rho, -1 + 1e-9), 1 - 1e-9))
    return Association(n, rho, math.tanh(centre - width), math.tanh(centre + width), p, exact)


def fisher(quantity: ArrayLike, group: NDArray[np.bool_] | ArrayLike) -> Association:
    """log2 odds ratio of lying above the median for patients of `group` against the others.

    p is Fisher's exact one, the interval the exact conditional one (infinite where a cell is empty). Raises
    ValueError for fewer than five patients or an empty group.
    """
    x, inside = np.asarray(quantity, dtype=float), np.asarray(group, dtype=bool)
    n = len(x)
    if n < LEAST_PATIENTS or inside.all() or not inside.any():
        msg = f"a comparison of groups needs {LEAST_PATIENTS} patients in two groups; there are {n}"
        raise ValueError(msg)
    above = x > np.median(x)
    counts = [[int((above & side).sum()), int((~above & side).sum())] for side in (inside, ~inside)]
    odds = stats.contingency.odds_ratio(counts, kind="conditional")
    interval = odds.confidence_interval(0.95)
    with np.errstate(divide="ignore"):
        low, centre, high = (float(np.log2(one)) for one in (interval.low, odds.statistic, interval.high))
    return Association(n, centre, low, high, float(stats.fisher_exact(counts).pvalue), exact=True)
