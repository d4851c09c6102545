"""Recognise what a path holds, by content and not by name, and open it as a `CountMatrix`.

A new layout is one module with two functions, ``recognise(path) -> bool`` and ``open_library(path)``,
and one line in `LAYOUTS`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import UserError
from . import anndata_h5, archive, dense, loom, r_objects, tenx_h5, tenx_mtx
from .choose import choose, chosen_if_any
from .genes import tidy
from .library import CountMatrix
from .paths import matrix_file
from .text import GZIP, head, on_disk

__all__ = ["LAYOUTS", "CountMatrix", "chosen_if_any", "open_library"]

LAYOUTS = (tenx_mtx, r_objects, tenx_h5, anndata_h5, loom, archive, dense)
SIGNATURE = b"\x89HDF\r\n\x1a\n"
READABLE = (
    "a folder with matrix.mtx, barcodes.tsv and features.tsv or genes.tsv (plain or .gz), "
    "or a .zip or .tar.gz of it; a Cell Ranger .h5, an .h5ad or a loom file; or a table of genes x cells "
    "(.csv, .tsv)"
)


def open_library(path: str | Path, *, select: str = "") -> CountMatrix:
    """Open the count matrix at `path`; no matrix values are read yet.

    `select` names the cells of one library where the file holds several (see `choose.parse`).

    Raises UserError for a path that is missing, empty, damaged or in no readable layout, and for a `select`
    that no cell matches.
    """
    given = Path(path)
    file, found = matrix_file(given)
    if file.is_file() and file.stat().st_size == 0:
        msg = f"{file}: the file is empty. Copy or download it again."
        raise UserError(msg)
    layout = next((known for known in LAYOUTS if file.is_file() and known.recognise(file)), None)
    if layout is None and file.is_file() and _packed_hdf5(file):
        msg = f"{file}: an HDF5 file that was gzipped as a whole. Unpack it: gunzip {file.name}"
        raise UserError(msg)
    if layout is None:
        msg = f"{given}: not a count matrix in a known layout.{_held(given)} Give {READABLE}."
        raise UserError(msg)
    library = layout.open_library(file)
    named = f"{library.layout} ({found})" if found else library.layout
    library = tidy(replace(library, path=given, layout=named))
    return choose(library, select) if select else library


def _packed_hdf5(file: Path) -> bool:
    try:
        with file.open("rb") as raw:
            if raw.read(len(GZIP)) != GZIP:
                return False
        return head(on_disk(file), len(SIGNATURE)) == SIGNATURE
    except UserError:
        return False


def _held(path: Path) -> str:
    """What a folder holds, for a message; nothing for a file."""
    if not path.is_dir():
        return ""
    names = sorted(p.name + _what_is_no_file(p) for p in path.iterdir())
    listed = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return f" The folder holds {listed}." if names else " The folder is empty."


def _what_is_no_file(path: Path) -> str:
    """What stands at `path` in place of a file or folder."""
    try:
        if path.exists():
            return "" if path.is_file() or path.is_dir() else " (a pipe or device)"
    except OSError:  # a circle of links
        pass
    return " (a broken link)"
