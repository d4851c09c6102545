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
    so that the ends are those of the genes that a study measured. In a study that taught nothing the ends lie
    `kept` times as far apart, and log odds are worth `temper` times as much. `share` is a beta prior of the
    high end's share among the cells it is asked of.
    """

    name: str
    weights: Mapping[str, float]
    parts: NDArray[np.float64]
    sd: float
    kept: float
    temper: float
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
        measured_part = max((high - low)[0] / (whole[1] - whole[0])[0], 0.0)
        width = self.sd * float(np.sqrt(max(measured_part, 0.05)))
        middle, half = (low + high) / 2, (high - low) / 2 * self.kept
        low, high = middle - half, middle + half
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
    return model_of(json.loads(Path(path).read_text(encoding="utf-8")))


def model_of(value: Mapping[str, Any]) -> Model:
    """The model that the parsed resource `value` describes."""
    axes = {
        name: Axis(
            name=name,
            weights={gene: row[0] for gene, row in axis["genes"].items()},
            parts=np.array([row[1:] for row in axis["genes"].values()]).reshape(-1, 2, 2),
            sd=axis["sd"],
            kept=axis["kept"],
            temper=axis["temper"],
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
