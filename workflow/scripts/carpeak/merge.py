"""The kept cells of all libraries as one matrix, and the table of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import transgene
from .errors import UserError
from .qc import REASONS

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

THRESHOLDS = (
    "preset",
    "min_genes",
    "max_genes",
    "min_umis",
    "max_umis",
    "max_mito_percent",
    "doublet_threshold",
    "doublet_threshold_source",
    "expected_doublet_rate",
)


def merge(libraries: Sequence[AnnData], cells: Sequence[pd.DataFrame], *, samples: pd.DataFrame) -> AnnData:
    """Join the kept cells of `libraries`.

    `cells` are the QC tables in the same order, `samples` has a row per library with sample, condition,
    donor and batch. Genes are the union, in the order of their first appearance; a gene that a library
    lacks counts 0 there. A library may be without kept cells; all of them may.
    """
    import anndata
    import pandas as pd
    from scipy import sparse

    var = pd.concat([library.var for library in libraries])
    var = var[~var.index.duplicated()]
    blocks, names, rows = [], [], []
    for number, (library, table) in enumerate(zip(libraries, cells, strict=True)):
        if list(table["cell"]) != list(library.obs_names):
            msg = f"the QC table of library {number + 1} does not list the cells of its matrix"
            raise ValueError(msg)
        kept = library[table["kept"].to_numpy()]
        blocks.append(_spread(kept.X, var.index.get_indexer(library.var_names), n_genes=len(var)))
        names.append(kept.obs_names)
        rows.append(np.full(kept.n_obs, number))
    row = np.concatenate(rows)
    obs = pd.DataFrame(index=pd.Index(np.concatenate(names), name="cell", dtype=object))
    for column in ("sample", "condition", "donor", "batch"):
        values = samples[column].astype(str)
        obs[column] = pd.Categorical(values.to_numpy()[row], categories=list(dict.fromkeys(values)))
    return anndata.AnnData(sparse.vstack(blocks, format="csr"), obs=obs, var=var)


def _spread(counts: Any, columns: Any, *, n_genes: int) -> Any:
    """Put the genes of `counts` into `columns` of a matrix with `n_genes` columns."""
    from scipy import sparse

    spread = sparse.csr_matrix(
        (counts.data, columns[counts.indices].astype(np.int32), counts.indptr),
        shape=(counts.shape[0], n_genes),
    )
    spread.sort_indices()
    return spread


def check_transgene(var: pd.DataFrame, features: Sequence[str]) -> None:
    """Raise UserError when transgene `features` are configured and none is in any library.

    The message lists the closest feature names and those that look like a transgene.
    """
    if var["transgene"].any() or not features:
        return
    raise UserError(transgene.absent(features, var.index))


def sample_table(
    samples: pd.DataFrame, cells: Sequence[pd.DataFrame], thresholds: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """One row per library: cells before and after QC, one column per reason, thresholds, verdict."""
    import pandas as pd

    rows = []
    for (_, sample), table, limits in zip(samples.iterrows(), cells, thresholds, strict=True):
        kept = table[table["kept"]]
        removed = table["removed_by"].value_counts()
        rows.append(
            {
                **{column: sample[column] for column in ("sample", "condition", "donor")},
                "cells_in": len(table),
                "cells_kept": len(kept),
                **{f"removed_{reason}": int(removed.get(reason, 0)) for reason in REASONS},
                "median_umis": kept["n_umis"].median(),
                "median_genes": kept["n_genes"].median(),
                **{name: limits[name] for name in THRESHOLDS},
                "status": limits["status"],
                "message": limits["message"],
            }
        )
    return pd.DataFrame(rows)
