"""Moderated t tests of linear models with precision weights, gene by gene.

Smyth 2004 (Stat Appl Genet Mol Biol 3:3): every gene's variance is drawn toward the one that all genes
share. Law et al. 2014 (Genome Biol 15:R29): the mean-variance trend of log counts gives the weights.
Ours and not a library's: the Python ports are GPL-3. Held to R's limma on two public data sets and on a
table made by tests/oracles/limma.R.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import polygamma, psi, stdtr, stdtrit

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_VARIANCE = 1e-5
SPAN = 0.5
MANY_GENES = 2000


@dataclass(frozen=True)
class Fit:
    """A linear model per gene: effects and their unscaled variance for one contrast, residual variances.

    `effect`, `unscaled`, `variance` and `mean` are arrays over genes; `unscaled` times the true variance is
    the variance of `effect`. `df` are the residual degrees of freedom, the same for every gene.
    """

    effect: NDArray[np.float64]
    unscaled: NDArray[np.float64]
    variance: NDArray[np.float64]
    mean: NDArray[np.float64]
    df: int


@dataclass(frozen=True)
class Prior:
    """What all genes say of one gene's variance: `variance` (a number, or one per gene) with `df`."""

    variance: NDArray[np.float64]
    df: float


@dataclass(frozen=True)
class Tested:
    """Moderated tests over genes: effect with its 95 % interval, t, its degrees of freedom, two-sided p."""

    effect: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    t: NDArray[np.float64]
    df: float
    p_value: NDArray[np.float64]
    error: NDArray[np.float64]
    prior: Prior


@dataclass(frozen=True)
class Voom:
    """log2 counts per million with the precision weights of the mean-variance trend, genes x libraries."""

    values: NDArray[np.float64]
    weights: NDArray[np.float64]


def linear_fit(
    values: NDArray[np.float64],
    design: NDArray[np.float64],
    contrast: NDArray[np.float64],
    *,
    weights: NDArray[np.float64] | None = None,
) -> Fit:
    """Weighted least squares per gene.

    `values` and `weights` are genes x libraries, `design` is libraries x coefficients with full rank,
    `contrast` has one number per coefficient. Raises ValueError where no degree of freedom is left.
    """
    n, coefficients = design.shape
    df = n - coefficients
    if df < 1 or np.linalg.matrix_rank(design) < coefficients:
        msg = f"{n} libraries and {coefficients} coefficients leave nothing to estimate a variance from"
        raise ValueError(msg)
    parts = [slice(start, start + MANY_GENES) for start in range(0, len(values), MANY_GENES)]
    solved = [
        _solve(values[one], design, contrast, None if weights is None else weights[one]) for one in parts
    ]
    effect, unscaled, variance = (
        np.concatenate([part[k] for part in solved]) if solved else np.empty(0) for k in range(3)
    )
    return Fit(effect, unscaled, variance / df, values.mean(axis=1), df)


def _solve(
    values: NDArray[np.float64],
    design: NDArray[np.float64],
    contrast: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Effect, its unscaled variance and the residual sum of squares of every gene."""
    root = np.ones_like(values) if weights is None else np.sqrt(weights)
    basis, triangle = np.linalg.qr(root[:, :, None] * design)
    scores = np.einsum("gnp,gn->gp", basis, root * values)
    coefficients = np.linalg.solve(triangle, scores[:, :, None])[:, :, 0]
    residuals = root * (values - coefficients @ design.T)
    spread = np.linalg.solve(
        np.swapaxes(triangle, 1, 2), np.broadcast_to(contrast[:, None], (len(values), len(contrast), 1))
    )
    return coefficients @ contrast, (spread[:, :, 0] ** 2).sum(axis=1), (residuals**2).sum(axis=1)


def prior_of(
    variance: NDArray[np.float64], df: float, *, covariate: NDArray[np.float64] | None = None
) -> Prior:
    """Scaled F distribution fitted to the genes' variances by their log moments (Smyth 2004, section 6.2).

    With a `covariate` (the genes' mean level) the prior variance follows it as a natural spline. The
    degrees of freedom are infinite where the variances differ no more than chance explains.
    """
    usable = np.isfinite(variance) & (variance > -1e-15)
    x = np.maximum(variance[usable], 0)
    if len(x) < 2:
        return Prior(np.full(len(variance), x[0] if len(x) else np.nan), 0.0)
    middle = float(np.median(x))
    x = np.maximum(x, LEAST_VARIANCE * (middle if middle > 0 else 1.0))
    logs = np.log(x) - psi(df / 2) + np.log(df / 2)
    if covariate is None:
        centre, everywhere = np.full(len(x), logs.mean()), np.full(len(variance), logs.mean())
        spread = float(logs.var(ddof=1))
    else:
        basis = natural_spline(covariate, usable)
        solution, _, rank, _ = np.linalg.lstsq(basis[usable], logs, rcond=None)
        everywhere = basis @ solution
        centre = everywhere[usable]
        spread = float(np.sum((logs - centre) ** 2) / max(len(x) - rank, 1))
    excess = spread - float(polygamma(1, df / 2))
    if excess > 0:
        prior_df = 2 * inverse_trigamma(excess)
        return Prior(np.exp(everywhere + psi(prior_df / 2) - np.log(prior_df / 2)), prior_df)
    return Prior(np.full(len(variance), x.mean()) if covariate is None else np.exp(everywhere), np.inf)


def inverse_trigamma(value: float) -> float:
    """The y with trigamma(y) = `value`, by Newton steps on 1 / trigamma, which is nearly linear."""
    if value > 1e7:
        return float(1 / np.sqrt(value))
    if value < 1e-6:
        return float(1 / value)
    y = 0.5 + 1 / value
    for _ in range(50):
        level = float(polygamma(1, y))
        step = level * (1 - level / value) / float(polygamma(2, y))
        y += step
        if -step / y < 1e-8:
            break
    return float(y)


def natural_spline(covariate: NDArray[np.float64], usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A basis of natural cubic splines over `covariate`, with 2 to 4 columns by the number of genes.

    Boundary knots at the ends, inner knots at quantiles, both of the `usable` genes. Linear beyond the ends
    (Hastie, Tibshirani and Friedman 2009, equation 5.4).
    """
    x = covariate[usable]
    columns = min(1 + (len(x) >= 3) + (len(x) >= 6) + (len(x) >= 30), len(np.unique(x)))
    if columns < 2:
        return np.ones((len(covariate), 1))
    knots = np.quantile(x, np.linspace(0, 1, columns))
    middle, scale = knots.mean(), float(np.ptp(knots)) or 1.0
    z, k = (covariate - middle) / scale, (knots - middle) / scale
    basis = [np.ones_like(z), z]

    def bent(j: int) -> NDArray[np.float64]:
        return (np.maximum(z - k[j], 0) ** 3 - np.maximum(z - k[-1], 0) ** 3) / (k[-1] - k[j])

    basis += [bent(j) - bent(columns - 2) for j in range(columns - 2)]
    return np.column_stack(basis)


def moderated(fit: Fit, *, trend: bool = False, level: float = 0.95) -> Tested:
    """Moderated t tests of a fit: empirical Bayes variances with residual plus prior degrees of freedom.

    With `trend` the prior variance depends on the genes' mean level (limma-trend). The degrees of freedom
    never exceed those of all genes together.
    """
    prior = prior_of(fit.variance, fit.df, covariate=fit.mean if trend else None)
    posterior = squeezed(fit, prior)
    df = float(min(fit.df + prior.df, fit.df * len(fit.variance)))
    error = np.sqrt(posterior * fit.unscaled)
    t = fit.effect / error
    width = stdtrit(df, (1 + level) / 2) * error
    p = 2 * stdtr(df, -np.abs(t))
    return Tested(fit.effect, fit.effect - width, fit.effect + width, t, df, p, error, prior)


def squeezed(fit: Fit, prior: Prior) -> NDArray[np.float64]:
    """The genes' variances, drawn toward the prior's."""
    if np.isinf(prior.df):
        return prior.variance
    if prior.df == 0:
        return fit.variance
    return (fit.df * fit.variance + prior.df * prior.variance) / (fit.df + prior.df)


def by_both(
    weighted: Voom, design: NDArray[np.float64], contrast: NDArray[np.float64]
) -> tuple[Tested, Tested, NDArray[np.float64]]:
    """limma-voom's tests, limma-trend's on the same values without weights, and the larger p of the two."""
    fit = linear_fit(weighted.values, design, contrast, weights=weighted.weights)
    found = moderated(fit)
    trend = moderated(linear_fit(weighted.values, design, contrast), trend=True)
    return found, trend, np.maximum(found.p_value, trend.p_value)


def voom(
    counts: NDArray[np.float64], design: NDArray[np.float64], *, factors: NDArray[np.float64] | None = None
) -> Voom:
    """log2 counts per million, and weights from the trend of residual variance over mean log count.

    `counts` is genes x libraries, `factors` those of `normalisation.tmm` (default: ones). A LOWESS curve
    (span 0.5) through the square roots of residual standard deviations gives each observation's weight.
    """
    sizes = counts.sum(axis=0) * (1 if factors is None else factors)
    values = np.log2((counts + 0.5) / (sizes + 1) * 1e6)
    n, coefficients = design.shape
    basis, _ = np.linalg.qr(design)
    fitted = values @ basis @ basis.T
    deviation = np.sqrt(((values - fitted) ** 2).sum(axis=1) / (n - coefficients))
    counted = counts.sum(axis=1) > 0
    level = values.mean(axis=1) + np.mean(np.log2(sizes + 1)) - np.log2(1e6)
    x, y = lowess(level[counted], np.sqrt(deviation[counted]), span=SPAN)
    expected = fitted + np.log2(sizes + 1) - np.log2(1e6)
    return Voom(values, np.interp(expected, x, y) ** -4)


def lowess(
    x: NDArray[np.float64], y: NDArray[np.float64], *, span: float, rounds: int = 3
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cleveland's (1979) robust local regression: sorted x, each value once, with the fitted y.

    Points closer than a hundredth of the range are interpolated.
    """
    from statsmodels.nonparametric.smoothers_lowess import lowess as smooth

    fitted = smooth(y, x, frac=span, it=rounds, delta=0.01 * float(np.ptp(x)), is_sorted=False)
    _, first = np.unique(fitted[:, 0], return_index=True)
    return fitted[first, 0], fitted[first, 1]
