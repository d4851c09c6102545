"""AnnData's h5ad files: raw integer counts in ``layers['counts']``, ``X`` or ``raw.X``, in that order.

Of a MuData file (.h5mu, as BD Rhapsody writes it) the modality ``rna`` is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from .hdf5 import check_lengths, opened, starts_like_one, stream
from .library import BLOCK, Block, CountMatrix, first_with_counts, left_out, pick_expression

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

PLACES = {"layers/counts": "var", "X": "var", "raw/X": "raw/var"}  # matrix: where its genes are named
SYMBOLS = ("feature_name", "gene_symbols", "gene_symbol", "gene_name", "gene_short_name", "symbol")
IDS = ("gene_ids", "gene_id", "feature_id", "ensembl_id")
RNA = "mod/rna"
SPARSE = ("csr_matrix", "csc_matrix")


def recognise(path: Path) -> bool:
    """Whether `path` is an HDF5 file with AnnData's obs, var and a matrix in it."""
    if not starts_like_one(path):
        return False
    with opened(path) as file:
        root = file[_root(file)]
        return "obs" in root and "var" in root and any(place in root for place in PLACES)


def _root(file: Any) -> str:
    """Where the AnnData of gene expression stands in the file."""
    return RNA if RNA in file else "/"


def open_library(path: Path) -> CountMatrix:
    """Open the h5ad file `path`; UserError where no place holds counts."""
    import pyarrow as pa
    from anndata.io import read_elem

    with opened(path) as whole:
        root = _root(whole)
        file = whole[root]
        others = (
            {name: len(read_elem(item["var"])) for name, item in whole["mod"].items()} if root == RNA else {}
        )
        others.pop("rna", None)
        if not hasattr(file["obs"], "keys"):
            msg = f"{path}: written by an AnnData before 0.7. Read it with anndata and write it again."
            raise UserError(msg)
        place = first_with_counts(
            path, {p: _first_values(file[p]) for p in PLACES if p in file}, "layers['counts']"
        )
        var = _var(file, place)
        columns = [str(name) for name in file["obs"].attrs.get("column-order", ())]
        barcodes = np.asarray(read_elem(file["obs"][file["obs"].attrs.get("_index", "index")]))
        matrix = file[place]
        kind = matrix.attrs.get("encoding-type", "array")
        shape = tuple(int(n) for n in (matrix.attrs["shape"] if kind in SPARSE else matrix.shape))
        entries = int(matrix["data"].shape[0]) if kind in SPARSE else shape[0] * shape[1]
        check_lengths(path, shape[::-1], (len(var), len(barcodes)))
        symbols, ids = _gene_names(var)
        kinds = var["feature_types"].astype(str).to_numpy(object) if "feature_types" in var else None
        kept, types = pick_expression(kinds, path)
    inside = slice(None) if kept is None else kept >= 0
    return CountMatrix(
        path=path,
        layout=f"{'h5mu, rna' if root == RNA else 'h5ad'}, {place}",
        symbols=symbols[inside],
        gene_ids=ids[inside],
        barcodes=pa.array(barcodes.astype(str).astype(object), pa.string()),
        entries=entries,
        stream=lambda: (
            stream(path, f"{root}/{place}", by_cell=kind == "csr_matrix")
            if kind in SPARSE
            else _dense(path, f"{root}/{place}")
        ),
        kept=kept,
        others={**others, **types},
        left_out=left_out(kinds, kept, ids, symbols),
        columns={name: _column(path, f"{root}/obs/{name}") for name in columns},
    )


def _column(path: Path, name: str) -> Callable[[], NDArray[np.object_]]:
    """What reads one column of obs: atlases have dozens, of which one is wanted."""

    def read() -> NDArray[np.object_]:
        from anndata.io import read_elem

        with opened(path) as file:
            return np.asarray(read_elem(file[name])).astype(object)

    return read


def _first_values(held: Any) -> NDArray[np.generic]:
    values: NDArray[np.generic] = held[:200].ravel() if hasattr(held, "dtype") else held["data"][:BLOCK]
    return values


def _var(file: Any, place: str) -> pd.DataFrame:
    """The table of the genes; raw.var is completed by the columns that only var has."""
    from anndata.io import read_elem

    var: pd.DataFrame = read_elem(file[PLACES[place]])
    if place == "raw/X" and not any(column in var for column in SYMBOLS):
        named: pd.DataFrame = read_elem(file["var"])
        if var.index.isin(named.index).all() and named.index.is_unique:
            return var.join(named[[c for c in named if c not in var]])
    return var


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
