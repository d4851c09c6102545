"""The model of transgene UMIs in the T cells of one library: its likelihood, priors and posterior.

A T cell of depth L (UMIs without the transgene) holds x transgene UMIs,

    x = ambient + pi-share of cells: CAR,
    ambient ~ Poisson(a L0 (L / L0)^c),   CAR ~ NB(mean = m (L / L0)^b, size = k),

where pi is the transduced share, m the mean of a CAR+ cell at the median depth L0, k the size (small: bursty)
and a the ambient transgene UMIs per UMI of a cell of that depth. b is 1 up to a tight prior: real means rise
a little slower or faster than depth, and pi must not be read from that. c is near 0 where every droplet
encloses as much of the soup, whatever its cell holds, and 1 where droplets capture the two alike; its prior
lies between, nearer to the former, and cells that can't carry the CAR narrow it. A parameter point is the
vector (logit pi, log m, log k, log a, b, c). Cells enter as tallies of equal (depth bin, x), so that cost
does not grow with their number. The posterior is averaged over quasi-random points (`sampling`), not
maximised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, gammaln, log_expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PARAMETERS = ("logit_share", "log_mean", "log_size", "log_ambient", "slope", "ambient_slope")
AMBIENT_SLOPE = (0.3, 0.3)  # mean and sd of c before anything is seen
NEGLIGIBLE = 1e-13  # an ambient count this unlikely is not ambient
BIN_WIDTH = 0.1  # of depth bins, in natural logarithms, for fitting
FINE_BIN_WIDTH = 0.02  # and for the cells' probabilities
MAX_AMBIENT = 15  # ambient UMIs that a CAR+ cell may hold


@dataclass(frozen=True)
class AmbientPrior:
    """What is known of the ambient rate before T cells are looked at: Gamma(`shape`, `rate`), per UMI.

    `slope` is the mean and sd of the exponent c with which ambient UMIs rise with depth.
    """

    shape: float
    rate: float
    source: str
    slope: tuple[float, float] = AMBIENT_SLOPE

    @property
    def mean(self) -> float:
        """Expected ambient transgene UMIs per UMI."""
        return self.shape / self.rate


@dataclass(frozen=True)
class Prior:
    """Priors of one library; normal in the logarithm unless named otherwise.

    `log_mean`: (mean, sd) of log m; the default spans 0.1 to 10 UMIs (95 %). `log_size`: of log k; 0.3 to
    4.4, around the 1.0 to 2.8 of real sorted CAR+ cells. `slope`: of b. `share`: a Beta distribution.
    """

    share: tuple[float, float] = (1.0, 1.0)
    log_mean: tuple[float, float] = (0.0, 1.2)
    log_size: tuple[float, float] = (0.2, 0.65)
    slope: tuple[float, float] = (1.0, 0.2)


@dataclass(frozen=True)
class CountTable:
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


def tally(
    umis: NDArray[np.int64], depth: Floats, *, width: float = BIN_WIDTH, centre: float | None = None
) -> CountTable:
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
    return CountTable(mean, pairs // top, pairs % top, cells.astype(np.float64), pair, middle)


def rates(points: Floats, depth: Floats, *, centre: float) -> tuple[Floats, Floats]:
    """Mean CAR UMIs of a CAR+ cell and mean ambient UMIs of any cell: two arrays (depths x points)."""
    relative = np.log(depth / centre)[:, None]
    ambient = np.exp(points[:, 3] + np.log(centre) + points[:, 5] * relative)
    return np.exp(points[:, 1] + points[:, 4] * relative), ambient


def log_components(
    points: Floats, depth: Floats, group: NDArray[np.intp], umis: NDArray[np.int64], *, centre: float
) -> tuple[Floats, Floats]:
    """Log probability of `umis` in a CAR+ and in a CAR- cell of depth ``depth[group]``: (pairs x points).

    CAR+ cells: NB and Poisson convolved, as NB(x) times the sum over the j ambient UMIs among the x of
    Poisson(j) NB(x - j) / NB(x).
    """
    mean, ambient = rates(points, depth, centre=centre)
    size = np.exp(points[:, 2])
    levels, level = np.unique(umis, return_inverse=True)
    factorial = gammaln(levels + 1.0)[:, None]
    table = gammaln(levels[:, None] + size) - gammaln(size) - factorial
    log_mean, log_total = np.log(mean), np.log(mean + size)
    x = umis[:, None].astype(np.float64)
    base = size * (np.log(size) - log_total) - ambient
    positive = table[level] + base[group] + x * (log_mean - log_total)[group]
    step = (ambient * (1 + size / mean))[group]  # a L divided by NB's own decay m / (m + k)
    term = np.ones_like(step)
    total = np.ones_like(step)
    for j in range(1, min(int(umis.max(initial=0)), MAX_AMBIENT) + 1):
        left = np.maximum(x - j + 1, 0.0)
        term *= left / (np.maximum(left - 1, 0.0) + size) * step / j
        total += term
    positive += np.log(total)
    negative = x * np.log(ambient)[group] - ambient[group] - factorial[level]
    return positive, negative


@dataclass
class Likelihood:
    """The log likelihood of a tally at many points at once.

    Cells with more UMIs than ambient RNA can explain (`ceiling`) are CAR+ whatever the point, so
    their terms need only sums per depth bin.
    """

    counts: CountTable
    ceiling: int
    _few: NDArray[np.bool_] = field(init=False)
    _cells: Floats = field(init=False)
    _umis: Floats = field(init=False)

    def __post_init__(self) -> None:
        t = self.counts
        self._few = t.umis < self.ceiling
        many = ~self._few
        bins = len(t.depth)
        umis = t.cells[many] * t.umis[many]
        self._cells = np.bincount(t.group[many], t.cells[many], minlength=bins).astype(np.float64)
        self._umis = np.bincount(t.group[many], umis, minlength=bins).astype(np.float64)

    def __call__(self, points: Floats) -> Floats:
        """Log likelihood at each of `points` (points x 6)."""
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
        """Log likelihood of the cells beyond the ceiling; their ambient UMIs enter to first order."""
        t, many = self.counts, ~self._few
        if not many.any():
            return np.zeros(len(points))
        mean, ambient = rates(points, t.depth, centre=t.centre)
        size = np.exp(points[:, 2])
        log_total = np.log(mean + size)
        sums = self._umis @ (np.log(mean) - log_total) + self._cells @ (size * (np.log(size) - log_total))
        levels, level = np.unique(t.umis[many], return_inverse=True)
        by_bin = np.zeros((len(t.depth), len(levels)))
        np.add.at(by_bin, (t.group[many], level), t.cells[many])
        table = gammaln(levels[:, None] + size) - gammaln(size) - gammaln(levels + 1.0)[:, None]
        growth = (by_bin @ (levels[:, None] / (levels[:, None] - 1 + size))) * (1 + size / mean)
        sums += (ambient * (growth - self._cells[:, None])).sum(axis=0)
        return sums + by_bin.sum(axis=0) @ table + by_bin.sum() * log_expit(points[:, 0])


def ceiling(ambient: AmbientPrior, deepest: float) -> int:
    """The least count that ambient RNA can't explain in a cell of depth `deepest`, whatever its rate."""
    from scipy.stats import gamma, poisson

    rate = float(gamma.isf(1e-9, ambient.shape, scale=1 / ambient.rate)) * deepest
    return int(poisson.isf(NEGLIGIBLE, rate)) + 2


def log_prior(points: Floats, prior: Prior, ambient: AmbientPrior) -> Floats:
    """Log prior density of `points`, up to a constant, in the coordinates of `PARAMETERS`."""
    value = prior.share[0] * log_expit(points[:, 0]) + prior.share[1] * log_expit(-points[:, 0])
    normal = ((1, prior.log_mean), (2, prior.log_size), (4, prior.slope), (5, ambient.slope))
    for column, (mean, sd) in normal:
        value = value - 0.5 * ((points[:, column] - mean) / sd) ** 2
    return value + ambient.shape * points[:, 3] - ambient.rate * np.exp(points[:, 3])


def silent_share(points: Floats, counts: CountTable) -> Floats:
    """Share of the CAR+ cells that hold no CAR UMI of their own, at the depths of `counts` (points)."""
    cells = np.bincount(counts.group, weights=counts.cells, minlength=len(counts.depth))
    mean, _ = rates(points, counts.depth, centre=counts.centre)
    size = np.exp(points[:, 2])
    return (cells / cells.sum()) @ np.exp(-size * np.log1p(mean / size))


def probability(points: Floats, counts: CountTable, *, certain: int) -> Floats:
    """P(CAR+) of each pair of `counts`, averaged over equally weighted `points`; 1 from `certain` UMIs on."""
    result = np.ones(len(counts.umis))
    few = np.flatnonzero(counts.umis < certain)
    for start in range(0, len(few), 1000):
        part = few[start : start + 1000]
        positive, negative = log_components(
            points, counts.depth, counts.group[part], counts.umis[part], centre=counts.centre
        )
        result[part] = expit(positive - negative + points[:, 0]).mean(axis=1)
    return result
