"""The kept cells of all libraries as one matrix, and the table of samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..errors import UserError
from ..names import REMOVAL_REASONS, WITHOUT_TRANSGENE
from ..stats import blocks, stored
from . import absent_transgene

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    Library: TypeAlias = AnnData | stored.Counts

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


def merge(
    libraries: Sequence[Library], cells: Sequence[pd.DataFrame], *, samples: pd.DataFrame, genes: pd.DataFrame
) -> stored.Counts:
    """Join the kept cells of `libraries`; counts are read when the result's are, a block at a time.

    `cells` are the QC tables in the same order, `samples` has a row per library with sample, condition,
    donor and batch. `genes` are those of the result (`gene_list`, from libraries with `same_names`); one that
    a library lacks counts 0 there. A library may be without kept cells; all of them may. ``uns`` names the
    samples whose reference holds no transgene (`WITHOUT_TRANSGENE`): their zeros are no measurement.
    """
    import pandas as pd

    names, rows = [], []
    for number, (library, table) in enumerate(zip(libraries, cells, strict=True)):
        if list(table["cell"]) != list(library.obs_names):
            msg = f"the QC table of library {number + 1} does not list the cells of its matrix"
            raise ValueError(msg)
        kept = library.obs_names[table["kept"].to_numpy()]
        names.append(kept)
        rows.append(np.full(len(kept), number))
    row = np.concatenate(rows)
    obs = pd.DataFrame(index=pd.Index(np.concatenate(names), name="cell", dtype=object))
    for column in ("sample", "condition", "donor", "batch"):
        values = samples[column].astype(str)
        obs[column] = pd.Categorical(values.to_numpy()[row], categories=list(dict.fromkeys(values)))
    lacking = [not library.var["transgene"].any() for library in libraries]
    without = samples["sample"].astype(str)[lacking].tolist()

    def read() -> Iterator[Any]:
        for library, table in zip(libraries, cells, strict=True):
            places = genes.index.get_indexer(library.var_names)
            for _, block in blocks.parts(library[table["kept"].to_numpy()].X):
                yield _spread(block, places, n_genes=len(genes))

    counts = blocks.Blocks((len(obs), len(genes)), read)
    return stored.Counts(counts, obs, genes, {WITHOUT_TRANSGENE: without})


def same_names(libraries: Sequence[Library]) -> list[Library]:
    """The libraries with one name for each identifier: that of the first library which lists it.

    Symbols change between releases of a reference (GPR56 became ADGRG1), identifiers hardly. A name that
    another gene bears already is never given twice.
    """
    import pandas as pd

    known: dict[str, str] = {}
    taken: set[str] = set()
    renamed = []
    for library in libraries:
        own = set(library.var_names)
        names = [
            known.get(i, name) if name not in taken and known.get(i) not in own else name
            for name, i in zip(library.var_names, library.var["gene_id"], strict=True)
        ]
        var = library.var.set_axis(pd.Index(names, name=library.var.index.name, dtype=object))
        if var.index.has_duplicates:  # one identifier under two names in a library: leave its names alone
            var = library.var
        known = {**dict(zip(var["gene_id"], var.index, strict=True)), **known}
        taken |= set(var.index)
        renamed.append(stored.with_genes(library, var))
    return renamed


def gene_list(libraries: Sequence[Library], kind: str) -> pd.DataFrame:
    """The genes of all libraries (kind ``union``) or those of every library (``intersection``).

    In the order of their first appearance. Transgene features are always among them: a library that was
    mapped without the construct still says nothing against one that was mapped with it.

    Raises UserError where an intersection leaves less than half of the smallest list.
    """
    import pandas as pd

    var = pd.concat([library.var for library in libraries])
    listed = var.index.value_counts()
    union = var[~var.index.duplicated()].copy()
    union["transgene"] = union.index.isin(var.index[var["transgene"]])
    if kind == "union":
        return union
    shared = union[(listed.reindex(union.index) == len(libraries)).to_numpy() | union["transgene"]]
    smallest = min(library.n_vars for library in libraries)
    if len(shared) < smallest / 2:
        examples = " and ".join(", ".join(library.var_names[:3]) for library in libraries[:2])
        msg = (
            f"the libraries have only {len(shared):,} genes in common, of {smallest:,} in the smallest list "
            f"(they begin with {examples}). Give matrices that name their genes alike, or set 'genes: union'."
        )
        raise UserError(msg)
    return shared


def _spread(counts: Any, columns: Any, *, n_genes: int) -> Any:
    """Put the genes of `counts` into `columns` of a matrix with `n_genes` columns; -1 leaves a gene out."""
    from scipy import sparse

    if (columns < 0).any():
        counts, columns = counts[:, np.flatnonzero(columns >= 0)], columns[columns >= 0]
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
    raise UserError(absent_transgene.absent(features, var.index))


def gene_counts(libraries: Sequence[Library], genes: pd.DataFrame) -> list[dict[str, int]]:
    """For each library the genes it lists, those of them left out of `genes`, and those it lacks."""
    result = []
    for library in libraries:
        shared = int(library.var_names.isin(genes.index).sum())
        result.append(
            {
                "genes_in": library.n_vars,
                "genes_left_out": library.n_vars - shared,
                "genes_absent": len(genes) - shared,
            }
        )
    return result


def sample_table(
    samples: pd.DataFrame,
    cells: Sequence[pd.DataFrame],
    thresholds: Sequence[Mapping[str, Any]],
    gene_counts: Sequence[Mapping[str, int]],
) -> pd.DataFrame:
    """One row per library: cells before and after QC, one column per reason, thresholds, genes, verdict."""
    import pandas as pd

    rows = []
    for (_, sample), table, limits, genes in zip(
        samples.iterrows(), cells, thresholds, gene_counts, strict=True
    ):
        kept = table[table["kept"]]
        removed = table["removed_by"].value_counts()
        rows.append(
            {
                **{column: sample[column] for column in ("sample", "condition", "donor")},
                "cells_in": len(table),
                "cells_kept": len(kept),
                **{f"removed_{reason}": int(removed.get(reason, 0)) for reason in REMOVAL_REASONS},
                "median_umis": kept["n_umis"].median(),
                "median_genes": kept["n_genes"].median(),
                **{name: limits[name] for name in THRESHOLDS},
                **genes,
                "status": limits["status"],
                "message": limits["message"],
            }
        )
    return pd.DataFrame(rows)
