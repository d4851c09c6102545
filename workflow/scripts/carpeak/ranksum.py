"""Wilcoxon rank-sum tests, AUC and fold changes over the columns of a sparse matrix.

Zeros are ranked analytically: only the non-zero values of a gene are sorted, so the matrix stays
sparse. All statistics are float64: with float32, p-values below 1e-45 become 0.

Why not a library: 15,000 x 20,000 with 17 groups and 26.6 million UMI entries, one thread, import
included, took 2.8 s here, 5.0 s with illico 0.6 and 167 s with scanpy 1.11, on the same machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import ndtr

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

PSEUDOCOUNT = 0.1
MARKER_COLUMNS = ["gene", "cluster", "log2_fold_change", "pct_in", "pct_out", "auc", "p_value", "p_adjusted"]
_CHUNK = 4_000_000  # non-zero values ranked at a time: bounds the working memory at about 250 MB


@dataclass(frozen=True)
class GroupSums:
    """Sums over the cells of each group, groups x genes, and the groups' sizes."""

    size: NDArray[np.int64]
    rank_sum: NDArray[np.float64]
    detected: NDArray[np.float64]
    total: NDArray[np.float64]  # sum of expm1(values): counts per 10,000 where values are log1p of them
    total_squares: NDArray[np.float64]
    ties: NDArray[np.float64]  # per gene: sum of t^3 - t over its groups of equal values, zeros included


def group_sums(log_counts: sparse.spmatrix, codes: NDArray[np.integer], n_groups: int) -> GroupSums:
    """Rank every gene over all cells (mid-ranks) and sum ranks, detections and means by group.

    `log_counts` is cells x genes, not negative; `codes` holds each cell's group, 0 to `n_groups` - 1.
    """
    columns = sparse.csc_matrix(log_counts)
    if columns.nnz and columns.data.min() <= 0:
        if columns.data.min() < 0:
            msg = "ranks over sparse columns need values that are not negative"
            raise ValueError(msg)
        columns = columns.copy()
        columns.eliminate_zeros()
    group = np.asarray(codes, dtype=np.int64)
    size = np.bincount(group, minlength=n_groups)
    n_genes = columns.shape[1]
    rank_sum, detected, total, total_squares = np.zeros((4, n_groups, n_genes))
    sums = GroupSums(size, rank_sum, detected, total, total_squares, np.zeros(n_genes))
    start = 0
    while start < n_genes:
        stop = int(np.searchsorted(columns.indptr, columns.indptr[start] + _CHUNK, side="right")) - 1
        stop = min(max(stop, start + 1), n_genes)
        _add_chunk(columns, start, stop, group, sums)
        start = stop
    zero_rank = (columns.shape[0] - detected.sum(axis=0) + 1) / 2
    rank_sum += (size[:, None] - detected) * zero_rank
    return sums


def _add_chunk(
    columns: sparse.csc_matrix, start: int, stop: int, codes: NDArray[np.int64], sums: GroupSums
) -> None:
    """Fill `sums` for the genes from `start` to `stop`; ranks of zeros are added by the caller."""
    indptr = columns.indptr[start : stop + 1].astype(np.int64)
    values = columns.data[indptr[0] : indptr[-1]]
    indptr = indptr - indptr[0]
    n_nonzero = np.diff(indptr)
    gene = np.repeat(np.arange(stop - start), n_nonzero)
    order = np.concatenate([np.argsort(values[a:b]) + a for a, b in pairwise(indptr)])
    ranks, ties = _midranks(values[order], gene, indptr, columns.shape[0] - n_nonzero)
    sums.ties[start:stop] = ties
    n_groups = len(sums.size)
    group = codes[columns.indices[columns.indptr[start] : columns.indptr[stop]]]
    cell = group * (stop - start) + gene
    cell_by_rank = cell[order]
    normalised = np.expm1(values.astype(np.float64))
    shape = (n_groups, stop - start)
    length = n_groups * (stop - start)
    for target, at, weights in (
        (sums.rank_sum, cell_by_rank, ranks),
        (sums.detected, cell, None),
        (sums.total, cell, normalised),
        (sums.total_squares, cell, normalised**2),
    ):
        target[:, start:stop] = np.bincount(at, weights, minlength=length).reshape(shape)


def _midranks(
    ordered: NDArray[np.floating],
    gene: NDArray[np.int64],
    indptr: NDArray[np.int64],
    n_zeros: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mid-ranks of the non-zero values, sorted within each gene, and the tie sum of each gene."""
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = (ordered[1:] != ordered[:-1]) | (gene[1:] != gene[:-1])
    begin = np.flatnonzero(first)
    length = np.diff(np.append(begin, len(ordered)))
    owner = gene[begin]
    middle = n_zeros[owner] + (begin - indptr[owner]) + (length + 1) / 2
    ties = np.bincount(owner, length.astype(np.float64) ** 3 - length, minlength=len(n_zeros))
    zeros = n_zeros.astype(np.float64)
    return np.repeat(middle, length), ties + zeros**3 - zeros


def rank_sum_test(
    rank_sum: NDArray[np.float64], n_test: ArrayLike, n_reference: ArrayLike, ties: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """AUC, z and two-sided p of the normal approximation with tie and continuity correction.

    `rank_sum` is the sum of the test cells' ranks. AUC is P(test > reference) + P(equal) / 2. Where all
    values are equal, p is 1 and z is 0. Same definition as `scipy.stats.mannwhitneyu(method="asymptotic")`.
    """
    test, reference = np.asarray(n_test, dtype=float), np.asarray(n_reference, dtype=float)
    both = test + reference
    u = rank_sum - test * (test + 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        auc = u / (test * reference)
        variance = test * reference / 12 * (both + 1 - ties / (both * (both - 1)))
        shift = u - test * reference / 2
        z = np.where(variance > 0, np.maximum(np.abs(shift) - 0.5, 0) / np.sqrt(variance), 0.0)
    p = np.minimum(2 * ndtr(-z), 1.0)
    return auc, np.sign(shift) * z, p


def fold_change(
    mean_test: ArrayLike, mean_reference: ArrayLike, *, pseudocount: float = PSEUDOCOUNT, base: float = 2.0
) -> NDArray[np.float64]:
    """Log ratio of two means of counts per 10,000, each with `pseudocount` added.

    The default, 0.1 per 10,000, is one UMI in every 40 cells of 2,500 UMIs. It keeps a gene seen in a
    handful of cells from infinite folds, and is small enough for genes seen in a tenth of the cells
    (about 0.4 per 10,000) to show a doubling as such (0.85). With 1, the custom of Seurat 3 and of
    scanpy in other forms, a gene at 0.2 per 10,000 could never reach a log2 fold change of 0.5,
    however often it doubled or vanished.
    """
    test, reference = np.asarray(mean_test, dtype=float), np.asarray(mean_reference, dtype=float)
    return np.log((test + pseudocount) / (reference + pseudocount)) / np.log(base)


def adjust(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini-Hochberg adjusted p-values of one family of tests."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")[::-1]
    ranks = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(p[order] * len(p) / ranks), 1.0)
    return adjusted


def one_vs_rest(
    log_counts: sparse.spmatrix,
    groups: ArrayLike,
    genes: Sequence[str],
    *,
    min_pct: float = 0.01,
    exclude: NDArray[np.bool_] | None = None,
    pseudocount: float = PSEUDOCOUNT,
) -> pd.DataFrame:
    """Test every gene in every group of cells against all other cells.

    `log_counts` is cells x genes, log1p of counts per 10,000; `groups` one label per cell (ordered as
    numbers where all are numbers); `exclude` masks genes never tested, namely the transgene. A gene is
    tested in a group if at least `min_pct` (a fraction) of the cells on either side express it;
    p-values are adjusted over the group's tested genes. Returns MARKER_COLUMNS, by group and from
    most significantly up to most significantly down. With fewer than two groups there are no rows.
    """
    labels, codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if all(label.isdigit() for label in labels):
        place = np.argsort([int(label) for label in labels], kind="stable")
        labels, codes = labels[place], np.argsort(place)[codes]
    if len(labels) < 2:
        return pd.DataFrame(columns=MARKER_COLUMNS)
    names = np.asarray(genes, dtype=object)
    allowed = np.ones(len(names), dtype=bool) if exclude is None else ~np.asarray(exclude, dtype=bool)
    sums = group_sums(log_counts, codes, len(labels))
    n_cells = int(sums.size.sum())
    detected, total = sums.detected.sum(axis=0), sums.total.sum(axis=0)
    frames = []
    for index, label in enumerate(labels):
        n_in = int(sums.size[index])
        n_out = n_cells - n_in
        pct_in, pct_out = sums.detected[index] / n_in, (detected - sums.detected[index]) / n_out
        tested = np.flatnonzero(allowed & (np.maximum(pct_in, pct_out) >= min_pct) & (detected > 0))
        auc, z, p = rank_sum_test(sums.rank_sum[index, tested], n_in, n_out, sums.ties[tested])
        # a difference of sums may leave -1e-17 where nothing is expressed
        mean_out = np.maximum(total[tested] - sums.total[index, tested], 0) / n_out
        frame = pd.DataFrame(
            {
                "gene": names[tested],
                "cluster": label,
                "log2_fold_change": fold_change(
                    sums.total[index, tested] / n_in, mean_out, pseudocount=pseudocount
                ),
                "pct_in": pct_in[tested],
                "pct_out": pct_out[tested],
                "auc": auc,
                "p_value": p,
                "p_adjusted": adjust(p),
            }
        )
        frames.append(frame.iloc[np.argsort(-z, kind="stable")])
    return pd.concat(frames, ignore_index=True)[MARKER_COLUMNS]


@dataclass(frozen=True)
class TwoGroups:
    """What `two_groups` finds; `table` has one row per tested gene, the arrays are aligned with it."""

    table: pd.DataFrame
    mean_test: NDArray[np.float64]
    mean_reference: NDArray[np.float64]
    variance_test: NDArray[np.float64]
    variance_reference: NDArray[np.float64]


def two_groups(
    log_counts: sparse.spmatrix,
    test: NDArray[np.bool_],
    genes: Sequence[str],
    *,
    min_pct: float = 0.01,
    exclude: NDArray[np.bool_] | None = None,
    pseudocount: float = PSEUDOCOUNT,
) -> TwoGroups:
    """Test every gene in the cells of the mask `test` against all other cells of the matrix.

    Arguments as for `one_vs_rest`. Rows keep the order of the genes; columns gene, log2_fold_change,
    pct_test, pct_reference, auc, p_value, p_adjusted. Means and variances (over cells, n - 1) are of
    counts per 10,000.
    """
    in_test = np.asarray(test, dtype=bool)
    sums = group_sums(log_counts, (~in_test).astype(np.int64), 2)
    n_test, n_reference = (int(n) for n in sums.size)
    if not n_test or not n_reference:
        msg = "both sides of a test need at least one cell"
        raise ValueError(msg)
    pct = sums.detected / sums.size[:, None]
    allowed = np.ones(len(genes), dtype=bool) if exclude is None else ~np.asarray(exclude, dtype=bool)
    tested = np.flatnonzero(allowed & (pct.max(axis=0) >= min_pct) & (pct.max(axis=0) > 0))
    auc, _, p = rank_sum_test(sums.rank_sum[0, tested], n_test, n_reference, sums.ties[tested])
    mean = sums.total[:, tested] / sums.size[:, None]
    spread = np.maximum(sums.total_squares[:, tested] - sums.size[:, None] * mean**2, 0)
    variance = spread / np.maximum(sums.size[:, None] - 1, 1)
    table = pd.DataFrame(
        {
            "gene": np.asarray(genes, dtype=object)[tested],
            "log2_fold_change": fold_change(mean[0], mean[1], pseudocount=pseudocount),
            "pct_test": pct[0, tested],
            "pct_reference": pct[1, tested],
            "auc": auc,
            "p_value": p,
            "p_adjusted": adjust(p),
        }
    )
    return TwoGroups(table, mean[0], mean[1], variance[0], variance[1])
