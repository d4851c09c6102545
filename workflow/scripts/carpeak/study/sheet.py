"""Tab-separated sheets as users write them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from ..errors import UserError, nearest
from .given import read_text

LONGEST_FIELD = 4096  # characters; the longest path that a file system takes


def rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a sheet with their line numbers, as texts by column; lines that begin with # are left out.

    Raises UserError where the file is missing, empty or not separated by tabs.
    """
    text = read_text(
        path,
        remedy="Correct the path in the configuration.",
        save="save the sheet as tab-separated text (UTF-8)",
    )
    numbered = [
        (number, line)
        for number, line in enumerate(re.split("\r\n|\n|\r", text), start=1)
        if line.strip() and not line.startswith("#")
    ]
    lines = [line for _, line in numbered]
    if not lines:
        msg = f"{path}: the sheet is empty."
        raise UserError(msg)
    if "\t" not in lines[0]:
        msg = f"{path}: the first line holds no tab; columns must be separated by tabs, not commas or blanks."
        raise UserError(msg)
    table = []
    for number, line in numbered:
        if any(len(field) > LONGEST_FIELD for field in line.split("\t")):
            msg = f"{path}: row {number} holds a field of more than {LONGEST_FIELD:,} characters."
            raise UserError(msg)
        table.append([field.strip() for field in next(csv.reader([line], delimiter="\t"))])
    header = table[0]
    while header and header[-1] == "":  # a trailing tab, as spreadsheets leave it
        header.pop()
    repeated = [name for name, n in Counter(header).items() if n > 1]
    if repeated:
        msg = f"{path}: duplicate column '{repeated[0]}' in the header."
        raise UserError(msg)
    found = []
    for (number, _), record in zip(numbered[1:], table[1:]):
        if any(record[len(header) :]):
            msg = f"{path}: row {number} holds more fields than the header; look for a tab too many."
            raise UserError(msg)
        found.append((number, dict(zip(header, record + [""] * (len(header) - len(record)), strict=False))))
    if not found:
        msg = f"{path}: the sheet holds a header and no row."
        raise UserError(msg)
    return found


def wrong_columns(header: Sequence[str], columns: Collection[str], *, needed: Sequence[str]) -> list[str]:
    """Sentences on the columns of `header` that are not among the valid `columns`, and on `needed` ones."""
    valid = ", ".join(columns)
    unknown = [name for name in header if name not in columns]
    found = [f"unknown column '{name}'{nearest(name, columns)}; valid columns: {valid}" for name in unknown]
    missing = [name for name in needed if name not in header]
    return found + [
        f"the column '{name}' is missing; the sheet needs {', '.join(needed)}" for name in missing
    ]
