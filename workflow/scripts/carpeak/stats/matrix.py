"""Small operations on sparse count matrices (cells x genes); none makes them dense.

Each takes a csr matrix, or `blocks.Blocks` of one that is too large for memory and then gives blocks back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from scipy import sparse

from ..names import FEW_CELLS
from . import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

Matrix = TypeVar("Matrix", sparse.csr_matrix, blocks.Blocks)

TARGET_SUM = 1e4


def size_factors(
    counts: sparse.csr_matrix | blocks.Blocks, *, exclude: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Counts per cell divided by 10,000, over the genes that are not excluded.

    `counts` is cells x genes (UMIs); `exclude` masks genes, namely the transgene: a cell's CAR must not
    change how its other genes are scaled. A cell without any count gets 1.
    """
    factors = blocks.row_sums(counts, leave_out=exclude) / TARGET_SUM
    factors[factors <= 0] = 1.0
    return factors


def normalise(
    counts: Matrix,
    *,
    exclude: NDArray[np.bool_] | None = None,
    log: bool = True,
    dtype: type = np.float32,
) -> Matrix:
    """Counts per 10,000 (by `size_factors`), as log1p unless `log` is false; the counts stay as they are."""
    if isinstance(counts, blocks.Blocks):
        return counts.map(lambda: lambda _, block: normalise(block, exclude=exclude, log=log, dtype=dtype))
    result = sparse.csr_matrix(counts, dtype=dtype, copy=True)
    factors = size_factors(counts, exclude=exclude)
    result.data /= np.repeat(factors, np.diff(result.indptr)).astype(dtype)
    if log:
        np.log1p(result.data, out=result.data)
    return result


def thin(counts: Matrix, share: NDArray[np.float64] | float, *, seed: int) -> Matrix:
    """Keep each UMI with probability `share` (one number, or one per cell): binomial thinning.

    Blocks are thinned with one stream of random numbers, so that their size changes nothing.
    """
    shares = np.broadcast_to(np.asarray(share, dtype=float), (counts.shape[0],))
    if not isinstance(counts, blocks.Blocks):
        return _thinned(counts, shares, np.random.default_rng(seed))

    def prepare() -> blocks.Change:
        generator = np.random.default_rng(seed)
        return lambda rows, block: _thinned(block, shares[rows], generator)

    return counts.map(prepare)


def _thinned(
    counts: sparse.csr_matrix, shares: NDArray[np.float64], generator: np.random.Generator
) -> sparse.csr_matrix:
    result = sparse.csr_matrix(counts, copy=True)
    keep = np.repeat(shares, np.diff(result.indptr))
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
