"""Response by dose: the exact trend test of Cochran and Armitage.

scipy and statsmodels hold only the asymptotic test; with a dozen patients the null distribution is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from . import grouped

LARGEST_SUM = 2_000_000


@dataclass(frozen=True)
class Trend:
    """Patients, responders, the exact two-sided P and that for a rising share."""

    n: int
    responders: int
    p: float
    p_rising: float


def exact(doses: Sequence[float], responded: Sequence[bool]) -> Trend:
    """Permutation test of the sum of the responders' doses, over all choices of as many responders.

    Doses enter as they are (0.5, 1, 1.5), as whole multiples of their common unit; the two-sided P holds
    every choice at least as far from the expected sum. Missing P where dose or response never varies.
    Raises ValueError where the doses have no common unit that is coarse enough.
    """
    given = [(dose, bool(hit)) for dose, hit in zip(doses, responded) if not np.isnan(dose)]
    hits = sum(hit for _, hit in given)
    if len({dose for dose, _ in given}) < 2 or hits in (0, len(given)):
        return Trend(len(given), hits, float("nan"), float("nan"))
    scores = _whole([dose for dose, _ in given])
    ways = grouped.subset_sums(scores, hits)
    observed = int(sum(score for score, (_, hit) in zip(scores, given) if hit))
    centre = scores.sum() * hits / len(scores)
    sums = np.arange(ways.size)
    far = np.abs(sums - centre) >= abs(observed - centre) - 1e-9
    return Trend(
        len(given),
        hits,
        float(ways[far].sum() / ways.sum()),
        float(ways[sums >= observed].sum() / ways.sum()),
    )


def _whole(doses: Sequence[float]) -> np.ndarray:
    """Doses less the smallest, as whole multiples of the largest common unit."""
    fractions = [Fraction(str(round(dose, 6))) - Fraction(str(round(min(doses), 6))) for dose in doses]
    denominator = int(np.lcm.reduce([f.denominator for f in fractions]))
    whole = np.array([int(f * denominator) for f in fractions])
    whole = whole // max(int(np.gcd.reduce(whole)), 1)
    if whole.sum() > LARGEST_SUM:
        msg = "the doses have no common unit; round them"
        raise ValueError(msg)
    return whole
