"""The trio matrix, barcodes, features (or genes), plain or gzipped, in a folder or an archive.

Cell Ranger v2 (genes.tsv) and v3 (features.tsv.gz), STARsolo, SeekSoul, BD Rhapsody, DNBelab and others
write it; files from GEO have a prefix before all three names.

Why not scanpy: its reader accepts files that were cut short or count twice, and takes 1.6 to 2.5 times as
long (`benchmarks/read_10x.py`; pbmc3k 2.0, 8 million entries 2.5, 0.6 million entries 1.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from . import paths
from .library import Block, CountMatrix, left_out, pick_expression
from .text import AGAIN, GZIP, Source, head, on_disk, pieces, translated, whole

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"%%matrixmarket"
LONGEST_ENTRY = 1 << 22  # bytes of a line; three numbers and their padding take less than a hundred
HEADER = 1 << 16  # bytes that the header surely fits in; Cell Ranger writes some hundred
BLANKS = re.compile(rb"[ \t]+")
MARGINS = re.compile(rb"^[ \t]+|[ \t\r]+$", re.MULTILINE)


@dataclass(frozen=True)
class Trio:
    """The three files of one library."""

    matrix: Source
    barcodes: Source
    features: Source


@dataclass(frozen=True)
class Header:
    """What the matrix file announces; `lines` is how many lines the header has."""

    rows: int
    columns: int
    entries: int
    lines: int


def recognise(path: Path) -> bool:
    """Whether `path` is a Matrix Market file, or stands where one is expected."""
    return paths.trio_of(path) is not None or _starts_like_one(path)


def _starts_like_one(path: Path) -> bool:
    try:
        return head(on_disk(path), len(MAGIC)).lower() == MAGIC
    except UserError:  # no gzip file after all: other layouts have their own words for it
        return False


def open_library(path: Path) -> CountMatrix:
    """Open the trio whose matrix file is `path`."""
    trio = paths.trio_of(path) or {}
    start = path.name.split("matrix.mtx")[0] if "matrix.mtx" in path.name else ""
    for kind, name in (("barcodes", "barcodes.tsv"), ("features", "features.tsv")):
        if kind not in trio:
            msg = f"{path.parent}: {start}{name} (or .gz) is missing beside {path.name}. Add it."
            raise UserError(msg)
    return open_trio(Trio(**{kind: on_disk(path.parent / name) for kind, name in trio.items()}), path)


def open_trio(trio: Trio, path: Path, *, where: str = "10x folder") -> CountMatrix:
    """Open the files of `trio`; `path` is what the user gave, `where` how the layout is called."""
    features = _read_names(trio.features)
    barcodes = _read_names(trio.barcodes)[0]
    header = _read_header(trio.matrix)
    for source, count, listed, what in (
        (trio.features, len(features[0]), header.rows, "features"),
        (trio.barcodes, len(barcodes), header.columns, "cells"),
    ):
        if count != listed:
            msg = (
                f"{source.name}: lists {count} names, but {Path(trio.matrix.name).name} has {listed} {what}. "
                "The files do not belong together, or one is cut short: copy all three again."
            )
            raise UserError(msg)
    columns = [column.to_numpy(zero_copy_only=False) for column in features]
    ids = columns[0]
    symbols = columns[1] if len(columns) > 1 else ids
    types = columns[2] if len(columns) > 2 else None
    if types is not None and len(types) and any(t != types[-1] and t.startswith(types[-1]) for t in {*types}):
        msg = (  # unnoticed, the last gene, which often is the transgene, would pass for another modality
            f"{trio.features.name}: the last line ends with '{types[-1]}': the file is cut short. {AGAIN}"
        )
        raise UserError(msg)
    kept, others = pick_expression(types, path)
    inside = slice(None) if kept is None else kept >= 0
    old = Path(trio.features.name).name.removesuffix(".gz").endswith(("genes.tsv", "genes.txt"))
    return CountMatrix(
        path=path,
        layout=f"{where}, {'v2' if old else 'v3'}",
        symbols=symbols[inside],
        gene_ids=ids[inside],
        barcodes=barcodes,
        entries=header.entries,
        stream=lambda: _stream(trio.matrix, header),
        kept=kept,
        others=others,
        left_out=left_out(types, kept, ids, symbols),
        notes=_last_value_in_doubt(trio.matrix),
    )


def _last_value_in_doubt(source: Source) -> tuple[str, ...]:
    """A note where a plain matrix file ends without a line end; a gzipped one has a checksum."""
    try:
        with source.open() as file:
            if file.read(len(GZIP)) == GZIP:
                return ()
            file.seek(-1, 2)
            ended = file.read(1) == b"\n"
    except (OSError, ValueError):  # not to be searched, or empty: told when it is read
        return ()
    name = Path(source.name).name
    return (
        ()
        if ended
        else (f"{name} ends without a line end: if it was cut there, its last value is too small",)
    )


def _read_names(source: Source) -> list[pa.Array]:
    """The columns of a headerless tab-separated file as arrow strings."""
    import pyarrow as pa
    import pyarrow.csv

    text = whole(source)
    if b"\0" in text:
        line = text[: text.index(b"\0")].count(b"\n") + 1
        msg = f"{source.name}: a NUL character in line {line}: the file is damaged. {AGAIN}"
        raise UserError(msg)
    width = text.split(b"\n", 1)[0].count(b"\t") + 1
    names = [str(i) for i in range(width)]
    if not text.strip():
        return [pa.array([], pa.string()) for _ in names]
    with translated(source.name):
        table = pa.csv.read_csv(
            pa.BufferReader(text),
            read_options=pa.csv.ReadOptions(use_threads=False, column_names=names),
            parse_options=pa.csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    return [_plain(table.column(i).combine_chunks()) for i in range(width)]


def _plain(names: pa.Array) -> pa.Array:
    """Names without blanks at their ends, nor the quotes that R and spreadsheets put around every one."""
    import pyarrow.compute as pc

    names = pc.utf8_trim_whitespace(names)
    quoted = pc.and_(pc.starts_with(names, '"'), pc.ends_with(names, '"'))
    return pc.utf8_trim(names, '"') if len(names) and pc.all(quoted).as_py() else names


def _read_header(source: Source) -> Header:
    """Rows, columns and entries that the matrix file announces, and the number of its header lines."""
    text = head(source, HEADER)
    if not text:
        msg = f"{source.name}: the file is empty. {AGAIN}"
        raise UserError(msg)
    lines = text.split(b"\n")
    words = lines[0].decode(errors="replace").lower().split()
    if words[:3] != ["%%matrixmarket", "matrix", "coordinate"] or words[3:] not in (
        ["integer", "general"],
        ["real", "general"],
    ):
        msg = (
            f"{source.name}: line 1 is not the head of a Matrix Market file of counts "
            "('%%MatrixMarket matrix coordinate integer general'). Give Cell Ranger's matrix."
        )
        raise UserError(msg)
    number, sizes = next(
        ((i, x) for i, x in enumerate(lines[1:], start=2) if x.strip() and not x.startswith(b"%")), (2, b"")
    )
    try:
        rows, columns, entries = (int(word) for word in sizes.split())
    except ValueError as error:
        msg = f"{source.name}: line {number} should hold three numbers: genes, cells, entries. {AGAIN}"
        raise UserError(msg) from error
    return Header(rows, columns, entries, number)


def _stream(source: Source, header: Header) -> Iterator[Block]:
    """Yield blocks of the entries; whole numbers as integers, values that are none as floats."""
    seen, skip = 0, header.lines
    with translated(source.name):
        for piece in pieces(source, longest=LONGEST_ENTRY):
            text = piece
            while skip and text:
                text, skip = text.partition(b"\n")[2], skip - 1
            if not text or text.isspace():
                continue
            gene, cell, value = (column.to_numpy() for column in _parse(text).columns)
            seen += len(value)
            if seen > header.entries:
                break
            yield gene - 1, cell - 1, value
    if seen != header.entries:
        more = "more than that" if seen > header.entries else f"only {seen}"
        msg = (
            f"{source.name}: announces {header.entries} entries but holds {more}: "
            f"the file is cut short or damaged. {AGAIN}"
        )
        raise UserError(msg)


def _parse(text: bytes) -> pa.RecordBatch:
    """The lines of `text` as columns gene, cell (one-based) and value."""
    import pyarrow as pa

    try:
        return _columns(text, pa.int32())
    except pa.ArrowInvalid:  # not whole numbers, or columns that are padded: slower, and rare
        return _columns(BLANKS.sub(b" ", MARGINS.sub(b"", text)), pa.float64())


def _columns(text: bytes, values: pa.DataType) -> pa.RecordBatch:
    import pyarrow as pa
    import pyarrow.csv

    types = {"gene": pa.int32(), "cell": pa.int32(), "value": values}
    table = pa.csv.read_csv(
        pa.BufferReader(text),
        read_options=pa.csv.ReadOptions(
            use_threads=False, block_size=len(text) + 1, column_names=list(types)
        ),
        parse_options=pa.csv.ParseOptions(delimiter=" ", quote_char=False),
        convert_options=pa.csv.ConvertOptions(column_types=types, null_values=[], check_utf8=False),
    )
    return table.combine_chunks().to_batches()[0]
