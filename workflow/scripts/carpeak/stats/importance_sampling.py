"""Averages over a posterior of few parameters without chance: a mode, then quasi-random importance sampling.

Adaptive multiple importance sampling (Cornuet et al., Scandinavian Journal of Statistics 2012) from
multivariate t distributions, with scrambled Sobol points of a fixed seed and the balance heuristic of
Veach and Guibas (1995). The same density gives the same points to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import gammaincinv, logsumexp, ndtri

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Density = Callable[[Floats], Floats]

FREEDOM = 5.0  # degrees of freedom of the proposals: tails heavier than the target's
ROUNDS = 6
PER_ROUND = 2048
ENOUGH = 1400.0  # effective points at which sampling stops


@dataclass(frozen=True)
class WeightedPoints:
    """Weighted `points` (points x parameters); `weights` sum to 1; `effective`: Kish's effective number."""

    points: Floats
    weights: Floats
    mode: Floats
    effective: float

    def even(self, number: int) -> Floats:
        """`number` equally weighted points, by systematic resampling along the first parameter."""
        order = np.argsort(self.points[:, 0], kind="stable")
        edges = np.cumsum(self.weights[order])
        return self.points[order[np.searchsorted(edges, (np.arange(number) + 0.5) / number * edges[-1])]]


def quantile(values: Floats, weights: Floats, at: Floats) -> Floats:
    """Weighted quantiles, linear between the midpoints of the sorted points' weights."""
    order = np.argsort(values, kind="stable")
    w = weights[order]
    middle = np.cumsum(w) - w / 2
    return np.interp(np.asarray(at) * w.sum(), middle, values[order])


@lru_cache(maxsize=16)
def _standard(dimension: int, number: int, seed: int) -> Floats:
    from scipy.stats import qmc

    unit = qmc.Sobol(dimension + 1, scramble=True, seed=seed).random(number)
    unit = np.clip(unit, 1e-12, 1 - 1e-12)
    chi = 2 * gammaincinv(FREEDOM / 2, unit[:, 0])
    return ndtri(unit[:, 1:]) * np.sqrt(FREEDOM / chi)[:, None]


def _log_t(points: Floats, centre: Floats, factor: Floats) -> Floats:
    z = solve_triangular(factor, (points - centre).T, lower=True)
    d = len(centre)
    return -0.5 * (FREEDOM + d) * np.log1p((z**2).sum(axis=0) / FREEDOM) - np.log(np.diag(factor)).sum()


def _stencil(centre: Floats, step: Floats) -> Floats:
    d = len(centre)
    eye = np.diag(step)
    rows = [centre, *(centre + eye), *(centre - eye)]
    for i in range(d):
        for j in range(i):
            rows += [centre + eye[i] + eye[j], centre - eye[i] - eye[j]]
    return np.array(rows)


def _derivatives(density: Density, centre: Floats, step: Floats) -> tuple[float, Floats, Floats]:
    """Value, gradient and Hessian by central differences: one call of the density."""
    d = len(centre)
    values = density(_stencil(centre, step))
    value, up, down, mixed = values[0], values[1 : d + 1], values[d + 1 : 2 * d + 1], values[2 * d + 1 :]
    hessian = np.diag((up + down - 2 * value) / step**2)
    pairs = [(i, j) for i in range(d) for j in range(i)]
    for n, (i, j) in enumerate(pairs):
        both = mixed[2 * n] + mixed[2 * n + 1] - up[i] - down[i] - up[j] - down[j] + 2 * value
        hessian[i, j] = hessian[j, i] = both / (2 * step[i] * step[j])
    return float(value), (up - down) / (2 * step), hessian


def mode(density: Density, starts: Floats, *, scale: Floats) -> tuple[Floats, Floats]:
    """The best point found from `starts` (best three are climbed) and the covariance of a normal there.

    `scale`: sizes of the parameters' prior spread; the covariance is held within it.
    """
    values = density(starts)
    best: tuple[float, Floats, Floats] | None = None
    for start in starts[np.argsort(-values, kind="stable")[:3]]:
        found = _climb(density, start, scale)
        if best is None or found[0] > best[0] + 1e-6:
            best = found
    assert best is not None
    return best[1], best[2]


def _climb(density: Density, start: Floats, scale: Floats) -> tuple[float, Floats, Floats]:
    point, step = start.copy(), scale * 1e-2
    shrink = 0.5 ** np.arange(12)
    for _ in range(60):
        value, gradient, hessian = _derivatives(density, point, step)
        covariance = _covariance(hessian, scale)
        move = covariance @ gradient
        move *= min(1.0, 2.0 / max(1e-300, float(np.max(np.abs(move) / scale))))
        trials = point + shrink[:, None] * move
        values = density(trials)
        chosen = int(np.argmax(values))
        if not values[chosen] > value + 1e-7:
            break
        point = trials[chosen]
        step = np.clip(0.3 * np.sqrt(np.diag(covariance)), scale * 1e-4, scale * 5e-2)
        if values[chosen] - value < 1e-4:
            break
    value, _, hessian = _derivatives(density, point, step)
    return value, point, _covariance(hessian, scale)


def _covariance(hessian: Floats, scale: Floats) -> Floats:
    """Inverse of minus the Hessian, its directions held between 1e-6 and 4 prior spreads."""
    values, vectors = np.linalg.eigh(-hessian * np.outer(scale, scale))
    values = np.clip(np.abs(values), 1 / 4.0, 1e12)
    return (vectors / values) @ vectors.T * np.outer(scale, scale)


def sample(density: Density, starts: Floats, *, scale: Floats) -> WeightedPoints:
    """Weighted points of the distribution of log `density`; `starts` (points x parameters) seed its mode."""
    centre, covariance = mode(density, starts, scale=scale)
    top, d = centre, len(centre)
    centres: list[Floats] = []
    factors: list[Floats] = []
    points, target = np.empty((0, d)), np.empty(0)
    weights, effective = np.empty(0), 0.0
    for turn in range(ROUNDS):
        jitter = 1e-9 * np.diag(scale**2)
        factor: Floats = np.linalg.cholesky(1.2 * covariance + jitter).astype(np.float64)
        centres.append(centre)
        factors.append(factor)
        new = centre + _standard(d, PER_ROUND, turn + 1) @ factor.T
        points, target = np.vstack([points, new]), np.concatenate([target, density(new)])
        proposal = logsumexp([_log_t(points, c, f) for c, f in zip(centres, factors, strict=True)], axis=0)
        logs = target - proposal
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        effective = float(1 / (weights**2).sum())
        if effective >= ENOUGH and turn > 0:
            break
        centre = weights @ points
        spread = points - centre
        covariance = (spread * weights[:, None]).T @ spread
        if effective < 50:  # too few to trust their covariance: widen what was there
            covariance = covariance + factor @ factor.T
    return WeightedPoints(points, weights, top, effective)
