"""Verdicts on statements over patients, from each donor's own effect and variance.

Effects have the sign of the statement: positive speaks for it. Words for the keys are the report's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from . import audit, meta

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .patients import Association

SUPPORTED, OPPOSED, ABSENT = "supported", "opposed", "absent"
HETEROGENEOUS, INDETERMINATE, NOT_ESTIMABLE = "heterogeneous", "indeterminate", "not_estimable"
SEEN, UNSEEN = "seen_in_this_patient", "opposite_in_this_patient"
CONCORDANT, DISCORDANT, OPPOSITE = "concordant", "discordant", "opposite_in_both"
UNCLEAR = "unclear"
LEVEL = 0.05
LEAST_DONORS = 3


@dataclass(frozen=True)
class Verdict:
    """The verdict on one statement.

    `verdict` is one of the six on patients. `seen` is a key on one or two donors (SEEN, CONCORDANT, ...),
    empty from three on. `n` donors count; `clearly_for` and `clearly_against` of them by themselves. `pooled`
    is missing below three donors. `p_adjusted` is by Holm over the family. `floor` is the least p that an
    exact sign-flip test over `n` donors can reach.
    """

    verdict: str
    seen: str
    n: int
    clearly_for: int
    clearly_against: int
    pooled: meta.Pooled | None
    p_adjusted: float
    floor: float
    reasons: tuple[str, ...] = ()
    association: Association | None = None


def of_association(found: Association) -> Verdict:
    """What an exact test against a column of the patients says, before Holm (see `family`)."""
    word = _by_association(found, found.p_value)
    return Verdict(word, "", found.n, 0, 0, None, found.p_value, float("nan"), (), found)


def _by_association(found: Association, p: float) -> str:
    if p >= LEVEL:
        return INDETERMINATE
    return SUPPORTED if found.estimate > 0 else OPPOSED


def one(
    effects: ArrayLike, variances: ArrayLike, *, limit: float, decision: str, reasons: Sequence[str] = ()
) -> Verdict:
    """What the donors' `effects` say of a statement, before Holm (see `family`).

    `limit` is the least effect of interest, not negative. `decision` and `reasons` are those of the audit.
    """
    y, v = np.asarray(effects, dtype=float), np.asarray(variances, dtype=float)
    clear = clearly(y, v, limit)
    clear_for, against = int((clear > 0).sum()), int((clear < 0).sum())
    n = len(y)
    floor = 2 / 2**n if n else float("nan")
    found = Verdict(NOT_ESTIMABLE, "", n, clear_for, against, None, float("nan"), floor, tuple(reasons))
    if decision == audit.NOT_ESTIMABLE or n == 0:
        return found
    if n < LEAST_DONORS:
        return replace(found, seen=_seen(n, clear_for, against))
    pooled = meta.pool(y, v)
    return replace(found, verdict=_verdict(pooled, limit, clear_for, against, pooled.p_value),
                   pooled=pooled, p_adjusted=pooled.p_value)  # fmt: skip


def clearly(effects: NDArray[np.float64], variances: NDArray[np.float64], limit: float) -> NDArray[np.int64]:
    """1 for donors clearly for the statement, -1 for those clearly against it, else 0.

    A donor is clear where its own 95 % interval leaves out 0 and its effect reaches `limit`: with thousands
    of cells an effect too small to matter would be sure as well.
    """
    width = ndtri(0.975) * np.sqrt(variances)
    sure = (np.abs(effects) > width) & (np.abs(effects) >= limit)
    return (np.sign(effects) * sure).astype(np.int64)


def _seen(n: int, clear_for: int, against: int) -> str:
    """What one or two donors show, which is no statement on patients."""
    if n == 1:
        return SEEN if clear_for else UNSEEN if against else UNCLEAR
    if clear_for == n:
        return CONCORDANT
    if against == n:
        return OPPOSITE
    return DISCORDANT if clear_for and against else UNCLEAR


def _verdict(pooled: meta.Pooled, limit: float, clear_for: int, against: int, p: float) -> str:
    if clear_for and against:
        return HETEROGENEOUS if pooled.p_alike < LEVEL else INDETERMINATE
    if p < LEVEL and pooled.low > 0 and pooled.estimate >= limit and not against:
        return SUPPORTED
    if p < LEVEL and pooled.high < 0 and pooled.estimate <= -limit and not clear_for:
        return OPPOSED
    low, high = pooled.interval(1 - 2 * LEVEL)
    return ABSENT if -limit < low and high < limit else INDETERMINATE


def family(verdicts: Sequence[Verdict], limits: Sequence[float]) -> list[Verdict]:
    """The verdicts of a declared family, with p adjusted by Holm (1979).

    A verdict that only held before the adjustment is indeterminate. Statements without a p (fewer than three
    donors, not estimable) are no part of the count.
    """
    tested = [number for number, found in enumerate(verdicts) if not np.isnan(found.p_adjusted)]
    adjusted = holm([verdicts[number].p_adjusted for number in tested])
    result = list(verdicts)
    for number, p in zip(tested, adjusted, strict=True):
        found = verdicts[number]
        if found.association is not None:
            word = _by_association(found.association, p)
        else:
            assert found.pooled is not None
            word = _verdict(found.pooled, limits[number], found.clearly_for, found.clearly_against, p)
        result[number] = replace(found, verdict=word, p_adjusted=p)
    return result


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p so that one false finding in the whole family is as rare as the level says (Holm 1979)."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1)
    return [float(one) for one in adjusted]
