"""T-cell states: CD4 or CD8 first, then the state among those of that lineage.

Single cells say little: three quarters of CD4 cells have no CD4 UMI. Both steps therefore let clear cells
teach the rest through the principal components, in which a state's whole programme shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from ..names import UNASSIGNED
from ..stats import graph
from . import lineages, marker_panels
from .markers import T_LINEAGES

if TYPE_CHECKING:
    from numpy.typing import NDArray

DISPERSION = 0.5  # of the anchors' negative binomial; low, since a zero is weak evidence
RIDGE = 5.0
ROUNDS = 25
MAX_EVIDENCE = 6.0  # a cell's own anchor UMIs cannot shift the log odds by more
SEED_LINEAGE, SEED_SCORE, SEED_MARGIN, SEED_AGAIN = 0.8, 0.3, 0.1, 0.9
MIN_SEEDS, SEPARATION = 40, 3.7
REQUIRED_FULL = 0.3  # relative expression from which a required gene counts as present
MIN_PROBABILITY = 0.5
LINEAGE_MARGIN = 0.1  # P(CD8) within 0.5 +- this leaves the lineage unassigned
CYCLING_SCORE = 0.3


def label_states(
    cells: lineages.Cells,
    points: NDArray[np.float64],
    neighbors: graph.Neighbors,
    markers: Mapping[str, Any],
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Name the state of every T cell in all schemes of `markers`.

    Returns a frame with t_lineage and, per scheme, t_state_SCHEME, score_SCHEME and margin_SCHEME, and
    the panel scores (cells x states) per scheme. `points` are principal components (cells x components),
    `neighbors` those of each cell among them.
    """
    weights = graph.fuzzy_weights(*neighbors)
    weights = marker_panels.within(weights, cells.samples)
    chance_cd8 = probability_cd8(cells, points, markers["t_lineage"])
    lineage = np.where(chance_cd8 > 0.5, "CD8", "CD4").astype(object)
    lineage[np.abs(chance_cd8 - 0.5) < LINEAGE_MARGIN] = UNASSIGNED
    columns: dict[str, Any] = {"t_lineage": lineage}
    scores = {}
    for scheme, states in markers["t_states"].items():
        probability, panel_scores = state_probability(cells, points, weights, states, chance_cd8)
        found = _named(list(states), probability, panel_scores)
        columns[f"t_state_{scheme}"] = found["label"]
        columns[f"score_{scheme}"], columns[f"margin_{scheme}"] = found["score"], found["margin"]
        scores[scheme] = pd.DataFrame(panel_scores, columns=list(states))
    return pd.DataFrame(columns), scores


def _named(names: list[str], probability: NDArray[np.float64], scores: NDArray[np.float64]) -> pd.DataFrame:
    best, chance, margin = marker_panels.best_two(probability)
    label = np.where(chance < MIN_PROBABILITY, UNASSIGNED, np.asarray(names, dtype=object)[best])
    score = scores[np.arange(len(best)), best]
    return pd.DataFrame(
        {"label": label, "score": score.astype(np.float32), "margin": margin.astype(np.float32)}
    )


def probability_cd8(
    cells: lineages.Cells, points: NDArray[np.float64], rule: Mapping[str, Any]
) -> NDArray[np.float64]:
    """P(CD8) per T cell: a mixture of two classes whose share depends on the cell's programme.

    Anchors (CD4; CD8A and CD8B) are counted with a negative binomial whose rates are estimated per class
    and library, so that ambient RNA, or RQR8 reads that pass for CD8A, lower a gene's weight by
    themselves. Starts from CD4+ CD8B- and CD8B+ CD4- cells; CD8A is not used for initialisation because
    RQR8 reads map to it.
    The share is a ridge logistic regression on `points`, supporting genes and the library (EM).
    """
    anchors, counts = cells.select([*rule["CD4"]["anchors"], *rule["CD8"]["anchors"]])
    umis = np.asarray(counts.todense(), dtype=np.float64)
    chance = _starting_chance(umis, anchors, rule)
    if (chance > 0.5).sum() == 0 or (chance < 0.5).sum() == 0:
        return np.where((chance > 0.5).any(), chance, np.minimum(chance, 0.5))
    features = _lineage_features(cells, points, rule)
    factors, known = cells.factors(), chance != 0.5
    share, coefficients = _logistic(features, chance, known, None)
    for _ in range(ROUNDS):
        llr = np.zeros(len(chance))
        for sample in np.unique(cells.samples):
            inside = cells.samples == sample
            llr[inside] = _log_ratio(umis[inside], factors[inside], chance[inside])
        new = expit(logit(np.clip(share, 0.01, 0.99)) + np.clip(llr, -MAX_EVIDENCE, MAX_EVIDENCE))
        moved, chance = np.abs(new - chance).mean(), new
        if moved < 1e-4:
            break
        share, coefficients = _logistic(features, chance, np.ones(len(chance), dtype=bool), coefficients)
    return chance


def _starting_chance(
    umis: NDArray[np.float64], anchors: list[str], rule: Mapping[str, Any]
) -> NDArray[np.float64]:
    first = rule["CD8"].get("start", rule["CD8"]["anchors"])
    cd8 = (umis[:, [gene in first for gene in anchors]] > 0).any(axis=1)
    cd4 = (umis[:, [gene in rule["CD4"]["anchors"] for gene in anchors]] > 0).any(axis=1)
    return np.where(cd8 & ~cd4, 0.95, np.where(cd4 & ~cd8, 0.05, 0.5))


def _lineage_features(
    cells: lineages.Cells, points: NDArray[np.float64], rule: Mapping[str, Any]
) -> NDArray[np.float64]:
    genes, counts = cells.select([*rule["CD4"]["support"], *rule["CD8"]["support"]])
    single = {gene: {"genes": [gene]} for gene in genes}
    own = lineages.own_expression(counts, cells.factors(), genes, single)
    names = np.unique(cells.samples)
    library = (cells.samples[:, None] == names[None, 1:]).astype(np.float64)
    features = np.hstack([points, own, library])
    spread = features.std(axis=0)
    return (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _log_ratio(
    umis: NDArray[np.float64], factors: NDArray[np.float64], chance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log likelihood ratio of CD8 against CD4 from the anchors' UMIs, rates being weighted by `chance`."""
    total = np.zeros(len(chance))
    for x in umis.T:
        overall = x.sum() / factors.sum()
        high, low = (
            ((w * x).sum() + 20 * overall) / ((w * factors).sum() + 20) * factors + 1e-9
            for w in (chance, 1 - chance)
        )
        total += x * (np.log(high / (DISPERSION + high)) - np.log(low / (DISPERSION + low)))
        total += DISPERSION * np.log((DISPERSION + low) / (DISPERSION + high))
    return total


def _logistic(
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    known: NDArray[np.bool_],
    start: NDArray | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ridge logistic regression on soft targets by Newton steps; returns fitted shares and coefficients."""
    design = np.column_stack([np.ones(len(features)), features])
    penalty = np.r_[1e-3, np.full(features.shape[1], RIDGE)]
    beta = np.zeros(design.shape[1]) if start is None else start
    x, y = design[known], target[known]
    for _ in range(8):
        fitted = expit(x @ beta)
        gradient = x.T @ (y - fitted) - penalty * beta
        curvature = (x * np.maximum(fitted * (1 - fitted), 1e-4)[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        beta = beta + step
        if np.abs(step).max() < 1e-3:
            break
    return expit(design @ beta), beta


def state_probability(
    cells: lineages.Cells,
    points: NDArray[np.float64],
    weights: Any,
    states: Mapping[str, Any],
    chance_cd8: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P(state) and panel scores (cells x states): P(lineage) times P(state given lineage).

    Within a lineage the cells whose pooled markers speak clearly are seeds of a discriminant on `points`
    and on each cell's own expression of the panels; its confident cells train it once more.
    """
    panels = {k: [{"genes": v["genes"], "without": v.get("without", [])}] for k, v in states.items()}
    required = [gene for state in states.values() for gene in state.get("required", [])]
    genes, counts = cells.select(list(dict.fromkeys([*marker_panels.panel_genes(panels), *required])))
    factors = cells.factors()
    pooled = marker_panels.relative(marker_panels.smooth(counts, factors, weights).toarray(), cells.clusters)
    scores = marker_panels.score_panels(pooled, genes, panels) * _has_required(pooled, genes, states)
    own = {" ".join(v["genes"]): {"genes": v["genes"]} for v in states.values()}
    features = np.hstack([points, lineages.own_expression(counts, factors, genes, own)])
    lineage = np.array([state["lineage"] for state in states.values()])
    probability = np.zeros_like(scores)
    for name, chance in zip(T_LINEAGES, (1 - chance_cd8, chance_cd8)):
        columns = np.flatnonzero(lineage == name)
        if len(columns) == 0:
            continue
        best, score, margin = marker_panels.best_two(scores[:, columns])
        clear = (score > SEED_SCORE) & (margin > SEED_MARGIN) & (chance > SEED_LINEAGE)
        seeds = np.where(clear, best, -1)
        for _ in range(2):
            within = marker_panels.discriminate(
                features, seeds, len(columns), separation=SEPARATION, min_seeds=MIN_SEEDS,
                groups=cells.samples, weight=chance,
            )  # fmt: skip
            sure = (within.max(axis=1) > SEED_AGAIN) & (chance > SEED_LINEAGE)
            seeds = np.where(sure, within.argmax(axis=1), -1)
        probability[:, columns] = chance[:, None] * within
    return probability, scores


def _has_required(
    pooled: NDArray[np.float64], genes: list[str], states: Mapping[str, Any]
) -> NDArray[np.float64]:
    """1 where the cell's surroundings express all of a state's required genes, falling to 0 without them."""
    factor = np.ones((len(pooled), len(states)))
    for column, state in enumerate(states.values()):
        for gene in state.get("required", []):
            level = pooled[:, genes.index(gene)] if gene in genes else np.zeros(len(pooled))
            factor[:, column] *= np.clip(level / REQUIRED_FULL, 0, 1)
    return factor


def cycling(cells: lineages.Cells, genes: list[str]) -> NDArray[np.bool_]:
    """Whether a cell cycles: mean log expression of the listed genes, relative to the rest of its library.

    A cell cycles when it has UMIs of at least three of the genes and its mean log1p counts per 10,000
    exceeds the library's median by `CYCLING_SCORE`.
    """
    found, counts = cells.select(genes)
    if not found:
        return np.zeros(len(cells.cells), dtype=bool)
    mean = lineages.own_expression(counts, cells.factors(), found, {"cycling": {"genes": found}}).ravel()
    several = np.diff(counts.tocsr().indptr) >= min(3, len(found))
    result = np.zeros(len(mean), dtype=bool)
    for sample in np.unique(cells.samples):
        inside = cells.samples == sample
        result[inside] = several[inside] & (mean[inside] > np.median(mean[inside]) + CYCLING_SCORE)
    return result
