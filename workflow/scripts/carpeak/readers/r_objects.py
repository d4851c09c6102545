"""Objects of R (Seurat and others): recognised by their first bytes, and refused.

The message gives the lines of R that export the counts.
"""

from __future__ import annotations

import bz2
import json
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Never

from ..errors import UserError
from .hdf5 import opened, starts_like_one

ENOUGH = 1 << 20  # bytes from which the first ones can be unpacked: bzip2 gives nothing before 900 kB
UNPACK: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": lambda data: zlib.decompressobj(31).decompress(data, 64),
    b"BZh": lambda data: bz2.BZ2Decompressor().decompress(data, 64),
    b"\xfd7zXZ": lambda data: lzma.LZMADecompressor().decompress(data, 64),
}
# how each kind begins, and the line of R that reads it
KINDS = {
    (b"X\n\0\0\0\2", b"X\n\0\0\0\3", b"A\n2\n", b"A\n3\n", b"B\n\2\0\0\0", b"B\n\3\0\0\0"): "readRDS({file})",
    (b"RDX2\n", b"RDX3\n", b"RDA2\n", b"RDA3\n", b"RDB2\n", b"RDB3\n"): "get(load({file})[1])",
    (b"\x0b\x0e\x0a\x0c",): "qs::qread({file})",
    (b"\x0b\x0e\x0a\xc1",): "qs2::qs_read({file})",
    (b"\x0b\x0e\x0a",): "qs2::qd_read({file})",
}
H5SEURAT = "SeuratDisk::LoadH5Seurat({file})"


def recognise(path: Path) -> bool:
    """Whether `path` holds an object of R."""
    return _reading(path) is not None


def _reading(path: Path) -> str | None:
    """The R expression that reads `path`; None where it is no object of R."""
    with path.open("rb") as file:
        start = file.read(ENOUGH)
    for magic, unpack in UNPACK.items():
        if start.startswith(magic):
            try:
                start = unpack(start)
            except (zlib.error, OSError, lzma.LZMAError, EOFError):
                return None
    for magics, expression in KINDS.items():
        if start.startswith(magics):
            return expression
    if starts_like_one(path):
        with opened(path) as file:
            return H5SEURAT if "assays" in file and "cell.names" in file else None
    return None


def open_library(path: Path) -> Never:
    """Refuse `path` with the lines of R that write its counts as a folder."""
    expression = (_reading(path) or "").format(file=json.dumps(path.name, ensure_ascii=False))
    folder = f"{path.name.split('.')[0]}_counts"
    lines = [
        f"object <- {expression}",
        'counts <- SeuratObject::LayerData(SeuratObject::JoinLayers(object, assay = "RNA"), "counts", "RNA")',
        "# of a SingleCellExperiment: counts <- SingleCellExperiment::counts(object); "
        'of Seurat 4 and older: counts <- object[["RNA"]]@counts',
        f"dir.create({json.dumps(folder, ensure_ascii=False)})",
        *(
            f"{call}, {json.dumps(f'{folder}/{name}', ensure_ascii=False)})"
            for call, name in (
                ("Matrix::writeMM(counts", "matrix.mtx"),
                ("writeLines(colnames(counts)", "barcodes.tsv"),
                ("writeLines(rownames(counts)", "genes.tsv"),
            )
        ),
    ]
    msg = (
        f"{path}: an object of R, which this workflow does not open. Export its raw counts with these "
        f"lines in R, and give the folder {folder} as path:\n" + "\n".join(f"  {line}" for line in lines)
    )
    raise UserError(msg)
