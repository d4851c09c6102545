"""Two measurements of the same patients: Wilcoxon's signed-rank test, exact where small (scipy)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

EXACT_PAIRS = 15


@dataclass(frozen=True)
class Paired:
    """Pairs, medians of both sides, median difference (second less first), the P value and its method."""

    n: int
    first: float
    second: float
    difference: float
    p: float
    method: str
    smallest_p: float


def compare(first: ArrayLike, second: ArrayLike) -> Paired:
    """Compare two columns of the same patients (n each); pairs with a missing side are left out.

    Differences of 0 are dropped before ranking (Wilcoxon 1945). Up to 15 pairs every choice of signs is
    counted, ties included; beyond, scipy's normal approximation. Raises ValueError for unequal lengths.
    """
    from scipy.stats import rankdata, wilcoxon

    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    kept = ~np.isnan(one) & ~np.isnan(two)
    one, two = one[kept], two[kept]
    if not one.size:
        missing = float("nan")
        return Paired(0, missing, missing, missing, missing, "none", missing)
    difference = two - one
    moved = difference[difference != 0]
    middle = (float(np.median(one)), float(np.median(two)), float(np.median(difference)))
    if not moved.size:
        return Paired(one.size, *middle, float("nan"), "no_difference", float("nan"))
    if moved.size > EXACT_PAIRS:
        p = float(wilcoxon(moved, method="asymptotic").pvalue)
        return Paired(one.size, *middle, p, "signed_rank_asymptotic", smallest(moved.size))
    ranks = rankdata(np.abs(moved))
    signs = np.array(list(product((0, 1), repeat=moved.size)))
    sums, centre = signs @ ranks, ranks.sum() / 2
    observed = ranks[moved > 0].sum()
    p = float((np.abs(sums - centre) >= abs(observed - centre) - 1e-9).mean())
    return Paired(one.size, *middle, p, "signed_rank_exact", smallest(moved.size))


def smallest(pairs: int) -> float:
    """The smallest two-sided P that so many pairs can give: all differences have one sign."""
    return 2.0 / 2.0**pairs
