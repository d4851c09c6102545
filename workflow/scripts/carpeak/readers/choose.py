"""The cells of one library out of a file that holds several: the sheet's column `select`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError, nearest
from .library import CountMatrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

AND = " & "
JOINTS = "-_.:#"  # what stands between a barcode and the mark of its library
SHOWN = 12


@dataclass(frozen=True)
class Selector:
    """Cells whose `column` is `value`; without a column, whose barcode starts or ends with `value`."""

    text: str
    column: str
    value: str

    @property
    def is_suffix(self) -> bool:
        """Whether the mark stands behind the barcode."""
        return not self.column and self.value[0] in JOINTS


def parse(text: str) -> list[Selector]:
    """Read ``column=value``, a suffix of barcodes such as ``-2``, or a prefix such as ``P4_``.

    Several, joined by ``" & "``, must all hold.
    """
    return [_parse_one(part.strip()) for part in text.split(AND)]


def _parse_one(text: str) -> Selector:
    column, equals, value = (part.strip() for part in text.partition("="))
    if equals and column and value:
        return Selector(text, column, value)
    if not equals and text and (text[0] in JOINTS or text[-1] in JOINTS) and text.strip(JOINTS):
        return Selector(text, "", text)
    msg = (
        f"select '{text}': give column=value, the end of the barcodes (such as -2 or _2), or their start "
        "(such as P4_)."
    )
    raise UserError(msg)


def choose(library: CountMatrix, text: str) -> CountMatrix:
    """Only the cells of `library` that `text` selects; UserError, with what there is, where it is none."""
    selectors = parse(text)
    each = [_inside(library, selector) for selector in selectors]
    for selector, matched in zip(selectors, each, strict=True):
        if not matched.any():
            raise UserError(f"{library.path}: {_why_none(library, selector)}")
    inside = np.logical_and.reduce(each)
    if not inside.any():
        counts = ", ".join(f"{s.text} ({m.sum()})" for s, m in zip(selectors, each, strict=True))
        msg = f"{library.path}: no cell meets all of select: {counts}. Correct the column select."
        raise UserError(msg)
    cells = np.where(inside, np.cumsum(inside) - 1, -1).astype(np.int32)
    if library.cells is not None:  # not the first choice: go on from the rows of the file
        cells = np.where(library.cells >= 0, cells[library.cells], -1).astype(np.int32)
    return replace(
        library,
        barcodes=library.barcodes.filter(inside),
        cells=cells,
        columns={},
        layout=f"{library.layout}, {inside.sum()} of {len(inside)} cells ({text})",
    )


def chosen_if_any(library: CountMatrix, text: str) -> CountMatrix:
    """The cells that `text` selects, or all where nothing matches: the droplets of one library alone."""
    if not text or not np.logical_and.reduce([_inside(library, one) for one in parse(text)]).any():
        return library
    return choose(library, text)


def _inside(library: CountMatrix, selector: Selector) -> NDArray[np.bool_]:
    import pyarrow.compute as pc

    if selector.column:
        if selector.column not in library.columns:
            return np.zeros(len(library.barcodes), bool)
        held = library.columns[selector.column]()
        return np.array([_same(str(value), selector.value) for value in held], dtype=bool)
    test = pc.ends_with if selector.is_suffix else pc.starts_with
    return test(library.barcodes, selector.value).to_numpy(zero_copy_only=False)


def _same(held: str, wanted: str) -> bool:
    """Whether a cell's value is the one in the sheet; whole numbers may be stored as 2.0."""
    return held == wanted or held.removesuffix(".0") == wanted


def _why_none(library: CountMatrix, selector: Selector) -> str:
    if not selector.column:
        marks = _marks(library.barcodes.to_pylist(), suffix=selector.is_suffix)
        end = "end" if selector.is_suffix else "start"
        return (
            f"no barcode {end}s with '{selector.value}' (column select). They {end} with: {_listed(marks)}."
        )
    if not library.columns:
        return (
            f"select '{selector.text}' names a column of cells, but this layout ({library.layout}) has none. "
            "Select by the end of the barcodes (such as -2), or give an h5ad file."
        )
    if selector.column not in library.columns:
        hint = nearest(selector.column, library.columns)
        return (
            f"no column '{selector.column}' of cells (column select){hint}. "
            f"Columns: {', '.join(library.columns)}."
        )
    values = Counter(str(value) for value in library.columns[selector.column]())
    hint = nearest(selector.value, values)
    return (
        f"no cell has {selector.column} '{selector.value}' (column select){hint}. Values: {_listed(values)}."
    )


def _marks(barcodes: Iterable[str], *, suffix: bool) -> Counter[str]:
    """What follows the last joint of each barcode, or precedes the first, with the joint."""
    found: Counter[str] = Counter()
    for barcode in barcodes:
        at = [i for i, letter in enumerate(barcode) if letter in JOINTS]
        found[(barcode[at[-1] :] if suffix else barcode[: at[0] + 1]) if at else "(no mark)"] += 1
    return found


def _listed(counts: Counter[str]) -> str:
    """The most frequent of `counts`, in the order of their names."""
    names = sorted(f"{name} ({n})" for name, n in counts.most_common(SHOWN))
    more = len(counts) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
