"""Cells that occur twice, within a library or in two, and droplets that are another library's.

Barcodes tell none of it: libraries of one kit share its list of barcodes, and joined libraries rename theirs.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..libraries import empty_droplets
from ..readers.genes import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..readers.library import CountMatrix

MIN_UMIS = 50  # cells with fewer may agree by chance
MIN_CELLS = 20
COPIES = 0.05  # share of cells that are another one's copy
READ = 4_000_000  # values of the droplets that are read: 0.4 s
LEAST, MOST = 0.8, 3.0  # UMIs of a cell in the unfiltered matrix over those in the matrix of cells
KNOWN = 0.8  # share of the cells that must be among the droplets, and of their genes among the droplets'


def gene_weights(symbols: Sequence[str] | NDArray[np.object_]) -> NDArray[np.float64]:
    """A number for each gene, the same in every library; a cell's counts weighted by them mark the cell."""
    return np.array([(zlib.crc32(str(name).encode()) + 1) / 2**32 for name in symbols])


def marks(weighted: NDArray[np.float64], umis: NDArray[np.int64]) -> tuple[frozenset[int], int]:
    """The marks of the cells with enough UMIs, and how many of these cells are copies of another.

    `weighted` are the sums of the cells' counts times `gene_weights`; sums of other order differ in the last
    digits, which are left out.
    """
    held = weighted[umis >= MIN_UMIS]
    rounded = np.rint(held * 2**20).astype(np.int64).tolist()
    different = frozenset(rounded)
    return different, len(rounded) - len(different)


def copies_within(copies: int, cells: int) -> str:
    """What limits the answer where many cells are copies of another one; else an empty string."""
    if cells < MIN_CELLS or copies <= COPIES * cells:
        return ""
    return (
        f"{copies:,} of {cells:,} cells hold exactly the counts of another cell: was the library joined to "
        "itself? Cells that count twice make every interval too narrow"
    )


def shared(one: Collection[int], other: Collection[int]) -> int:
    """How many cells two libraries share, by their marks; 0 where it may be chance."""
    both = len(set(one) & set(other))
    return both if both > max(COPIES * min(len(one), len(other)), 3) else 0


def wrong_droplets(
    droplets: CountMatrix,
    cells: CountMatrix,
    umis: NDArray[np.int64],
    *,
    complete: int,
    features: Collection[str],
) -> tuple[str, str]:
    """What is wrong with the unfiltered matrix of a library, and what limits the answer; empty where nothing.

    `umis` are those of the library's `cells`, `complete` how many of them are known, `features` the
    transgene's that the cells list. A cell holds the same UMIs in both matrices. Raises UserError where no
    cell is among the droplets.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    is_cell = empty_droplets.among(droplets, cells.barcodes.to_pylist())
    place = pc.index_in(droplets.barcodes, value_set=pa.array(cells.barcodes.to_pylist(), pa.string()))
    n, found = len(cells.barcodes), int(is_cell.sum())
    remedy = "raw_path and path must be of the same library: correct the row in the sheet."
    if found < KNOWN * n:
        return f"{droplets.path}: only {found:,} of the {n:,} cells are among its droplets. {remedy}", ""
    genes = set(cells.symbols)
    if len(genes & set(droplets.symbols)) < KNOWN * len(genes):
        return f"{droplets.path}: it lists other genes than the matrix of the cells. {remedy}", ""
    counted, known = _umis(droplets)
    at = place.fill_null(-1).to_numpy(zero_copy_only=False)
    seen = np.flatnonzero((at >= 0) & (at < complete) & (np.arange(len(at)) < known))
    seen = seen[umis[at[seen]] >= MIN_UMIS]
    if len(seen) >= MIN_CELLS:
        ratio = float(np.median(counted[seen] / umis[at[seen]]))
        if not LEAST <= ratio <= MOST:
            return (
                f"{droplets.path}: the cells' barcodes hold other counts here than in path (median ratio of "
                f"UMIs {ratio:.2f}, not 1): it is another library's, or other values. {remedy}"
            ), ""
    if len(droplets.barcodes) <= found:
        return "", "raw_path holds no droplet beside the cells, so that it tells nothing of ambient RNA"
    absent = [name for name in features if not rows_of(droplets, name).any()]
    if absent:
        named = " and ".join(absent)
        return (
            "",
            f"raw_path lacks the feature {named}, so that nothing is known of its UMIs in empty droplets",
        )
    return "", ""


def _umis(library: CountMatrix) -> tuple[NDArray[np.int64], int]:
    """UMIs of each droplet, and how many droplets they are complete for: none of a large, unsorted matrix."""
    n = len(library.barcodes)
    totals = np.zeros(n, np.int64)
    read = last = 0
    in_order = True
    for _, cells, counts in library.blocks():
        if not len(cells):
            continue
        totals += np.bincount(cells, weights=counts, minlength=n).astype(np.int64)
        in_order &= bool(cells[0] >= last) and not (np.diff(cells) < 0).any()
        read, last = read + len(counts), int(cells[-1])
        if read >= READ:
            return totals, last if in_order else 0
    return totals, n
