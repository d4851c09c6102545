"""Small operations on sparse count matrices (cells x genes); none makes them dense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..names import FEW_CELLS

if TYPE_CHECKING:
    from numpy.typing import NDArray

TARGET_SUM = 1e4


def size_factors(
    counts: sparse.csr_matrix, *, exclude: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Counts per cell divided by 10,000, over the genes that are not excluded.

    `counts` is cells x genes (UMIs); `exclude` masks genes, namely the transgene: a cell's CAR must not
    change how its other genes are scaled. A cell without any count gets 1.
    """
    total = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    if exclude is not None and exclude.any():
        total -= np.asarray(counts[:, np.flatnonzero(exclude)].sum(axis=1), dtype=np.float64).ravel()
    factors = total / TARGET_SUM
    factors[factors <= 0] = 1.0
    return factors


def normalise(
    counts: sparse.csr_matrix,
    *,
    exclude: NDArray[np.bool_] | None = None,
    log: bool = True,
    dtype: type = np.float32,
) -> sparse.csr_matrix:
    """Counts per 10,000 (by `size_factors`), as log1p unless `log` is false; a new csr matrix."""
    result = sparse.csr_matrix(counts, dtype=dtype, copy=True)
    factors = size_factors(counts, exclude=exclude)
    result.data /= np.repeat(factors, np.diff(result.indptr)).astype(dtype)
    if log:
        np.log1p(result.data, out=result.data)
    return result


def thin(counts: sparse.csr_matrix, share: NDArray[np.float64] | float, *, seed: int) -> sparse.csr_matrix:
    """Keep each UMI with probability `share` (one number, or one per cell): binomial thinning."""
    result = sparse.csr_matrix(counts, copy=True)
    keep = np.repeat(
        np.broadcast_to(np.asarray(share, dtype=float), (counts.shape[0],)), np.diff(result.indptr)
    )
    generator = np.random.default_rng(seed)
    thinned = keep < 1
    result.data[thinned] = generator.binomial(result.data[thinned].astype(np.int64), keep[thinned])
    result.eliminate_zeros()
    return result


def depth_shares(
    n_umis: NDArray[Any], samples: NDArray[np.str_], *, min_cells: int = FEW_CELLS
) -> dict[str, float]:
    """The share of its UMIs that each sample may keep so that all have the smallest sample's median depth.

    `n_umis` is the depth of each cell (without the transgene), `samples` its sample. The smallest is looked
    for among samples of at least `min_cells` cells: thinning all others to the chance median of a failed
    library would throw their data away. A sample that is shallower than that keeps all its UMIs.
    """
    names, sizes = np.unique(samples, return_counts=True)
    medians = {str(name): float(np.median(n_umis[samples == name])) for name in names}
    firm = {name: medians[name] for name, n in zip(medians, sizes) if n >= min_cells} or medians
    smallest = min((median for median in firm.values() if median > 0), default=0.0)
    return {name: min(smallest / median, 1.0) if median > 0 else 1.0 for name, median in medians.items()}
