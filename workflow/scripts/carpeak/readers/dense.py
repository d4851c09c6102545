"""Dense tables of counts (.csv, .tsv, also gzipped): genes x cells or cells x genes.

The header may have a name for the first column, or be one field short as R writes it; fields may be quoted.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError
from .genes import ENSEMBL, known_symbols, plain
from .library import Block, CountMatrix
from .text import AGAIN, Source, head, on_disk, pieces, translated

if TYPE_CHECKING:
    from numpy.typing import NDArray

DELIMITERS = b"\t,; "
NUMBER = re.compile(rb'"?\s*(?:-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|NA|NaN|nan|-?[Ii]nf)?\s*"?')
BARCODE = re.compile(r"[ACGT]{8,}")
START = 1 << 16  # bytes that show whether a file is a table
LONGEST = 18  # digits that fit an int64


@dataclass(frozen=True)
class Table:
    """How the text is laid out."""

    delimiter: bytes
    columns: list[str]
    rows: list[str]


def recognise(path: Path) -> bool:
    """Whether `path` is text in columns with numbers behind the first field of its second line."""
    try:
        start = head(on_disk(path), START)
    except UserError:
        return False
    if b"\0" in start:
        return False
    lines = start.replace(b"\r\n", b"\n").split(b"\n")
    if len(lines) == 1:  # a header longer than the start: its fields are names
        return len(start) == START and max(start.count(bytes([d])) for d in DELIMITERS) > 100
    delimiter = _delimiter(lines[0], lines[1])
    if len(lines) == 2 and len(start) == START:
        return len(lines[0].split(delimiter)) > 1
    fields = lines[1].split(delimiter)[1:]
    return bool(fields) and all(NUMBER.fullmatch(field) for field in fields)


def open_library(path: Path) -> CountMatrix:
    """Open the table `path`; all its row names are read, no values."""
    import pyarrow as pa

    source = on_disk(path)
    table = _read_names(source)
    genes_in_rows = _genes_in_rows(path, table)
    genes, cells = (table.rows, table.columns) if genes_in_rows else (table.columns, table.rows)
    names = np.array(genes, dtype=object)
    return CountMatrix(
        path=path,
        layout=f"dense table, {'genes x cells' if genes_in_rows else 'cells x genes'}",
        symbols=names,
        gene_ids=names,
        barcodes=pa.array(cells, pa.string()),
        entries=len(genes) * len(cells),
        stream=lambda: _stream(source, table, genes_in_rows=genes_in_rows),
    )


def _delimiter(header: bytes, line: bytes) -> bytes:
    """The separator that the first row of values has most often."""
    text = line if line.strip() else header
    return max((DELIMITERS[i : i + 1] for i in range(len(DELIMITERS))), key=text.count)


def _fields(line: bytes, delimiter: bytes) -> list[str]:
    if b'"' not in line:
        return line.decode("utf-8-sig").split(delimiter.decode())
    try:
        return next(csv.reader([line.decode("utf-8-sig")], delimiter=delimiter.decode()), [])
    except csv.Error:
        return []


def _lines(source: Source) -> Iterator[bytes]:
    """The lines of the table without their ends; blank ones are left out."""
    for piece in pieces(source):
        for line in piece.split(b"\n"):
            if line.strip():
                yield line.rstrip(b"\r")


def _first(line: bytes, delimiter: bytes) -> tuple[bytes, bytes]:
    """The first field, as it stands in the file, and the rest of the line."""
    if line.startswith(b'"'):
        end = line.find(b'"' + delimiter, 1)
        return (line[: end + 1], line[end + 2 :]) if end > 0 else (line, b"")
    name, _, rest = line.partition(delimiter)
    return name, rest


def _read_names(source: Source) -> Table:
    with translated(source.name):
        lines = _lines(source)
        header, first = next(lines, b""), next(lines, b"")
        if not first:
            msg = f"{source.name}: the table has a header and no rows. {AGAIN}"
            raise UserError(msg)
        delimiter = _delimiter(header, first)
        names = _fields(header, delimiter)
        width = _first(first, delimiter)[1].count(delimiter) + 1
        if len(names) not in (width, width + 1):
            msg = (
                f"{source.name}: the header has {len(names)} fields and row 1 {width + 1}: not a table with "
                "one column of names. Give a table of counts with genes and cells as its rows and columns."
            )
            raise UserError(msg)
        rows = [_first(first, delimiter)[0]]
        rows.extend(_first(line, delimiter)[0] for line in lines)
        found = [row.strip(b'" ').decode() for row in rows]
    return Table(delimiter, [name.strip() for name in names[len(names) - width :]], found)


def _genes_in_rows(path: Path, table: Table) -> bool:
    """Whether the rows are the genes: known gene names decide, else barcodes.

    Raises UserError where neither does.
    """
    rows, columns = _share_of_genes(table.rows), _share_of_genes(table.columns)
    if rows != columns:
        return rows > columns
    rows, columns = (
        sum(BARCODE.search(name) is not None for name in names) / len(names)
        for names in (table.rows, table.columns)
    )
    if rows != columns:
        return columns > rows
    msg = (
        f"{path}: neither the rows ({table.rows[0]}, ...) nor the columns ({table.columns[0]}, ...) are "
        "named like genes or like barcodes. Name the genes by symbol or Ensembl id."
    )
    raise UserError(msg)


def _share_of_genes(names: Sequence[str]) -> float:
    known = known_symbols()
    return sum(
        plain(name).upper() in known or ENSEMBL.match(plain(name)) is not None for name in names
    ) / len(names)


def _stream(source: Source, table: Table, *, genes_in_rows: bool) -> Iterator[Block]:
    """Blocks of the non-zero values, row by row."""
    row = -1  # the header
    with translated(source.name):
        for piece in pieces(source):
            found: list[tuple[NDArray[np.integer], NDArray[np.generic], int]] = []
            for line in piece.split(b"\n"):
                if not line.strip():
                    continue
                if row >= 0:
                    rest = _first(line.rstrip(b"\r"), table.delimiter)[1]
                    found.append((*_values(source, table, rest, row), row))
                row += 1
            if found:
                places = np.concatenate([place for place, _, _ in found])
                rows = np.repeat([row for _, _, row in found], [len(place) for place, _, _ in found])
                values = np.concatenate([values for _, values, _ in found])
                yield (rows, places, values) if genes_in_rows else (places, rows, values)


def _values(
    source: Source, table: Table, text: bytes, row: int
) -> tuple[NDArray[np.integer], NDArray[np.generic]]:
    """Where the fields of one row are not a plain 0, and what they hold."""
    letters = np.frombuffer(text, np.uint8)
    at = np.flatnonzero(letters == table.delimiter[0])
    if len(at) + 1 != len(table.columns):
        msg = (
            f"{source.name}: row {row + 1} ('{table.rows[row]}') has {len(at) + 1} values where the header "
            f"has {len(table.columns)}: the file is cut short or damaged. {AGAIN}"
        )
        raise UserError(msg)
    starts, ends = np.concatenate([[0], at + 1]), np.concatenate([at, [len(letters)]])
    size = ends - starts
    empty = size == 0
    plain_zero = (size == 1) & (letters[np.where(empty, 0, starts)] == 48) if len(letters) else ~empty
    places = np.flatnonzero(~plain_zero)
    starts, size = starts[places], size[places]
    whole = _whole_numbers(letters, starts, size)
    if whole is not None:
        return places, whole
    fields = [text[s : s + n].strip(b'" \t') for s, n in zip(starts, size)]
    return places, _numbers(source, table, fields, places, row)


def _whole_numbers(
    letters: NDArray[np.uint8], starts: NDArray[np.integer], size: NDArray[np.integer]
) -> NDArray[np.int64] | None:
    """The fields as integers; None where one is anything else."""
    if not len(size):
        return np.empty(0, np.int64)
    if size.min() < 1 or size.max() > LONGEST:
        return None
    values = np.zeros(len(size), np.int64)
    for k in range(int(size.max())):
        inside = size > k
        digits = letters[starts[inside] + k].astype(np.int64) - 48
        if digits.min() < 0 or digits.max() > 9:
            return None
        values[inside] = values[inside] * 10 + digits
    return values


def _numbers(
    source: Source, table: Table, fields: list[bytes], places: NDArray[np.integer], row: int
) -> NDArray[np.float64]:
    values = np.empty(len(fields))
    for i, field in enumerate(fields):
        try:
            values[i] = np.nan if field in (b"", b"NA") else float(field)
        except ValueError as error:
            msg = (
                f"{source.name}: row {row + 1} ('{table.rows[row]}'), column '{table.columns[places[i]]}': "
                f"'{field[:40].decode(errors='replace')}' where a count belongs. "
                "Give the table of raw counts."
            )
            raise UserError(msg) from error
    return values
