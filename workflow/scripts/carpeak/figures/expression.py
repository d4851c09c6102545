"""Mean expression of a few genes per group of cells, read straight from the count matrix.

anndata takes longer to import than this takes to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..stats import stored

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from scipy import sparse

TARGET_SUM = 1e4


def by_label(path: str | Path, labels: pd.Series, genes: Sequence[str]) -> pd.DataFrame:
    """Columns label, gene, mean (log1p of counts per 10,000, transgene left out of the total), detected.

    `labels` is indexed by cell; cells of the file that it lacks are left out, and so are genes that the
    file lacks.
    """
    import h5py
    import pandas as pd

    with h5py.File(path, "r") as file:
        cells, names = _index(file["obs"]), _index(file["var"])
        transgene = file["var/transgene"][:].astype(bool)
    where = {name: i for i, name in enumerate(names)}
    found = [gene for gene in genes if gene in where]
    columns = [where[gene] for gene in found]
    counts = np.vstack(
        [_selected(part, columns=columns, transgene=transgene) for _, part in stored.matrix_of(path)]
    )
    label = pd.Series(labels).reindex(cells).to_numpy(dtype=object)
    rows = []
    for one in pd.unique(labels):
        part = counts[label == one]
        for gene, column in zip(found, part.T):
            rows.append((one, gene, float(column.mean()), float((column > 0).mean())))
    return pd.DataFrame(rows, columns=["label", "gene", "mean", "detected"])


def _index(group: Any) -> list[str]:
    return [str(name) for name in group[group.attrs["_index"]].asstr()[:]]


def _selected(
    counts: sparse.csr_matrix, *, columns: Sequence[int], transgene: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """log1p CP10k of the `columns`, cells x genes."""
    total = counts @ (~transgene).astype(np.float64)
    wanted = np.asarray(counts[:, list(columns)].todense(), dtype=np.float64)
    return np.log1p(wanted * (TARGET_SUM / np.maximum(total, 1))[:, None])
