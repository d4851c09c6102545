"""Markers of clusters as Seurat's FindAllMarkers gives them at its defaults (version 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import io
from ..stats import matrix, ranksum

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray
    from scipy import sparse

MIN_PCT = 0.1  # share of cells on either side
MIN_CHANGE = 0.25  # log2, either direction
MAX_P = 0.01  # unadjusted (return.thresh)


def find_all(
    log: sparse.csr_matrix, clusters: Sequence[str], genes: Sequence[str], *, exclude: NDArray[np.bool_]
) -> pd.DataFrame:
    """Every cluster against the rest, with the columns of `ranksum.one_vs_rest`.

    `log` is log1p of counts per 10,000 (cells x genes), `exclude` masks genes that are not tested. The change
    is that of log2(mean counts + 1); P values are Wilcoxon's, adjusted by Bonferroni over all genes. Genes of
    which too few cells are expected for the normal law are left out (`ranksum.MIN_EXPECTED`).
    """
    found = ranksum.one_vs_rest(log, clusters, genes, min_pct=0.0, exclude=exclude, pseudocount=1.0)
    if found.empty:
        return found
    pct = found[["pct_in", "pct_out"]].round(3).max(axis=1)
    kept = (pct >= MIN_PCT) & (found["log2_fold_change"].abs() >= MIN_CHANGE) & (found["p_value"] < MAX_P)
    found = found[kept].assign(p_adjusted=lambda t: np.minimum(t["p_value"] * (~exclude).sum(), 1.0))
    order = {name: i for i, name in enumerate(dict.fromkeys(found["cluster"]))}
    place = np.lexsort((-found["log2_fold_change"], found["p_value"], found["cluster"].map(order)))
    return found.iloc[place].reset_index(drop=True)


def of_population(counts: AnnData, embedding: pd.DataFrame, clusters: pd.DataFrame) -> pd.DataFrame:
    """The same for the embedded cells of a population; `counts` holds all kept cells, raw."""
    if embedding.empty:
        return pd.DataFrame(columns=ranksum.MARKER_COLUMNS)
    chosen = counts[embedding["cell"].to_numpy()]
    transgene = chosen.var["transgene"].to_numpy(dtype=bool)
    return find_all(
        matrix.normalise(chosen.X, exclude=transgene),
        io.join_cells(embedding[["cell"]], clusters)["cluster"].astype(str).tolist(),
        list(chosen.var_names),
        exclude=transgene,
    )
