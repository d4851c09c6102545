"""The marks of genes that change in T cells as ambient RNA: what figures, claims and report read of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

COLUMN = "ambient_from"  # of the DE tables: the lineage that the RNA most likely comes from, or nothing
MIN_RATIO = 10.0  # times what T cells express
MIN_SHARE = 0.5  # of a gene's RNA in T cells
SOURCES = {
    "Red cell": "red cells",
    "Platelet": "platelets",
    "Monocyte/DC": "monocytes",
    "NK cell": "NK cells",
}
SOURCES |= {"B cell": "B cells", "Plasma cell": "plasma cells", "HSC": "stem cells"}


def source_name(mark: str) -> str:
    """The cells that a mark names, as sentences call them."""
    return SOURCES.get(mark, mark)


def is_marked(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Mask of the rows of a table that are marked in `COLUMN`; a table without it has none."""
    if COLUMN not in table:
        return np.zeros(len(table), dtype=bool)
    return (table[COLUMN].fillna("") != "").to_numpy(dtype=bool)
