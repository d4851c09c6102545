"""Why the detected CAR+ share of two libraries differs, and the corrected share of each label of cells.

A change of detected share is a change of depth, of expression, of ambient RNA and of the true share together.
Each factor gets its Shapley value: its effect when it is exchanged, averaged over all orders of exchanging,
so that the parts sum to the whole (Shorrocks, Journal of Economic Inequality 2013).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import expit

from . import mixture, posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

FACTORS = ("depth", "expression", "ambient", "share")
COLUMNS = ["factor", "change", "change_low", "change_high"]
LABEL_SPREAD = 0.35  # sd of the logarithm of CAR expression between labels of one library
LABEL_COLUMNS = [
    "label", "t_cells", "detected_fraction", "car_fraction", "car_fraction_low", "car_fraction_high",
    "identifiable",
]  # fmt: skip


def expected_detected(
    tally: mixture.CountTable, expression: Floats, ambient: Floats, share: Floats, centre: float
) -> Floats:
    """Expected share of cells with at least one UMI (points) for cells as deep as those of `tally`.

    `expression` is points x 6 as in `mixture.PARAMETERS` with reference depth `centre`; of it only the mean,
    size and slope are used. `ambient`: mean ambient UMIs (depth bins x points); `share`: one value per point.
    """
    cells = np.bincount(tally.group, weights=tally.cells, minlength=len(tally.depth))
    mean, _ = mixture.rates(expression, tally.depth, centre=centre)
    size = np.exp(expression[:, 2])
    silent = np.exp(-size * np.log1p(mean / size))
    none = np.exp(-ambient) * (share * silent + 1 - share)
    return 1 - (cells / cells.sum()) @ none


def decompose(
    reference: posterior.ShareFit, reference_depth: Floats, test: posterior.ShareFit, test_depth: Floats
) -> pd.DataFrame:
    """Change of the expected detected share from `reference` to `test`, split into FACTORS and `total`.

    Rows: the factors and the total; columns COLUMNS, as shares (0.1: ten points), with 95 % intervals over
    both posteriors. Wide intervals of `expression` and `share` that mirror each other mean that the data
    can't tell them apart.
    """
    fits = (reference, test)
    tallies = [mixture.tally(np.zeros(len(d), dtype=np.int64), d) for d in (reference_depth, test_depth)]
    shuffled = np.random.default_rng(0).permutation(posterior.POINTS)
    points = [reference.points, test.points[shuffled]]

    def value(from_test: frozenset[str]) -> Floats:
        pick = {factor: int(factor in from_test) for factor in FACTORS}
        return expected_detected(
            tallies[pick["depth"]],
            points[pick["expression"]],
            mixture.rates(
                points[pick["ambient"]], tallies[pick["depth"]].depth, centre=fits[pick["ambient"]].centre
            )[1],
            expit(points[pick["share"]][:, 0]),
            centre=fits[pick["expression"]].centre,
        )

    subsets = [frozenset(s) for r in range(len(FACTORS) + 1) for s in combinations(FACTORS, r)]
    values = {subset: value(subset) for subset in subsets}
    rows = [_row(factor, _shapley(factor, values)) for factor in FACTORS]
    rows.append(_row("total", values[frozenset(FACTORS)] - values[frozenset()]))
    return pd.DataFrame(rows, columns=COLUMNS)


def _shapley(factor: str, values: dict[frozenset[str], Floats]) -> Floats:
    n, total = len(FACTORS), np.zeros(posterior.POINTS)
    for subset, value in values.items():
        if factor not in subset:
            weight = factorial(len(subset)) * factorial(n - len(subset) - 1) / factorial(n)
            total += weight * (values[subset | {factor}] - value)
    return total


def _row(factor: str, draws: Floats) -> tuple[str, float, float, float]:
    low, middle, high = np.quantile(draws, [0.025, 0.5, 0.975])
    return factor, float(middle), float(low), float(high)


def fit_labels(
    found: posterior.ShareFit, umis: Counts, depth: Floats, labels: NDArray[np.str_]
) -> tuple[pd.DataFrame, Floats]:
    """The true share within each label (state, lineage) of one library's T cells, and P(CAR+) given it.

    A label may carry the CAR more often and express it more strongly than the library: it is fitted by
    itself, with the library's posterior, widened by `LABEL_SPREAD`, as prior of expression. Labels of fewer
    than `caller.MIN_CELLS` cells keep the library's probabilities and get no share. Columns: LABEL_COLUMNS;
    intervals of 95 %.
    """
    names, code = np.unique(labels, return_inverse=True)
    probability = posterior.probabilities(found, umis, depth)
    rows = []
    for index, name in enumerate(names):
        cells = np.flatnonzero(code == index)
        row = [str(name), len(cells), float((umis[cells] >= 1).mean())]
        if len(cells) < posterior.MIN_CELLS or found.t_cells < posterior.MIN_CELLS:
            rows.append([*row, np.nan, np.nan, np.nan, False])
            continue
        inner = posterior.fit(
            umis[cells], depth[cells], found.ambient, prior=_label_prior(found), centre=found.centre
        )
        probability[cells] = posterior.probabilities(inner, umis[cells], depth[cells])
        shown = (inner.share, inner.low, inner.high) if inner.identifiable else (np.nan,) * 3
        rows.append([*row, *shown, inner.identifiable])
    columns = [
        "label",
        "t_cells",
        "detected_fraction",
        "car_fraction",
        "car_fraction_low",
        "car_fraction_high",
    ]
    return pd.DataFrame(rows, columns=[*columns, "identifiable"]), probability


def _label_prior(found: posterior.ShareFit) -> mixture.Prior:
    """The library's posterior of mean, size and slope, widened."""
    w, points = found.posterior.weights, found.posterior.points

    def normal(values: Floats, spread: float) -> tuple[float, float]:
        mean = float(w @ values)
        return mean, float(np.sqrt(w @ (values - mean) ** 2 + spread**2))

    return replace(
        mixture.Prior(),
        log_mean=normal(points[:, 1], LABEL_SPREAD),
        log_size=normal(points[:, 2], LABEL_SPREAD),
        slope=normal(points[:, 4], 0.05),
    )
