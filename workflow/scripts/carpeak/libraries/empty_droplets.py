"""What floats in the suspension: the droplets that hold no cell, summed.

The profile of a library's empty droplets says how often a transgene UMI ends up in a droplet by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..readers.genes import rows_of
from . import barcode_ranks, ingest
from .cell_calling import EMPTY_UP_TO

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from ..readers.library import CountMatrix

SUFFIX = r"-\d+$"
BASES = r"^(?:.*[^ACGT])?([ACGT]{8,}).*$"  # what is left of P4_ACGTACGTACGT-1_2


def empty_droplets(
    library: CountMatrix, *, cells: Sequence[str], features: Sequence[str]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Sum the droplets of the raw matrix `library` that are not among `cells` (barcodes) and hold few UMIs.

    Returns droplets (with at least one UMI), effective_droplets, umis, the UMIs of each transgene feature and
    the barcode-rank curve (`barcode_ranks.curve`), as JSON values, and a table of the genes found there (gene
    as `ingest` names it, umis). Many barcodes with a UMI or two are misread ones and no droplets. The
    effective number, (sum u)^2 / sum u^2 over the UMIs u of each (Kish), hardly counts them:
    umis / effective_droplets is the size of the droplet that an ambient UMI floats in. Memory: the sparse
    matrix.

    Raises UserError when no cell is among the droplets: the two matrices are of different libraries.
    """
    import pandas as pd

    is_cell = among(library, cells)
    counts = library.matrix()
    totals = np.asarray(counts.sum(axis=1, dtype=np.int64)).ravel()
    empty = ~is_cell & (totals > 0) & (totals <= EMPTY_UP_TO)
    per_gene = np.asarray(counts.T @ empty.astype(np.int64)).ravel()
    rows = {f: rows_of(library, f) for f in features}
    table = pd.DataFrame({"gene": ingest.name_genes(library, features).index, "umis": per_gene})
    return {
        "source": "empty_droplets" if empty.any() else "none",
        "droplets": int(empty.sum()),
        "effective_droplets": round(_effective(totals[empty]), 3),
        "umis": int(totals[empty].sum()),
        "transgene_umis": {f: int(per_gene[where].sum()) for f, where in rows.items() if where.any()},
        "ranks": barcode_ranks.curve(totals, is_cell),
    }, table[table["umis"] > 0].reset_index(drop=True)


def _effective(umis: NDArray[np.int64]) -> float:
    return float(umis.sum() ** 2 / (umis**2).sum()) if len(umis) else 0.0


def among(library: CountMatrix, cells: Sequence[str]) -> NDArray[np.bool_]:
    """Which droplets are `cells`; marks such as -1 that only one of the two files writes are ignored.

    Raises UserError when none is: the two matrices are of different libraries.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.is_in(library.barcodes, value_set=pa.array(cells, pa.string()))
    if not pc.any(found).as_py() and len(cells):
        found = pc.is_in(_bare(library.barcodes), value_set=_bare(pa.array(cells, pa.string())))
    if not pc.any(found).as_py() and len(cells):
        msg = (
            f"{library.path}: none of the library's {len(cells)} cells is among its {len(library.barcodes)} "
            "droplets. raw_path and path must be of the same library: correct the row in the sheet."
        )
        raise UserError(msg)
    return found.to_numpy(zero_copy_only=False)


def _bare(barcodes: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.replace_substring_regex(pc.replace_substring_regex(barcodes, BASES, r"\1"), SUFFIX, "")
