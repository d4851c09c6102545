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
LEAST_DF = 2  # as three pairs have: with one, an interval is thirteen standard errors wide


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
    p_alike: float = float("nan")


def of_association(found: Association) -> Verdict:
    """What an exact test against a column of the patients says, before Holm (see `family`)."""
    word = _by_association(found, found.p_value)
    return Verdict(word, "", found.n, 0, 0, None, found.p_value, float("nan"), (), found)


def _by_association(found: Association, p: float) -> str:
    if p >= LEVEL:
        return INDETERMINATE
    return SUPPORTED if found.estimate > 0 else OPPOSED


def one(
    effects: ArrayLike,
    variances: ArrayLike,
    *,
    limit: float,
    decision: str,
    reasons: Sequence[str] = (),
    covariates: ArrayLike | None = None,
    in_test: ArrayLike | None = None,
) -> Verdict:
    """What the donors' `effects` say of a statement, before Holm (see `family`).

    `limit` is the least effect of interest, not negative. `decision` and `reasons` are those of the audit,
    `covariates` (donors x columns) what the design adjusts for. Where donors are not paired, `in_test` says
    on which side each stands: effects are then levels, and their difference between the sides is judged.
    """
    y, v = np.asarray(effects, dtype=float), np.asarray(variances, dtype=float)
    n = len(y)
    paired = in_test is None
    clear = clearly(y, v, limit) if paired else np.zeros(n, dtype=np.int64)
    clear_for, against = int((clear > 0).sum()), int((clear < 0).sum())
    floor = 2 / 2**n if n and paired else float("nan")
    found = Verdict(NOT_ESTIMABLE, "", n, clear_for, against, None, float("nan"), floor, tuple(reasons))
    if decision == audit.NOT_ESTIMABLE or n == 0:
        return found
    if paired and n < LEAST_DONORS:
        return replace(found, seen=_seen(n, clear_for, against))
    columns, too_few = _columns(n, covariates, in_test)
    if too_few:
        return replace(found, reasons=(*reasons, too_few))
    pooled = meta.pool(y, v, covariates=columns, tested=0 if paired else 1)
    found = replace(found, pooled=pooled, p_adjusted=pooled.p_value, p_alike=pooled.p_alike)
    return replace(found, verdict=_verdict(found, limit))


def _columns(
    n: int, covariates: ArrayLike | None, in_test: ArrayLike | None
) -> tuple[NDArray[np.float64] | None, str]:
    """The columns beside the intercept, and a reason why they can't be had from `n` donors (else empty)."""
    side = np.empty((n, 0)) if in_test is None else np.asarray(in_test, dtype=float)[:, None]
    if side.size and min(side.sum(), n - side.sum()) < audit.LEAST_UNPAIRED:
        return None, f"few_unpaired:{int(n - side.sum())}+{int(side.sum())}"
    extra = np.empty((n, 0)) if covariates is None else np.asarray(covariates, dtype=float).reshape(n, -1)
    one = np.ones((n, 1))
    tested, kept = (one, side) if not side.size else (side, one)
    for column in extra.T:  # what follows from the others changes nothing
        kept = kept if _holds(kept, column) else np.column_stack([kept, column])
    if _holds(kept, tested[:, 0]):
        return None, "aliased:formula"
    columns = np.column_stack([side, kept[:, 0 if not side.size else 1 :]])
    if n - 1 - columns.shape[1] < LEAST_DF:
        return None, "few_df"
    return (columns if columns.shape[1] else None), ""


def _holds(matrix: NDArray[np.float64], column: NDArray[np.float64]) -> bool:
    """Whether a column follows from those of a matrix."""
    if not matrix.shape[1]:
        return not column.any()
    return bool(np.linalg.matrix_rank(np.column_stack([matrix, column])) == np.linalg.matrix_rank(matrix))


def clearly(effects: NDArray[np.float64], variances: NDArray[np.float64], limit: float) -> NDArray[np.int64]:
    """1 for donors clearly for the statement, -1 for those clearly against it, else 0.

    A donor is clear where its own 95 % interval leaves out 0 and its effect reaches `limit`: with thousands
    of cells an effect too small to matter would be sure as well. Among many donors some are clear by chance:
    that they differ is said by Cochran's Q over the family (see `family`).
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


def _verdict(found: Verdict, limit: float) -> str:
    """The verdict by both p of `found`, adjusted or not."""
    pooled, clear_for, against, p = found.pooled, found.clearly_for, found.clearly_against, found.p_adjusted
    assert pooled is not None
    if clear_for and against:
        return HETEROGENEOUS if found.p_alike < LEVEL else INDETERMINATE
    if p < LEVEL and pooled.low > 0 and pooled.estimate >= limit and not against:
        return SUPPORTED
    if p < LEVEL and pooled.high < 0 and pooled.estimate <= -limit and not clear_for:
        return OPPOSED
    low, high = pooled.interval(1 - 2 * LEVEL)
    return ABSENT if -limit < low and high < limit else INDETERMINATE


def family(verdicts: Sequence[Verdict], limits: Sequence[float]) -> list[Verdict]:
    """The verdicts of a declared family, with both p (of an effect, of donors alike) adjusted by Holm (1979).

    A verdict that only held before the adjustment is indeterminate. Statements without a p (fewer than three
    donors, not estimable) are no part of the count.
    """
    tested = [number for number, found in enumerate(verdicts) if not np.isnan(found.p_adjusted)]
    adjusted = holm([verdicts[number].p_adjusted for number in tested])
    pooled = [number for number in tested if verdicts[number].pooled is not None]
    alike = dict(zip(pooled, holm([verdicts[number].p_alike for number in pooled]), strict=True))
    result = list(verdicts)
    for number, p in zip(tested, adjusted, strict=True):
        found = replace(verdicts[number], p_adjusted=p)
        if found.association is not None:
            word = _by_association(found.association, p)
        else:
            found = replace(found, p_alike=alike[number])
            word = _verdict(found, limits[number])
        result[number] = replace(found, verdict=word)
    return result


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p so that one false finding in the whole family is as rare as the level says (Holm 1979)."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1)
    return [float(one) for one in adjusted]
