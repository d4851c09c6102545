"""Cumulative incidence with competing risks, and Gray's test between groups.

Both are our own: lifelines' Aalen-Johansen estimator moves tied times apart at random, and no well-kept
Python library holds Gray's test. R's cmprsk gives the values they are tested against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from .survival import held

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence of one cause at the event times (time 0 first), with its variance."""

    n: int
    events: int
    times: NDArray[np.float64]
    estimate: NDArray[np.float64]
    variance: NDArray[np.float64]


@dataclass(frozen=True)
class Gray:
    """Gray's test: statistic, degrees of freedom, P."""

    statistic: float
    df: int
    p: float


def incidence(days: ArrayLike, events: ArrayLike, *, cause: int) -> Incidence:
    """Aalen and Johansen's estimate for `cause` among `events` (0 censored, 1, 2, ...), ties as ties.

    The variance is Aalen's (1978), as cmprsk gives it. Raises ValueError where nothing is there.
    """
    time, event = held(days, events)
    if not time.size:
        msg = "a cumulative incidence needs at least one patient"
        raise ValueError(msg)
    at = np.unique(time[event > 0])
    n = (time[None, :] >= at[:, None]).sum(axis=1).astype(float)
    own = ((time == at[:, None]) & (event == cause)).sum(axis=1).astype(float)
    every = ((time == at[:, None]) & (event > 0)).sum(axis=1).astype(float)
    before = np.concatenate([[1.0], np.cumprod(1 - every / n)[:-1]]) if at.size else np.empty(0)
    estimate = np.cumsum(before * own / n)
    return Incidence(
        int(time.size),
        int((event == cause).sum()),
        np.concatenate([[0.0], at]),
        np.concatenate([[0.0], estimate]),
        np.concatenate([[0.0], _aalen_variance(n, own, every, before, estimate)]),
    )


def _aalen_variance(
    n: NDArray[np.float64],
    own: NDArray[np.float64],
    every: NDArray[np.float64],
    before: NDArray[np.float64],
    estimate: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Variance at each event time: martingale sums of own and of competing events, with a factor for ties."""
    survival = before * (1 - every / n)
    other = every - own
    with np.errstate(divide="ignore", invalid="ignore"):
        tied_own = np.where(own > 1, 1 - (own - 1) / (n - 1), 1.0)
        tied_other = np.where(other > 1, 1 - (other - 1) / (n - 1), 1.0)
        weight_own = tied_own * before**2 * own / n**2
        weight_other = tied_other * before**2 * other / n**2
        # F(t) reacts to an own event at u by 1 - (F(t) - F(u)) / S(u), to a competing one without the 1.
        held_back = np.where(survival > 0, 1 / survival, 0.0)
    total = np.zeros(n.size)
    for place in range(n.size):
        upto = slice(0, place + 1)
        lost = (estimate[place] - estimate[upto]) * held_back[upto]
        total[place] = (weight_own[upto] * (1 - lost) ** 2).sum() + (weight_other[upto] * lost**2).sum()
    return total


def at(
    curve: Incidence, day: float, *, kind: str = "log_log", level: float = LEVEL
) -> tuple[float, float, float]:
    """The incidence at `day` with its interval.

    ``log_log`` (Kalbfleisch and Prentice) or ``plain``, cut at 0 and 1.
    """
    place = int(np.searchsorted(curve.times, day, side="right")) - 1
    estimate, error = float(curve.estimate[place]), float(np.sqrt(curve.variance[place]))
    z = float(ndtri((1 + level) / 2))
    if kind == "plain":
        return estimate, max(estimate - z * error, 0.0), min(estimate + z * error, 1.0)
    if not 0 < estimate < 1:
        return estimate, float("nan"), float("nan")
    width = z * error / (estimate * np.log(estimate))
    return estimate, float(estimate ** np.exp(-width)), float(estimate ** np.exp(width))


def gray(days: Sequence[ArrayLike], events: Sequence[ArrayLike], *, cause: int = 1) -> Gray:
    """Gray's (1988) test that the cumulative incidence of `cause` is the same in all groups (rho = 0).

    Missing where there is one group only or no event of the cause.
    """
    from scipy.stats import chi2

    groups = [pair for pair in (held(d, e) for d, e in zip(days, events)) if pair[0].size]
    if len(groups) < 2 or not any((event == cause).any() for _, event in groups):
        return Gray(float("nan"), len(groups) - 1, float("nan"))
    score, variance = _scores(groups, cause)
    last = len(groups) - 1
    statistic = float(score[:last] @ np.linalg.pinv(variance[:last, :last]) @ score[:last])
    return Gray(statistic, last, float(chi2.sf(statistic, last)))


def _scores(
    groups: Sequence[tuple[NDArray[np.float64], NDArray[np.int_]]], cause: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores of the groups and their covariance, summed over event times as in section 2 of Gray (1988).

    For group k: `risk` at risk, `alive` = S_k(t-), `seen` = F_k(t-); `pooled` = F(t) under equality.
    The covariance is a sum over independent counting processes (own and competing events of every group) of
    squared integrands; each integrand depends on later times through `later` (c), so the squares are kept in
    three parts: without c (`v`), with it once (`once`) and twice (`twice`).
    """
    size = len(groups)
    alive, seen = np.ones(size), np.zeros(size)
    score, v = np.zeros(size), np.zeros((size, size))
    later, once, twice = np.zeros((size, size)), np.zeros((size, size)), np.zeros(size)
    pooled = 0.0
    for moment in np.unique(np.concatenate([time[event > 0] for time, event in groups])):
        risk = np.array([(time >= moment).sum() for time, _ in groups], dtype=float)
        own = np.array([((time == moment) & (event == cause)).sum() for time, event in groups], dtype=float)
        other = (
            np.array([((time == moment) & (event > 0)).sum() for time, event in groups], dtype=float) - own
        )
        there = risk > 0
        weight = np.where(there, risk / np.where(alive > 0, alive, 1), 0.0)
        total, all_own = weight.sum(), own.sum()
        adjusted = weight * (1 - seen)
        score += own - all_own * adjusted / adjusted.sum()
        before, pooled = pooled, pooled + all_own / total
        after = np.where(there, alive * (1 - (own + other) / np.where(there, risk, 1)), alive)
        seen = seen + np.where(there, alive * own / np.where(there, risk, 1), 0.0)
        a = np.diag(weight) - np.outer(weight, weight) / total
        later += a * all_own / (total * (1 - before))
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(after > 0, (1 - pooled) / after, 0.0)
        for k in np.flatnonzero(there):
            if all_own:
                hit = 1 - reach[k] if after[k] > 0 else 1.0
                tied = 1 - (all_own - 1) / (total * alive[k] - 1) if all_own > 1 else 1.0
                share = tied * alive[k] * all_own / (total * risk[k])
                part = a[:, k] - hit * later[:, k]
                v += np.outer(part, part) * share
                once[:, k] += part * hit * share
                twice[k] += hit**2 * share
            if other[k] and after[k] > 0:
                hit = reach[k]
                tied = 1 - (other[k] - 1) / (risk[k] - 1) if other[k] > 1 else 1.0
                share = tied * alive[k] ** 2 * other[k] / risk[k] ** 2
                part = hit * later[:, k]
                v += np.outer(part, part) * share
                once[:, k] -= part * hit * share
                twice[k] += hit**2 * share
        alive = after
    v += (later * twice) @ later.T + later @ once.T + once @ later.T
    return score, v
