"""Shared nearest neighbours and Louvain clusters, as Seurat's FindNeighbors and FindClusters."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from ..stats import blocks, graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRUNE = 1 / 15  # shared neighbours' Jaccard index below which two cells are not joined
ROWS = 50_000  # cells whose shared neighbours are counted at a time: before pruning they are many
STARTS = 10  # runs of Louvain of which the best is kept


def shared_neighbours(indices: NDArray[np.int64], *, prune: float = PRUNE) -> sparse.csr_matrix:
    """Symmetric weights: Jaccard index of two cells' neighbours, each cell its own neighbour as in Seurat.

    `indices` (cells x neighbours) are each cell's nearest others: Seurat's k.param is one more.
    """
    n, k = indices.shape
    rows = np.repeat(np.arange(n), k + 1)
    columns = np.hstack([np.arange(n)[:, None], indices]).ravel()
    member = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    turned = member.T.tocsr()
    parts = []
    for start in range(0, n, ROWS):
        shared = (member[start : start + ROWS] @ turned).tocsr()
        shared.data = shared.data / (2 * (k + 1) - shared.data)
        own = np.repeat(np.arange(start, start + shared.shape[0]), np.diff(shared.indptr))
        shared.data[(shared.data < prune) | (shared.indices == own)] = 0.0
        shared.eliminate_zeros()
        parts.append(shared)
    return blocks.stacked(parts)


def louvain(weights: sparse.csr_matrix, *, resolution: float, seed: int) -> NDArray[np.str_]:
    """Cluster names "0", "1", ... by decreasing size: Louvain on modularity, the best of `STARTS` runs."""
    import igraph

    upper = sparse.triu(weights, 1).tocoo()
    edges = np.column_stack([upper.row, upper.col])
    net = graph.net(weights.shape[0], edges)
    generator = random.Random(seed)
    igraph.set_random_number_generator(generator)
    best, quality = np.zeros(weights.shape[0], dtype=np.int64), -np.inf
    for _ in range(STARTS):
        found = net.community_multilevel(weights=upper.data.tolist(), resolution=resolution)
        value = net.modularity(found.membership, weights=upper.data.tolist(), resolution=resolution)
        if value > quality + 1e-12:
            best, quality = np.asarray(found.membership, dtype=np.int64), value
    return graph.by_size(best)


def without_singletons(labels: NDArray[np.str_], indices: NDArray[np.int64]) -> NDArray[np.str_]:
    """Cells that are a cluster by themselves join the one that most of their neighbours are in.

    Pruning leaves such cells without an edge: some 80 of a million. Seurat's FindClusters joins them by their
    mean edge, which is 0 to every cluster, so that it draws one; neighbours before pruning say more. Of
    clusters that as many neighbours are in, the one of the nearest is taken. A cell whose neighbours are all
    alone stays so. `indices` (cells x neighbours) are each cell's nearest others, the nearest first.
    """
    names, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    alone = sizes[codes] == 1
    joined = codes.copy()
    for cell in np.flatnonzero(alone):
        near = indices[cell][~alone[indices[cell]]]
        if len(near):
            votes = np.bincount(codes[near], minlength=len(names))
            joined[cell] = next(code for code in codes[near] if votes[code] == votes.max())
    return graph.by_size(joined) if alone.any() else labels
