"""Does the model of a library fit its counts, and is there more CAR than ambient RNA alone explains?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from . import mixture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .posterior import ShareFit

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

GROUPS = 4  # of cells by depth
EDGES = np.array([0, 1, 2, 3, 4, 6, 9, 14, 21, 41])  # lower ends of the classes of UMI counts
FREE = 6  # fitted parameters
EXPONENTS = 11  # of depth, over which the chance of ambient UMIs is averaged
MIN_EXPECTED = 5.0
FLAG_P = 0.01
UNEVEN = 0.1  # difference of a feature's share between weak and strong cells that is worth a warning


@dataclass(frozen=True)
class FitCheck:
    """Pearson's test of counts by depth; rows of `table`: depth group, least UMIs, observed, expected."""

    p_value: float
    flagged: bool
    distance: float
    table: list[tuple[int, int, float, float]]


def check(found: ShareFit, umis: Counts, depth: Floats, *, level: float = FLAG_P) -> FitCheck:
    """Compare counts with those expected at the posterior mode: zeros, ones and tails in depth quarters.

    Classes with fewer than five expected cells are joined to their lower neighbour. `distance` is the share
    of cells that would have to move (total variation). Flagged: p below `level`.
    """
    from scipy import stats  # late: it takes a second, and jobs that fit nothing import this module

    if not len(umis):
        return FitCheck(float("nan"), flagged=False, distance=0.0, table=[])
    counts = mixture.tally(umis, depth, centre=found.centre)
    cells = np.bincount(counts.group, weights=counts.cells, minlength=len(counts.depth))
    group = np.minimum((np.cumsum(cells) - cells / 2) / cells.sum() * GROUPS, GROUPS - 1).astype(int)
    expected = np.zeros((GROUPS, len(EDGES)))
    np.add.at(expected, group, cells[:, None] * _class_probabilities(found.posterior.mode, counts))
    observed = np.zeros_like(expected)
    np.add.at(
        observed, (group[counts.group], np.searchsorted(EDGES, counts.umis, side="right") - 1), counts.cells
    )
    statistic, freedom, table = 0.0, -FREE, []
    for g in range(GROUPS):
        rows = _joined(observed[g], expected[g])
        freedom += max(len(rows) - 1, 0)
        statistic += sum((o - e) ** 2 / e for _, o, e in rows if e > 0)
        table += [(g, low, o, e) for low, o, e in rows]
    p = float(stats.chi2.sf(statistic, max(freedom, 1)))
    distance = float(np.abs(observed - expected).sum() / 2 / cells.sum())
    return FitCheck(p, p < level, distance, table)


def _class_probabilities(point: Floats, counts: mixture.CountTable) -> Floats:
    """Probability of each class of counts in each depth bin (bins x classes) at one parameter point."""
    point = point[None, :]
    bins, top = len(counts.depth), int(EDGES[-1])
    group, umis = np.repeat(np.arange(bins), top), np.tile(np.arange(top), bins)
    positive, negative = mixture.log_components(point, counts.depth, group, umis, centre=counts.centre)
    share = expit(point[0, 0])
    each = (share * np.exp(positive) + (1 - share) * np.exp(negative)).reshape(bins, top)
    classes = np.add.reduceat(each, EDGES[:-1], axis=1)
    return np.column_stack([classes, np.maximum(1 - each.sum(axis=1), 0.0)])


def _joined(observed: Floats, expected: Floats) -> list[tuple[int, float, float]]:
    rows: list[tuple[int, float, float]] = []
    o = e = 0.0
    for i in range(len(EDGES) - 1, -1, -1):
        o, e = o + observed[i], e + expected[i]
        if e >= MIN_EXPECTED:
            rows.append((int(EDGES[i]), float(o), float(e)))
            o = e = 0.0
    if e > 0 and rows:
        _, last_o, last_e = rows.pop()
        rows.append((0, last_o + o, last_e + e))
    return rows[::-1]


def ambient_only_p(found: ShareFit, umis: Counts, depth: Floats) -> float:
    """P of as many transgene UMIs in all T cells if all of them were ambient.

    The ambient rate has its Gamma prior, so that the sum is negative binomial, for each exponent of depth;
    over the exponent's prior p is averaged.
    """
    from scipy import stats

    prior = found.ambient
    nodes = stats.norm.ppf((np.arange(EXPONENTS) + 0.5) / EXPONENTS, *prior.slope)
    relative = np.maximum(np.asarray(depth, dtype=np.float64), 1.0) / found.centre
    exposure = np.array([found.centre * float((relative**c).sum()) for c in nodes])
    return float(
        stats.nbinom.sf(int(np.sum(umis)) - 1, prior.shape, prior.rate / (prior.rate + exposure)).mean()
    )


def features_agree(first: Counts, second: Counts, *, strong: int = 3) -> tuple[float, float, float]:
    """Share of the first of two features among UMIs of cells with one UMI and of cells with >= `strong`.

    Two features of one construct may be summed as long as they split alike in weak and strong cells; a
    feature with background of its own (a shared stretch) is over-represented in cells with one. Returns both
    shares and Fisher's exact p.
    """
    from scipy import stats

    total = first + second
    table = [[int(f[total == 1].sum()), int(f[total >= strong].sum())] for f in (first, second)]
    sums = np.array(table, dtype=float)
    with np.errstate(invalid="ignore"):
        shares = sums[0] / sums.sum(axis=0)
    return float(shares[0]), float(shares[1]), float(stats.fisher_exact(table).pvalue)


def disagreeing(names: Sequence[str], umis: Counts) -> list[str]:
    """Sentences on the features of a construct (`umis`: cells x features, `names`) that should not be summed.

    Report a feature whose share of UMIs is higher in one-UMI cells than in strong cells, by at least `UNEVEN`
    and with Bonferroni-corrected p < `FLAG_P`.
    """
    found = []
    for index, name in enumerate(names if len(names) > 1 else []):
        weak, strong, p = features_agree(umis[:, index], umis.sum(axis=1) - umis[:, index])
        if p < FLAG_P / len(names) and weak - strong > UNEVEN:
            found.append(
                f"{name} makes up {weak:.0%} of the transgene UMIs of T cells with one, but {strong:.0%} in "
                f"cells with three or more: it may have background of its own, as a stretch shared with an "
                f"endogenous gene has. Check the construct, or leave {name} out of transgene.features."
            )
    return found
