"""Rank correlation of a patient's clinical values with the findings of the same patient's cells."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

SMALLEST_N = 4  # three patients can never give a P below 0.33
EXACT_N = 8
DRAWS = 20_000


@dataclass(frozen=True)
class Correlation:
    """Patients with both values, Spearman's coefficient, its permutation P and how that was found."""

    n: int
    rho: float
    p: float
    method: str


def spearman(first: ArrayLike, second: ArrayLike, *, seed: int = 0) -> Correlation:
    """Spearman's rank correlation of two values per patient, missing ones left out.

    P counts orders of the patients at least as correlated: all of them up to 8 patients, else 20,000 drawn
    ones (the given order counts as one, Phipson and Smyth 2010). Missing with fewer than 4 patients or a
    constant side.
    """
    from scipy.stats import rankdata

    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    kept = ~np.isnan(one) & ~np.isnan(two)
    one, two = rankdata(one[kept]), rankdata(two[kept])
    n = int(kept.sum())
    if n < SMALLEST_N or not one.std() or not two.std():
        return Correlation(n, float("nan"), float("nan"), "too_few" if n < SMALLEST_N else "constant")
    one, two = (one - one.mean()) / one.std(), (two - two.mean()) / two.std()
    rho = float(one @ two / n)
    if n <= EXACT_N:
        orders = np.array(list(permutations(range(n))))
        p = float((np.abs(two[orders] @ one / n) >= abs(rho) - 1e-9).mean())
        return Correlation(n, rho, p, "exact")
    random = np.random.default_rng(seed)
    drawn = np.array([two[random.permutation(n)] @ one / n for _ in range(DRAWS)])
    p = float((1 + (np.abs(drawn) >= abs(rho) - 1e-9).sum()) / (DRAWS + 1))
    return Correlation(n, rho, p, "permutation")
