"""Which lineage a cell belongs to: marker panels name confident cells, these name the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..names import UNASSIGNED
from ..stats import blocks, graph, matrix
from . import marker_panels, overrides

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A cell is a seed of a lineage when the lineage's panel scores at least this much, and leads by this much.
SEED_SCORE, SEED_MARGIN = 0.25, 0.1
MIN_SEEDS = 10
SEPARATION = 4.0  # a lineage lies at least so many standard deviations from the next
MIN_PROBABILITY, MIN_SCORE = 0.5, 0.02  # below, a cell stays unassigned


@dataclass(frozen=True)
class Cells:
    """What annotation knows of a population's cells; all arrays are in the same order of cells."""

    counts: sparse.csr_matrix | blocks.Blocks  # cells x genes, UMIs
    cells: Sequence[str]
    genes: Sequence[str]
    samples: NDArray[np.str_]
    transgene: NDArray[np.bool_]
    clusters: NDArray[np.str_]

    def select(self, genes: Sequence[str]) -> tuple[list[str], sparse.csr_matrix]:
        """Those of `genes` that were measured, and their counts."""
        place = {gene: i for i, gene in enumerate(self.genes)}
        found = [gene for gene in genes if gene in place]
        return found, self.counts[:, [place[gene] for gene in found]]

    def factors(self) -> NDArray[np.float64]:
        """Size factors without the transgene."""
        return matrix.size_factors(self.counts, exclude=self.transgene)


def lineages(
    cells: Cells, points: NDArray[np.float64], neighbors: graph.Neighbors, panels: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Label every cell; returns a frame (label, score, margin) and the panel scores (cells x labels).

    Expression is pooled over each cell's `neighbors` in `points` (cells x components) within its library
    and scored by `panels`. Clear cells are seeds of a discriminant on `points` and on each cell's own
    expression of the panels; it names all cells. `score` is the panel score of the label, `margin` the
    lead of its probability over the next.
    """
    weights = graph.fuzzy_weights(*neighbors)
    weights = marker_panels.within(weights, cells.samples)
    genes, counts = cells.select(marker_panels.panel_genes(panels))
    factors = cells.factors()
    smoothed = marker_panels.smooth(counts, factors, weights).toarray()
    shared = marker_panels.everywhere(smoothed, cells.clusters, genes, panels)
    pooled = marker_panels.relative(smoothed, cells.clusters, shared=shared)
    scores = marker_panels.score_panels(pooled, genes, panels)
    best, score, margin = marker_panels.best_two(scores)
    seeds = np.where((score > SEED_SCORE) & (margin > SEED_MARGIN), best, -1)
    features = np.hstack(
        [points, own_expression(counts, factors, genes, {k: v[0] for k, v in panels.items()})]
    )
    probability = marker_panels.discriminate(
        features, seeds, len(panels), separation=SEPARATION, min_seeds=MIN_SEEDS
    )
    return named(list(panels), probability, scores), pd.DataFrame(scores, columns=list(panels))


def own_expression(
    counts: sparse.csr_matrix, factors: NDArray[np.float64], genes: Sequence[str], panels: Mapping[str, Any]
) -> NDArray[np.float64]:
    """Mean log expression of each panel's genes in the cell itself (cells x panels with a measured gene)."""
    log = counts.astype(np.float64)
    log.data = np.log1p(log.data / np.repeat(factors, np.diff(log.indptr)))
    place = {gene: i for i, gene in enumerate(genes)}
    columns = []
    for panel in panels.values():
        present = [place[gene] for gene in panel["genes"] if gene in place]
        if present:
            columns.append(np.asarray(log[:, present].mean(axis=1)).ravel())
    return np.column_stack(columns) if columns else np.empty((counts.shape[0], 0))


def named(
    names: Sequence[str], probability: NDArray[np.float64], scores: NDArray[np.float64]
) -> pd.DataFrame:
    """Labels with score and margin; `unassigned` where probability or score is thin."""
    best, chance, margin = marker_panels.best_two(probability)
    score = scores[np.arange(len(best)), best]
    thin = (chance < MIN_PROBABILITY) | (score < MIN_SCORE)
    label = np.where(thin, UNASSIGNED, np.asarray(names, dtype=object)[best])
    return pd.DataFrame(
        {"label": label, "score": score.astype(np.float32), "margin": margin.astype(np.float32)}
    )


def cluster_scores(labels: pd.DataFrame, column: str, scores: pd.DataFrame) -> pd.DataFrame:
    """Why clusters got their names: per cluster its size, fingerprint, commonest label, and mean scores.

    `labels` holds cell, cluster and `column`; `scores` (cells x labels) is in the same order.
    """
    marks = overrides.fingerprints(labels)
    rows = []
    for cluster in sorted(marks, key=int):
        inside = (labels["cluster"] == cluster).to_numpy()
        shares = labels.loc[inside, column].value_counts(normalize=True, sort=False).sort_index()
        top = str(shares.idxmax())
        head = {"cluster": cluster, "fingerprint": marks[cluster], "cells": int(inside.sum())}
        rows.append(
            head | {"label": top, "label_share": float(shares[top])} | scores[inside].mean().to_dict()
        )
    columns = ["cluster", "fingerprint", "cells", "label", "label_share", *scores.columns]
    return pd.DataFrame(rows, columns=columns)
