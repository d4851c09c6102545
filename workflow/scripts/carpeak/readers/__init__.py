"""Recognise what a path holds, by content and not by name, and open it as a `Library`.

A new layout is one module with two functions, ``recognise(path) -> bool`` and ``open_library(path)``,
and one line in `LAYOUTS`.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from . import anndata_h5, tenx_h5, tenx_mtx
from .library import Library

__all__ = ["LAYOUTS", "Library", "open_library"]

LAYOUTS = (tenx_mtx, tenx_h5, anndata_h5)
READABLE = (
    "a folder with matrix.mtx, barcodes.tsv and features.tsv or genes.tsv (plain or .gz), "
    "a Cell Ranger .h5 file, or an .h5ad file with raw counts"
)


def open_library(path: str | Path) -> Library:
    """Open the count matrix at `path`; no matrix values are read yet.

    Raises UserError for a path that is missing, empty, damaged or in no readable layout.
    """
    path = Path(path)
    if not path.exists():
        msg = f"{path}: no such file or folder. Correct the path in the sheet (it is relative to the sheet)."
        raise UserError(msg)
    if path.is_file() and path.stat().st_size == 0:
        msg = f"{path}: the file is empty. Copy or download it again."
        raise UserError(msg)
    for layout in LAYOUTS:
        if layout.recognise(path):
            return layout.open_library(path)
    held = ""
    if path.is_dir():
        names = sorted(p.name for p in path.iterdir())
        held = (
            f" The folder holds {', '.join(names[:6])}{', ...' if len(names) > 6 else ''}."
            if names
            else (" The folder is empty.")
        )
    msg = f"{path}: not a count matrix in a known layout.{held} Give {READABLE}."
    raise UserError(msg)
