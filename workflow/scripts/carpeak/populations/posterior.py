"""The chance of an axis' high end for the cells of one library: scores, ends, and the library's programmes.

A mixture of two Gaussians around the ends that labelled cells taught (`axes.Ends`), fitted to the library by
penalised EM, and a logistic regression of its answer on the library's own variable genes, so that genes
which no list names count where they move with the axis. Own code: scikit-learn's mixtures take neither
priors of the means nor weights of the cells. Constants: docs/states.md, chosen by leaving studies out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse
from scipy.special import expit, logit

from . import axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

# From P(high end) of every cell to log odds that are added to those of the axis
Evidence: TypeAlias = "Callable[[NDArray[np.float64]], NDArray[np.float64]]"

# What the labelled cells say of the ends counts as much as so many cells per cell of the library ...
TAUGHT = 0.5
# ... and the share of the high end is drawn towards one half by so many: where ends overlap, the share that
# fits best runs to 0 or 1 and would take a rare state's cells with it.
EVEN = 0.5
ROUNDS, STEPS = 3, 100
LEAST_WIDTH = 0.2  # standard deviations of the labelled cells
RIDGE, MOST_ODDS = 50.0, 2.0  # of the regression on variable genes; what it may add to the log odds
VARIABLE, COMPONENTS, BINS, LEAST_CELLS = 1000, 15, 20, 5


def high_end(
    score: NDArray[np.float64],
    log_umis: NDArray[np.float64],
    ends: axes.Ends,
    share: tuple[float, float],
    *,
    weight: NDArray[np.float64],
    evidence: Evidence | None = None,
    taught: float = TAUGHT,
    temper: float = 1.0,
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """P(high end) per cell of one library, and what was found of the library.

    Two Gaussians of one width at the `ends`, both moved by the library's offset. Offset, width and the share
    of the high end are estimated, counting each cell by `weight`, the chance that the question applies to
    it; `taught` cells per cell stand by the ends as they are. `evidence` is asked after every fit. At last
    log odds are multiplied by `temper`. Found: `share`, `offset`, `width` and `separation` of the ends
    (standard deviations) and `certainty`, the mean of the larger probability: what part of the cells is
    expected to be named right.
    """
    centred, half = ends.standardised(score, log_umis)
    total = weight.sum()
    prior = np.array(share, dtype=float)
    if share[0] == share[1]:
        prior += EVEN * total / 2
    chance, offset, width = share[0] / sum(share), 0.0, 1.0
    added: NDArray[np.float64] | float = 0.0
    for turn in range(ROUNDS + 1):
        for _ in range(STEPS):
            odds = logit(chance) + 2 * half / width**2 * (centred - offset) + added
            posterior = expit(odds)
            misfit = centred - (2 * posterior - 1) * half
            new_offset = (weight * misfit).sum() / (total * (1 + taught) + 1e-9)
            square = posterior * (centred - half) ** 2 + (1 - posterior) * (centred + half) ** 2
            square = (weight * (square - 2 * new_offset * misfit + new_offset**2)).sum()
            new_width = np.sqrt((square + TAUGHT * total) / (total * (1 + taught) + 1e-9))
            new_chance = ((weight * posterior).sum() + prior[0]) / (total + prior.sum())
            moved = abs(new_chance - chance) + abs(new_offset - offset)
            chance, offset, width = float(new_chance), float(new_offset), max(float(new_width), LEAST_WIDTH)
            if moved < 1e-6:
                break
        if evidence is None:
            break
        if turn < ROUNDS:
            added = evidence(posterior)
    prior_odds = logit(chance)
    posterior = expit(prior_odds + temper * (odds - prior_odds))
    asked = total > 1e-9
    sure = np.maximum(posterior, 1 - posterior)
    found = {
        "share": chance,
        "offset": offset,
        "width": width,
        "separation": float(np.average(2 * half / width, weights=weight)) if asked else np.nan,
        "certainty": float(np.average(sure, weights=weight)) if asked else np.nan,
        "cells": float(total),
    }
    return posterior, found


def programme_odds(
    features: NDArray[np.float64], chance: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log odds of the high end by a cell's programme against those of the whole library.

    Ridge logistic regression (Newton steps) of `chance` on `features` (cells x components), cells counting
    by `weight`; at most MOST_ODDS either way.
    """
    spread = features.std(axis=0)
    features = features[:, spread > 0] / spread[spread > 0]
    design = np.column_stack([np.ones(len(features)), features])
    penalty = np.r_[1e-3, np.full(features.shape[1], RIDGE)]
    beta = np.zeros(design.shape[1])
    for _ in range(15):
        fitted = expit(design @ beta)
        gradient = design.T @ (weight * (chance - fitted)) - penalty * beta
        bend = weight * np.maximum(fitted * (1 - fitted), 1e-4)
        step = np.linalg.solve((design * bend[:, None]).T @ design + np.diag(penalty), gradient)
        beta = beta + step
        if np.abs(step).max() < 1e-3:
            break
    return np.clip(features @ beta[1:], -MOST_ODDS, MOST_ODDS)


def variable_components(
    counts: sparse.csr_matrix, factors: NDArray[np.float64], excluded: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Principal components (cells x COMPONENTS) of the library's variable genes, log expression unscaled.

    Variable: the ratio of variance to mean of counts per 10,000, against genes of like mean (BINS groups,
    median and median deviation; Seurat's `mean.var.plot`). `excluded` genes (transgenes) stay out.
    """
    scaled = (sparse.diags(1 / factors) @ counts).tocsc()
    mean = np.asarray(scaled.mean(axis=0)).ravel()
    square = np.asarray(scaled.multiply(scaled).mean(axis=0)).ravel()
    seen = (np.diff(counts.tocsc().indptr) >= LEAST_CELLS) & (mean > 0)  # stored zeros are no UMIs
    enough = np.flatnonzero(seen & ~excluded)
    enough = enough[np.argsort(mean[enough], kind="stable")]
    dispersion = np.log(np.maximum(square - mean**2, 1e-12)[enough] / mean[enough])
    excess = np.empty(len(enough))
    for part in np.array_split(np.arange(len(enough)), BINS):
        if len(part):
            off = dispersion[part] - np.median(dispersion[part])
            excess[part] = off / max(float(np.median(np.abs(off))), 1e-9)
    chosen = np.sort(enough[np.argsort(-excess, kind="stable")[:VARIABLE]])
    expression = np.log1p(scaled[:, chosen].toarray())
    expression -= expression.mean(axis=0)
    _, vectors = np.linalg.eigh(expression.T @ expression / max(len(expression), 1))
    return expression @ vectors[:, ::-1][:, :COMPONENTS]
