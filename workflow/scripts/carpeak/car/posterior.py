"""Calls CAR+ cells of one library: ambient rate, transduced share, P(CAR+) per cell, calls at a chosen FDR.

Arrays in, values out; `mixture` holds the model and `docs/caller.md` explains it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, log_expit, ndtri

from .. import io
from ..stats import importance_sampling
from . import mixture
from .mixture import AmbientPrior, CountTable, Prior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

MIN_CELLS = 50  # T cells below which no share is estimated
WIDEST = 0.45  # a 90 % interval of the share that spans more: no number
BACKGROUND = (0.5, 2.5e5)  # Gamma prior of any ambient rate: half a UMI in 250,000, mean 2e-6
TRANSFER = 0.1  # squared relative error of carrying a rate over to T cells (sd about 32 %)
TRANSFER_UNMEASURED = 1.0
SLOPE_TRANSFER = 0.15  # error of carrying the exponent of depth over to T cells: half of what is known before
POINTS = 512  # posterior points over which a cell's probability is averaged
DISCREPANCY = 0.08  # sd of the logarithm of the silent share that no count can show
DISCREPANCY_STEPS = 8


@dataclass(frozen=True)
class ShareFit:
    """The posterior of one library (`posterior`), with `share` and its intervals.

    `share` is the posterior median; `low`, `high` bound 95 % and `low_90`, `high_90` 90 %. They are NaN
    with fewer than `MIN_CELLS` T cells; whether to show them is `identifiable`.
    """

    t_cells: int
    ambient: AmbientPrior
    ambient_rate: float
    ambient_low: float
    ambient_high: float
    share: float
    low: float
    high: float
    low_90: float
    high_90: float
    identifiable: bool
    reason: str
    centre: float
    posterior: importance_sampling.WeightedPoints

    @property
    def points(self) -> Floats:
        """Equally weighted posterior points (POINTS x 6, in the order of mixture.PARAMETERS)."""
        return self.posterior.even(POINTS)


def ambient_prior(
    *,
    cell_depth: float,
    droplets: tuple[float, int] | None = None,
    non_t: tuple[int, int] | None = None,
    negative: tuple[Counts, Floats] | None = None,
    slope: tuple[float, float] = mixture.AMBIENT_SLOPE,
) -> AmbientPrior:
    """What is known of a library's ambient rate (transgene UMIs per UMI of a T cell).

    `droplets`: effective number of empty droplets (`ambient.empty_droplets`), their transgene UMIs; `non_t`:
    number of lineage-positive cells that aren't T cells, how many of them hold a transgene UMI; `negative`:
    transgene UMIs and depth of the T cells of a sample without CAR. Every droplet, with or without a cell, is
    assumed to hold the same amount of ambient RNA; the mean count per empty droplet therefore estimates the
    ambient count per T cell, and `cell_depth` (`soup_depth` of the T cells) turns it into a rate. The
    transgene's share of ambient RNA would be too high by the ratio of a cell's UMIs to a droplet's.

    Droplets and non-T cells are two measurements of one rate, each with an error of its own, and are taken
    together; `negative` counts where neither is given. The source is the first that there is. The UMIs of
    non-T cells are those that a Poisson law needs to leave as many of them without one (n times -log(share
    without)): doublets with a CAR+ cell hold many, and would be taken for ambient RNA. `slope` is what is
    known of the exponent of depth (see `ambient_slope`).
    """
    evidence = []
    if droplets is not None and droplets[0] > 0:
        evidence.append(("empty_droplets", float(droplets[1]), droplets[0] * cell_depth))
    if non_t is not None and non_t[0] > 0:
        without = (non_t[0] - min(non_t[1], non_t[0] - 0.5)) / non_t[0]
        evidence.append(("non_t_cells", -non_t[0] * float(np.log(without)), non_t[0] * cell_depth))
    if not evidence and negative is not None and len(negative[0]):
        evidence.append(("negative_sample", float(np.sum(negative[0])), float(np.sum(negative[1]))))
    if not evidence:
        return AmbientPrior(*_widened(*BACKGROUND, TRANSFER_UNMEASURED), "prior", slope)
    shape, rate = _widened(BACKGROUND[0] + evidence[0][1], BACKGROUND[1] + evidence[0][2], TRANSFER)
    for _, umis, exposure in evidence[1:]:
        weight = 1 / (1 + TRANSFER * umis)  # a likelihood of `umis` events with the same error on top
        shape, rate = shape + weight * umis, rate + weight * exposure
    return AmbientPrior(shape, rate, evidence[0][0], slope)


def ambient_slope(seen: NDArray[np.bool_], depth: Floats) -> tuple[float, float]:
    """Mean and sd of the exponent c after cells that can't carry the CAR: which of them show a UMI.

    `seen`: whether each holds a transgene UMI; `depth`: its other UMIs. Given how many show one, cell i is
    among them in proportion to depth^c: the conditional likelihood, which knows nothing of the rate. What
    other lineages tell is carried over to T cells with an error of its own (`SLOPE_TRANSFER`).
    """
    mean, sd = mixture.AMBIENT_SLOPE
    n = int(seen.sum())
    if not n or len(seen) == n:
        return mean, sd
    c = np.linspace(mean - 4 * sd, mean + 4 * sd, 161)
    logs = np.log(np.maximum(depth, 1.0))
    logs -= logs.mean()
    spread = np.exp(np.outer(c, logs)).sum(axis=1)
    log_likelihood = c * logs[seen].sum() - n * np.log(spread)
    weights = -0.5 * ((c - mean) / sd) ** 2 + log_likelihood
    weights = np.exp(weights - weights.max())
    weights /= weights.sum()
    middle = float(weights @ c)
    error = np.sqrt(weights @ (c - middle) ** 2 + SLOPE_TRANSFER**2)
    return middle, min(float(error), sd)


def soup_depth(depth: Floats, slope: tuple[float, float]) -> float:
    """What turns a T cell's ambient UMIs into a rate: L0 times the mean of (L / L0)^c; 1 without cells."""
    if not len(depth):
        return 1.0
    centre = max(float(np.median(depth)), 1.0)
    return centre * float(((np.maximum(depth, 1.0) / centre) ** slope[0]).mean())


def _widened(shape: float, rate: float, transfer: float) -> tuple[float, float]:
    """A Gamma distribution of the same mean with `transfer` added to its squared relative error."""
    wide = 1 / (1 / shape + transfer)
    return wide, rate * wide / shape


def fit(
    umis: Counts,
    depth: Floats,
    ambient: AmbientPrior,
    *,
    prior: Prior | None = None,
    widest: float = WIDEST,
    centre: float | None = None,
) -> ShareFit:
    """Fit the T cells of one library: their transgene `umis` and `depth` (UMIs without the transgene).

    `centre` is the depth that the parameters refer to, the median unless given.
    """
    prior = prior or Prior()
    counts = mixture.tally(umis, depth, centre=centre)
    if len(umis) < MIN_CELLS:
        return _unfitted(counts, ambient, prior, f"{len(umis)} T cells, fewer than {MIN_CELLS}")
    likelihood = mixture.Likelihood(counts, mixture.ceiling(ambient, float(counts.depth.max())))

    def density(inner: Floats) -> Floats:
        points = _outer(inner)
        return likelihood(points) + mixture.log_prior(points, prior, ambient)

    found = importance_sampling.sample(
        density, _inner(_starts(prior, ambient, 256)), scale=_scale(prior, ambient)
    )
    found = replace(found, points=_outer(found.points), mode=_outer(found.mode[None, :])[0])
    return _summary(found, counts, ambient, widest)


def _inner(points: Floats) -> Floats:
    """Points with log(share x mean) in place of log mean.

    Counts fix the product of share and mean, and leave each of them loose: a bent ridge in the model's own
    parameters is a straight one in these. The Jacobian is 1.
    """
    result = points.copy()
    result[:, 1] += log_expit(points[:, 0])
    return result


def _outer(inner: Floats) -> Floats:
    result = inner.copy()
    result[:, 1] -= log_expit(inner[:, 0])
    return result


def _scale(prior: Prior, ambient: AmbientPrior) -> Floats:
    rate = 1 / np.sqrt(ambient.shape)
    return np.array([2.0, prior.log_mean[1], prior.log_size[1], rate, prior.slope[1], ambient.slope[1]])


def _starts(prior: Prior, ambient: AmbientPrior, number: int) -> Floats:
    """Points spread over the prior, of a fixed seed."""
    from scipy.stats import qmc

    z = ndtri(np.clip(qmc.Sobol(6, scramble=True, seed=0).random(number), 1e-9, 1 - 1e-9))
    rate, slope = np.log(ambient.mean), ambient.slope[0]
    centre = [0.0, prior.log_mean[0], prior.log_size[0], rate, prior.slope[0], slope]
    shrunk = np.array([1.0, 1.0, 1.0, 0.5, 0.5, 0.5])
    return np.array(centre) + z * _scale(prior, ambient) * shrunk


def _shares(found: importance_sampling.WeightedPoints, counts: CountTable) -> tuple[Floats, Floats]:
    """The posterior of the share with its weights, opened for shapes of expression that no model has.

    CAR+ cells without a UMI are seen only through the model, so their number gets a relative error
    (`DISCREPANCY`) on top of the posterior; cells with UMIs do not.
    """
    share = expit(found.points[:, 0])
    silent = share * mixture.silent_share(found.points, counts)
    steps = ndtri((np.arange(DISCREPANCY_STEPS) + 0.5) / DISCREPANCY_STEPS)
    steps *= DISCREPANCY / steps.std()
    opened = share - silent + silent * np.exp(steps[:, None])
    return np.minimum(opened, 1.0).ravel(), np.tile(found.weights / len(steps), len(steps))


def _summary(
    found: importance_sampling.WeightedPoints, counts: CountTable, ambient: AmbientPrior, widest: float
) -> ShareFit:
    shares, weights = _shares(found, counts)
    low, low_90, middle, high_90, high = importance_sampling.quantile(
        shares, weights, np.array([0.025, 0.05, 0.5, 0.95, 0.975])
    )
    rate_low, rate, rate_high = np.exp(
        importance_sampling.quantile(found.points[:, 3], found.weights, np.array([0.025, 0.5, 0.975]))
    )
    wide = high_90 - low_90
    reason = f"the 90 % interval spans {wide:.2f}, more than {widest:.2f}" if wide > widest else ""
    return ShareFit(
        len(counts.pair), ambient, float(rate), float(rate_low), float(rate_high), float(middle), float(low),
        float(high), float(low_90), float(high_90), not reason, reason, counts.centre, found,
    )  # fmt: skip


def _unfitted(counts: CountTable, ambient: AmbientPrior, prior: Prior, reason: str) -> ShareFit:
    """The prior in place of a posterior: probabilities exist, a share does not."""
    points = _starts(prior, ambient, 1024)
    found = importance_sampling.WeightedPoints(points, np.full(1024, 1 / 1024), points[0], 1024.0)
    missing = dict.fromkeys(
        ("ambient_low", "ambient_high", "share", "low", "high", "low_90", "high_90"), float("nan")
    )
    return ShareFit(
        t_cells=len(counts.pair),
        ambient=ambient,
        ambient_rate=ambient.mean,
        identifiable=False,
        reason=reason,
        centre=counts.centre,
        posterior=found,
        **missing,
    )


def probabilities(found: ShareFit, umis: Counts, depth: Floats) -> Floats:
    """P(CAR+) of cells with these transgene `umis` and `depth`, averaged over the posterior of `found`."""
    if not len(umis):
        return np.empty(0)
    counts = mixture.tally(umis, depth, width=mixture.FINE_BIN_WIDTH, centre=found.centre)
    certain = mixture.ceiling(found.ambient, float(counts.depth.max()))
    return mixture.probability(found.points, counts, certain=certain)[counts.pair]


def call(probability: Floats, umis: Counts, *, fdr: float = 0.05) -> NDArray[np.str_]:
    """Call cells `positive`, `undetermined` or `negative`.

    The positive are the largest set of cells with at least one UMI, taken by falling probability, whose
    expected share of CAR- cells is at most `fdr`; the negative the largest set, by rising probability, whose
    expected share of CAR+ cells is at most `fdr`. No cell goes against its own odds. Cells of equal
    probability share one call.
    """
    result = np.full(len(probability), "undetermined", dtype="<U12")
    eligible = (umis >= 1) & (probability >= 0.5)
    result[_within(1 - probability, eligible, fdr)] = "positive"
    result[_within(probability, probability < 0.5, fdr)] = "negative"
    return result


def _within(error: Floats, eligible: NDArray[np.bool_], level: float) -> NDArray[np.bool_]:
    """The eligible cells of least `error` whose mean error is at most `level`."""
    values, place, number = np.unique(error[eligible], return_inverse=True, return_counts=True)
    mean = np.cumsum(values * number) / np.cumsum(number)
    result = np.zeros(len(error), dtype=bool)
    result[eligible] = (mean <= level)[place]  # mean rises with the error, so this is one stretch
    return result


def describe(found: ShareFit) -> dict[str, Any]:
    """The fit as plain values for fit.json; a missing number is None."""
    w, points = found.posterior.weights, found.posterior.points
    at = np.array([0.5, 0.025, 0.975])
    shown = {k: getattr(found, k) for k in ("share", "low", "high", "low_90", "high_90")}
    rate = (found.ambient_rate, found.ambient_low, found.ambient_high)
    return {
        "t_cells": found.t_cells,
        **{k: io.plain(v) for k, v in shown.items()},
        "identifiable": found.identifiable,
        "reason": found.reason,
        "median_depth": found.centre,
        "mean_umis_of_car_cells": np.exp(importance_sampling.quantile(points[:, 1], w, at)).tolist(),
        "size": np.exp(importance_sampling.quantile(points[:, 2], w, at)).tolist(),
        "slope": importance_sampling.quantile(points[:, 4], w, at).tolist(),
        "ambient_rate": [io.plain(v) for v in rate],
        "ambient_source": found.ambient.source,
        "ambient_slope": importance_sampling.quantile(points[:, 5], w, at).tolist(),
        "ambient_prior": {
            "shape": found.ambient.shape,
            "rate": found.ambient.rate,
            "slope": list(found.ambient.slope),
        },
        "effective_points": found.posterior.effective,
    }
