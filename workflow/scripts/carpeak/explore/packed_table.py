"""A table as text that the page unpacks: column by column, numbers rounded to a step, deflated.

All tested genes and terms of a contrast are 50,000 rows; as HTML they would be 15 MB, packed they are under
1 MB. The page shows only the rows in view.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import packing

if TYPE_CHECKING:
    import pandas as pd

MISSING = 65_535  # code of a number that is not known
MAX_CODE = MISSING - 1


@dataclass(frozen=True)
class Column:
    """How a column is packed.

    `key` is its name in the table. Kind "number" keeps multiples of `step`; "p" keeps -log10 in multiples of
    `step`, 0 counting as 1e-300; "name" keeps distinct texts once; "text" keeps every row's text.
    """

    key: str
    kind: Literal["number", "p", "name", "text"]
    step: float = 0.001


def pack(table: pd.DataFrame, columns: Sequence[Column]) -> dict[str, Any]:
    """The number of rows, and per column what the page's own unpacking (unpack.js) reads."""
    return {"rows": len(table), "columns": [_packed(table[one.key], one) for one in columns]}


def _packed(values: pd.Series, column: Column) -> dict[str, Any]:
    given: dict[str, Any] = {"key": column.key, "kind": column.kind}
    if column.kind == "text":
        return given | {"data": _deflated([_one_line(value) for value in values])}
    if column.kind == "name":
        names = values.map(_one_line)
        distinct = list(dict.fromkeys(names))
        place = {name: i for i, name in enumerate(distinct)}
        codes = names.map(place).to_numpy(dtype=np.int64)
        return given | {"names": _deflated(distinct), "data": two_bytes(codes)}
    numbers = values.to_numpy(dtype=np.float64)
    if column.kind == "p":
        numbers = -np.log10(np.maximum(numbers, 1e-300))
    codes, low, step = quantised(numbers, column.step)
    return given | {"low": low, "step": step, "data": two_bytes(codes)}


def quantised(values: np.ndarray, step: float) -> tuple[np.ndarray, float, float]:
    """Codes, and the `low` and `step` with which a value is low + code * step; `MISSING` where it is none.

    The step grows where the range needs more than 65,534 of them; infinite values count as missing.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(values), MISSING, dtype=np.int64), 0.0, step
    low, high = float(values[known].min()), float(values[known].max())
    step = max(step, (high - low) / (MAX_CODE - 1))
    first = np.floor(low / step)  # multiples of the step, so that zero stays zero
    codes = np.full(len(values), MISSING, dtype=np.int64)
    codes[known] = np.rint(values[known] / step - first)
    return codes, float(first * step), step


def two_bytes(codes: np.ndarray) -> str:
    """Codes below 65,536: all low bytes, then all high bytes, which deflate better apart."""
    return packing.text(np.concatenate([codes & 255, codes >> 8]).astype(np.uint8))


def _one_line(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _deflated(lines: Sequence[str]) -> str:
    return base64.b64encode(zlib.compress("\n".join(lines).encode(), 9)).decode()
