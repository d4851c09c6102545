"""From counts to principal components, Harmony, clusters and a UMAP, for one population of cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from . import graph, integration, matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Genes that tell clones, donors or contamination apart instead of cell states.
GENE_GROUPS: dict[str, str] = {
    "tcr": r"TR[ABDG][VDJ]\d.*",
    "ig": r"IG[HKL][VDJ]\d.*|IGH[ADEGM]\d?|IGKC|IGLC\d|JCHAIN",
    "sex": r"XIST|TSIX|RPS4Y[12]|DDX3Y|EIF1AY|KDM5D|UTY|USP9Y|ZFY|TXLNGY|TTTY\d+.*|NLGN4Y|TMSB4Y|PRKY",
    "haemoglobin": r"HB[ABDEGMQZ][12]?",
    "mito": r"MT-.*",
    "ribosomal": r"RP[LS]\d.*|RPLP[012]|RPSA",
}
DISPERSION_BINS = 20
SMALLEST_BATCH = 20  # a library with fewer cells does not vote for variable genes


@dataclass(frozen=True)
class Embedding:
    """Tables of one population, all keyed by ``cell`` in the order given, and what integration did."""

    points: pd.DataFrame
    clusters: pd.DataFrame
    report: dict[str, Any]


def embed(
    counts: sparse.csr_matrix,
    *,
    cells: Sequence[str],
    genes: Sequence[str],
    batch: Sequence[str],
    transgene: NDArray[np.bool_],
    settings: Mapping[str, Any],
    resolution: float,
    seed: int,
) -> Embedding:
    """Embed and cluster cells with and without Harmony.

    `counts` is cells x genes (UMIs), `batch` the library of each cell, `transgene` a mask over genes,
    `settings` the configuration's ``embedding`` block. With fewer than ``min_cells`` cells the tables
    are empty and the report's status is ``too_few_cells``.
    """
    n_pcs, n_cells = settings["n_pcs"], counts.shape[0]
    if n_cells < settings["min_cells"]:
        return _too_few(n_cells, settings["min_cells"], n_pcs)
    log = matrix.normalise(counts, exclude=transgene)
    candidates = ~transgene & ~in_groups(genes, settings["exclude_genes"])
    chosen = variable_genes(log, batch, candidates=candidates, n_genes=settings["n_variable_genes"])
    pcs = principal_components(log[:, np.flatnonzero(chosen)], n_pcs)
    plain = graph.fuzzy_weights(*graph.nearest(pcs, settings["n_neighbors"], seed=seed))
    clusters_plain = graph.leiden(plain, resolution=resolution, seed=seed)
    report: dict[str, Any] = {
        "status": "ok",
        "message": "",
        "n_cells": n_cells,
        "n_variable_genes": int(chosen.sum()),
        "n_pcs": pcs.shape[1],
        "ari": None,
        "lisi_before": None,
        "lisi_after": None,
        "lisi_max": None,
        "harmony": {},
        "converged": None,
    }
    corrected, weights, clusters = pcs, plain, clusters_plain
    report["message"] = _reason_for_no_harmony(batch, settings["integration"])
    if not report["message"]:
        corrected, report["converged"] = integration.harmonise(
            pcs, batch, preset=settings["harmony"], seed=seed
        )
        weights = graph.fuzzy_weights(*graph.nearest(corrected, settings["n_neighbors"], seed=seed))
        clusters = graph.leiden(weights, resolution=resolution, seed=seed)
        report["harmony"] = {"preset": settings["harmony"], **integration.HARMONY[settings["harmony"]]}
        report["ari"] = integration.adjusted_rand(clusters, clusters_plain)
        report["lisi_before"] = integration.lisi(pcs, batch, seed=seed)
        report["lisi_after"] = integration.lisi(corrected, batch, seed=seed)
        report["lisi_max"] = integration.lisi_ceiling(batch)
    umap = graph.layout(weights, corrected, seed=seed)
    return Embedding(
        points=_points(cells, pcs, corrected, umap),
        clusters=pd.DataFrame(
            {"cell": list(cells), "cluster": clusters, "cluster_unintegrated": clusters_plain}
        ),
        report=report,
    )


def _reason_for_no_harmony(batch: Sequence[str], method: str) -> str:
    if method == "none":
        return "integration is switched off (embedding.integration: none)"
    if len(set(batch)) < 2:
        return "the cells come from a single library, so there is nothing to integrate"
    return ""


def _too_few(n_cells: int, needed: int, n_pcs: int) -> Embedding:
    names = [
        *(f"pc_{i + 1}" for i in range(n_pcs)),
        *(f"harmony_{i + 1}" for i in range(n_pcs)),
        "umap_1",
        "umap_2",
    ]
    columns: dict[str, pd.Series] = {"cell": pd.Series(dtype=str)}
    columns |= {name: pd.Series(dtype=np.float32) for name in names}
    empty = {name: pd.Series(dtype=str) for name in ("cell", "cluster", "cluster_unintegrated")}
    report: dict[str, Any] = dict.fromkeys(
        ("n_variable_genes", "n_pcs", "ari", "lisi_before", "lisi_after", "lisi_max", "converged")
    )
    message = f"{n_cells} cells, fewer than embedding.min_cells ({needed}): not embedded and not clustered"
    head = {"status": "too_few_cells", "message": message, "n_cells": n_cells, "harmony": {}}
    return Embedding(points=pd.DataFrame(columns), clusters=pd.DataFrame(empty), report=head | report)


def _points(cells: Sequence[str], pcs: NDArray, corrected: NDArray, umap: NDArray) -> pd.DataFrame:
    blocks = {"pc": pcs, "harmony": corrected, "umap": umap}
    columns = {
        f"{k}_{i + 1}": block[:, i].astype(np.float32)
        for k, block in blocks.items()
        for i in range(block.shape[1])
    }
    return pd.DataFrame({"cell": list(cells), **columns})


def in_groups(genes: Sequence[str], groups: Sequence[str]) -> NDArray[np.bool_]:
    """Mask of the genes whose symbol belongs to one of the named `GENE_GROUPS`."""
    pattern = re.compile("|".join(f"(?:{GENE_GROUPS[group]})" for group in groups) or r"(?!)")
    return np.fromiter((pattern.fullmatch(gene) is not None for gene in genes), dtype=bool, count=len(genes))


def variable_genes(
    log: sparse.csr_matrix, batch: Sequence[str], *, candidates: NDArray[np.bool_], n_genes: int
) -> NDArray[np.bool_]:
    """Mask of the `n_genes` most variable of the `candidates`, judged within each library.

    Binned dispersions (Satija 2015) per library; genes chosen in more libraries come first, then those
    with the larger mean normalised dispersion. The same choice as scanpy's highly_variable_genes with
    ``batch_key``. `log` is log1p of normalised counts.
    """
    names, codes = np.unique(np.asarray(batch, dtype=str), return_inverse=True)
    rows = [np.flatnonzero(codes == i) for i in range(len(names))]
    rows = [r for r in rows if len(r) >= SMALLEST_BATCH] or [np.arange(log.shape[0])]
    columns = np.flatnonzero(candidates)
    votes, total = np.zeros(len(columns)), np.zeros(len(columns))
    for members in rows:
        scores = normalised_dispersion(log[members][:, columns])
        known = ~np.isnan(scores)
        if known.sum() > n_genes:
            votes += known & (scores >= np.sort(scores[known])[-n_genes])
        else:
            votes += known
        total += np.where(known, scores, 0.0)
    detected = np.flatnonzero(votes + np.abs(total) > 0)
    order = detected[np.lexsort((-total[detected], -votes[detected]))][:n_genes]
    chosen = np.zeros(log.shape[1], dtype=bool)
    chosen[columns[order]] = True
    return chosen


def normalised_dispersion(log: sparse.csr_matrix) -> NDArray[np.float64]:
    """Log dispersion of each gene against genes of like mean, as a z-score; NaN for undetected genes."""
    linear = log.astype(np.float64)
    linear.data = np.expm1(linear.data)
    n = linear.shape[0]
    mean = np.asarray(linear.mean(axis=0)).ravel()
    linear.data **= 2
    variance = (np.asarray(linear.mean(axis=0)).ravel() - mean**2) * n / max(n - 1, 1)
    scores = np.full(len(mean), np.nan)
    detected = np.flatnonzero((mean > 0) & (variance > 0))
    if len(detected) == 0:
        return scores
    table = pd.DataFrame(
        {"mean": np.log1p(mean[detected]), "value": np.log(variance[detected] / mean[detected])}
    )
    grouped = table.groupby(pd.cut(table["mean"], bins=DISPERSION_BINS), observed=True)["value"]
    centre, spread = grouped.transform("mean"), grouped.transform("std")
    alone = spread.isna()  # a gene alone in its bin gets 1
    scores[detected] = np.where(
        alone, 1.0, (table["value"] - centre.where(~alone, 0)) / spread.where(~alone, 1)
    )
    return scores


def principal_components(log: sparse.csr_matrix, n_pcs: int) -> NDArray[np.float64]:
    """Scores (cells x components) of a PCA whose centring is implicit, so that the matrix stays sparse.

    Fewer components come back when cells or genes do not allow `n_pcs`. Signs are fixed: the largest
    loading of each component is positive.
    """
    from scipy.sparse.linalg import LinearOperator, svds

    values = log.astype(np.float64)
    n, m = values.shape
    k = min(n_pcs, n - 1, m - 1)
    mean = np.asarray(values.mean(axis=0)).ravel()
    transposed = values.T.tocsr()
    centred = LinearOperator(
        (n, m),
        matvec=lambda v: values @ v.ravel() - mean @ v.ravel(),
        rmatvec=lambda u: transposed @ u.ravel() - mean * u.sum(),
        dtype=np.float64,
    )
    start = np.random.default_rng(0).normal(size=min(n, m))
    left, sizes, right = svds(centred, k=k, v0=start, solver="arpack")
    order = np.argsort(-sizes)
    left, sizes, right = left[:, order], sizes[order], right[order]
    signs = np.sign(right[np.arange(k), np.abs(right).argmax(axis=1)])
    return left * sizes * signs
