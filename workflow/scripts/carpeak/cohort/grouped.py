"""Comparing groups of patients: which test is used where, and what each usual test would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

EXPECTED_LIMIT = 5  # Cochran (1954): chi-square needs expected counts of about 5
YATES_TOTAL = 40  # below it the rule by expected counts takes Fisher's test
EXACT_TABLES = 200_000  # beyond it an exact test of a larger table is not enumerated
SAMPLED = 20_000
EXACT_RANKS = 20  # patients in both groups up to which Mann-Whitney is exact


@dataclass(frozen=True)
class Test:
    """A test: its key, the P value, and the key of the rule that chose it."""

    __test__ = False  # not a test of pytest

    method: str
    p: float
    rule: str = ""


def counted(table: ArrayLike) -> Test:
    """The test of a table of counts: Fisher's where an expected count is below 5, else chi-square.

    Rows or columns without any count are left out. Missing P where less than two rows or columns remain.
    """
    kept = _without_empty(table)
    if min(kept.shape) < 2:
        return Test("none", np.nan, "one_group")
    small = _expected(kept).min() < EXPECTED_LIMIT
    if not small:
        return Test("chi_square", chi_square(kept), "expected_large")
    exact = fisher(kept)
    if np.isnan(exact):
        return Test("fisher_sampled", _sampled(kept), "too_many_tables")
    return Test("fisher", exact, "expected_small")


def usual(table: ArrayLike) -> dict[str, float]:
    """P values of every usual test of a table of counts, by key.

    `expected_counts` is the rule of many textbooks and of SPSS's users for 2 x 2 tables: chi-square where all
    expected counts reach 5, with Yates' correction where the smallest lies from 1 to 5 and there are at least
    40 patients, else Fisher's test. For larger tables it is chi-square.
    """
    kept = _without_empty(table)
    if min(kept.shape) < 2:
        return {}
    square = kept.shape == (2, 2)
    found = {"chi_square": chi_square(kept)}
    if square:
        found["yates"] = chi_square(kept, yates=True)
    found["fisher"] = fisher(kept)
    found["likelihood_ratio"] = chi_square(kept, likelihood=True)
    smallest = _expected(kept).min()
    if not square or smallest >= EXPECTED_LIMIT:
        found["expected_counts"] = found["chi_square"]
    elif smallest >= 1 and kept.sum() >= YATES_TOTAL:
        found["expected_counts"] = found["yates"]
    else:
        found["expected_counts"] = found["fisher"]
    return {name: p for name, p in found.items() if not np.isnan(p)}


def chi_square(table: ArrayLike, *, yates: bool = False, likelihood: bool = False) -> float:
    """P of Pearson's (or the likelihood ratio's) chi-square test, with Yates' correction if asked (scipy)."""
    from scipy.stats import chi2_contingency

    statistic = "log-likelihood" if likelihood else "pearson"
    return float(chi2_contingency(np.asarray(table), correction=yates, lambda_=statistic).pvalue)


def fisher(table: ArrayLike) -> float:
    """Two-sided exact P: tables of the same margins that are at most as likely as this one.

    scipy for 2 x 2; r x 2 tables (Freeman and Halton 1951) are enumerated here, as scipy only samples them.
    Missing for other shapes and beyond EXACT_TABLES.
    """
    from scipy.stats import fisher_exact

    counts = np.asarray(table, dtype=int)
    if counts.shape == (2, 2):
        return float(fisher_exact(counts).pvalue)
    if counts.shape[0] == 2:
        counts = counts.T
    if counts.shape[1] != 2 or np.prod(counts.sum(axis=1) + 1.0) > EXACT_TABLES:
        return float("nan")
    return _freeman_halton(counts)


def _sampled(counts: NDArray[np.int_]) -> float:
    """P of Fisher's test from SAMPLED random tables of the same margins, with a fixed seed (scipy)."""
    from scipy.stats import MonteCarloMethod, fisher_exact

    method = MonteCarloMethod(n_resamples=SAMPLED, rng=np.random.default_rng(0))
    # scipy 1.17 gives a number for some shapes and an array of one for others.
    return float(np.ravel(fisher_exact(counts, method=method).pvalue).item())


def _freeman_halton(counts: NDArray[np.int_]) -> float:
    """Exact P of an r x 2 table; log weights are sums of log binomials of the rows."""
    from scipy.special import gammaln

    def log_choose(n: NDArray[np.int_] | int, k: NDArray[np.int_]) -> NDArray[np.float64]:
        return gammaln(np.add(n, 1)) - gammaln(k + 1) - gammaln(np.subtract(n, k) + 1)

    sizes, first = counts.sum(axis=1), int(counts[:, 0].sum())
    sums, weights = np.zeros(1, dtype=int), np.zeros(1)
    for size in sizes:
        here = np.arange(size + 1)
        sums = (sums[:, None] + here[None, :]).ravel()
        weights = (weights[:, None] + log_choose(int(size), here)[None, :]).ravel()
        kept = sums <= first
        sums, weights = sums[kept], weights[kept]
    weights = weights[sums == first]
    observed = float(sum(log_choose(int(size), np.array(n)) for size, n in zip(sizes, counts[:, 0])))
    shares = np.exp(weights - weights.max())
    return float(min(1.0, shares[weights <= observed + 1e-7].sum() / shares.sum()))


def ranked(groups: Sequence[ArrayLike]) -> Test:
    """Mann-Whitney's test of two groups (exact where small), Kruskal-Wallis' of more (scipy)."""
    from scipy.stats import kruskal, mannwhitneyu

    held = [np.asarray(values, dtype=float) for values in groups]
    held = [values[~np.isnan(values)] for values in held]
    held = [values for values in held if values.size]
    together = np.concatenate(held) if held else np.empty(0)
    if len(held) < 2 or np.unique(together).size < 2:
        return Test("none", np.nan, "one_group")
    if len(held) > 2:
        return Test("kruskal_wallis", float(kruskal(*held).pvalue), "more_than_two_groups")
    ties = np.unique(together).size < together.size
    exact = together.size <= EXACT_RANKS
    if exact and ties:
        return Test("mann_whitney_exact", _permuted_ranks(held), "small")
    method = "exact" if exact else "asymptotic"
    p = float(mannwhitneyu(*held, method=method).pvalue)
    return Test(f"mann_whitney_{method}", p, "small" if exact else "large")


def _permuted_ranks(groups: Sequence[NDArray[np.float64]]) -> float:
    """Exact two-sided P of the rank sum with ties, over all ways to choose the first group.

    Counted by dynamic programming over doubled midranks (Streitberg and Roehmel 1986); scipy's exact method
    takes no ties.
    """
    from scipy.stats import rankdata

    doubled = np.rint(2 * rankdata(np.concatenate(groups))).astype(int)
    size, observed = len(groups[0]), int(doubled[: len(groups[0])].sum())
    ways = subset_sums(doubled, size)
    centre = doubled.sum() * size / len(doubled)
    sums = np.arange(ways.size)
    extreme = np.abs(sums - centre) >= abs(observed - centre) - 1e-9
    return float(ways[extreme].sum() / ways.sum())


def subset_sums(scores: NDArray[np.int_], size: int) -> NDArray[np.float64]:
    """In how many ways `size` of the whole non-negative `scores` add up to each sum (index)."""
    ways = np.zeros((size + 1, int(scores.sum()) + 1))
    ways[0, 0] = 1
    for score in scores:
        for k in range(size, 0, -1):
            ways[k, score:] += ways[k - 1, : ways.shape[1] - score]
    return ways[size]


def table_of(
    rows: Sequence[object], columns: Sequence[object]
) -> tuple[list[object], list[object], NDArray[np.int_]]:
    """Counts of two categories of the same patients; patients without either are left out."""
    pairs = [(r, c) for r, c in zip(rows, columns) if not _missing(r) and not _missing(c)]
    row_names = sorted({r for r, _ in pairs}, key=str)
    column_names = sorted({c for _, c in pairs}, key=str)
    counts = np.zeros((len(row_names), len(column_names)), dtype=int)
    for r, c in pairs:
        counts[row_names.index(r), column_names.index(c)] += 1
    return row_names, column_names, counts


def rule_for_all(tables: Mapping[str, Mapping[str, bool]]) -> list[str]:
    """Keys of the tests that reproduce every one of several printed P values.

    `tables` says per statement which test reproduces its P.
    """
    tests = dict.fromkeys(name for agreed in tables.values() for name in agreed)
    return [name for name in tests if all(agreed.get(name, False) for agreed in tables.values())]


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _without_empty(table: ArrayLike) -> NDArray[np.int_]:
    counts = np.asarray(table, dtype=int)
    return counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]


def _expected(counts: NDArray[np.int_]) -> NDArray[np.float64]:
    return np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
