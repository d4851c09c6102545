"""The recipes of `embedding.method`: what clusters are made by.

On sorted and protein-labelled blood (docs/clusters.md) Seurat's steps find clusters that agree better with
the labels than scanpy's usual ones: `recommended` takes them with variable genes chosen within each library
and Leiden's algorithm, `paper` as the paper's tool has them, over all cells together and with Louvain's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..populations import embed
from . import clusters, components
from .variable_genes import standardised_variance

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from ..stats import blocks

NEIGHBOURS = 20  # Seurat's k.param, the cell itself among them


def together(
    counts: sparse.csr_matrix | blocks.Blocks,
    log: sparse.csr_matrix | blocks.Blocks,
    batch: Sequence[str],
    candidates: NDArray[np.bool_],
    n_genes: int,
) -> NDArray[np.bool_]:
    """Mask of the `n_genes` of the `candidates` that vary most over all cells, as FindVariableFeatures."""
    return _first(np.where(candidates, standardised_variance(counts), 0.0), n_genes)


def within(
    counts: sparse.csr_matrix | blocks.Blocks,
    log: sparse.csr_matrix | blocks.Blocks,
    batch: Sequence[str],
    candidates: NDArray[np.bool_],
    n_genes: int,
) -> NDArray[np.bool_]:
    """The same within each library: genes chosen in more of them first, then by their mean variance.

    What only tells libraries apart is not chosen for it. A library of fewer than 20 cells has no vote.
    """
    names, sizes = np.unique(np.asarray(batch, dtype=str), return_counts=True)
    voting = names[sizes >= embed.SMALLEST_BATCH] if (sizes >= embed.SMALLEST_BATCH).any() else names
    votes, total = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
    for name in voting:
        rows = np.flatnonzero(np.asarray(batch, dtype=str) == name)
        variance = np.where(candidates, standardised_variance(counts[rows]), 0.0)
        votes += _first(variance, n_genes)
        total += variance
    order = np.lexsort((-total, -votes))[:n_genes]
    chosen = np.zeros(counts.shape[1], dtype=bool)
    chosen[order[total[order] > 0]] = True
    return chosen


def _first(variance: NDArray[np.float64], n_genes: int) -> NDArray[np.bool_]:
    order = np.argsort(-variance, kind="stable")[:n_genes]
    chosen = np.zeros(len(variance), dtype=bool)
    chosen[order[variance[order] > 0]] = True
    return chosen


# The recipes share one form (`embed.Steps`), so that each gets what another needs.
def _scaled(log: sparse.csr_matrix, n_pcs: int, seed: int) -> NDArray[np.float64]:
    return components.scaled_components(log, n_pcs)


def _by(
    method: Callable[..., NDArray[np.str_]],
) -> Callable[[tuple[NDArray[np.int64], NDArray[np.float64]], float, int], NDArray[np.str_]]:
    """Clusters of shared neighbours by `method`, lone cells joined to others."""

    def found(
        near: tuple[NDArray[np.int64], NDArray[np.float64]], resolution: float, seed: int
    ) -> NDArray[np.str_]:
        indices = near[0][:, : NEIGHBOURS - 1]
        names = method(clusters.shared_neighbours(indices), resolution=resolution, seed=seed)
        return clusters.without_singletons(names, indices)

    return found


STEPS = {
    "recommended": embed.Steps(
        within,
        _scaled,
        _by(embed.leiden),
        NEIGHBOURS - 1,
    ),
    "paper": embed.Steps(
        together,
        _scaled,
        _by(clusters.louvain),
        NEIGHBOURS - 1,
    ),
    "scanpy": embed.SCANPY,
}
