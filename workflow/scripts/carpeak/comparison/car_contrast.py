"""CAR+ T cells against the other T cells of the same library.

A cell without a CAR UMI may carry the CAR, so that "detected against undetected" understates every
difference: the undetected are a mixture. Each gene is therefore regressed on P(CAR+), which is regression
calibration (Carroll et al., Measurement Error in Nonlinear Models, 2006): where P is calibrated, and a CAR+
cell's UMI count tells nothing of its other genes beyond its depth, the slope is the difference between cells
that carry the CAR and cells that don't. The logarithm of depth is a second regressor, since deeper cells show
the CAR and every other gene more often, and every T-cell state has an intercept of its own: CARs have
promoters that activation drives, so that activated cells show the CAR more often whether or not more of them
carry it. The same regression on detection stands beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from ..names import FEW_CELLS, POSITIVE
from ..stats import intervals, matrix

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray
    from scipy import sparse

    Floats = NDArray[np.float64]

RULES = ("probability", "detected")
COLUMNS = [
    "sample", "condition", "donor", "rule", "gene", "pct", "difference", "difference_low", "difference_high",
    "p_value", "p_adjusted",
]  # fmt: skip
CD8_COLUMNS = ["sample", "condition", "donor", "group", "cells"]
CD8_COLUMNS += [f"{kind}{end}" for kind in ("cd8a_only", "cd8b_only") for end in ("", "_low", "_high")]
LEAST_PER_STATE = 20  # cells from which a state gets an intercept of its own
SPREAD = 0.02  # least standard deviation of P(CAR+) at a given depth that a slope can rest on


def compare(
    counts: sparse.csr_matrix,
    cells: pd.DataFrame,
    genes: Sequence[str],
    *,
    transgene: NDArray[np.bool_],
    samples: Sequence[Mapping[str, Any]],
    min_pct: float,
) -> pd.DataFrame:
    """The difference of every gene between CAR+ and other T cells, per sample and rule (COLUMNS).

    `counts`: T cells x genes, raw; `cells`: their sample, car_umis, car_probability and t_state; `transgene`
    masks genes that are neither tested nor part of a cell's depth; genes in fewer than `min_pct` of a
    sample's T cells are not tested. `difference`: mean log1p counts per 10,000 of CAR+ less that of CAR-
    cells at equal depth and within states, with its 95 % interval (cell sampling; the error of P itself is
    not in it). Rule ``probability`` needs P(CAR+); a sample has no rows where P hardly varies or with fewer
    than `FEW_CELLS` T cells.
    """
    names, parts = np.asarray(genes, dtype=object), []
    states = cells["t_state"].fillna("").to_numpy(dtype=str)
    of_sample = cells["sample"].to_numpy(dtype=str)
    depth = matrix.size_factors(counts, exclude=transgene)
    for row in samples:
        mine = np.flatnonzero(of_sample == row["sample"])
        if len(mine) < FEW_CELLS:
            continue
        levels = matrix.normalise(counts[mine].tocsr(), exclude=transgene, dtype=np.float64).tocsc()
        pct = np.diff(levels.indptr) / len(mine)
        tested = np.flatnonzero((pct >= min_pct) & ~transgene)
        columns = {
            "probability": cells["car_probability"].to_numpy(dtype=float)[mine],
            "detected": (cells["car_umis"].to_numpy()[mine] >= 1).astype(np.float64),
        }
        for rule in RULES:
            found = slopes(levels[:, tested], columns[rule], np.log(depth[mine]), states[mine])
            if found is None:
                continue
            head = {k: row[k] for k in ("sample", "condition", "donor")} | {"rule": rule}
            table = found.assign(**head, gene=names[tested], pct=pct[tested])
            parts.append(table.sort_values(["p_value", "gene"], kind="stable"))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def slopes(
    levels: sparse.csc_matrix, on: Floats, log_depth: Floats, states: NDArray[np.str_]
) -> pd.DataFrame | None:
    """Slope of every column of `levels` (cells x genes) on `on`, for equal `log_depth` and within `states`.

    Least squares with White's standard errors, which allow the variance to differ between cells, or the usual
    ones where those are larger: where few cells are CAR+ and a gene is rare, White's take its absence among
    them for certain. Nothing where `on` is unknown or hardly varies at a given depth. Columns: those of
    COLUMNS from `difference` on.
    """
    from scipy.stats import false_discovery_control  # late: 1 s

    n = len(on)
    if not np.isfinite(on).all():
        return None
    base = np.column_stack([_within(states), log_depth - log_depth.mean()])
    rest = on - base @ np.linalg.lstsq(base, on, rcond=None)[0]
    weight = float(rest @ rest)
    if weight < n * SPREAD**2:
        return None
    slope = levels.T @ rest / weight
    regressors = np.column_stack([base, on])
    level_sums = np.asarray(levels.T @ base).T  # regressors but one x genes
    fitted = np.linalg.solve(base.T @ base, level_sums - np.outer(base.T @ on, slope))
    coefficients = np.vstack([fitted, slope])
    squared = rest**2
    weighted = regressors * squared[:, None]
    spread = levels.power(2).T @ squared - 2 * (np.asarray(levels.T @ weighted).T * coefficients).sum(axis=0)
    spread += np.einsum("kg,kl,lg->g", coefficients, regressors.T @ weighted, coefficients)
    even = _residual_squares(levels, regressors, coefficients) * weight / n
    error = np.sqrt(np.maximum(spread, even) * n / (n - base.shape[1] - 1)) / weight
    p = 2 * ndtr(-np.abs(slope) / np.maximum(error, 1e-300))
    half = ndtri(0.5 + intervals.LEVEL / 2) * error
    return pd.DataFrame(
        {
            "difference": slope,
            "difference_low": slope - half,
            "difference_high": slope + half,
            "p_value": p,
            "p_adjusted": false_discovery_control(p),
        }
    )


def _within(states: NDArray[np.str_]) -> Floats:
    """An intercept for each state of at least `LEAST_PER_STATE` cells, and one for the others."""
    names, code, number = np.unique(states, return_inverse=True, return_counts=True)
    code = np.where(number[code] >= LEAST_PER_STATE, code, len(names))
    kept = np.unique(code)
    return (code[:, None] == kept).astype(np.float64)


def _residual_squares(levels: sparse.csc_matrix, regressors: Floats, coefficients: Floats) -> Floats:
    """Sum over cells of the squared residuals of every gene."""
    total = np.asarray(levels.power(2).sum(axis=0)).ravel()
    return total - ((np.asarray(levels.T @ regressors).T) * coefficients).sum(axis=0)


def cd8(
    cells: pd.DataFrame, cd8a: NDArray[Any], cd8b: NDArray[Any], samples: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """CD8A without CD8B in CAR+ and in other T cells of each sample (CD8_COLUMNS).

    `cells`: sample and car_call of T cells; `cd8a`, `cd8b`: their UMIs. RQR8 and other constructs hold
    CD8-alpha sequence: if their reads pass for CD8A, CD8A+ CD8B- cells are too frequent among CAR+ cells.
    CAR+ cells are deeper, so that CD8B+ CD8A- cells, which no construct can fake, stand beside as a measure.
    `group`: positive (called so) or undetected (the rest).
    """
    a, b = np.asarray(cd8a) > 0, np.asarray(cd8b) > 0
    of_sample = cells["sample"].to_numpy(dtype=str)
    positive = (cells["car_call"] == POSITIVE).to_numpy()
    rows = []
    for row in samples:
        for group, inside in (("positive", positive), ("undetected", ~positive)):
            mine = inside & (of_sample == row["sample"])
            line = {**{k: row[k] for k in CD8_COLUMNS[:3]}, "group": group, "cells": int(mine.sum())}
            for kind, hits in (("cd8a_only", a & ~b), ("cd8b_only", b & ~a)):
                n = int((hits & mine).sum())
                low, high = intervals.jeffreys(n, mine.sum())
                line[kind] = float(intervals.share(n, mine.sum()))
                line |= {f"{kind}_low": float(low), f"{kind}_high": float(high)}
            rows.append(line)
    return pd.DataFrame(rows, columns=CD8_COLUMNS)


def cd8_mimicry(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Per sample of `cd8`'s table: the shares, and whether CAR+ cells show CD8A alone too often (`mimicked`).

    Too often: the odds of CD8A+ CD8B- rise from undetected to CAR+ cells by more than those of CD8B+ CD8A-
    do, with a 95 % interval (Wald, logarithm of the ratio of odds ratios) above none. Samples in which a
    group holds no cell are left out.
    """
    found = []
    for sample, part in table.groupby("sample", sort=False):
        rows = part.set_index("group")
        cells = rows["cells"].to_numpy(dtype=float)
        if (cells == 0).any():
            continue
        change, variance = 0.0, 0.0
        for kind, sign in (("cd8a_only", 1), ("cd8b_only", -1)):
            hits = rows[kind].to_numpy(dtype=float) * cells + 0.5
            odds = np.log(hits / (cells + 1 - hits))
            change += sign * (odds[0] - odds[1])
            variance += float((1 / hits + 1 / (cells + 1 - hits)).sum())
        shares = {kind: rows[kind].tolist() for kind in ("cd8a_only", "cd8b_only")}
        mimicked = bool(change > ndtri(0.975) * np.sqrt(variance))
        found.append({"sample": str(sample), **shares, "mimicked": mimicked})
    return found


def of_gene(counts: AnnData, gene: str) -> NDArray[Any]:
    """UMIs of one gene per cell; zeros where the matrix lacks it."""
    found = counts.X[:, np.flatnonzero(counts.var_names == gene)]
    return np.asarray(found.sum(axis=1)).ravel()
