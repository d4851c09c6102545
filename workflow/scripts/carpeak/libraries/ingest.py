"""One library of any layout -> raw integer counts with unique gene names and the transgene flagged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..readers.genes import plain

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from numpy.typing import NDArray
    from scipy import sparse

    from ..readers.library import CountMatrix

MITO_PREFIX = "MT-"
SUMMED = 1 << 19  # entries that are summed at a time


def prepare(
    library: CountMatrix, *, sample: str, features: Sequence[str], call_seed: int | None = None
) -> tuple[AnnData, dict[str, Any]]:
    """Read `library` and name everything.

    `features` are the transgene's feature names or identifiers. With `call_seed`, `library` holds all
    droplets, and those that hold a cell are kept (`cellcalling`, by that seed). Returns cells x genes with
    csr int32 counts (obs index ``{sample}_{barcode}``; var index the unique symbol, with gene_id, transgene
    and mito) and a summary for the library's json.

    Raises UserError for no cells, no genes, a repeated barcode, or values that are not counts.
    """
    import anndata
    import pandas as pd

    barcodes = library.barcodes.to_numpy(zero_copy_only=False)
    check_names(library)
    var = name_genes(library, features)
    counts = library.matrix()
    called = None
    if call_seed is not None:
        is_cell, called = _call(library, counts, exclude=var["transgene"].to_numpy(), seed=call_seed)
        counts, barcodes = counts[is_cell], barcodes[is_cell]
    obs = pd.DataFrame(index=pd.Index([f"{sample}_{b}" for b in barcodes], name="cell", dtype=object))
    summary = summarise(library, counts, names=var.index.to_numpy(), features=features)
    return anndata.AnnData(counts, obs=obs, var=var), summary | {"cells_called": called}


def _call(
    library: CountMatrix, counts: sparse.csr_matrix, *, exclude: NDArray[np.bool_], seed: int
) -> tuple[NDArray[np.intp], dict[str, Any]]:
    """Rows of `counts` that hold a cell, and how they were found."""
    from . import cell_calling

    is_cell, called = cell_calling.call_cells(counts, exclude=exclude, seed=seed)
    if not called["ambient_droplets"]:
        msg = (
            f"{library.path}: no droplet holds {called['empty_up_to']} UMIs or fewer, so this is not the "
            "unfiltered matrix: cells cannot be called from it. Give the matrix of cells as path."
        )
        raise UserError(msg)
    if not called["cells"]:
        msg = (
            f"{library.path}: none of its {called['droplets']} droplets holds a cell. Give the unfiltered "
            "matrix of a library that worked, or the matrix of its cells as path."
        )
        raise UserError(msg)
    return np.flatnonzero(is_cell), called


def name_genes(library: CountMatrix, features: Sequence[str]) -> pd.DataFrame:
    """The genes of `library`: index the unique symbol; gene_id, transgene (one of `features`) and mito."""
    import pandas as pd

    ids = np.where(library.gene_ids == "", library.symbols, library.gene_ids)
    symbols = np.where(library.symbols == "", ids, library.symbols)
    for feature in set(features) - set(symbols):  # a construct that is configured by its identifier
        symbols[(ids == feature) | (symbols == plain(feature))] = feature
    names = unique_names(symbols)
    return pd.DataFrame(
        {
            "gene_id": ids,
            "transgene": np.isin(symbols, list(features)),
            "mito": np.array([s.upper().startswith(MITO_PREFIX) for s in symbols], dtype=bool),
        },
        index=pd.Index(names, name="gene", dtype=object),
    )


def check_names(library: CountMatrix) -> None:
    """Raise UserError for no cells, no genes or a repeated barcode."""
    barcodes = library.barcodes
    if not len(barcodes):
        msg = f"{library.path}: the matrix has no cells. Give the matrix of called cells of a finished run."
        raise UserError(msg)
    if not len(library.symbols):
        msg = f"{library.path}: the matrix has no genes. Give a matrix of gene expression."
        raise UserError(msg)
    if odd := next((str(name) for name in library.symbols if "\0" in str(name)), ""):
        msg = f"{library.path}: the gene name {odd!r} holds a NUL character. Correct the name."
        raise UserError(msg)
    if len(barcodes.unique()) < len(barcodes):
        barcode, times = Counter(barcodes.to_pylist()).most_common(1)[0]
        msg = (
            f"{library.path}: the barcode '{barcode}' occurs {times} times. Several libraries were joined "
            "without renaming their cells: give each library by itself."
        )
        raise UserError(msg)


def unique_names(names: NDArray[np.object_]) -> NDArray[np.object_]:
    """Append -1, -2, ... to the second, third, ... occurrence of a name, avoiding names that exist."""
    taken, seen = set(names), Counter[str]()
    unique = names.copy()
    for i, name in enumerate(names):
        if seen[name]:
            while (candidate := f"{name}-{seen[name]}") in taken:
                seen[name] += 1
            taken.add(candidate)
            unique[i] = candidate
        seen[name] += 1
    return unique


def totals(counts: sparse.csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sums of rows and of columns, some rows at a time: scipy would widen the whole matrix at once."""
    rows, columns = np.zeros(counts.shape[0], np.int64), np.zeros(counts.shape[1], np.int64)
    step = max(1, SUMMED * counts.shape[0] // max(1, counts.nnz))
    for start in range(0, counts.shape[0], step):
        part = counts[start : start + step]
        rows[start : start + step] = np.asarray(part.sum(axis=1, dtype=np.int64)).ravel()
        columns += np.asarray(part.sum(axis=0, dtype=np.int64)).ravel()
    return rows, columns


def repeated_names(library: CountMatrix) -> list[str]:
    """A sentence on symbols that stand for several genes, if there are any."""
    repeated = [name for name, n in Counter(library.symbols).items() if n > 1 and name]
    if not repeated:
        return []
    return [
        f"{len(repeated):,} symbols stand for several genes (such as {repeated[0]}): "
        "-1, -2, ... tell them apart"
    ]


def summarise(
    library: CountMatrix, counts: Any, *, names: NDArray[np.object_], features: Sequence[str]
) -> dict[str, Any]:
    """What the report and later checks want to know of a library, as JSON values."""
    umis, sums = totals(counts)
    per_gene = dict(zip(names, sums))
    return {
        "layout": library.layout,
        "cells": int(counts.shape[0]),
        "genes": int(counts.shape[1]),
        "umis": int(umis.sum()),
        "median_umis": float(np.median(umis)),
        "transgene_umis": {f: int(per_gene[f]) for f in features if f in per_gene},
        "missing_features": [f for f in features if f not in per_gene],
        "other_modalities": library.others,
        "notes": [*library.notes, *repeated_names(library)],
    }
