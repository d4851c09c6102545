"""Which droplets of an unfiltered matrix hold a cell.

As in Cell Ranger since version 3: a droplet is a cell when it holds at least a tenth of the RNA of the
largest cells, or when its RNA differs from what floats in the suspension more than chance allows
(EmptyDrops; Lun et al., Genome Biology 2019;20:63). The first half matters for infusion products: where
nearly all cells are of one type, what floats is that type's RNA, and no test tells the two apart.

No Python library offers EmptyDrops; P values agree with R's DropletUtils (r >= 0.9998).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..stats import good_turing

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

METHOD = "Cell Ranger's order of magnitude, then EmptyDrops"
EMPTY_UP_TO = 100  # UMIs; the customary bound up to which a droplet holds no cell
FDR = 0.001  # as Lun et al. use it
DRAWS = 10_000  # of every total
BLOCK = 4_000_000  # numbers held at a time while drawing
CONCENTRATIONS = (0.01, 10_000.0)  # bounds of the search
LARGEST_QUANTILE = 0.99
MAGNITUDE = 10
MAX_CELLS = 45_000  # that one library may be expected to hold
OUTRIGHT_FROM = 500  # UMIs
TIE = 1e-7  # of log likelihoods that differ by rounding only


class AmbientProfile(NamedTuple):
    """What floats: the share of each gene, and how little droplets differ (Dirichlet concentration)."""

    shares: NDArray[np.float64]
    concentration: float
    droplets: int
    umis: int


def call_cells(
    counts: sparse.csr_matrix, *, exclude: NDArray[np.bool_], seed: int
) -> tuple[NDArray[np.bool_], dict[str, Any]]:
    """Say which droplets hold a cell, and how that was found (JSON values).

    `counts` is droplets x genes (UMIs), `exclude` masks genes that must not decide, namely the transgene: a
    droplet is no cell because it holds a CAR. Droplets with at most `EMPTY_UP_TO` UMIs are never cells; they
    give the ambient profile. P values come from `DRAWS` droplets drawn from it, and are adjusted after
    Benjamini and Hochberg over all larger droplets. The same seed gives the same cells.
    """
    from scipy.stats import false_discovery_control

    genes = np.flatnonzero(~exclude & (np.asarray(counts.sum(axis=0)).ravel() > 0))
    totals = np.asarray(counts.sum(axis=1, dtype=np.int64)).ravel()
    large = np.flatnonzero(totals > EMPTY_UP_TO)
    ambient = ambient_profile(counts[np.flatnonzero((totals > 0) & (totals <= EMPTY_UP_TO))][:, genes])
    limit = outright(totals)
    p_values = np.zeros(len(large))
    tested = np.flatnonzero(totals[large] < limit)
    if len(tested):
        p_values[tested] = chance(counts[large[tested]][:, genes], ambient, seed=seed)
    is_cell = np.zeros(len(totals), dtype=bool)
    is_cell[large] = false_discovery_control(p_values, method="bh") <= FDR if len(large) else False
    return is_cell, {
        "method": METHOD,
        "fdr": FDR,
        "empty_up_to": EMPTY_UP_TO,
        "droplets": int((totals > 0).sum()),
        "ambient_droplets": ambient.droplets,
        "ambient_umis": ambient.umis,
        "concentration": ambient.concentration,
        "outright_from": limit,
        "outright": int((totals >= limit).sum()),
        "tested": len(tested),
        "cells": int(is_cell.sum()),
    }


def outright(totals: NDArray[np.integer]) -> int:
    """UMIs from which a droplet is a cell without a test: a tenth of what the largest cells hold.

    Cell Ranger's rule. Of x expected cells the largest are those at the 99th percentile; x is the number
    that comes closest to the number of droplets the rule then finds, by (found - x)^2 / x. Never below
    `OUTRIGHT_FROM`, since a library without cells has largest droplets, too.
    """
    ordered = np.sort(totals[totals > 0])
    if not len(ordered):
        return OUTRIGHT_FROM
    expected = np.unique(np.round(np.logspace(1, np.log2(MAX_CELLS), 2000, base=2)).astype(np.int64))
    largest = np.minimum(np.round(expected * (1 - LARGEST_QUANTILE)).astype(np.int64), len(ordered) - 1)
    cutoff = np.maximum(np.round(ordered[::-1][largest] / MAGNITUDE), 1).astype(np.int64)
    found = len(ordered) - np.searchsorted(ordered, cutoff)
    return max(int(cutoff[((found - expected) ** 2 / expected).argmin()]), OUTRIGHT_FROM)


def ambient_profile(empty: sparse.csr_matrix) -> AmbientProfile:
    """The profile of `empty` (droplets without a cell x genes): `goodturing.proportions` of their sum.

    How little droplets differ is the concentration of a Dirichlet-multinomial of greatest likelihood.
    """
    sums = np.asarray(empty.sum(axis=0, dtype=np.int64)).ravel()
    shares = good_turing.proportions(sums)
    if not empty.shape[0]:
        return AmbientProfile(shares, CONCENTRATIONS[1], 0, 0)
    return AmbientProfile(shares, _concentration(empty, shares), empty.shape[0], int(sums.sum()))


def _concentration(empty: sparse.csr_matrix, shares: NDArray[np.float64]) -> float:
    from scipy.optimize import minimize_scalar
    from scipy.special import gammaln

    # equal terms are summed once: there are far fewer pairs of gene and count than entries
    widest = int(empty.data.max()) + 1
    pairs = np.bincount(empty.indices.astype(np.int64) * widest + empty.data)
    kinds = np.flatnonzero(pairs)
    gene, count, times = kinds // widest, kinds % widest, pairs[kinds]
    totals = np.asarray(empty.sum(axis=1, dtype=np.int64)).ravel()
    sizes, droplets = np.unique(totals, return_counts=True)

    def cost(log_concentration: float) -> float:
        a = np.exp(log_concentration)
        own = a * shares[gene]
        within = (times * (gammaln(count + own) - gammaln(own))).sum()
        return float(-within - (droplets * (gammaln(a) - gammaln(sizes + a))).sum())

    found = minimize_scalar(cost, bounds=np.log(CONCENTRATIONS), method="bounded")
    return float(np.exp(found.x))


def log_likelihood(counts: sparse.csr_matrix, ambient: AmbientProfile) -> NDArray[np.float64]:
    """Log likelihood of each droplet (rows of `counts`) under the Dirichlet-multinomial of `ambient`."""
    from scipy.special import gammaln

    own = ambient.concentration * ambient.shares
    values, genes = counts.data, own[counts.indices]
    terms = gammaln(values + genes) - gammaln(genes) - gammaln(values + 1.0)
    sums = np.concatenate([[0.0], np.cumsum(terms)])[counts.indptr]
    totals = np.asarray(counts.sum(axis=1, dtype=np.int64)).ravel()
    a = ambient.concentration
    return np.diff(sums) + gammaln(totals + 1.0) + gammaln(a) - gammaln(totals + a)


def chance(counts: sparse.csr_matrix, ambient: AmbientProfile, *, seed: int) -> NDArray[np.float64]:
    """Monte-Carlo P value of each droplet: how often a droplet of ambient RNA alone is as unlikely.

    Every draw is one droplet that is filled UMI by UMI, so that it serves all totals on its way.
    """
    totals = np.asarray(counts.sum(axis=1, dtype=np.int64)).ravel()
    observed = log_likelihood(counts, ambient)
    sizes, column = np.unique(totals, return_inverse=True)
    generator = np.random.default_rng(seed)
    at_once = max(1, BLOCK // max(int(sizes[-1]), len(totals)))
    below = np.zeros(len(totals), np.int64)
    done = 0
    while done < DRAWS:
        draws = min(at_once, DRAWS - done)
        drawn = _draw(draws, int(sizes[-1]), ambient, generator)
        simulated = _filling(drawn, ambient)[:, sizes - 1]
        below += (simulated[:, column] <= observed + TIE).sum(axis=0)
        done += draws
    return (below + 1) / (DRAWS + 1)


def _draw(
    draws: int, size: int, ambient: AmbientProfile, generator: np.random.Generator
) -> NDArray[np.integer]:
    """`draws` x `size` genes, UMI by UMI, of Dirichlet-multinomial droplets (Polya's urn).

    A UMI is a new one of the ambient profile, or the copy of an earlier one of its droplet.
    """
    n_genes = len(ambient.shares)
    small = np.uint16 if n_genes <= np.iinfo(np.uint16).max else np.int32  # sorted by radix
    # independent draws: how often each gene occurs among all, then in random order
    often = generator.multinomial(draws * size, ambient.shares / ambient.shares.sum())
    fresh: NDArray[Any] = np.repeat(np.arange(n_genes, dtype=small), often)
    generator.shuffle(fresh)
    drawn = fresh.reshape(draws, size)
    place = np.arange(size)
    pick = generator.random((draws, size)) * (ambient.concentration + place)
    copied = pick >= ambient.concentration
    row, at = np.nonzero(copied)
    source = np.minimum((pick[row, at] - ambient.concentration).astype(np.intp), at - 1)
    parent = np.broadcast_to(place, (draws, size)).copy()
    parent[row, at] = source
    while len(row):  # a copy of a copy: follow both at once, so that chains halve
        further = parent[row, parent[row, at]]
        moves = further != parent[row, at]
        parent[row, at] = further
        row, at = row[moves], at[moves]
    return np.take_along_axis(drawn, parent, axis=1)


def _filling(drawn: NDArray[np.integer], ambient: AmbientProfile) -> NDArray[np.float64]:
    """Log likelihood of each drawn droplet after its 1st, 2nd, ... UMI (draws x UMIs)."""
    size = drawn.shape[1]
    order = np.argsort(drawn, axis=1, kind="stable")
    ordered = np.take_along_axis(drawn, order, axis=1)
    first = np.ones(drawn.shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    place = np.arange(size)
    run = place - np.maximum.accumulate(np.where(first, place, 0), axis=1)
    earlier = np.empty(drawn.shape, np.int64)  # UMIs of the same gene before this one
    np.put_along_axis(earlier, order, run, axis=1)
    a = ambient.concentration
    own = (a * ambient.shares)[drawn]
    steps = np.log((own + earlier) / (earlier + 1.0)) + np.log((place + 1.0) / (a + place))
    return np.cumsum(steps, axis=1)
