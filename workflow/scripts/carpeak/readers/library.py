"""One opened count matrix, whatever its layout: names in memory, values as a stream of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..errors import UserError
from .assemble import LARGEST, build

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from scipy import sparse

# (feature rows, cell rows, values) of the non-zero entries of one piece of the file, zero-based
Block: TypeAlias = "tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.generic]]"

NO_RNA = {"Antibody Capture", "CRISPR Guide Capture", "Multiplexing Capture", "Antigen Capture", "Peaks"}
BLOCK = 1 << 20  # entries per block where the reader chooses


@dataclass(frozen=True)
class CountMatrix:
    """A count matrix that is open for reading.

    `symbols` and `gene_ids` name the features, `barcodes` (an arrow array: raw matrices have millions)
    the cells. `entries` is the number of stored values, `stream()` yields them as blocks; what it yields
    is checked, so consumers see non-negative int32 only. `kept` maps the rows of the file to features
    (-1: another modality, left out and counted in `others`, its names and types in `left_out`), `cells` its
    cells to `barcodes` (-1: of another library). `columns` are what the file tells of each cell, by name,
    read when called. `notes` say what was changed in reading.
    """

    path: Path
    layout: str
    symbols: NDArray[np.object_]
    gene_ids: NDArray[np.object_]
    barcodes: pa.Array
    entries: int
    stream: Callable[[], Iterator[Block]]
    kept: NDArray[np.int32] | None = None
    others: dict[str, int] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    cells: NDArray[np.int32] | None = None
    columns: Mapping[str, Callable[[], NDArray[np.object_]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def blocks(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]]:
        """Yield (features, cells, counts) of gene expression as int32, checked, without stored zeros."""
        rows = len(self.symbols) if self.kept is None else len(self.kept)
        columns = len(self.barcodes) if self.cells is None else len(self.cells)
        for found, droplets, values in self.stream():
            if not len(values):
                continue
            counts = as_counts(values, self.path)
            if found.min() < 0 or found.max() >= rows or droplets.min() < 0 or droplets.max() >= columns:
                msg = (
                    f"{self.path}: the matrix points to a gene or cell that is not listed "
                    f"({rows} features, {columns} barcodes). The files do not belong together, or "
                    "one is cut short: copy all of them again."
                )
                raise UserError(msg)
            features = found if self.kept is None else self.kept[found]
            cells = droplets if self.cells is None else self.cells[droplets]
            if self.kept is not None or self.cells is not None:
                inside = (features >= 0) & (cells >= 0)
                features, cells, counts = features[inside], cells[inside], counts[inside]
            if not counts.all():  # a stored zero is no detected gene
                stored = counts != 0
                features, cells, counts = features[stored], cells[stored], counts[stored]
            yield features.astype(np.int32, copy=False), cells.astype(np.int32, copy=False), counts

    def matrix(self) -> sparse.csr_matrix:
        """Cells x genes, csr int32; the peak memory is twice the matrix and one block."""
        return build(self.blocks, (len(self.barcodes), len(self.symbols)), expected=self.entries)


def as_counts(values: NDArray[np.generic], path: Path, *, place: str = "") -> NDArray[np.int32]:
    """Return `values` as int32, or raise UserError that says what they are instead of counts."""
    wrong = not_counts(values)
    if wrong:
        msg = (
            f"{path}{place}: {wrong} where raw UMI counts belong. Give the matrix of raw counts "
            "(Cell Ranger's filtered_feature_bc_matrix, or an h5ad with them in layers['counts'])."
        )
        raise UserError(msg)
    return values.astype(np.int32, copy=False)


def not_counts(values: NDArray[np.generic]) -> str:
    """Say what is wrong with `values` as counts: an empty string for non-negative integers."""
    if not len(values):
        return ""
    if values.dtype.kind not in "iuf":
        kinds = {"b": "true or false (detected or not)"} | dict.fromkeys("OSU", "texts")
        return f"{kinds.get(values.dtype.kind, 'values of another kind')} in place of numbers"
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return "missing or infinite values"
    low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]
    if low < 0:
        return f"negative values (the lowest is {low:g}: scaled or corrected data?)"
    if values.dtype.kind == "f" and (values != np.rint(values)).any():  # type: ignore[operator, call-overload]
        kind = "log-normalised data?" if high < 15 else "normalised or corrected data?"
        return f"fractional values (the highest is {high:g}: {kind})"
    return f"a value of {high:g}, too large for a count" if high > LARGEST else ""


def first_with_counts(path: Path, samples: Mapping[str, NDArray[np.generic]], place: str) -> str:
    """The first of several matrices, given by some of their values, that holds counts.

    Raises UserError where none does, which asks to store them in `place`.
    """
    found = []
    for name, values in samples.items():
        wrong = not_counts(values)
        if not wrong:
            return name
        found.append(f"{name} holds {wrong}")
    msg = f"{path}: no raw counts: {'; '.join(found)}. Store the raw integer counts in {place}."
    raise UserError(msg)


def pick_expression(
    types: NDArray[np.object_] | None, path: Path
) -> tuple[NDArray[np.int32] | None, dict[str, int]]:
    """Map file rows to gene-expression features and count the other modalities.

    `types` holds the feature type of each row. Files without types, or that call nothing "Gene Expression",
    are taken whole, unless all they hold is known to be no RNA: then UserError.
    """
    if types is not None and len(types) and set(types) <= NO_RNA:
        held = " and ".join(sorted(set(types)))
        msg = f"{path}: holds {held} alone and no gene expression. Give the matrix of the genes' UMIs."
        raise UserError(msg)
    if types is None or not (types == "Gene Expression").any() or (types == "Gene Expression").all():
        return None, {}
    inside = types == "Gene Expression"
    kept = np.where(inside, np.cumsum(inside) - 1, -1).astype(np.int32)
    names, counts = np.unique(types[~inside].astype(str), return_counts=True)
    return kept, {str(n): int(c) for n, c in zip(names, counts)}


def left_out(
    types: NDArray[np.object_] | None,
    kept: NDArray[np.int32] | None,
    *names: NDArray[np.object_],
) -> dict[str, str]:
    """Type of every feature that `pick_expression` leaves out, by each of its `names`."""
    if types is None or kept is None:
        return {}
    outside = kept < 0
    return {
        str(name): str(kind)
        for several in names
        for name, kind in zip(several[outside], types[outside], strict=True)
    }
