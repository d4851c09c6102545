"""What wrong names do to a share: intervals that hold the error of labels beside the sampling of cells.

How often a state is missed, and named where it is not, was measured on cells whose gate is known
(workflow/resources/label_error.tsv, made by `benchmarks/states.py`). Sets differ more than cells within a
set, so every draw takes its rates from one set (Rogan & Gladen 1978, with the rates' own uncertainty).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import betaincinv

POPULATIONS = ("t_cells", "car_t", "t_cells_lineage", "car_t_lineage")
DRAWS = 1024
LEAST_CELLS = 10  # of a set, for a rate
LEAST_YOUDEN = 0.1  # sensitivity + specificity - 1; below, a share says nothing of the truth
LEVEL = 0.95


def widened(composition: pd.DataFrame, errors: pd.DataFrame, *, scheme: str) -> pd.DataFrame:
    """`composition` with intervals of T-cell labels that include label error; no interval gets narrower.

    `errors` holds per set, scheme (canonical, paper or lineage) and label how many cells of the label's gate
    got it (`hits` of `true_cells`) and how many others did (`false` of `other_cells`). Labels without a
    measured error keep the interval they have; `label_error` says which have one.
    """
    result = composition.copy()
    low, high = (
        result[name].to_numpy(dtype=np.float64, copy=True) for name in ("fraction_low", "fraction_high")
    )
    known = np.zeros(len(result), dtype=bool)
    kinds = zip(result["population"], result["label"], result["n"], result["total"], strict=True)
    for place, (population, label, n, total) in enumerate(kinds):
        kind = "lineage" if population.endswith("_lineage") else scheme
        rates = _rates(errors[(errors["scheme"] == kind) & (errors["label"] == label)])
        if population not in POPULATIONS or rates is None or total == 0:
            continue
        bounds = _interval(int(n), int(total), *rates)
        low[place], high[place] = min(low[place], bounds[0]), max(high[place], bounds[1])
        known[place] = True
    return result.assign(fraction_low=low, fraction_high=high, label_error=known)


def _rates(errors: pd.DataFrame) -> tuple[np.ndarray, np.ndarray] | None:
    """Hits and misses of the sets that measure sensitivity, and of those that measure specificity."""
    true = errors[errors["true_cells"] >= LEAST_CELLS]
    other = errors[errors["other_cells"] >= LEAST_CELLS]
    if true.empty or other.empty:
        return None
    sensitivity = np.column_stack([true["hits"], true["true_cells"] - true["hits"]])
    specificity = np.column_stack([other["other_cells"] - other["false"], other["false"]])
    return sensitivity.astype(float), specificity.astype(float)


def _interval(n: int, total: int, sensitivity: np.ndarray, specificity: np.ndarray) -> tuple[float, float]:
    from scipy.stats import qmc

    points = qmc.Sobol(5, scramble=False).random(DRAWS) * (1 - 1 / DRAWS) + 0.5 / DRAWS
    observed = betaincinv(n + 0.5, total - n + 0.5, points[:, 0])
    found, spared = (
        _drawn(table, points[:, at], points[:, at + 1]) for table, at in ((sensitivity, 1), (specificity, 3))
    )
    youden = found + spared - 1
    true = np.where(
        youden >= LEAST_YOUDEN,
        np.clip((observed + spared - 1) / np.maximum(youden, LEAST_YOUDEN), 0, 1),
        np.nan,
    )
    told = np.isfinite(true)
    if told.mean() < LEVEL:
        return 0.0, 1.0
    low, high = np.quantile(true[told], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _drawn(table: np.ndarray, which: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Draws of a rate: a set each, and its beta posterior (Jeffreys)."""
    rows = table[np.minimum((which * len(table)).astype(int), len(table) - 1)]
    return betaincinv(rows[:, 0] + 0.5, rows[:, 1] + 0.5, level)
