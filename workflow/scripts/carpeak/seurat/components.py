"""Principal components of genes scaled to unit variance, without making the matrix dense."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

SPAN = 2**25  # values worked on at a time
CLIP = 10.0  # standard deviations above the mean at which ScaleData cuts a value


def scaled_components(log: sparse.csr_matrix, n_pcs: int, *, clip: float = CLIP) -> NDArray[np.float64]:
    """Scores (cells x components) of log expression whose genes are centred, scaled and cut at `clip`.

    `log` is cells x genes. As Seurat's ScaleData and RunPCA: mean and standard deviation are those before the
    cut, and what the cut takes off the mean is not centred again. A value of zero is never cut, since the cut
    is above, so that the stored values alone are changed and centring and scaling stay implicit. The same
    input gives the same bits: fixed start, one thread. Each component's largest loading is positive. Fewer
    come back where cells or genes do not allow `n_pcs`.
    """
    from scipy.sparse.linalg import LinearOperator, svds

    values = log.astype(np.float64).tocsr()
    n, width = values.shape
    mean, square = np.zeros((2, width))
    for start in range(0, max(values.nnz, 1), SPAN):
        own, places = values.data[start : start + SPAN], values.indices[start : start + SPAN]
        mean += np.bincount(places, own, width)
        square += np.bincount(places, own**2, width)
    mean = mean / n
    sd = np.sqrt(np.maximum(square - n * mean**2, 0) / max(n - 1, 1))
    sd[sd == 0] = 1.0
    most = mean + clip * sd
    for start in range(0, values.nnz, SPAN):
        own, places = values.data[start : start + SPAN], values.indices[start : start + SPAN]
        np.minimum(own, most[places], out=own)
    shift = mean / sd

    def forward(v: NDArray[np.float64]) -> NDArray[np.float64]:
        v = v.ravel()
        return np.asarray(values @ (v / sd) - shift @ v)

    def backward(u: NDArray[np.float64]) -> NDArray[np.float64]:
        u = u.ravel()
        return np.asarray((values.T @ u) / sd - shift * u.sum())

    k = min(n_pcs, n - 1, width - 1)
    operator = LinearOperator((n, width), matvec=forward, rmatvec=backward, dtype=np.float64)
    left, sizes, right = svds(operator, k=k, v0=np.ones(min(n, width)), tol=1e-10)
    order = np.argsort(-sizes, kind="stable")
    left, sizes, right = left[:, order], sizes[order], right[order]
    signs = np.sign(right[np.arange(k), np.abs(right).argmax(axis=1)])
    return np.asarray(left * sizes * signs)
