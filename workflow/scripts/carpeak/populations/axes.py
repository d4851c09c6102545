"""Where a T cell stands between two states: weighted genes, smoothed within its library, as a probability.

An axis has two ends (CD4 and CD8, naive and memory, ...). Its genes come from the literature, their weights
and the scores that both ends reach were fitted on sorted cells by `benchmarks/fit_states.py`, which wrote
workflow/resources/t_states.json. A classifier of a library (CellTypist, SingleR) would need its model or its
reference from the network and gives no probability that holds at another depth; measured: docs/states.md.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.special import expit, logit

from ..stats import graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The programmes whose rank scores stand beside every T cell's label
REPORTED = (
    "naive", "memory", "central_memory", "effector_memory", "cytotoxic", "regulatory", "exhausted",
    "interferon", "cycling", "gamma_delta", "mait",
)  # fmt: skip
COMPONENTS, NEIGHBORS = 10, 15
LEAST_CELLS = 5  # a gene seen in fewer cells of a library does not shape its space
MOST_DEVIATION = 10.0  # standard deviations; a rare gene's single UMI must not make a component
DEPTH = 3.3  # log10 UMIs at which an end's mean is stated ...
DEPTH_RANGE = (2.7, 3.9)  # ... and between which its slope was fitted
# The library may lie off the sorted cells by so many standard deviations; the prior is worth so many cells.
MOST_OFFSET, OFFSET_CELLS = 0.5, 200.0
# The share of the high end is drawn towards the middle as if so many more cells had been found evenly: where
# ends overlap, the share that fits best runs to 0 or 1 and would take a rare state's cells with it.
EVEN = 0.25
ROUNDS = 200
GROUPS_APART = (2.0, 3.0)  # widths between a library's own groups from which they count, and count alone
LEAST_GROUP, LEAST_GROUP_SHARE = 20.0, 0.02
MOST_MIDDLE = 1.5  # standard deviations


@dataclass(frozen=True)
class Ends:
    """The score at both ends of an axis, in cells whose end is known.

    `low` and `high` are mean at 2,000 UMIs and slope per tenfold depth, `sd` their common standard deviation.
    """

    low: tuple[float, float]
    high: tuple[float, float]
    sd: float

    def standardised(
        self, score: NDArray[np.float64], log_umis: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Score from the middle of the ends, and half their distance, both in standard deviations."""
        depth = np.clip(log_umis, *DEPTH_RANGE) - DEPTH
        low, high = (mean + slope * depth for mean, slope in (self.low, self.high))
        half = np.maximum(high - low, 0.5 * self.sd) / 2
        return (score - (low + high) / 2) / self.sd, half / self.sd


@dataclass(frozen=True)
class Axis:
    """One axis: gene weights, programmes at its ends, and the `Ends` of both lines of evidence.

    `parts` holds what each gene adds to the mean of the low and the high end (mean and slope, genes x 2 x 2),
    so that the ends are those of the genes that a study measured. `share` is a beta prior of the high end's
    share among the cells it is asked of.
    """

    name: str
    weights: Mapping[str, float]
    parts: NDArray[np.float64]
    sd: float
    programmes: tuple[Sequence[str], Sequence[str]]  # names of the programmes of the low and the high end
    ranks: Ends | None
    share: tuple[float, float]

    def ends(self, line: str, measured: Collection[str]) -> Ends:
        """The ends of a line of evidence where only the genes `measured` are.

        The deviation is taken to shrink with the root of the distance between the ends.
        """
        if line == "ranks":
            if self.ranks is None:
                msg = f"the axis {self.name} has no rank scores"
                raise ValueError(msg)
            return self.ranks
        here = np.array([gene in measured for gene in self.weights])
        low, high = self.parts[here].sum(axis=0)
        whole = self.parts.sum(axis=0)
        kept = max((high - low)[0] / (whole[1] - whole[0])[0], 0.0)
        width = self.sd * float(np.sqrt(max(kept, 0.05)))
        return Ends((low[0], low[1]), (high[0], high[1]), width)


@dataclass(frozen=True)
class Model:
    """What the sorted cells taught: axes by name, programmes (gene lists) by name."""

    axes: Mapping[str, Axis]
    programmes: Mapping[str, Sequence[str]]

    def genes(self) -> list[str]:
        """Every gene with a weight on some axis, each once, in order."""
        return list(dict.fromkeys(gene for axis in self.axes.values() for gene in axis.weights))

    def every_gene(self) -> list[str]:
        """Every gene that the states ask for: weights, programmes, and CD8A."""
        listed = [gene for genes in self.programmes.values() for gene in genes]
        return list(dict.fromkeys([*self.genes(), *listed, "CD8A"]))


def load(path: str | Path) -> Model:
    """Read workflow/resources/t_states.json."""
    value = json.loads(Path(path).read_text(encoding="utf-8"))
    axes = {
        name: Axis(
            name=name,
            weights={gene: row[0] for gene, row in axis["genes"].items()},
            parts=np.array([row[1:] for row in axis["genes"].values()]).reshape(-1, 2, 2),
            sd=axis["sd"],
            programmes=(tuple(axis["programmes"]["low"]), tuple(axis["programmes"]["high"])),
            ranks=None if axis["ranks"] is None else _ends(axis["ranks"]),
            share=tuple(axis["share"]),
        )
        for name, axis in value["axes"].items()
    }
    return Model(axes=axes, programmes=value["programmes"])


def _ends(value: Mapping[str, Any]) -> Ends:
    return Ends(tuple(value["low"]), tuple(value["high"]), value["sd"])


def log_expression(
    counts: sparse.csr_matrix, factors: NDArray[np.float64], genes: Sequence[str], wanted: Sequence[str]
) -> NDArray[np.float64]:
    """log1p counts per 10,000 of the `wanted` genes (cells x wanted; zero where a gene was not measured)."""
    place = {gene: i for i, gene in reversed(list(enumerate(genes)))}
    found = [i for i, gene in enumerate(wanted) if gene in place]
    result = np.zeros((counts.shape[0], len(wanted)))
    result[:, found] = counts[:, [place[wanted[i]] for i in found]].toarray()
    return np.log1p(result / factors[:, None])


def components(expression: NDArray[np.float64]) -> NDArray[np.float64]:
    """Principal components (cells x COMPONENTS) of one library's log expression, genes at unit variance."""
    spread = expression.std(axis=0)
    kept = ((expression > 0).sum(axis=0) >= LEAST_CELLS) & (spread > 0)
    scaled = (expression[:, kept] - expression[:, kept].mean(axis=0)) / spread[kept]
    scaled = np.clip(scaled, -MOST_DEVIATION, MOST_DEVIATION)
    _, vectors = np.linalg.eigh(scaled.T @ scaled / max(len(scaled), 1))
    return scaled @ vectors[:, ::-1][:, :COMPONENTS]


def average(expression: NDArray[np.float64]) -> sparse.csr_matrix:
    """The mean over each cell's neighbours as a matrix (cells x cells).

    Neighbours lie near in the principal components of the axes' genes (`expression`, cells x genes of one
    library).
    """
    n = len(expression)
    k = min(NEIGHBORS, n // 10)
    if k < 1:
        return sparse.identity(n, format="csr")
    indices, _ = graph.nearest(components(expression), k)
    k = indices.shape[1]
    values = np.full(indices.size, 1 / k)
    return sparse.csr_matrix((values, indices.ravel(), np.arange(0, indices.size + 1, k)), shape=(n, n))


def high_end(
    score: NDArray[np.float64],
    log_umis: NDArray[np.float64],
    ends: Ends,
    share: tuple[float, float],
    *,
    weight: NDArray[np.float64],
    evidence: NDArray[np.float64] | float = 0.0,
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """P(high end) per cell of one library, and what was found of the library.

    Two Gaussians of one width. Where the library shows two groups of its own (see `own_groups`) these are
    the ends; where it does not, those of the sorted cells (`ends`), shifted by the library's offset. The
    share of the high end and the offset are estimated (EM), counting each cell by `weight`, the chance that
    the question applies to it. `evidence` is added to the log odds. Found: `share`, `offset` and
    `separation` of the ends (standard deviations), `own` (0..1, how far the library's own groups decide)
    and `certainty`, the mean of the larger probability: what part of the cells is expected to be named
    right.
    """
    centred, half = ends.standardised(score, log_umis)
    total = weight.sum()
    own, (own_low, own_high), width = own_groups(centred, half, weight)
    low = (1 - own) * -half + own * own_low
    high = (1 - own) * half + own * own_high
    width = (1 - own) + own * width
    strength, middle = (high - low) / width**2, (low + high) / 2
    prior = np.array(share, dtype=float)
    if share[0] == share[1]:  # nothing is known of the share; and no library is surer than sorted cells are
        prior += EVEN * total / 2
        strength = np.minimum(strength, 2 * half)
    chance, offset = share[0] / sum(share), 0.0
    for _ in range(ROUNDS):
        posterior = expit(logit(chance) + strength * (centred - middle - offset) + evidence)
        new_chance = ((weight * posterior).sum() + prior[0]) / (total + prior.sum())
        misfit = posterior * (centred - high) + (1 - posterior) * (centred - low)
        new_offset = np.clip((weight * misfit).sum() / (total + OFFSET_CELLS), -MOST_OFFSET, MOST_OFFSET)
        moved = abs(new_chance - chance) + abs(new_offset - offset)
        chance, offset = float(new_chance), float(new_offset)
        if moved < 1e-6:
            break
    sure = np.maximum(posterior, 1 - posterior)
    asked = total > 1e-9
    found = {
        "share": chance,
        "offset": offset,
        "own": own,
        "separation": float(np.average((high - low) / width, weights=weight)) if asked else np.nan,
        "certainty": float(np.average(sure, weights=weight)) if asked else np.nan,
        "cells": float(total),
    }
    return posterior, found


def own_groups(
    centred: NDArray[np.float64], half: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, tuple[float, float], float]:
    """Two groups that a library shows by itself: how far to go by them (0..1), their means, their width.

    A mixture of two Gaussians of one width (EM from the sorted cells' ends). It counts fully where the
    means are GROUPS_APART[1] widths apart, which no single group gives, and not at all at GROUPS_APART[0]
    (Ashman 1994: 2), or where a group is rare, or the middle far from that of the sorted cells.
    """
    total = weight.sum()
    if total < LEAST_GROUP:
        return 0.0, (0.0, 0.0), 1.0
    spread = float(np.average(half, weights=weight))
    low, high, width, chance = -spread, spread, 1.0, 0.5
    for _ in range(ROUNDS):
        odds = logit(np.clip(chance, 1e-6, 1 - 1e-6)) + (high - low) / width**2 * (centred - (low + high) / 2)
        in_high = weight * expit(odds)
        in_low = weight - in_high
        low_new = (in_low * centred).sum() / max(in_low.sum(), 1e-9)
        high_new = (in_high * centred).sum() / max(in_high.sum(), 1e-9)
        square = (in_low * (centred - low_new) ** 2 + in_high * (centred - high_new) ** 2).sum() / total
        moved = abs(low_new - low) + abs(high_new - high)
        low, high, width = float(low_new), float(high_new), float(max(np.sqrt(square), 0.1))
        chance = float(in_high.sum() / total)
        if moved < 1e-5:
            break
    rare = min(chance, 1 - chance) * total < LEAST_GROUP or min(chance, 1 - chance) < LEAST_GROUP_SHARE
    if rare or abs(low + high) / 2 > MOST_MIDDLE:
        return 0.0, (low, high), width
    first, last = GROUPS_APART
    return float(np.clip(((high - low) / width - first) / (last - first), 0, 1)), (low, high), width
