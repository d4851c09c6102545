"""Names for whole clusters of T cells by the paper's own genes, as a reader of its marker tables gives them.

Zhang et al. 2025 name clusters at resolution 0.5 by the genes below and do not say how a cluster with several
programmes got its name. Here it is the name whose genes lie highest in the cluster, relative to the others:
each gene's mean over a cluster is standardised over clusters, and a name's score is the mean of its genes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..names import UNASSIGNED
from ..populations import lineages, overrides
from ..stats import matrix

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy import sparse

    from ..settings import AnnotationSettings

# CD4 effector memory with CCR7 is not the usual definition; it is the paper's. TCF1 is the protein of TCF7.
PANELS = {
    "CD4 Tem": ("CD4", "CCR7", "GZMB"),
    "CD4 Tn": ("CD4", "TCF7", "LEF1"),
    "CD8 Teff": ("CD8A", "CD8B", "GZMB", "GNLY"),
    "CD8 Tn": ("CD8A", "CD8B", "TCF7", "LEF1"),
    "Treg": ("IL2RA", "FOXP3"),
}
LINEAGE = {"CD4 Tem": "CD4", "CD4 Tn": "CD4", "CD8 Teff": "CD8", "CD8 Tn": "CD8", "Treg": "CD4"}


def scores(
    log: sparse.csr_matrix,
    genes: Sequence[str],
    clusters: Sequence[str],
    panels: Mapping[str, Sequence[str]] = PANELS,
) -> pd.DataFrame:
    """Score of every name (columns) in every cluster (rows).

    `log` is log1p of counts per 10,000 (cells x genes). Genes that the matrix lacks, or that no cell
    expresses, do not count; a name without genes scores minus infinity. With one cluster nothing can be
    compared, and all scores are 0.
    """
    names, codes = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    wanted = sorted({gene for panel in panels.values() for gene in panel} & set(genes))
    columns = pd.Index(genes).get_indexer(pd.Index(wanted))
    of_cluster = np.zeros((len(names), log.shape[0]))
    of_cluster[codes, np.arange(log.shape[0])] = 1
    of_cluster /= of_cluster.sum(axis=1, keepdims=True)
    means = pd.DataFrame(of_cluster @ log[:, columns], index=names, columns=wanted)
    means = means.loc[:, means.max() > 0]
    spread = means.std(ddof=0).replace(0.0, 1.0)
    z = (means - means.mean()) / spread
    return pd.DataFrame(
        {
            name: z[[gene for gene in panel if gene in z]].mean(axis=1).fillna(-np.inf)
            for name, panel in panels.items()
        },
        index=names,
    )


def of_clusters(table: pd.DataFrame) -> pd.DataFrame:
    """For every cluster its name (column label), its score and the lead over the next name (margin).

    A cluster in which no name's genes lie above their mean over clusters is unassigned. `table` is of
    `scores`.
    """
    values = table.to_numpy(dtype=float)
    order = np.argsort(-values, axis=1, kind="stable")
    best, second = (np.take_along_axis(values, order[:, [i]], axis=1).ravel() for i in (0, 1))
    label = np.where(best > 0, table.columns.to_numpy()[order[:, 0]], UNASSIGNED)
    return pd.DataFrame({"label": label, "score": best, "margin": best - second}, index=table.index)


def renamed(
    labels: pd.DataFrame, log: sparse.csr_matrix, genes: Sequence[str], clusters: pd.DataFrame
) -> pd.DataFrame:
    """The label table of T cells (rows as in `log`) with states and lineages given to clusters.

    `clusters` (cell, cluster, cluster_unintegrated) gives the clusters with and without Harmony. What was
    found cell by cell stays in the columns that no scheme of the paper's is named in (canonical states, rank
    scores, programmes); probabilities are missing, since a cluster's name has none.
    """
    result = labels.copy()
    ordered = clusters.set_index("cell").loc[labels["cell"]]
    for end, column in (("", "cluster"), ("_unintegrated", "cluster_unintegrated")):
        own = ordered[column].astype(str).tolist()
        named = of_clusters(scores(log, genes, own))
        cells = named.loc[own]
        result[f"t_state{end}"] = cells["label"].to_numpy()
        result[f"t_lineage{end}"] = cells["label"].map(LINEAGE).fillna(UNASSIGNED).to_numpy()
        if not end:
            result["t_state_paper"] = cells["label"].to_numpy()
            result["score"] = cells["score"].to_numpy(dtype=np.float32)
            result["margin"] = cells["margin"].to_numpy(dtype=np.float32)
    result["probability"] = np.float32(np.nan)
    result["agreement"] = result["t_state"] == result["t_state_ranks"]
    return result


def annotated(
    labels: pd.DataFrame, counts: AnnData, clusters: pd.DataFrame, settings: AnnotationSettings
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """What rule annotate writes for T cells whose clusters are named: labels, scores of clusters, resolution.

    `labels` are those of `populations.annotate`, `counts` all kept cells. Labels set by hand win; how well
    single cells' states can be told apart says nothing of clusters, so the third value is empty.
    """
    chosen = counts[labels["cell"].to_numpy()]
    log = matrix.normalise(chosen.X.tocsr(), exclude=chosen.var["transgene"].to_numpy(dtype=bool))
    result = renamed(labels, log, list(chosen.var_names), clusters)
    result = overrides.apply(
        result,
        settings.overrides,
        population="t_cells",
        columns=["t_state", "t_state_unintegrated", "t_state_paper"],
        known=[*PANELS, UNASSIGNED],
    )
    own = result["cluster"].astype(str).tolist()
    of_cells = scores(log, list(chosen.var_names), own).loc[own].reset_index(drop=True)
    return result, lineages.cluster_scores(result, "t_state", of_cells), {}
