"""One library of any layout -> raw integer counts with unique gene names and the transgene flagged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import UserError
from .readers.genes import plain

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from .readers import Library

MITO_PREFIX = "MT-"


def prepare(library: Library, *, sample: str, features: Sequence[str]) -> tuple[AnnData, dict[str, Any]]:
    """Read `library` and name everything.

    `features` are the transgene's feature names or identifiers. Returns cells x genes with csr int32
    counts (obs index ``{sample}_{barcode}``; var index the unique symbol, with gene_id, transgene and
    mito) and a summary for the library's json.

    Raises UserError for no cells, no genes, a repeated barcode, or values that are not counts.
    """
    import anndata
    import pandas as pd

    barcodes = library.barcodes.to_numpy(zero_copy_only=False)
    check_names(library)
    ids = np.where(library.gene_ids == "", library.symbols, library.gene_ids)
    symbols = np.where(library.symbols == "", ids, library.symbols)
    for feature in set(features) - set(symbols):  # a construct that is configured by its identifier
        symbols[(ids == feature) | (symbols == plain(feature))] = feature
    names = unique_names(symbols)
    var = pd.DataFrame(
        {
            "gene_id": ids,
            "transgene": np.isin(symbols, list(features)),
            "mito": np.array([s.upper().startswith(MITO_PREFIX) for s in symbols], dtype=bool),
        },
        index=pd.Index(names, name="gene", dtype=object),
    )
    obs = pd.DataFrame(index=pd.Index([f"{sample}_{b}" for b in barcodes], name="cell", dtype=object))
    counts = library.matrix()
    return anndata.AnnData(counts, obs=obs, var=var), summarise(
        library, counts, names=names, features=features
    )


def check_names(library: Library) -> None:
    """Raise UserError for no cells, no genes or a repeated barcode."""
    barcodes = library.barcodes
    if not len(barcodes):
        msg = f"{library.path}: the matrix has no cells. Give the matrix of called cells of a finished run."
        raise UserError(msg)
    if not len(library.symbols):
        msg = f"{library.path}: the matrix has no genes. Give a matrix of gene expression."
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


def repeated_names(library: Library) -> list[str]:
    """A sentence on symbols that stand for several genes, if there are any."""
    repeated = [name for name, n in Counter(library.symbols).items() if n > 1 and name]
    if not repeated:
        return []
    return [
        f"{len(repeated):,} symbols stand for several genes (such as {repeated[0]}): "
        "-1, -2, ... tell them apart"
    ]


def summarise(
    library: Library, counts: Any, *, names: NDArray[np.object_], features: Sequence[str]
) -> dict[str, Any]:
    """What the report and later checks want to know of a library, as JSON values."""
    umis = np.asarray(counts.sum(axis=1, dtype=np.int64)).ravel()
    per_gene = dict(zip(names, np.asarray(counts.sum(axis=0, dtype=np.int64)).ravel()))
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
