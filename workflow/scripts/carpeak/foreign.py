"""Genes whose RNA in T cells is most likely another lineage's, spilled into their droplets.

Lysed red cells, platelets and monocytes leave RNA in every droplet of a library. Where two libraries hold
different numbers of such cells, their genes seem to change in T cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .populations import T_CELL

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from numpy.typing import ArrayLike, NDArray
    from scipy import sparse

COLUMN = "ambient_from"
RED_CELL = "Red cell"
KIN = (T_CELL, "NK cell", "unassigned")  # NK cells share the programmes that T cells take up
LEAST_CELLS = 20  # of a lineage in the libraries of a condition
LEAST_RATIO = 10.0


def sources(
    counts: sparse.csr_matrix,
    lineages: ArrayLike,
    genes: Sequence[str],
    *,
    transgene: NDArray[np.bool_],
) -> NDArray[np.str_]:
    """For every gene the lineage that it most likely leaks from into T cells, or "" (one condition).

    `counts` is cells x genes (UMIs), `lineages` the label of each cell. A gene leaks from the lineage, of
    those with at least `LEAST_CELLS` cells, that expresses it most, where the mean of normalised counts
    there is at least `LEAST_RATIO` times that of T cells. Haemoglobins always leak; T cells make none.
    """
    from . import embed, matrix  # here, since figures and report only read the marks

    labels = np.asarray(lineages, dtype=str)
    others = [name for name in np.unique(labels) if name not in KIN and (labels == name).sum() >= LEAST_CELLS]
    found = np.full(len(genes), "", dtype=object)
    if others and (labels == T_CELL).any():
        factors = matrix.size_factors(counts, exclude=transgene)
        means = np.vstack([_mean(counts, factors, labels == name) for name in (T_CELL, *others)])
        best = means[1:].argmax(axis=0)
        leaks = (means[1:].max(axis=0) >= LEAST_RATIO * means[0]) & (means[1:].max(axis=0) > 0)
        found[leaks] = np.asarray(others, dtype=object)[best[leaks]]
    found[embed.in_groups(genes, ["haemoglobin"])] = RED_CELL
    return found.astype(str)


def by_side(
    cells: AnnData, labels: pd.DataFrame, conditions: Mapping[str, str]
) -> dict[str, NDArray[np.str_]]:
    """`sources` for each side of a contrast, among the cells of its condition.

    `cells` holds all kept cells (obs condition, var transgene), `labels` their cell_type by cell.
    """
    lineage = labels.set_index("cell")["cell_type"].reindex(cells.obs_names).to_numpy(dtype=str)
    condition = cells.obs["condition"].to_numpy(dtype=str)
    transgene = cells.var["transgene"].to_numpy(dtype=bool)
    found = {}
    for side, name in conditions.items():
        rows = np.flatnonzero(condition == name)
        found[side] = sources(cells.X[rows], lineage[rows], cells.var_names, transgene=transgene)
    return found


def _mean(
    counts: sparse.csr_matrix, factors: NDArray[np.float64], inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    weights = np.where(inside, 1 / np.maximum(factors, 1e-12), 0.0) / inside.sum()
    return np.asarray(counts.T @ weights).ravel()


def marked(table: pd.DataFrame, leaks: Mapping[str, NDArray[np.str_]], genes: Sequence[str]) -> pd.DataFrame:
    """`table` (tables/de.CONTRAST.tsv) with the column `COLUMN`.

    `leaks` gives `sources` on the sides "test" and "reference"; a gene's mark is that of the
    condition in which it is higher, since there its source must be.
    """
    place = {gene: i for i, gene in enumerate(genes)}
    row = table["gene"].map(place).to_numpy(dtype=np.int64, na_value=-1)
    higher = table["log2_fold_change"].to_numpy(dtype=float) > 0
    return table.assign(**{COLUMN: np.where(higher, leaks["test"][row], leaks["reference"][row])})


def is_marked(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Mask of the rows of a table with `COLUMN` that are marked."""
    return (table[COLUMN].fillna("") != "").to_numpy(dtype=bool)
