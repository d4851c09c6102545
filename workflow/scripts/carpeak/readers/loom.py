"""Loom files: a dense matrix, genes x cells, with attributes of rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from .hdf5 import check_lengths, objects, opened, starts_like_one, text
from .library import BLOCK, Block, CountMatrix, first_with_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

MATRICES = ("layers/counts", "layers/raw_counts", "matrix")
SYMBOLS = ("Gene", "gene_name", "gene_names", "gene_symbols", "feature_name", "var_names", "GeneName", "Name")
IDS = ("Accession", "gene_ids", "gene_id", "ensembl_id", "Ensembl")
CELLS = ("CellID", "obs_names", "barcode", "Barcode", "cell_names")


def recognise(path: Path) -> bool:
    """Whether `path` is an HDF5 file with loom's matrix and attributes."""
    if not starts_like_one(path):
        return False
    with opened(path) as file:
        return {"matrix", "row_attrs", "col_attrs"} <= set(file)


def open_library(path: Path) -> CountMatrix:
    """Open the loom file `path`."""
    with opened(path) as file:
        place = first_with_counts(
            path, {name: file[name][:, :50].ravel() for name in MATRICES if name in file}, "layers/counts"
        )
        symbols = _named(file["row_attrs"], SYMBOLS, IDS)
        ids = _named(file["row_attrs"], IDS, SYMBOLS)
        cells = next((text(file["col_attrs"][n]) for n in CELLS if n in file["col_attrs"]), None)
        if symbols is None or ids is None or cells is None:
            found = sorted([*file["row_attrs"], *file["col_attrs"]])
            msg = (
                f"{path}: genes or cells have no names: of the attributes ({', '.join(found)}) none is Gene "
                "or Accession, or none is CellID. Add them."
            )
            raise UserError(msg)
        shape = file[place].shape
        check_lengths(path, shape, (len(symbols), len(cells)))
        columns = {name: _column(path, f"col_attrs/{name}") for name in file["col_attrs"]}
    return CountMatrix(
        path=path,
        layout=f"loom, {place}",
        symbols=symbols,
        gene_ids=ids,
        barcodes=cells,
        entries=int(shape[0]) * int(shape[1]),
        stream=lambda: _stream(path, place),
        columns=columns,
    )


def _named(attributes: Any, *choices: tuple[str, ...]) -> NDArray[np.object_] | None:
    return next((objects(attributes[n]) for names in choices for n in names if n in attributes), None)


def _column(path: Path, name: str) -> Callable[[], NDArray[np.object_]]:
    def read() -> NDArray[np.object_]:
        with opened(path) as file:
            return objects(file[name])

    return read


def _stream(path: Path, place: str) -> Iterator[Block]:
    """Blocks of cells, in whole chunks of the file: each chunk is unpacked once."""
    with opened(path) as file:
        matrix = file[place]
        genes, cells = matrix.shape
        chunk = matrix.chunks[1] if matrix.chunks else 1
        width = max(1, BLOCK // max(1, genes) // chunk) * chunk
        for start in range(0, cells, width):
            block = matrix[:, start : start + width].T
            cell, gene = np.nonzero(block)
            yield gene, cell + start, block[cell, gene]
