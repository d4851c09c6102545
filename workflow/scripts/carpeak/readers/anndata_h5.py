"""AnnData's h5ad files: raw integer counts in ``layers['counts']``, ``X`` or ``raw.X``, in that order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from .library import BLOCK, Block, Library, not_counts, pick_expression
from .tenx_h5 import check_lengths, opened, stream

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

PLACES = {"layers/counts": "var", "X": "var", "raw/X": "raw/var"}  # matrix: where its genes are named
SYMBOLS = ("gene_symbols", "feature_name", "gene_symbol", "gene_name")
IDS = ("gene_ids", "gene_id", "feature_id")


def recognise(path: Path) -> bool:
    """Whether `path` is an HDF5 file with AnnData's obs, var and a matrix in it."""
    import h5py

    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with opened(path) as file:
        return "obs" in file and "var" in file and any(place in file for place in PLACES)


def open_library(path: Path) -> Library:
    """Open the h5ad file `path`; UserError where no place holds counts."""
    import pyarrow as pa
    from anndata.io import read_elem

    with opened(path) as file:
        place = _place_of_counts(file, path)
        obs, var = read_elem(file["obs"]), read_elem(file[PLACES[place]])
        matrix = file[place]
        kind = matrix.attrs.get("encoding-type", "array")
        shape = tuple(int(n) for n in (matrix.shape if kind == "array" else matrix.attrs["shape"]))
        entries = int(matrix["data"].shape[0]) if kind != "array" else shape[0] * shape[1]
    check_lengths(path, shape[::-1], (len(var), len(obs)))
    symbols, ids = _gene_names(var)
    kept, others = pick_expression(
        var["feature_types"].astype(str).to_numpy(object) if "feature_types" in var else None
    )
    inside = slice(None) if kept is None else kept >= 0
    return Library(
        path=path,
        layout=f"h5ad, {place}",
        symbols=symbols[inside],
        gene_ids=ids[inside],
        barcodes=pa.array(obs.index.astype(str), pa.string()),
        entries=entries,
        stream=lambda: (
            _dense(path, place) if kind == "array" else stream(path, place, by_cell=kind == "csr_matrix")
        ),
        kept=kept,
        others=others,
    )


def _place_of_counts(file: Any, path: Path) -> str:
    """The first of `PLACES` whose first entries are counts."""
    found = []
    for place in PLACES:
        if place in file:
            held = file[place]
            values = held[:200].ravel() if hasattr(held, "dtype") else held["data"][:BLOCK]
            wrong = not_counts(values)
            if not wrong:
                return place
            found.append(f"{place} holds {wrong}")
    msg = f"{path}: no raw counts: {'; '.join(found)}. Store the raw integer counts in layers['counts']."
    raise UserError(msg)


def _gene_names(var: pd.DataFrame) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Symbols and identifiers; the index holds whichever has no column of its own."""
    index = var.index.astype(str).to_numpy(object)
    symbols = next((var[c].astype(str).to_numpy(object) for c in SYMBOLS if c in var), index)
    ids = next((var[c].astype(str).to_numpy(object) for c in IDS if c in var), index)
    return symbols, ids


def _dense(path: Path, place: str) -> Iterator[Block]:
    with opened(path) as file:
        matrix = file[place]
        rows = max(1, BLOCK // max(1, matrix.shape[1]))
        for start in range(0, matrix.shape[0], rows):
            block = matrix[start : start + rows]
            cells, genes = np.nonzero(block)
            yield genes, cells + start, block[cells, genes]
