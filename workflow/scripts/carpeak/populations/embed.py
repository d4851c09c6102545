"""From counts to principal components, Harmony, neighbours and clusters, for one population of cells."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..names import in_groups
from ..stats import beside, blocks, graph, matrix
from . import integration

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..settings import EmbeddingSettings

# Genes that tell clones, donors or contamination apart instead of cell states.
NO_CLUSTER = "none"
BOTH_WAYS = 200_000  # cells up to which Leiden gets each edge twice
# What the report of an embedding holds (integration.json)
REPORT = (
    "status", "message", "n_cells", "n_variable_genes", "n_pcs", "ari", "lisi_before", "lisi_after",
    "lisi_max", "harmony", "converged",
)  # fmt: skip
SMALLEST_BATCH = 20  # a library with fewer cells does not vote for variable genes


@dataclass(frozen=True)
class Embedding:
    """Tables of one population, all keyed by ``cell`` in the order given, and what integration did.

    `neighbors` holds indices and distances (cells x neighbours) by the space they were found in:
    ``harmony_indices``, ``harmony_distances``, ``pc_indices`` and ``pc_distances``.
    """

    points: pd.DataFrame
    clusters: pd.DataFrame
    neighbors: dict[str, NDArray[Any]]
    report: dict[str, Any]


@dataclass(frozen=True)
class Steps:
    """One recipe: which genes vary, their components, and clusters from each cell's neighbours.

    `variable(counts, log, batch, candidates, n_genes)` gives a mask over genes,
    `components(log, n_pcs, seed)` scores (cells x components), `clusters(neighbors, resolution, seed)` names;
    `neighbors` is how many neighbours of a cell the clusters are made from, where the settings ask for fewer.
    """

    variable: Callable[..., NDArray[np.bool_]]
    components: Callable[..., NDArray[np.float64]]
    clusters: Callable[..., NDArray[np.str_]]
    neighbors: int = 0


def embed(
    counts: sparse.csr_matrix | blocks.Blocks,
    *,
    cells: Sequence[str],
    genes: Sequence[str],
    batch: Sequence[str],
    transgene: NDArray[np.bool_],
    settings: EmbeddingSettings,
    resolution: float,
    seed: int,
    steps: Steps | None = None,
    threads: int = 1,
) -> Embedding:
    """Embed and cluster cells with and without Harmony, by the recipe `steps` (default: scanpy's).

    `counts` is cells x genes (UMIs), `batch` the library of each cell, `transgene` a mask over genes,
    `settings` the configuration's ``embedding`` block. With fewer than ``min_cells`` cells there
    are no coordinates and no clusters, and the report's status is ``too_few_cells``. With two `threads` what
    is found without Harmony is found beside what is found with it; the values are the same.
    """
    from sklearn.metrics import adjusted_rand_score

    n_pcs, n_cells = settings.n_pcs, counts.shape[0]
    if n_cells < settings.min_cells:
        return _too_few(cells, settings.min_cells, n_pcs)
    steps = steps or SCANPY
    log = matrix.normalise(counts, exclude=transgene)
    candidates = ~transgene & ~in_groups(genes, settings.exclude_genes)
    chosen = steps.variable(counts, log, batch, candidates, settings.n_variable_genes)
    pcs = steps.components(log[:, np.flatnonzero(chosen)], n_pcs, seed)
    del log
    reason = _reason_for_no_harmony(batch, settings.integration)
    place = partial(
        _place,
        steps=steps,
        n_neighbors=max(settings.n_neighbors, steps.neighbors),
        resolution=resolution,
        batch=None if reason else batch,
        seed=seed,
    )
    plainly = beside.beside(partial(place, pcs), copies=threads > 1 and not reason)
    report: dict[str, Any] = dict.fromkeys(REPORT)
    report |= {"status": "ok", "message": reason, "n_cells": n_cells, "harmony": {}}
    report |= {"n_variable_genes": int(chosen.sum()), "n_pcs": pcs.shape[1]}
    if reason:
        plain, clusters_plain, _ = plainly()
        corrected, nearest, clusters = pcs, plain, clusters_plain
    else:
        corrected, report["converged"] = integration.harmonise(pcs, batch, preset=settings.harmony, seed=seed)
        nearest, clusters, report["lisi_after"] = place(corrected)
        plain, clusters_plain, report["lisi_before"] = plainly()
        report["harmony"] = {"preset": settings.harmony, **integration.HARMONY[settings.harmony]}
        report["ari"] = float(adjusted_rand_score(clusters, clusters_plain))
        report["lisi_max"] = integration.lisi_ceiling(batch)
    if len(set(clusters)) == 1:
        one = "all cells fall into one cluster, so no cluster has markers of its own"
        report["message"] = "; ".join(filter(None, [one, report["message"]]))
    return Embedding(
        points=_points(cells, pcs, corrected),
        clusters=pd.DataFrame(
            {"cell": list(cells), "cluster": clusters, "cluster_unintegrated": clusters_plain}
        ),
        neighbors=_named(
            **{
                space: (indices[:, : settings.n_neighbors], distances[:, : settings.n_neighbors])
                for space, (indices, distances) in (("harmony", nearest), ("pc", plain))
            }
        ),
        report=report,
    )


def _place(
    points: NDArray[np.float64],
    *,
    steps: Steps,
    n_neighbors: int,
    resolution: float,
    batch: Sequence[str] | None,
    seed: int,
) -> tuple[graph.Neighbors, NDArray[np.str_], float | None]:
    """Neighbours and clusters of cells at `points`, and how well the libraries `batch` are mixed there."""
    near = graph.nearest(points, n_neighbors, seed=seed)
    mixed = None if batch is None else integration.lisi(points, batch, seed=seed)
    return near, steps.clusters(near, resolution, seed), mixed


def _reason_for_no_harmony(batch: Sequence[str], method: str) -> str:
    if method == "none":
        return "integration is switched off (embedding.integration: none)"
    if len(set(batch)) < 2:
        return "the cells come from a single library, so there is nothing to integrate"
    return ""


def _too_few(cells: Sequence[str], needed: int, n_pcs: int) -> Embedding:
    """No coordinates; every cell is listed in the cluster `NO_CLUSTER`, so that none is lost downstream."""
    n_cells = len(cells)
    names = [
        *(f"pc_{i + 1}" for i in range(n_pcs)),
        *(f"harmony_{i + 1}" for i in range(n_pcs)),
    ]
    columns: dict[str, pd.Series] = {"cell": pd.Series(dtype=str)}
    columns |= {name: pd.Series(dtype=np.float32) for name in names}
    alone = pd.DataFrame({"cell": pd.Series(list(cells), dtype=object)})
    for name in ("cluster", "cluster_unintegrated"):
        alone[name] = pd.Series(NO_CLUSTER, index=alone.index, dtype=object)
    message = f"{n_cells} cells, fewer than embedding.min_cells ({needed}): not embedded and not clustered"
    report: dict[str, Any] = dict.fromkeys(REPORT)
    report |= {"status": "too_few_cells", "message": message, "n_cells": n_cells, "harmony": {}}
    nothing = graph.nearest(np.empty((0, n_pcs)), 1)
    return Embedding(
        points=pd.DataFrame(columns),
        clusters=alone,
        neighbors=_named(harmony=nothing, pc=nothing),
        report=report,
    )


def _named(**found: graph.Neighbors) -> dict[str, NDArray[Any]]:
    """Arrays as they are stored: SPACE_indices and SPACE_distances."""
    return {
        f"{space}_{part}": array
        for space, arrays in found.items()
        for part, array in zip(("indices", "distances"), arrays, strict=True)
    }


def _points(cells: Sequence[str], pcs: NDArray, corrected: NDArray) -> pd.DataFrame:
    blocks = {"pc": pcs, "harmony": corrected}
    columns = {
        f"{k}_{i + 1}": block[:, i].astype(np.float32)
        for k, block in blocks.items()
        for i in range(block.shape[1])
    }
    return pd.DataFrame({"cell": list(cells), **columns})


def variable_genes(
    log: sparse.csr_matrix | blocks.Blocks,
    batch: Sequence[str],
    *,
    candidates: NDArray[np.bool_],
    n_genes: int,
) -> NDArray[np.bool_]:
    """Mask of the `n_genes` most variable of the `candidates`, judged within each library.

    scanpy's choice by binned dispersions (Satija 2015): genes chosen in more libraries come first. `log` is
    log1p of normalised counts (cells x genes). A library of fewer than 20 cells has no vote.
    """
    import anndata
    import scanpy as sc

    names = pd.Series(np.asarray(batch, dtype=str))
    voting = names.map(names.value_counts()) >= SMALLEST_BATCH
    rows = np.flatnonzero(voting) if voting.any() else np.arange(len(names))
    columns = np.flatnonzero(candidates)
    obs = pd.DataFrame({"batch": pd.Categorical(names.iloc[rows])}).set_index(rows.astype(str))
    cells = anndata.AnnData(log.tocsr()[rows][:, columns], obs=obs)
    with warnings.catch_warnings():  # genes that one library lacks have no dispersion there, and no vote
        warnings.simplefilter("ignore")
        table = sc.pp.highly_variable_genes(
            cells, n_top_genes=min(n_genes, len(columns)), batch_key="batch", inplace=False
        )
    chosen = np.zeros(log.shape[1], dtype=bool)
    chosen[columns] = table["highly_variable"].to_numpy() & (
        np.asarray(log[:, columns].sum(axis=0)).ravel() > 0
    )
    return chosen


def principal_components(log: sparse.csr_matrix, n_pcs: int, *, seed: int = 0) -> NDArray[np.float64]:
    """Scores (cells x components) of a PCA whose centring is implicit, so that the matrix stays sparse.

    Fewer components come back when cells or genes do not allow `n_pcs`.
    """
    import scanpy as sc

    values = log.astype(np.float64)
    k = min(n_pcs, values.shape[0] - 1, values.shape[1] - 1)
    return np.asarray(sc.pp.pca(values, n_comps=k, svd_solver="arpack", random_state=seed, dtype="float64"))


class _Random:
    """NumPy's generator under the names by which igraph asks for numbers, as scanpy hands it over."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.RandomState(seed)

    def getrandbits(self, k: int) -> int:
        return int(self._random.tomaxint()) & ((1 << k) - 1)

    def randint(self, a: int, b: int) -> int:
        return int(self._random.randint(a, b + 1))

    def random(self) -> float:
        return float(self._random.random_sample())

    def gauss(self, mean: float, deviation: float) -> float:
        return float(self._random.normal(mean, deviation))


def leiden(weights: sparse.csr_matrix, *, resolution: float, seed: int) -> NDArray[np.str_]:
    """Cluster names "0", "1", ... by decreasing size: Leiden on modularity by igraph, as scanpy calls it.

    Called here because scanpy hands the edges over as a list of pairs: of 100,000 cells' graph they take
    1.4 GB and as an array 0.2. Each edge of the symmetric `weights` is there in both directions, as with
    scanpy, whose clusters these are (tests). Of more than `BOTH_WAYS` cells each edge is there once, at half
    the memory and time: modularity is the same, only ties may fall otherwise.
    """
    import random

    import igraph

    n = weights.shape[0]
    if n > BOTH_WAYS:
        weights = sparse.triu(weights, 1, format="csr")
    rows = np.repeat(np.arange(n), np.diff(weights.indptr))
    stored = weights.data != 0
    edges = np.column_stack([rows[stored], weights.indices[stored].astype(np.int64)])
    net = graph.net(n, edges)
    del edges, rows
    igraph.set_random_number_generator(_Random(seed))
    try:
        found = net.community_leiden(
            objective_function="modularity",
            weights=weights.data[stored],
            resolution=resolution,
            n_iterations=5,
        )
    finally:
        igraph.set_random_number_generator(random)
    return graph.by_size(np.asarray(found.membership))


SCANPY = Steps(
    lambda _, log, batch, candidates, n: variable_genes(log, batch, candidates=candidates, n_genes=n),
    lambda log, n_pcs, seed: principal_components(log, n_pcs, seed=seed),
    lambda near, resolution, seed: leiden(graph.fuzzy_weights(*near), resolution=resolution, seed=seed),
)
