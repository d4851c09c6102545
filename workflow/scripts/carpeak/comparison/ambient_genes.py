"""Genes whose RNA in T cells is most likely another lineage's, spilled into their droplets.

Lysed red cells, platelets and monocytes leave RNA in every droplet of a library. Where two libraries hold
different numbers of such cells, their genes seem to change in T cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..names import T_CELL, in_groups
from ..stats import blocks, matrix
from .ambient_marks import COLUMN, MIN_RATIO, MIN_SHARE

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from numpy.typing import ArrayLike, NDArray
    from scipy import sparse

    from ..stats.stored import Counts

RED_CELL = "Red cell"
KIN = (T_CELL, "NK cell", "unassigned")  # NK cells share the programmes that T cells take up
MIN_CELLS = 20  # of a lineage in the libraries of a condition
ALL = "all"
GROUPS = (ALL, "CD4", "CD8")
UNKNOWN = "other cells"


def sources(
    counts: sparse.csr_matrix | blocks.Blocks,
    lineages: ArrayLike,
    genes: Sequence[str],
    *,
    transgene: NDArray[np.bool_],
) -> NDArray[np.str_]:
    """For every gene the lineage that it most likely leaks from into T cells, or "" (one condition).

    `counts` is cells x genes (UMIs), `lineages` the label of each cell. A gene leaks from the lineage, of
    those with at least `MIN_CELLS` cells, that expresses it most, where the mean of normalised counts
    there is at least `MIN_RATIO` times that of T cells. Haemoglobins always leak; T cells make none.
    """
    labels = np.asarray(lineages, dtype=str)
    factors = matrix.size_factors(counts, exclude=transgene)
    weights = _weights(labels, factors)
    means = dict(zip(weights, blocks.weighted_sums(counts, list(weights.values())), strict=True))
    return _sources(means, list(genes))


def _weights(labels: NDArray[np.str_], factors: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Weights of cells whose sums are means of counts per 10,000: T cells, and lineages of `MIN_CELLS`."""
    found = {}
    for name in np.unique(labels):
        inside = labels == name
        if inside.sum() >= MIN_CELLS or name == T_CELL:
            found[str(name)] = np.where(inside, 1 / np.maximum(factors, 1e-12), 0.0) / inside.sum()
    return found


def _sources(means: Mapping[str, NDArray[np.float64]], genes: Sequence[str]) -> NDArray[np.str_]:
    others = [name for name in means if name not in KIN]
    found = np.full(len(genes), "", dtype=object)
    if others and T_CELL in means:
        of_others = np.vstack([means[name] for name in others])
        highest = of_others.max(axis=0)
        leaks = (highest >= MIN_RATIO * means[T_CELL]) & (highest > 0)
        found[leaks] = np.asarray(others, dtype=object)[of_others.argmax(axis=0)[leaks]]
    found[in_groups(genes, ["haemoglobin"])] = RED_CELL
    return found.astype(str)


def by_side(
    cells: AnnData | Counts,
    labels: pd.DataFrame,
    conditions: Mapping[str, str],
    *,
    t_lineages: Mapping[str, str],
    ambient: Mapping[str, NDArray[np.float64]],
) -> dict[str, dict[str, NDArray[np.str_]]]:
    """The marks of each side of a contrast in each group (`GROUPS`), among the cells of its condition.

    `cells` holds all kept cells (obs sample and condition, var transgene), `labels` their cell_type by cell,
    `t_lineages` CD4 or CD8 by T cell, `ambient` by sample what share of its RNA is ambient RNA of each gene
    (`ambient_share.expected`). Where that was estimated for all libraries of a side, it decides: marked are
    genes of which ambient RNA accounts for at least `MIN_SHARE` of what the group holds, and haemoglobins. A
    gene that another lineage expresses more is T cells' own all the same, as HLA-DRA on activation. Where it
    was not estimated, a gene is marked by `sources` alone.
    """
    lineage = labels.set_index("cell")["cell_type"].reindex(cells.obs_names).to_numpy(dtype=str)
    own = np.array([t_lineages.get(cell, "") for cell in cells.obs_names], dtype=str)
    condition, sample = (cells.obs[name].to_numpy(dtype=str) for name in ("condition", "sample"))
    transgene = cells.var["transgene"].to_numpy(dtype=bool)
    names = list(map(str, cells.var_names))
    never = in_groups(names, ["haemoglobin"])  # made by T cells
    found: dict[str, dict[str, NDArray[np.str_]]] = {}
    for side, name in conditions.items():
        rows = np.flatnonzero(condition == name)
        counts = cells.X[rows]
        depth = blocks.row_sums(counts)
        factors = matrix.size_factors(counts, exclude=transgene)
        weights = _weights(lineage[rows], factors)
        is_t = lineage[rows] == T_CELL
        members = {group: is_t & ((own[rows] == group) | (group == ALL)) for group in GROUPS}
        asked = [*weights.values(), *(inside.astype(np.float64) for inside in members.values())]
        *of_lineages, held_all, held_cd4, held_cd8 = blocks.weighted_sums(counts, asked)
        means = dict(zip(weights, of_lineages, strict=True))
        marks, highest = _sources(means, names), _highest(means, n_genes=len(never))
        measured = set(np.unique(sample[rows])) <= set(ambient)
        found[side] = {}
        for group, held in zip(GROUPS, (held_all, held_cd4, held_cd8), strict=True):
            expected = _expected(depth, members[group], sample[rows], ambient)
            spilled = ~transgene & (held > 0) & (expected >= MIN_SHARE * held)
            kept = spilled | never if measured else (marks != "") | spilled
            found[side][group] = np.where(kept, np.where(marks == "", highest, marks), "")
    return found


def _expected(
    depth: NDArray[np.float64],
    inside: NDArray[np.bool_],
    samples: NDArray[np.str_],
    ambient: Mapping[str, NDArray[np.float64]],
) -> NDArray[np.float64] | float:
    """UMIs of every gene that ambient RNA gives the cells `inside`, by what their libraries let expect."""
    parts = [depth[inside & (samples == name)].sum() * shares for name, shares in ambient.items()]
    return sum(parts) if parts else 0.0


def _highest(means: Mapping[str, NDArray[np.float64]], *, n_genes: int) -> NDArray[np.str_]:
    """For every gene the lineage other than T cells, NK cells among them, that expresses it most."""
    others = [name for name in means if name not in (T_CELL, "unassigned")]
    if not others:
        return np.full(n_genes, UNKNOWN)
    of_others = np.vstack([means[name] for name in others])
    return np.where(of_others.max(axis=0) > 0, np.asarray(others)[of_others.argmax(axis=0)], UNKNOWN)


def marked(
    table: pd.DataFrame, leaks: Mapping[str, Mapping[str, NDArray[np.str_]]], genes: Sequence[str]
) -> pd.DataFrame:
    """`table` (tables/de.CONTRAST.tsv) with the column `COLUMN`.

    `leaks` gives the marks of `by_side` on the sides "test" and "reference"; a gene's mark is that of its
    row's group in the condition in which it is higher, since there its source must be.
    """
    place = {gene: i for i, gene in enumerate(genes)}
    row = table["gene"].map(place).to_numpy(dtype=np.int64, na_value=-1)
    higher = table["log2_fold_change"].to_numpy(dtype=float) > 0
    groups = table["group"].to_numpy(dtype=str)
    marks = np.full(len(table), "", dtype=object)
    for group in GROUPS:
        here = groups == group
        for side, rows in (("test", here & higher), ("reference", here & ~higher)):
            marks[rows] = leaks[side][group][row[rows]]
    return table.assign(**{COLUMN: marks})
