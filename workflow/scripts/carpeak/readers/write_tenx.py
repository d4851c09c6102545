"""Write a count matrix as Cell Ranger 3 and later do: three gzip files in a folder."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..io import atomic

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from scipy import sparse

LEVEL = 1
ROWS = 500_000
HEADER = "%%MatrixMarket matrix coordinate integer general\n"


def write_folder(
    folder: str | Path,
    counts: sparse.csr_matrix,
    *,
    features: pd.DataFrame,
    barcodes: Sequence[str],
    software: str,
) -> None:
    """Write `counts` (barcodes x features) into `folder`; `features` has columns gene_id and symbol."""
    folder = Path(folder)
    lines = (f"{i}\t{s}\tGene Expression\n" for i, s in zip(features["gene_id"], features["symbol"]))
    write_gzip(folder / "features.tsv.gz", iter(["".join(lines).encode()]))
    write_gzip(folder / "barcodes.tsv.gz", iter(["".join(f"{b}\n" for b in barcodes).encode()]))
    write_gzip(folder / "matrix.mtx.gz", matrix_market(counts, software=software))


def matrix_market(counts: sparse.csr_matrix, *, software: str) -> Iterator[bytes]:
    """The text of a genes x barcodes MatrixMarket file, column by column, in pieces.

    Numbers are looked up in tables of fixed-width texts whose padding is then dropped, which is far faster
    than formatting them one by one.
    """
    barcodes, genes = counts.shape
    about = json.dumps({"software_version": software, "format_version": 2})
    yield f"{HEADER}%metadata_json: {about}\n{genes} {barcodes} {counts.nnz}\n".encode()
    gene_text = _texts(genes + 1, " ")
    barcode_text = _texts(barcodes + 1, " ")
    count_text = _texts(int(counts.data.max(initial=0)) + 1, "\n")
    columns = np.repeat(np.arange(1, barcodes + 1, dtype=np.int32), np.diff(counts.indptr))
    kind = np.dtype([("gene", gene_text.dtype), ("barcode", barcode_text.dtype), ("count", count_text.dtype)])
    for start in range(0, counts.nnz, ROWS):
        part = slice(start, min(start + ROWS, counts.nnz))
        lines = np.empty(part.stop - part.start, dtype=kind)
        lines["gene"] = gene_text[counts.indices[part] + 1]
        lines["barcode"] = barcode_text[columns[part]]
        lines["count"] = count_text[counts.data[part]]
        yield lines.tobytes().translate(None, b"\0")


def _texts(number: int, end: str) -> NDArray[np.bytes_]:
    return np.array([f"{i}{end}".encode() for i in range(number)])


def write_gzip(path: Path, pieces: Iterator[bytes]) -> None:
    """Write `pieces` as one gzip member without time or name, so that equal content is equal bytes."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
    with atomic(path) as temporary, temporary.open("wb") as file:
        for piece in pieces:
            file.write(packer.compress(piece))
        file.write(packer.flush())
