"""How strongly cells express marker panels, robust to dropout and to RNA that leaks into every droplet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

TOP_CELLS = 10  # a gene's upper end is the mean of so many cells that have most of it
MIN_TOP = 1.3  # an upper end below 2.7 counts per 10,000 is no expression ...
MIN_GENES = 3  # a panel with fewer measured genes cannot reach the full score
EVERYWHERE = 0.4  # log1p counts per 10,000 of half of a panel's genes, in every cluster: more than leaks
SHRINK_TO_DIAGONAL = 0.1
OWN_COVARIANCE, OWN_COVARIANCE_CELLS = 0.6, 300.0
SHARE_ROUNDS = 20
MIN_RANGE = 1.6  # ... and from background to top it must rise at least fivefold to count in full


def smooth(
    counts: sparse.csr_matrix, factors: NDArray[np.float64], weights: sparse.csr_matrix
) -> sparse.csr_matrix:
    """log1p counts per 10,000 of each cell pooled with its neighbours; `counts` may hold chosen genes only.

    `factors` are the cells' size factors (all genes), `weights` the neighbour weights (cells x cells); a
    cell itself has weight 1. UMIs are pooled, then divided by the pooled depth.
    """
    pool = (weights + sparse.identity(weights.shape[0], format="csr")).tocsr()
    pooled = (pool @ counts.astype(np.float64)).tocsr()
    depth = pool @ factors
    pooled.data = np.log1p(pooled.data / np.repeat(depth, np.diff(pooled.indptr)))
    return pooled


def within(weights: sparse.csr_matrix, groups: ArrayLike) -> sparse.csr_matrix:
    """Neighbour weights with the edges between cells of different `groups` taken out."""
    edges = weights.tocoo()
    _, codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    same = codes[edges.row] == codes[edges.col]
    return sparse.csr_matrix((edges.data[same], (edges.row[same], edges.col[same])), shape=weights.shape)


def relative(
    smoothed: NDArray[np.float64], clusters: ArrayLike, *, shared: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Expression of each gene between its background (0) and its upper end (1), cells x genes.

    The background is the lowest mean among `clusters`: what leaks into every droplet is in all of them.
    A gene that is never clearly expressed, or equally everywhere, keeps low values; but those of `shared`
    (see `everywhere`) have no background.
    """
    means = _cluster_means(smoothed, clusters)
    count = min(TOP_CELLS, len(smoothed))
    top = np.partition(smoothed, len(smoothed) - count, axis=0)[-count:].mean(axis=0)
    background = np.clip(np.minimum(means.min(axis=0), top - MIN_RANGE), 0, None)
    if shared is not None:
        background[shared] = 0
    span = np.maximum(top, MIN_TOP) - background
    return np.clip((smoothed - background) / span, 0, 1)


def _cluster_means(smoothed: NDArray[np.float64], clusters: ArrayLike) -> NDArray[np.float64]:
    names, codes = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    return np.vstack([smoothed[codes == i].mean(axis=0) for i in range(len(names))])


def everywhere(
    smoothed: NDArray[np.float64],
    clusters: ArrayLike,
    genes: Sequence[str],
    panels: Mapping[str, Sequence[Mapping[str, Any]]],
) -> NDArray[np.bool_]:
    """Which of `genes` belong to a panel that every cluster expresses, as in cells sorted for one lineage.

    There no cluster shows what leaks, and the lineage's own genes would pass for background. What leaks is
    strong in a few genes of a panel (HBB, LYZ) and weak in the rest, so the panel's median decides.
    """
    means = _cluster_means(smoothed, clusters)
    place, found = {g: i for i, g in enumerate(genes)}, np.zeros(len(genes), dtype=bool)
    for panel in (panel for group in panels.values() for panel in group):
        present = [place[g] for g in panel["genes"] if g in place]
        if len(present) >= MIN_GENES and np.median(means[:, present], axis=1).min() >= EVERYWHERE:
            found[present] = True
    return found


def panel_genes(panels: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """All genes named in the panels, each once, in order."""
    every = [g for group in panels.values() for p in group for g in [*p["genes"], *p.get("without", [])]]
    return list(dict.fromkeys(every))


def score_panels(
    expression: NDArray[np.float64], genes: Sequence[str], panels: Mapping[str, Sequence[Mapping[str, Any]]]
) -> NDArray[np.float64]:
    """Scores (cells x labels, 0..1): mean of a panel's genes minus mean of those it must be without.

    `expression` is relative (cells x `genes`). A label scores as its best panel. A panel without a
    measured gene scores 0.
    """
    place = {gene: i for i, gene in enumerate(genes)}
    result = np.zeros((len(expression), len(panels)))
    for column, group in enumerate(panels.values()):
        for panel in group:
            present = [place[g] for g in panel["genes"] if g in place]
            absent = [place[g] for g in panel.get("without", []) if g in place]
            if not present:
                continue
            score = _upper_mean(expression[:, present])
            if absent:
                score = score - expression[:, absent].mean(axis=1)
            result[:, column] = np.maximum(result[:, column], score)
    return result


def _upper_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the larger two thirds of each row: no cell expresses every gene of a panel.

    Fewer than three genes are not enough for a full score.
    """
    keep = max(1, int(np.ceil(values.shape[1] * 2 / 3)))
    return np.sort(values, axis=1)[:, -keep:].sum(axis=1) / max(keep, MIN_GENES)


def best_two(
    scores: NDArray[np.float64],
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Per row: the column with the largest score, that score, and its lead over the second largest."""
    best = scores.argmax(axis=1)
    ordered = np.sort(scores, axis=1)
    second = ordered[:, -2] if scores.shape[1] > 1 else np.zeros(len(scores))
    return best, ordered[:, -1], ordered[:, -1] - second


def discriminate(
    points: NDArray[np.float64],
    seeds: NDArray[np.integer],
    n_classes: int,
    *,
    separation: float,
    min_seeds: int,
    groups: ArrayLike | None = None,
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Class probabilities (cells x classes) from a regularised discriminant (Friedman 1989) trained on seeds.

    `seeds` holds a class per cell or -1. A class with fewer than `min_seeds` seeds, or whose centre lies
    within `separation` pooled standard deviations of a larger class, is noise of the markers and not a
    group of cells: it gets probability 0. Class shares are re-estimated within each of `groups`
    (libraries), weighting cells by `weight` (Saerens 2002), so that a rare class in one is not judged by
    its share in another.
    """
    result = np.zeros((len(points), n_classes))
    seeds, used = _separate_classes(points, seeds, separation=separation, min_seeds=min_seeds)
    if len(used) == 0:
        return result
    density = _log_densities(points, seeds, used)
    members = (
        np.zeros(len(points), dtype=int)
        if groups is None
        else np.unique(np.asarray(groups), return_inverse=True)[1]
    )
    weight = np.ones(len(points)) if weight is None else weight
    for group in range(members.max() + 1):
        inside = np.flatnonzero(members == group)
        share = np.bincount(np.searchsorted(used, seeds[seeds >= 0])) / (seeds >= 0).sum()
        for _ in range(SHARE_ROUNDS):
            posterior = _normalised(density[inside] + np.log(np.maximum(share, 1e-12)))
            share = weight[inside] @ posterior / max(weight[inside].sum(), 1e-12)
        result[np.ix_(inside, used)] = posterior
    return result


def _separate_classes(
    points: NDArray[np.float64], seeds: NDArray[np.integer], *, separation: float, min_seeds: int
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    seeds = seeds.copy()
    names, sizes = np.unique(seeds[seeds >= 0], return_counts=True)
    seeds[np.isin(seeds, names[sizes < min_seeds])] = -1
    while True:
        used, sizes = np.unique(seeds[seeds >= 0], return_counts=True)
        if len(used) < 2:
            return seeds, used
        means, pooled = _centres(points, seeds, used)
        scaled = np.linalg.solve(np.linalg.cholesky(pooled), means.T).T
        distance = np.sqrt(((scaled[:, None] - scaled[None]) ** 2).sum(axis=2))
        np.fill_diagonal(distance, np.inf)
        one, other = np.unravel_index(distance.argmin(), distance.shape)
        if distance[one, other] >= separation:
            return seeds, used
        seeds[seeds == used[one if sizes[one] < sizes[other] else other]] = -1


def _centres(
    points: NDArray[np.float64], seeds: NDArray[np.integer], used: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    means = np.vstack([points[seeds == c].mean(axis=0) for c in used])
    residual = points[seeds >= 0] - means[np.searchsorted(used, seeds[seeds >= 0])]
    return means, _shrunken(residual.T @ residual / len(residual))


def _shrunken(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    diagonal = np.diag(np.diag(covariance) + 1e-9)
    return (1 - SHRINK_TO_DIAGONAL) * covariance + SHRINK_TO_DIAGONAL * diagonal


def _log_densities(
    points: NDArray[np.float64], seeds: NDArray[np.integer], used: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Gaussian log-densities whose covariances lie between pooled and own, the more own the more seeds."""
    means, pooled = _centres(points, seeds, used)
    density = np.empty((len(points), len(used)))
    for column, (name, mean) in enumerate(zip(used, means)):
        residual = points[seeds == name] - mean
        own = OWN_COVARIANCE * len(residual) / (len(residual) + OWN_COVARIANCE_CELLS)
        covariance = (1 - own) * pooled + own * _shrunken(residual.T @ residual / len(residual))
        root = np.linalg.cholesky(covariance)
        scaled = np.linalg.solve(root, (points - mean).T)
        density[:, column] = -0.5 * (scaled**2).sum(axis=0) - np.log(np.diag(root)).sum()
    return density


def _normalised(log_values: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.exp(log_values - log_values.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)
