"""CD4 cells per CD8 cell, with an interval that holds the error of typing beside the sampling of cells.

Typing error: how often CD4 and CD8 cells of known gate were called CD4, CD8 or neither in sets of studies
that taught nothing (workflow/resources/label_error.tsv). A draw takes its rates from one set, as
`label_error` does, and turns observed into true numbers by the inverse of that table (Rogan & Gladen 1978,
two classes).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from ..names import UNASSIGNED

POPULATIONS = {"t_cells_lineage": "t_cells", "car_t_lineage": "car_t"}
COLUMNS = [
    "population", "sample", "condition", "donor", "cd4", "cd8", "unassigned",
    "ratio", "ratio_low", "ratio_high", "label_error",
]  # fmt: skip
DRAWS, LEVEL = 1024, 0.95
LEAST_CELLS = 10  # of either gate in a set, for its rates
LEAST_CALLED = 0.05  # of the cells of a gate that are called right less those called wrong, for an inverse


def table(composition: pd.DataFrame, errors: pd.DataFrame) -> pd.DataFrame:
    """Ratio of CD4 to CD8 per sample, in T cells and in CAR+ T cells (COLUMNS).

    `composition` is the table of `composition.composition`; `errors` holds rows of scheme `lineage` (see
    `label_error.widened`). The ratio is that of the cells called; it is missing without any CD8 cell.
    `label_error` says whether the interval holds typing error; it does where a set measured it.
    """
    rates = _rates(errors)
    rows = []
    for population, name in POPULATIONS.items():
        part = composition[composition["population"] == population]
        for (sample, condition, donor), one in part.groupby(["sample", "condition", "donor"], sort=False):
            counts = one.set_index("label")["n"]
            cd4, cd8, neither = (int(counts.get(label, 0)) for label in ("CD4", "CD8", UNASSIGNED))
            low, high = _interval(cd4, cd8, rates)
            ratio = cd4 / cd8 if cd8 else np.nan
            rows.append(
                (name, sample, condition, donor, cd4, cd8, neither, ratio, low, high, rates is not None)
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def _rates(errors: pd.DataFrame) -> np.ndarray | None:
    """Per set: cells of each gate (CD4, CD8) called CD4, called CD8, called neither (sets x 2 x 3)."""
    sets = []
    for _, one in errors[errors["scheme"] == "lineage"].groupby("set", sort=False):
        by = one.set_index("label")[["hits", "false", "true_cells"]].astype(int).to_dict("index")
        if not {"CD4", "CD8"} <= set(by) or min(row["true_cells"] for row in by.values()) < LEAST_CELLS:
            continue
        called = []
        for gate, other in (("CD4", "CD8"), ("CD8", "CD4")):
            right, wrong = by[gate]["hits"], by[other]["false"]
            rest = by[gate]["true_cells"] - right - wrong
            called.append((right, wrong, rest) if gate == "CD4" else (wrong, right, rest))
        sets.append(called)
    return np.array(sets, dtype=float) if sets else None


def _interval(cd4: int, cd8: int, rates: np.ndarray | None) -> tuple[float, float]:
    """95 % interval of the true ratio; 0 and infinity where nothing can be said."""
    from scipy.stats import qmc

    if cd4 + cd8 == 0:
        return 0.0, np.inf
    points = qmc.Sobol(6, scramble=False).random(DRAWS) * (1 - 1 / DRAWS) + 0.5 / DRAWS
    share = betaincinv(cd4 + 0.5, cd8 + 0.5, points[:, 0])
    ratio = share / (1 - share)
    if rates is not None:
        chosen = rates[np.minimum((points[:, 1] * len(rates)).astype(int), len(rates) - 1)]
        # of each gate: called at all, and called right among the called
        called, right = np.empty((DRAWS, 2)), np.empty((DRAWS, 2))
        for gate in (0, 1):
            good, bad, rest = chosen[:, gate, gate], chosen[:, gate, 1 - gate], chosen[:, gate, 2]
            called[:, gate] = betaincinv(good + bad + 0.5, rest + 0.5, points[:, 2 + gate])
            right[:, gate] = betaincinv(good + 0.5, bad + 0.5, points[:, 4 + gate])
        as_cd4 = called * np.column_stack([right[:, 0], 1 - right[:, 1]])
        as_cd8 = called - as_cd4
        determinant = as_cd4[:, 0] * as_cd8[:, 1] - as_cd4[:, 1] * as_cd8[:, 0]
        true_cd4 = np.maximum(as_cd8[:, 1] * share - as_cd4[:, 1] * (1 - share), 0)
        true_cd8 = np.maximum(as_cd4[:, 0] * (1 - share) - as_cd8[:, 0] * share, 0)
        told = determinant > LEAST_CALLED
        if told.mean() < LEVEL:
            return 0.0, np.inf
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(told, true_cd4 / true_cd8, np.nan)[told]
    low, high = np.nanquantile(ratio, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
    return float(low), float(high)
