"""A folder with the trio matrix, barcodes, features (or genes), plain or gzipped.

Cell Ranger v2 (genes.tsv) and v3 (features.tsv.gz), STARsolo, SeekSoul and others write it. One prefix
before all three names, as in files from GEO, is accepted.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import UserError
from .library import Block, Library, pick_expression

if TYPE_CHECKING:
    import pyarrow as pa

NAME = re.compile(r"(?P<prefix>.*?)(?P<kind>matrix\.mtx|barcodes\.tsv|features\.tsv|genes\.tsv)(\.gz)?$")
KINDS = {
    "matrix.mtx": "matrix",
    "barcodes.tsv": "barcodes",
    "features.tsv": "features",
    "genes.tsv": "features",
}
AGAIN = "Copy or download it again."
BYTES = 1 << 23  # of text per block


@dataclass(frozen=True)
class Trio:
    """The three files of one library."""

    matrix: Path
    barcodes: Path
    features: Path


def find_trios(folder: Path) -> dict[str, dict[str, Path]]:
    """Files of `folder` by prefix and kind (matrix, barcodes, features); some may be missing.

    Of a plain and a gzipped file with the same name the plain one is taken.
    """
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir(), reverse=True):  # reverse: the plain name comes after .gz and wins
        match = NAME.fullmatch(path.name)
        if match and path.is_file():
            found.setdefault(match["prefix"], {})[KINDS[match["kind"]]] = path
    return found


def recognise(path: Path) -> bool:
    """Whether `path` is a folder with at least a matrix file of a trio."""
    return path.is_dir() and any("matrix" in trio for trio in find_trios(path).values())


def files(folder: Path) -> Trio:
    """The trio in `folder`; UserError where there are several or one is incomplete."""
    found = {prefix: trio for prefix, trio in find_trios(folder).items() if "matrix" in trio}
    if len(found) > 1:
        names = ", ".join(trio["matrix"].name for trio in list(found.values())[:4])
        msg = f"{folder}: holds several libraries ({names}). Give each its own folder."
        raise UserError(msg)
    prefix, trio = next(iter(found.items()))
    for kind, name in (("barcodes", "barcodes.tsv"), ("features", "features.tsv")):
        if kind not in trio:
            msg = f"{folder}: {prefix}{name} (or .gz) is missing beside {trio['matrix'].name}. Add it."
            raise UserError(msg)
    return Trio(**trio)


def open_library(path: Path) -> Library:
    """Open the folder `path`."""
    trio = files(path)
    features = _read_names(trio.features)
    barcodes = _read_names(trio.barcodes)[0]
    rows, columns, entries, header = _read_header(trio.matrix)
    for name, count, listed, what in (
        (trio.features, len(features[0]), rows, "features"),
        (trio.barcodes, len(barcodes), columns, "cells"),
    ):
        if count != listed:
            msg = (
                f"{name}: lists {count} names, but {trio.matrix.name} has {listed} {what}. "
                "The files do not belong together, or one is cut short: copy all three again."
            )
            raise UserError(msg)
    columns_of_text = [column.to_numpy(zero_copy_only=False) for column in features]
    ids = columns_of_text[0]
    symbols = columns_of_text[1] if len(columns_of_text) > 1 else ids
    kept, others = pick_expression(columns_of_text[2] if len(columns_of_text) > 2 else None)
    inside = slice(None) if kept is None else kept >= 0
    return Library(
        path=path,
        layout="10x folder, "
        + ("v2" if trio.features.name.endswith(("genes.tsv", "genes.tsv.gz")) else "v3"),
        symbols=symbols[inside],
        gene_ids=ids[inside],
        barcodes=barcodes,
        entries=entries,
        stream=lambda: _stream(trio.matrix, entries, header),
        kept=kept,
        others=others,
    )


def _read_names(path: Path) -> list[pa.Array]:
    """The columns of a headerless tab-separated file as arrow strings."""
    import pyarrow as pa
    import pyarrow.csv

    with _translated(path), _open_bytes(path) as file:
        text = file.read()
        width = bytes(text[: 1 << 16]).split(b"\n", 1)[0].count(b"\t") + 1 if text else 1
        names = [str(i) for i in range(width)]
        if not bytes(text[: 1 << 16]).strip():
            return [pa.array([], pa.string()) for _ in names]
        table = pa.csv.read_csv(
            pa.BufferReader(text),
            read_options=pa.csv.ReadOptions(use_threads=False, column_names=names),
            parse_options=pa.csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    return [table.column(i).combine_chunks() for i in range(width)]


def _read_header(path: Path) -> tuple[int, int, int, int]:
    """Rows, columns and entries that the matrix file announces, and the number of its header lines."""
    with _translated(path), gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        first = _line(file)
        if not first:
            msg = f"{path}: the file is empty. {AGAIN}"
            raise UserError(msg)
        words = first.decode(errors="replace").lower().split()
        if words[:3] != ["%%matrixmarket", "matrix", "coordinate"] or words[3:4] not in (
            ["integer"],
            ["real"],
        ):
            msg = (
                f"{path}: line 1 is not the head of a Matrix Market file of counts "
                "('%%MatrixMarket matrix coordinate integer general'). Give Cell Ranger's matrix."
            )
            raise UserError(msg)
        lines = 1
        while (line := _line(file)).startswith(b"%") or (line and not line.strip()):
            lines += 1
        try:
            rows, columns, entries = (int(word) for word in line.split())
        except ValueError as error:
            msg = f"{path}: line {lines + 1} should hold three numbers: genes, cells, entries. {AGAIN}"
            raise UserError(msg) from error
    return rows, columns, entries, lines + 1


def _line(file: IO[bytes] | gzip.GzipFile) -> bytes:
    return file.readline(1 << 20)


def _stream(path: Path, entries: int, header: int) -> Iterator[Block]:
    """Yield blocks of the entries below `header` lines; integers where they are, else floats."""
    import pyarrow as pa

    if not entries:
        return
    try:
        yield from _parse(path, entries, header, pa.int32())
    except _NotIntegerError:
        # nothing of this first pass is kept: the consumer's check names what the values are
        yield from _parse(path, entries, header, pa.float64())


class _NotIntegerError(Exception):
    pass


def _parse(path: Path, entries: int, header: int, values: pa.DataType) -> Iterator[Block]:
    import pyarrow as pa
    import pyarrow.csv

    seen = 0
    with _translated(path), _open_bytes(path) as file:
        try:
            reader = pa.csv.open_csv(
                file,
                read_options=pa.csv.ReadOptions(
                    use_threads=False,
                    block_size=BYTES,
                    skip_rows=header,
                    column_names=["gene", "cell", "value"],
                ),
                parse_options=pa.csv.ParseOptions(delimiter=" "),
                convert_options=pa.csv.ConvertOptions(
                    column_types={"gene": pa.int32(), "cell": pa.int32(), "value": values}, null_values=[]
                ),
            )
            for batch in reader:
                gene, cell, value = (column.to_numpy() for column in batch.columns)
                seen += len(value)
                if seen > entries:
                    break
                yield gene - 1, cell - 1, value
        except pa.ArrowInvalid as error:
            if "to int32" in str(error) and pa.types.is_integer(values):
                if seen:
                    _refuse_mixed(path, error)
                raise _NotIntegerError from error
            raise
    if seen != entries:
        more = "more than that" if seen > entries else f"only {seen}"
        msg = (
            f"{path}: announces {entries} entries but holds {more}: the file is cut short or damaged. {AGAIN}"
        )
        raise UserError(msg)


def _refuse_mixed(path: Path, error: Exception) -> None:
    msg = (
        f"{path}: fractional or unreadable values further down the file where raw UMI counts belong "
        f"({error}). Give the matrix of raw counts."
    )
    raise UserError(msg) from error


def _open_bytes(path: Path) -> Any:
    """An arrow stream of the file's text, unpacked where its name ends in .gz."""
    import pyarrow as pa

    raw = pa.OSFile(str(path), "rb")
    return pa.CompressedInputStream(raw, "gzip") if path.suffix == ".gz" else raw


class _translated:
    """Turn what a damaged file makes the libraries raise into a sentence."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        import zlib

        import pyarrow as pa

        if isinstance(error, FileNotFoundError | PermissionError):
            msg = f"{self.path}: cannot be read ({error.strerror}). Check the path and its permissions."
            raise UserError(msg) from error
        if isinstance(error, EOFError | OSError | zlib.error):
            msg = f"{self.path}: the gzip file is cut short or damaged ({error}). {AGAIN}"
            raise UserError(msg) from error
        if isinstance(error, pa.ArrowInvalid | UnicodeDecodeError):
            msg = f"{self.path}: not readable as text in columns ({str(error).splitlines()[0]}). {AGAIN}"
            raise UserError(msg) from error
