"""One library before the run: what it holds, and whether its files are whole and hold counts.

Names are read whole. Values are read whole in small libraries and from the first cells (or, in a table of
genes x cells, the first genes) of large ones, whose compressed files are then unpacked to their end, since a
copy that broke off is found only there.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError
from ..libraries import empty_droplets, ingest
from ..readers import layouts, paths
from ..readers.genes import rows_of
from .plausible import endogenous, no_genes, of_one_depth, of_one_species, spoilt_names, vary_too_little

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..readers.library import CountMatrix

READ_WHOLE = 4_000_000  # stored values up to which a library is read to its end: 0.4 s
HEAD = 1_000_000  # values read of a larger one, some hundred cells
PIECE = 1 << 22
ANY_ID = re.compile(r"(\w+_+)?ENS[A-Z]*G\d")
MIN_CELLS = 2


@dataclass(frozen=True)
class Survey:
    """What was seen of one library.

    `looked_at` counts the cells whose values were read; where it is below `cells`, `median_umis` is theirs
    and `transgene_umis` are scaled up from them; where it is 0, neither is known. `cells` is missing
    where they are called from `droplets`.
    """

    sample: str
    layout: str = ""
    cells: int | None = None
    droplets: int | None = None
    genes: int = 0
    entries: int = 0
    looked_at: int = 0
    median_umis: float | None = None
    transgene_umis: dict[str, int | None] = field(default_factory=dict)
    symbols: frozenset[str] = frozenset()
    custom: tuple[str, ...] = ()  # genes that bear another kind of identifier than the rest
    problems: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()  # what limits the answer; the report says it
    asides: tuple[str, ...] = ()  # what is good to know

    @property
    def sampled(self) -> bool:
        """Whether numbers come from some of the cells."""
        return self.looked_at < (self.cells or self.droplets or 0)


def survey_library(
    sample: str, path: str | None, raw_path: str | None, *, select: str = "", features: Sequence[str]
) -> Survey:
    """Open the matrices of one library; what is wrong stands in `problems`, never in an exception.

    `path` holds its cells; without one they will be called from the droplets at `raw_path`. `select` says
    which of the file's cells are this library's, `features` are the transgene's.
    """
    try:
        library = layouts.open_library(path or raw_path or "", select=select)
        found = _surveyed(sample, library, features, has_cells=bool(path))
    except UserError as error:
        return Survey(sample, problems=(str(error),))
    problems = list(found.problems)
    for file in (path if found.sampled else None, raw_path):  # the others were read to their end
        problems += _broken_files(file) if file else []
    if path and raw_path:
        try:
            droplets = layouts.chosen_if_any(layouts.open_library(raw_path), select)
            empty_droplets.among(droplets, library.barcodes.to_pylist())
        except UserError as error:
            problems.append(str(error))
    return Survey(**{**vars(found), "problems": tuple(dict.fromkeys(problems))})


def _surveyed(sample: str, library: CountMatrix, features: Sequence[str], *, has_cells: bool) -> Survey:
    ingest.check_names(library)
    rows = {f: rows_of(library, f) for f in features}
    rows = {f: where for f, where in rows.items() if where.any()}
    seen = _count(library, rows)
    totals, looked_at, read, of_transgene = seen.totals, seen.cells, seen.read, seen.of_transgene
    n = len(library.barcodes)
    problems = _problems(library, n, empty=not totals.any())
    problems += [
        f"{library.path}: the transgene's feature {f} is of type {library.left_out[f]} here, and only Gene "
        "Expression is read: its counts would be missing. Give it that type, or another feature."
        for f in features
        if f in library.left_out and f not in rows
    ]
    if has_cells and not problems:
        why = vary_too_little(seen.sums, seen.squares, looked_at) or of_one_depth(totals[:looked_at])
        problems += [f"{library.path}: {why} Give the raw UMI counts."] if why else []
    share = n / looked_at if looked_at else 0.0
    return Survey(
        sample=sample,
        layout=library.layout,
        cells=n if has_cells else None,
        droplets=None if has_cells else n,
        genes=len(library.symbols),
        entries=min(library.entries, round(read)),  # of a dense table, without the zeros
        looked_at=looked_at,
        median_umis=float(np.median(totals[:looked_at])) if has_cells and looked_at else None,
        transgene_umis={f: round(umis * share) if looked_at else None for f, umis in of_transgene.items()},
        symbols=frozenset(library.symbols),
        custom=_custom(library),
        problems=tuple(problems),
        limits=(*endogenous(library, rows), *_limits(library)),
        asides=_asides(library),
    )


@dataclass(frozen=True)
class _Seen:
    """UMIs per cell, the cells that they are complete for, all values, UMIs of the transgene's features.

    `sums` and `squares` are those of each gene's values, over the cells and part of the next one.
    """

    totals: NDArray[np.int64]
    cells: int
    read: float
    of_transgene: dict[str, int]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]


def _count(library: CountMatrix, rows: dict[str, NDArray[np.bool_]]) -> _Seen:
    """What the values say.

    The reader checks the values on the way. A large library is left after `HEAD` values; the number of all
    its values is then an estimate, and where it is not sorted by cell, no cell is complete.
    """
    n = len(library.barcodes)
    totals = np.zeros(n, np.int64)
    of_transgene = dict.fromkeys(rows, 0)
    sums, squares = np.zeros((2, len(library.symbols)))
    read = last = 0
    in_order = True
    for genes, cells, counts in library.blocks():
        if not len(cells):
            continue
        totals += np.bincount(cells, weights=counts, minlength=n).astype(np.int64)
        sums += np.bincount(genes, weights=counts, minlength=len(sums))
        squares += np.bincount(genes, weights=counts.astype(np.float64) ** 2, minlength=len(sums))
        for feature, where in rows.items():
            of_transgene[feature] += int(counts[where[genes]].sum())
        in_order &= bool(cells[0] >= last) and not (np.diff(cells) < 0).any()
        read, last = read + len(counts), int(cells[-1])
        if library.entries > READ_WHOLE and read >= HEAD and last > 0:
            seen = last / n if in_order else (int(genes.max()) + 1) / len(library.symbols)
            return _Seen(totals, last if in_order else 0, read / seen, of_transgene, sums, squares)
    return _Seen(totals, n, read, of_transgene, sums, squares)


def _problems(library: CountMatrix, n: int, *, empty: bool) -> list[str]:
    found = []
    if empty:
        found.append(f"{library.path}: the matrix holds no counts. Give the matrix of a finished run.")
    elif n < MIN_CELLS:
        found.append(
            f"{library.path}: the matrix holds one cell. Give the matrix of the single cells of a library."
        )
    return found + of_one_species(library) + no_genes(library)


def _custom(library: CountMatrix) -> tuple[str, ...]:
    """Genes without an Ensembl identifier where nearly all others have one: what was added to a reference."""
    pairs = list(zip(library.gene_ids, library.symbols))
    others = [str(symbol) for gene, symbol in pairs if not ANY_ID.match(gene)]
    return tuple(others) if len(others) <= max(len(pairs) // 100, 1) else ()


def _limits(library: CountMatrix) -> tuple[str, ...]:
    if any(name.upper().startswith(ingest.MITO_PREFIX) for name in library.symbols):
        return ()
    prefix = ingest.MITO_PREFIX
    return (f"no mitochondrial genes ({prefix}) in the data: no cell was removed for their share",)


def _asides(library: CountMatrix) -> tuple[str, ...]:
    held = ", ".join(f"{n} of {kind}" for kind, n in library.others.items())
    left_out = [f"besides gene expression the matrix holds {held}: left out"] if held else []
    return (*left_out, *spoilt_names(library), *library.notes)


def _broken_files(path: str) -> list[str]:
    """Sentences on the gzip files at `path` (a file, or a folder's files) that do not unpack to their end."""
    found = []
    for file in map(Path, paths.watched(path)):
        with file.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        try:
            if packed:
                with gzip.open(file, "rb") as stream:
                    while stream.read(PIECE):
                        pass
        except (EOFError, OSError, zlib.error) as error:
            found.append(
                f"{file}: the gzip file is cut short or damaged ({error}). Copy or download it again."
            )
    return found
