"""What figures show of one population and no result rests on: a UMAP, and the markers of its clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import io
from ..stats import graph, matrix, ranksum

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray


def umap(embedding: pd.DataFrame, neighbors: Mapping[str, NDArray[Any]], *, seed: int) -> pd.DataFrame:
    """Columns cell, umap_1, umap_2 (float32), from the integrated components and their neighbours.

    No rows where the population was too small to embed (`embedding` is empty).
    """
    place = np.empty((0, 2))
    if len(embedding):
        weights = graph.fuzzy_weights(neighbors["harmony_indices"], neighbors["harmony_distances"])
        start = embedding.filter(regex="^harmony_[12]$").to_numpy(dtype=np.float64)
        place = graph.layout(weights, start, seed=seed)
    places = pd.DataFrame(place.astype(np.float32), columns=["umap_1", "umap_2"])
    return pd.concat([embedding[["cell"]].reset_index(drop=True), places], axis=1)


def cluster_markers(
    counts: AnnData, embedding: pd.DataFrame, clusters: pd.DataFrame, *, min_pct: float
) -> pd.DataFrame:
    """Each cluster of the embedded cells against the rest of them (`ranksum.one_vs_rest`).

    `counts` holds all kept cells, raw; the transgene is not tested.
    """
    if embedding.empty:
        return pd.DataFrame(columns=ranksum.MARKER_COLUMNS)
    chosen = counts[embedding["cell"].to_numpy()]
    transgene = chosen.var["transgene"].to_numpy(dtype=bool)
    return ranksum.one_vs_rest(
        matrix.normalise(chosen.X, exclude=transgene),
        io.join_cells(embedding[["cell"]], clusters)["cluster"].to_numpy(dtype=str),
        list(chosen.var_names),
        min_pct=min_pct,
        exclude=transgene,
    )
