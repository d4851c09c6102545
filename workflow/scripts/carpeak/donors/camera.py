"""Gene sets tested over donors with the correlation between their genes (Wu and Smyth 2012, NAR 40:e133).

A set is compared with all other genes (competitive). Genes of a set move together from library to library,
which tests over genes alone take for evidence; here the residuals of the donors' model say how much.
Ours and not a library's: the Python ports of limma are GPL-3. Held to limma's camera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import stdtr

from . import moderated

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_VARIANCE = 1e-8
MANY_GENES = 2000


class SetTest(NamedTuple):
    """A set's test: genes found, mean correlation of their residuals, direction (1 up, -1 down), p."""

    genes: int
    correlation: float
    direction: int
    p_value: float


def camera(
    values: NDArray[np.float64],
    sets: Mapping[str, Sequence[int]],
    design: NDArray[np.float64],
    *,
    weights: NDArray[np.float64] | None = None,
) -> dict[str, SetTest]:
    """Test every set for a change of its genes beyond that of all others; two-sided p.

    `values` and `weights` are genes x libraries (see `moderated.voom`), `design` libraries x coefficients,
    the last of which is tested. `sets` give rows of `values`; those with fewer than two are left out.
    """
    score, residuals = _standardised(values, design, weights)
    total, df = len(score), min(values.shape[1] - design.shape[1], len(score) - 2)
    mean, variance = score.mean(), score.var(ddof=1)
    found = {}
    for name, rows in sets.items():
        chosen = np.unique(np.asarray(rows, dtype=int))
        m, others = len(chosen), total - len(chosen)
        if m < 2 or not others:
            continue
        inflation = m * float((residuals[chosen].mean(axis=0) ** 2).mean())
        correlation = (inflation - 1) / (m - 1)
        difference = total / others * (score[chosen].mean() - mean)
        pooled = ((total - 1) * variance - difference**2 * m * others / total) / (total - 2)
        t = difference / np.sqrt(pooled * (max(inflation, 1.0) / m + 1 / others))
        found[name] = SetTest(m, float(correlation), 1 if t > 0 else -1, float(2 * stdtr(df, -abs(t))))
    return found


def _standardised(
    values: NDArray[np.float64], design: NDArray[np.float64], weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The genes' moderated t as normal scores, and their residual effects with mean square 1."""
    coefficients = design.shape[1]
    effects, signs = [], []
    for start in range(0, len(values), MANY_GENES):
        part = slice(start, start + MANY_GENES)
        root = np.ones_like(values[part]) if weights is None else np.sqrt(weights[part])
        basis, triangle = np.linalg.qr(root[:, :, None] * design, mode="complete")
        effects.append(np.einsum("gnk,gn->gk", basis, root * values[part]))
        signs.append(np.sign(triangle[:, coefficients - 1, coefficients - 1]))
    effect = np.concatenate(effects)
    tested, rest = effect[:, coefficients - 1] * np.concatenate(signs), effect[:, coefficients:]
    variance = (rest**2).mean(axis=1)
    df = rest.shape[1]
    fit = moderated.Fit(tested, np.ones(len(tested)), variance, values.mean(axis=1), df)
    result = moderated.moderated(fit)
    return normal_score(result.t, result.df), rest / np.sqrt(np.maximum(variance, LEAST_VARIANCE))[:, None]


def normal_score(t: NDArray[np.float64], df: float) -> NDArray[np.float64]:
    """Normal deviates with the tail probabilities of Student's `t`, by Hill's (1970) expansion."""
    if np.isinf(df):
        return t
    a = df - 0.5
    b = 48 * a**2
    z = a * np.log1p(t * t / df)
    numerator = (((-0.4 * z - 3.3) * z - 24) * z - 85.5) / (0.8 * z**2 + 100 + b)
    return np.sign(t) * ((numerator + z + 3) / b + 1) * np.sqrt(z)
