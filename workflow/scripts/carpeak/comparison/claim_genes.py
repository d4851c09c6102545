"""The genes of the claims, group by group and side by side: did a gene rise, or did the mix of states move?

Expression at equal depth, thinned as differential_expression thins it, so that shares agree with its table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..names import POSITIVE, UNASSIGNED
from ..stats import matrix

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from scipy import sparse

COLUMNS = ["kind", "group", "gene", "side", "cells", "mean", "mean_low", "mean_high", "detected"]
GROUPS = ("CD4", "CD8", "all")
MIN_CELLS = 20  # of a state, on either side; the mean of fewer says little
Z95 = 1.959964


def by_group(
    counts: sparse.csr_matrix,
    cells: pd.DataFrame,
    genes: Sequence[str],
    *,
    claimed: Sequence[str],
    transgene: NDArray[np.bool_],
    conditions: Mapping[str, str],
    seed: int,
) -> pd.DataFrame:
    """Mean of the `claimed` genes with its 95 % interval, and the share of cells that detect them (COLUMNS).

    Means are of log1p counts per 10,000.
    `counts`: T cells x `genes`, raw; `cells`: their sample, condition, car_call, t_lineage and t_state;
    `transgene` masks genes that are not part of a cell's depth; `conditions` names the sides test and
    reference. Kinds: car_t (CAR+ T cells), undetected (the other T cells), state (CAR+ T cells of one state
    with `MIN_CELLS` on both sides). A group without cells on a side, and a gene not measured, have no row.
    """
    import pandas as pd

    compared = np.flatnonzero(cells["condition"].isin(list(conditions.values())))
    counts, cells = counts[compared], cells.iloc[compared].reset_index(drop=True)
    samples = cells["sample"].to_numpy(dtype=str)
    depth = matrix.size_factors(counts, exclude=transgene) * matrix.TARGET_SUM
    shares = matrix.depth_shares(depth, samples)
    thinned = matrix.thin(counts, np.array([shares[name] for name in samples]), seed=seed)
    place = {gene: i for i, gene in enumerate(genes)}
    found = [gene for gene in claimed if gene in place]
    levels = matrix.normalise(thinned, exclude=transgene)[:, [place[gene] for gene in found]]
    values = np.asarray(levels.todense(), dtype=np.float64)  # cells x a handful of genes
    rows = []
    for kind, group, inside in _groups(cells, conditions):
        for side, condition in conditions.items():
            part = values[inside & (cells["condition"] == condition).to_numpy()]
            if len(part):
                rows += [_row(kind, group, gene, side, part[:, i]) for i, gene in enumerate(found)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _groups(
    cells: pd.DataFrame, conditions: Mapping[str, str]
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    positive = (cells["car_call"] == POSITIVE).to_numpy()
    for kind, member in (("car_t", positive), ("undetected", ~positive)):
        for group in GROUPS:
            yield kind, group, member & ((cells["t_lineage"] == group).to_numpy() | (group == "all"))
    for state in sorted(set(cells["t_state"]) - {UNASSIGNED}):
        member = positive & (cells["t_state"] == state).to_numpy()
        sizes = [(member & (cells["condition"] == name).to_numpy()).sum() for name in conditions.values()]
        if min(sizes) >= MIN_CELLS:
            yield "state", state, member


def _row(kind: str, group: str, gene: str, side: str, values: NDArray[np.float64]) -> dict[str, Any]:
    mean, n = float(values.mean()), len(values)
    half = Z95 * float(values.std(ddof=1)) / np.sqrt(n) if n > 1 else np.nan
    return {
        "kind": kind,
        "group": group,
        "gene": gene,
        "side": side,
        "cells": n,
        "mean": mean,
        "mean_low": mean - half,
        "mean_high": mean + half,
        "detected": float((values > 0).mean()),
    }
