"""A library to which a transgene's molecules, counted from its reads, are added."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..io import read_json
from .barcodes import bare
from .library import CountMatrix

if TYPE_CHECKING:
    from numpy.typing import NDArray


def with_transgene(library: CountMatrix, molecules: str | Path, summary: str | Path) -> CountMatrix:
    """The library with what the rule count_transgene found in its reads (its two files).

    Where that replaces what an aligner counted of these features, the aligner's counts are left out.
    """
    told = read_json(summary)
    if told["replaces"]:
        library = without(library, told["features"])
    return add_to(library, told["features"], read_molecules(molecules))


def without(library: CountMatrix, names: Sequence[str]) -> CountMatrix:
    """The library less the features of these names."""
    gone = np.isin(library.symbols.astype(str), list(names))
    place = np.where(gone, -1, np.cumsum(~gone) - 1).astype(np.int32)
    kept = place if library.kept is None else np.where(library.kept < 0, np.int32(-1), place[library.kept])
    return replace(library, symbols=library.symbols[~gone], gene_ids=library.gene_ids[~gone], kept=kept)


def read_molecules(path: str | Path) -> Counter[tuple[str, str]]:
    """Molecules per (barcode, feature) in a table with columns cell, barcode, umi, feature and reads."""
    lines = gzip.decompress(Path(path).read_bytes()).decode().splitlines()[1:]
    return Counter((row[1], row[3]) for row in (line.split("\t") for line in lines))


def demand_absent(library: CountMatrix, names: Sequence[str]) -> None:
    """Raise UserError where the library has a feature of one of these names."""
    taken = sorted({*names} & {*library.symbols, *library.gene_ids})
    if taken:
        msg = f"{library.path}: the matrix has '{taken[0]}' already. Name the construct otherwise, or "
        msg += "take the reads away."
        raise UserError(msg)


def add_to(library: CountMatrix, names: Sequence[str], molecules: Counter[tuple[str, str]]) -> CountMatrix:
    """The library with one more feature for each of `names`; nothing else of it changes.

    `molecules` are those per (bare barcode, feature); those of barcodes that the library lacks are left out.
    Raises UserError where it has such a feature already.
    """
    demand_absent(library, names)
    cells, features, counts = _placed(library, names, molecules)
    if library.cells is not None:  # blocks are in rows of the file, of which only some are chosen
        cells = np.flatnonzero(library.cells >= 0)[cells]
    here = len(library.symbols)
    rows = here if library.kept is None else len(library.kept)
    block = ((rows + features).astype(np.int32), cells.astype(np.int32), counts.astype(np.int32))

    def stream() -> Iterator[Any]:
        yield from library.stream()
        yield block

    kept = library.kept
    if kept is not None:
        kept = np.concatenate([kept, np.arange(here, here + len(names), dtype=np.int32)])
    more = np.array(names, dtype=object)
    return replace(
        library,
        symbols=np.concatenate([library.symbols, more]),
        gene_ids=np.concatenate([library.gene_ids, more]),
        entries=library.entries + len(counts),
        stream=stream,
        kept=kept,
    )


def _placed(
    library: CountMatrix, names: Sequence[str], molecules: Counter[tuple[str, str]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cell rows, features and counts of the molecules, sorted by cell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = sorted({barcode for barcode, _ in molecules})
    row: dict[str, int] = {}
    if words:
        at = pc.index_in(bare(library.barcodes, len(words[0])), value_set=pa.array(words, pa.string()))
        where = np.flatnonzero(at.is_valid().to_numpy(zero_copy_only=False))
        row = {words[k]: int(i) for i, k in zip(where, at.drop_null().to_pylist())}
    number = {name: i for i, name in enumerate(names)}
    found = sorted((row[b], number[f], n) for (b, f), n in molecules.items() if b in row)
    table = np.array(found, np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]
