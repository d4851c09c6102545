"""Neighbours, their weights, and a two-dimensional layout of points (cells x dimensions).

umap-learn and pynndescent, which scanpy calls for these three, import and compile for 10 to 25 s in every
process; numpy and scikit-learn take 3 s, neighbours are exact, and the weights are umap-learn's (tests).
The layout of the demo's 13,954 cells takes 1.1 s of CPU here and 36 s by umap-learn 0.5, import included;
trustworthiness 0.856 against 0.859, rank correlation of distances 0.79 against 0.87. Nothing rests on it.
All else in the embedding is scanpy's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    import igraph
    from numpy.typing import NDArray

# Indices and Euclidean distances (cells x neighbours) of each cell's nearest others, nearest first
Neighbors: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.float64]]"

EXACT_LIMIT = 50_000  # cells up to which all distances are computed; beyond, neighbours are approximate
LAYOUT_EPOCHS = 200
LAYOUT_REPULSIONS = 5
CURVE = (0.583, 1.334)  # umap's a and b for min_dist 0.5, spread 1 (scanpy's defaults)


def nearest(points: NDArray, n_neighbors: int, *, seed: int = 0) -> Neighbors:
    """The `n_neighbors` nearest others of each cell of `points` (cells x dimensions).

    Fewer columns come back when there are not enough cells.
    """
    n = len(points)
    k = min(n_neighbors, n - 1)
    if k < 1:
        return np.empty((n, 0), dtype=np.int64), np.empty((n, 0))
    if n <= EXACT_LIMIT:
        return nearest_to(points, np.arange(n), k)
    from pynndescent import NNDescent

    indices, distances = NNDescent(points, n_neighbors=k + 1, random_state=seed, n_jobs=1).neighbor_graph
    return drop_self(indices, distances, np.arange(n))


def nearest_to(
    points: NDArray, queries: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The exact `k` nearest others of the cells `queries` only: indices and distances (queries x k)."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=k + 1, algorithm="brute", n_jobs=1).fit(points)
    distances, indices = search.kneighbors(points[queries])
    return drop_self(indices, distances, queries)


def drop_self(
    indices: NDArray, distances: NDArray, own: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Take each row's own cell out of its neighbours, or the last one where duplicates crowded it out."""
    n, k = indices.shape
    keep = indices != own[:, None]
    keep[keep.all(axis=1), -1] = False
    return indices[keep].reshape(n, k - 1).astype(np.int64), distances[keep].reshape(n, k - 1).astype(
        np.float64
    )


def fuzzy_weights(indices: NDArray[np.int64], distances: NDArray[np.float64]) -> sparse.csr_matrix:
    """UMAP's symmetric neighbour weights in 0..1 (McInnes 2018): smooth kernels joined by fuzzy union."""
    n, k = indices.shape
    beyond = np.maximum(distances - distances[:, :1], 0.0)
    target = np.log2(k + 1)
    low, high, width = np.zeros(n), np.full(n, np.inf), np.ones(n)
    for _ in range(64):
        too_wide = np.exp(-beyond / width[:, None]).sum(axis=1) > target
        low, high = np.where(too_wide, low, width), np.where(too_wide, width, high)
        width = np.where(np.isinf(high), width * 2, (low + np.minimum(high, 1e300)) / 2)
    width = np.maximum(width, 1e-3 * np.maximum(distances.mean(axis=1), 1e-12))
    weights = np.exp(-beyond / width[:, None])
    one_way = sparse.csr_matrix(
        (weights.ravel(), (np.repeat(np.arange(n), k), indices.ravel())), shape=(n, n)
    )
    back = one_way.T.tocsr()
    return (one_way + back - one_way.multiply(back)).tocsr()


def net(n: int, edges: NDArray[np.int64]) -> igraph.Graph:
    """A graph of `n` cells with `edges` (edges x 2), as igraph has it.

    igraph makes objects for every edge while it reads them; meanwhile Python's collector would walk over all
    there are again and again, for half of the time.
    """
    import gc

    import igraph

    collected = gc.isenabled()
    gc.disable()
    try:
        return igraph.Graph(n=n, edges=edges)
    finally:
        if collected:
            gc.enable()


def by_size(membership: NDArray) -> NDArray[np.str_]:
    """Rename groups "0", "1", ... by decreasing size; ties keep the order of first appearance."""
    _, first, codes, sizes = np.unique(membership, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), dtype=int)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[codes].astype(str)


def layout(
    weights: sparse.csr_matrix, start: NDArray, *, seed: int, epochs: int = LAYOUT_EPOCHS
) -> NDArray[np.float64]:
    """UMAP coordinates (cells x 2) from neighbour weights and a starting layout.

    UMAP's objective, followed with all edges at once and Adam steps (as uwot does in its batch mode)
    instead of edge by edge: numpy suffices, and 14,000 cells take 1.1 s. Both coordinates are arrays of their
    own, since numpy walks through columns of two at a third of the speed.
    """
    a, b = CURVE
    generator = np.random.default_rng(seed)
    n = weights.shape[0]
    edges = sparse.triu(weights, 1).tocoo()
    strong = edges.data >= edges.data.max(initial=0) / epochs
    head, tail = (ends[strong].astype(np.intp) for ends in (edges.row, edges.col))
    weight = edges.data[strong]
    degree = np.bincount(head, weight, n) + np.bincount(tail, weight, n)
    points = start[:, :2] / max(float(np.abs(start[:, :2]).max(initial=0)), 1e-12) * 10
    points = np.ascontiguousarray((points + generator.normal(scale=1e-3, size=points.shape)).T)
    mean, square, step = np.zeros((3, *points.shape))
    for epoch in range(epochs):
        away = [own[head] - own[tail] for own in points]
        squared = np.maximum(away[0] ** 2 + away[1] ** 2, 1e-8)
        power = squared**b
        pull = -2 * a * b * weight * power / squared / (1 + a * power)
        for axis, distance in enumerate(away):
            force = pull * distance
            step[axis] = np.bincount(head, force, n) - np.bincount(tail, force, n)
        for _ in range(LAYOUT_REPULSIONS):
            other = generator.integers(n, size=n)
            away = [own - own[other] for own in points]
            squared = away[0] ** 2 + away[1] ** 2
            push = degree * (2 * b / ((1e-3 + squared) * (1 + a * squared**b)))
            for axis, distance in enumerate(away):
                step[axis] += push * distance
        step = np.clip(step, -4 * degree, 4 * degree)
        mean, square = 0.5 * mean + 0.5 * step, 0.9 * square + 0.1 * step**2
        rate = (1 - epoch / epochs) / (1 - 0.5 ** (epoch + 1))
        points = points + rate * mean / (np.sqrt(square / (1 - 0.9 ** (epoch + 1))) + 1e-7)
    return np.ascontiguousarray(points.T)
