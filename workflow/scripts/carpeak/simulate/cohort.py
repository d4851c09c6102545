"""Several donors of the demo: each with its own strength of change, composition, CAR share, depth and cells.

The spreads are round numbers of the size that cohorts show (between-donor sd of a log2 change about 0.5, of
the logit of a share about 0.4), chosen before any result was looked at. From four donors on, the last has few
cells and the one before it a failed peak library: what real cohorts bring along.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import design
from .profiles import BATCH_LIMIT, BATCH_SD, Biology

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRENGTH_SD = 0.3  # of the planted changes, which are 1 in the mean
LEVEL_SD = 0.25  # log2, each gene, between donors, alike on both sides
STATES_SD = 0.35  # of the logarithm of a state's share
CAR_SD = 0.4  # of the logit of the transduced share
DEPTH_SD, CELLS_SD = 0.25, 0.25  # of the logarithms
FAULTY_FROM = 4
FEW = 0.12  # share of its cells that the donor with few cells keeps
FAILED_DEPTH, FAILED_CELLS = 0.15, 0.3


@dataclass(frozen=True, eq=False)
class DonorDesign:
    """One donor: its own levels and effects, and per library the design and the number of cells."""

    name: str
    nature: Biology
    libraries: tuple[tuple[design.LibraryDesign, int], ...]


def donors(
    nature: Biology, number: int, *, cells: int, variant: design.Variant, seed: int
) -> list[DonorDesign]:
    """`number` donors around the common `nature`, with about `cells` captured cells in all libraries."""
    found = []
    for rank in range(1, number + 1):
        rng = np.random.default_rng([seed, 100, rank])
        faulty = number >= FAULTY_FROM
        share = np.exp(rng.normal(0, CELLS_SD)) * (FEW if faulty and rank == number else 1)
        depth = np.exp(rng.normal(0, DEPTH_SD))
        libraries = []
        for library in design.libraries(variant):
            failed = faulty and rank == number - 1 and library.name == "peak"
            own = _library(library, rank, depth * (FAILED_DEPTH if failed else 1), rng)
            count = round(cells / number * library.share * share * (FAILED_CELLS if failed else 1))
            libraries.append((own, max(count, design.MIN_CELLS_LIBRARY)))
        found.append(DonorDesign(f"D{rank}", _nature(nature, rng), tuple(libraries)))
    return found


def _nature(nature: Biology, rng: np.random.Generator) -> Biology:
    """The donor's own levels, batch and strength of change."""
    shift = rng.normal(0, LEVEL_SD, len(nature.genes))
    strength = max(rng.normal(1, STRENGTH_SD), 0.1)
    batch = np.clip(rng.normal(0, BATCH_SD, len(shift)), -BATCH_LIMIT * BATCH_SD, BATCH_LIMIT * BATCH_SD)
    return dataclasses.replace(
        nature,
        log_levels={kind: levels + shift for kind, levels in nature.log_levels.items()},
        planted={state: strength * effect for state, effect in nature.planted.items()},
        batch=batch,
    )


def _library(
    library: design.LibraryDesign, rank: int, depth: float, rng: np.random.Generator
) -> design.LibraryDesign:
    odds = np.log(library.transduced / (1 - library.transduced)) + rng.normal(0, CAR_SD)
    return dataclasses.replace(
        library,
        name=f"D{rank}_{library.name}",
        depth=library.depth * depth,
        car_mean=library.car_mean * depth,
        states=_spread(library.states, rng),
        transduced=float(1 / (1 + np.exp(-odds))),
    )


def _spread(shares: dict[str, float], rng: np.random.Generator) -> dict[str, float]:
    values: NDArray[np.float64] = np.array(list(shares.values())) * np.exp(
        rng.normal(0, STATES_SD, len(shares))
    )
    return dict(zip(shares, (values / values.sum()).tolist(), strict=True))
