"""Small cells: counts that may tell who a patient is are marked, or hidden with what gives them away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray


def is_small(n: ArrayLike, *, limit: int) -> NDArray[np.bool_]:
    """Whether a count lies from 1 to below `limit`; zero tells of nobody."""
    counts = np.asarray(n, dtype=float)
    return (counts > 0) & (counts < limit)


def marked(
    table: pd.DataFrame, *, limit: int, within: Sequence[str], n: str = "n", total: str = "total"
) -> pd.DataFrame:
    """`table` with the column ``small``: counts below `limit`, and those the rest to the total gives away.

    `within` are the columns that tell apart the sets of counts that share a total. Where one count alone of
    such a set is small, the next larger one is marked too, since the total would betray the first.
    """
    counts = table[n].to_numpy(dtype=float)
    rest = table[total].to_numpy(dtype=float) - counts if total in table else np.full(len(table), np.nan)
    small = is_small(counts, limit=limit) | is_small(rest, limit=limit)
    for places in table.groupby(list(within), sort=False, dropna=False).indices.values():
        if len(places) > 1 and small[places].sum() == 1:
            others = [place for place in places if not small[place] and counts[place] > 0]
            if others:
                small[min(others, key=lambda place: (counts[place], place))] = True
    return table.assign(small=small)


def hidden(table: pd.DataFrame, *, columns: Sequence[str]) -> pd.DataFrame:
    """`table` with `columns` left empty in its marked rows."""
    shown = table.copy()
    for name in columns:
        if name in shown:
            shown[name] = shown[name].astype(object).where(~shown["small"], None)
    return shown
