"""Simple Good-Turing: what share of all RNA each gene has, genes that were not seen among them.

Gale and Sampson, Journal of Quantitative Linguistics 1995;2:217-237.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIDENCE = 1.96  # the Turing estimate is used while it differs from the smoothed one by so many errors


def proportions(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """The share of each gene, from how often each was seen; shares sum to 1.

    `counts` holds one number per gene. The genes that were never seen divide what Good and Turing leave
    for them, the share of the genes that were seen once, equally; as if one had been seen once, where none
    was: a share of 0 would make a single UMI of such a gene impossible.
    """
    seen = counts > 0
    if not seen.any():
        return np.full(len(counts), 1 / max(len(counts), 1))
    times, place, genes = np.unique(counts[seen], return_inverse=True, return_counts=True)
    once = float(genes[0]) if times[0] == 1 else 1.0
    unseen_share = 0.0 if seen.all() else once / max(float(counts.sum()), 2.0)
    adjusted = _adjusted(times.astype(np.float64), genes.astype(np.float64))
    result = np.zeros(len(counts))
    result[seen] = (1 - unseen_share) * (adjusted / (adjusted * genes).sum())[place]
    result[~seen] = unseen_share / max(int((~seen).sum()), 1)
    return result


def _adjusted(times: NDArray[np.float64], genes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The expected count (r*) behind each observed count `times`, which so many `genes` have."""
    if len(times) < 2:
        return times
    before = np.concatenate([[0.0], times[:-1]])
    after = np.concatenate([times[1:], [2 * times[-1] - before[-1]]])
    slope = np.polyfit(np.log(times), np.log(2 * genes / (after - before)), 1)[0]
    adjusted = times * (1 + 1 / times) ** (slope + 1)
    for i, r in enumerate(times):
        following = genes[i + 1] if i + 1 < len(times) and times[i + 1] == r + 1 else 0.0
        if not following:
            break
        turing = (r + 1) * following / genes[i]
        error = turing * np.sqrt(1 / following + 1 / genes[i])
        if abs(turing - adjusted[i]) <= CONFIDENCE * error:
            break
        adjusted[i] = turing
    return adjusted
