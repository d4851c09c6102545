"""Shares of labels over donors: centred log-ratios with precision weights, and the same moderated t.

Shares sum to one, so that one label's rise is the others' fall; log-ratios to the mean of all labels undo
this. Cells are counted, so a log-ratio is as sure as its counts: Hoffman and Roussos (crumblr, 2023) give its
variance in closed form, whose inverse is the weight. Ours: crumblr is an R package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtr, stdtrit

from . import moderated

if TYPE_CHECKING:
    from numpy.typing import NDArray

PSEUDOCOUNT = 0.5


@dataclass(frozen=True)
class Ratios:
    """Centred log2-ratios and their sampling variances, labels x samples."""

    centred: NDArray[np.float64]
    variances: NDArray[np.float64]


@dataclass(frozen=True)
class Changes:
    """Change of each label's log2-ratio between the sides: effect, 95 % interval, t, df and two-sided p.

    `missing` is the share of the variance that comes from doubtful labels (0 where one table was given).
    """

    effect: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    t: NDArray[np.float64]
    df: NDArray[np.float64]
    p_value: NDArray[np.float64]
    missing: NDArray[np.float64]


def log_ratios(counts: NDArray[np.float64]) -> Ratios:
    """Centred log2-ratios of `counts` (labels x samples), and their variance under multinomial sampling.

    With n cells, shares p and D labels the variance of a label's ratio is
    (1 / p_i - 2 / (D p_i) + sum_j 1 / (D^2 p_j)) / n, in squares of natural logs; half a cell is added to
    every count.
    """
    filled = counts + PSEUDOCOUNT
    labels = len(filled)
    logs = np.log2(filled)
    inverse = 1 / filled
    variances = inverse * (1 - 2 / labels) + inverse.sum(axis=0) / labels**2
    return Ratios(logs - logs.mean(axis=0), variances / np.log(2) ** 2)


def changes(tables: Sequence[NDArray[np.float64]], design: NDArray[np.float64]) -> Changes:
    """Test the last coefficient of `design` (samples x coefficients) on the log-ratios of every label.

    `tables` are counts, labels x samples: one, or several draws of the cells' labels and CAR calls, whose
    results are pooled by Rubin's rules (`pooled`).
    """
    contrast = np.zeros(design.shape[1])
    contrast[-1] = 1
    results = []
    for counts in tables:
        ratios = log_ratios(np.asarray(counts, dtype=float))
        fit = moderated.linear_fit(ratios.centred, design, contrast, weights=1 / ratios.variances)
        results.append(moderated.moderated(fit))
    effects = np.array([one.effect for one in results])
    variances = np.array([one.error**2 for one in results])
    return pooled(effects, variances, df=float(np.mean([one.df for one in results])))


def pooled(effects: NDArray[np.float64], variances: NDArray[np.float64], *, df: float) -> Changes:
    """Pool the results of several imputations, imputations x labels (Rubin 1987).

    The degrees of freedom are those of Barnard and Rubin (1999) for `df` complete-data ones.
    """
    m = len(effects)
    effect, within = effects.mean(axis=0), variances.mean(axis=0)
    between = effects.var(axis=0, ddof=1) if m > 1 else np.zeros_like(effect)
    total = within + (1 + 1 / m) * between
    missing = (1 + 1 / m) * between / total
    observed = (df + 1) / (df + 3) * df * (1 - missing) if np.isfinite(df) else np.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        by_draws = np.where(missing > 0, (m - 1) / missing**2, np.inf)
        freedom = df * np.ones_like(effect) if m == 1 else 1 / (1 / by_draws + 1 / observed)
    error = np.sqrt(total)
    t = effect / error
    width = stdtrit(freedom, 0.975) * error
    p = 2 * stdtr(freedom, -np.abs(t))
    return Changes(effect, effect - width, effect + width, t, freedom, p, missing)
