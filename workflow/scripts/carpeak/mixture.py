"""The model of transgene UMIs in the T cells of one library: its likelihood, priors and posterior.

A T cell of depth L (UMIs without the transgene) holds x transgene UMIs,

    x ~ pi NB(mean = m (L / L0)^b + a L, size = k) + (1 - pi) Poisson(a L),

where pi is the transduced share, m the mean of a CAR+ cell at the median depth L0, k the size (small: bursty)
and a the ambient transgene UMIs per UMI. b is 1 up to a tight prior: real means rise a little slower or
faster than depth, and pi must not be read from that. A parameter point is the vector
(logit pi, log m, log k, log a, b). Cells enter as tallies of equal (depth bin, x), so that cost does not
grow with their number. The posterior is averaged over quasi-random points (`sampling`), not maximised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, gammaln, log_expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PARAMETERS = ("logit_share", "log_mean", "log_size", "log_ambient", "slope")
NEGLIGIBLE = 1e-13  # an ambient count this unlikely is not ambient
BIN_WIDTH = 0.1  # of depth bins, in natural logarithms, for fitting
FINE_BIN_WIDTH = 0.02  # and for the cells' probabilities


@dataclass(frozen=True)
class Ambient:
    """What is known of the ambient rate before T cells are looked at: Gamma(`shape`, `rate`), per UMI."""

    shape: float
    rate: float
    source: str

    @property
    def mean(self) -> float:
        """Expected ambient transgene UMIs per UMI."""
        return self.shape / self.rate


@dataclass(frozen=True)
class Prior:
    """Priors of one library; normal in the logarithm unless named otherwise.

    `log_mean`: (mean, sd) of log m. The default spans 0.1 to 10 UMIs (95 %), which holds every library of the
    sorted-cell data behind the default of `log_size` (k about 1.0 to 2.8 there; here 0.4 to 4.2). `slope`: of b.
    `share`: a Beta distribution.
    """

    share: tuple[float, float] = (1.0, 1.0)
    log_mean: tuple[float, float] = (0.0, 1.2)
    log_size: tuple[float, float] = (0.26, 0.6)
    slope: tuple[float, float] = (1.0, 0.2)


@dataclass(frozen=True)
class Tally:
    """Cells counted by depth bin and transgene UMIs.

    `depth` (bins): mean depth; `group`, `umis`, `cells` (pairs): bin, x and number of cells of each pair;
    `pair` (cells): the pair of every cell; `centre`: the median depth L0.
    """

    depth: Floats
    group: NDArray[np.intp]
    umis: NDArray[np.int64]
    cells: Floats
    pair: NDArray[np.intp]
    centre: float


def tally(umis: NDArray[np.int64], depth: Floats, *, width: float = BIN_WIDTH, centre: float | None = None) -> Tally:
    """Count cells (each with its transgene `umis` and its `depth` > 0) by depth bin and UMIs."""
    x = np.asarray(umis, dtype=np.int64)
    size = np.maximum(np.asarray(depth, dtype=np.float64), 1.0)
    code = np.floor(np.log(size) / width).astype(np.int64)
    groups, group = np.unique(code, return_inverse=True)
    number = np.bincount(group, minlength=len(groups))
    mean = np.bincount(group, weights=size, minlength=len(groups)) / np.maximum(number, 1)
    top = int(x.max(initial=0)) + 1
    pairs, pair, cells = np.unique(group * top + x, return_inverse=True, return_counts=True)
    middle = float(np.median(size)) if centre is None and len(size) else float(centre or 1.0)
    return Tally(mean, pairs // top, pairs % top, cells.astype(np.float64), pair, middle)


def moments(points: Floats, depth: Floats, *, centre: float) -> tuple[Floats, Floats]:
    """Mean UMIs of CAR+ cells and of ambient alone: two arrays (depths x points)."""
    ambient = np.exp(points[:, 3])[None, :] * depth[:, None]
    mean = np.exp(points[:, 1] + points[:, 4] * np.log(depth / centre)[:, None])
    return mean + ambient, ambient


def log_components(
    points: Floats, depth: Floats, group: NDArray[np.intp], umis: NDArray[np.int64], *, centre: float
) -> tuple[Floats, Floats]:
    """Log probability of `umis` in a CAR+ and in a CAR- cell of depth ``depth[group]``: (pairs x points)."""
    mean, ambient = moments(points, depth, centre=centre)
    size = np.exp(points[:, 2])
    levels, level = np.unique(umis, return_inverse=True)
    factorial = gammaln(levels + 1.0)[:, None]
    table = gammaln(levels[:, None] + size) - gammaln(size) - factorial
    log_mean, log_total = np.log(mean), np.log(mean + size)
    x = umis[:, None].astype(np.float64)
    # log p = table + k log k - k log(m + k) + x (log m - log(m + k))
    base = size * (np.log(size) - log_total)
    positive = table[level] + base[group] + x * (log_mean - log_total)[group]
    log_ambient = np.log(ambient)
    negative = x * log_ambient[group] - ambient[group] - factorial[level]
    return positive, negative


@dataclass
class Likelihood:
    """The log likelihood of a tally at many points at once.

    Cells with more UMIs than ambient RNA can explain (`ceiling`) are CAR+ whatever the point, so
    their terms need only sums per depth bin.
    """

    counts: Tally
    ceiling: int
    _few: NDArray[np.bool_] = field(init=False)
    _cells: Floats = field(init=False)
    _umis: Floats = field(init=False)

    def __post_init__(self) -> None:
        t = self.counts
        self._few = t.umis < self.ceiling
        many = ~self._few
        bins = len(t.depth)
        self._cells = np.bincount(t.group[many], weights=t.cells[many], minlength=bins)
        self._umis = np.bincount(t.group[many], weights=t.cells[many] * t.umis[many], minlength=bins)

    def __call__(self, points: Floats) -> Floats:
        """Log likelihood at each of `points` (points x 5)."""
        t, few = self.counts, self._few
        positive, negative = log_components(points, t.depth, t.group[few], t.umis[few], centre=t.centre)
        share = expit(points[:, 0])
        np.exp(positive, out=positive)
        np.exp(negative, out=negative)
        positive *= share
        negative *= expit(-points[:, 0])
        positive += negative
        np.maximum(positive, 1e-300, out=positive)
        np.log(positive, out=positive)
        return t.cells[few] @ positive + self._certain(points)

    def _certain(self, points: Floats) -> Floats:
        t, many = self.counts, ~self._few
        if not many.any():
            return np.zeros(len(points))
        mean, _ = moments(points, t.depth, centre=t.centre)
        size = np.exp(points[:, 2])
        log_total = np.log(mean + size)
        sums = self._umis @ (np.log(mean) - log_total) + self._cells @ (size * (np.log(size) - log_total))
        levels, level = np.unique(t.umis[many], return_inverse=True)
        number = np.bincount(level, weights=t.cells[many])
        table = gammaln(levels[:, None] + size) - gammaln(size) - gammaln(levels + 1.0)[:, None]
        return sums + number @ table + number.sum() * log_expit(points[:, 0])


def ceiling(ambient: Ambient, deepest: float) -> int:
    """The least count that ambient RNA can't explain in a cell of depth `deepest`, whatever its rate."""
    from scipy.stats import gamma, poisson

    rate = float(gamma.isf(1e-9, ambient.shape, scale=1 / ambient.rate)) * deepest
    return int(poisson.isf(NEGLIGIBLE, rate)) + 2


def log_prior(points: Floats, prior: Prior, ambient: Ambient) -> Floats:
    """Log prior density of `points`, up to a constant, in the coordinates of `PARAMETERS`."""
    value = prior.share[0] * log_expit(points[:, 0]) + prior.share[1] * log_expit(-points[:, 0])
    for column, (mean, sd) in ((1, prior.log_mean), (2, prior.log_size), (4, prior.slope)):
        value = value - 0.5 * ((points[:, column] - mean) / sd) ** 2
    return value + ambient.shape * points[:, 3] - ambient.rate * np.exp(points[:, 3])


def probability(points: Floats, counts: Tally, *, logit: Floats | None = None) -> Floats:
    """P(CAR+) of each pair of `counts`, averaged over equally weighted `points`.

    `logit` replaces the points' own logit share. At a given depth and point the odds can't fall with x.
    """
    prior = points[:, 0] if logit is None else logit
    result = np.empty(len(counts.umis))
    for start in range(0, len(result), 2000):
        part = slice(start, start + 2000)
        positive, negative = log_components(
            points, counts.depth, counts.group[part], counts.umis[part], centre=counts.centre
        )
        result[part] = expit(positive - negative + prior).mean(axis=1)
    return result
