"""Simulate one library: cells, ambient RNA, transgene, and the matrix of all droplets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import counts, design
from .cells import DropletBarcodes, draw_barcodes, draw_cells
from .profiles import SEGMENTS, Biology, Key
from .programmes import T_STATES

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

MITO_SIZE = 20.0  # NB size of the mitochondrial genes
SEGMENT_SIZE = 2.0


@dataclass
class Simulated:
    """A library: `matrix` is all droplets x all features (the transgene's last)."""

    name: str
    barcodes: DropletBarcodes
    matrix: sparse.csr_matrix
    cells: pd.DataFrame
    positions: NDArray[np.intp]  # number in `cells` of each cell barcode, in the order of the sequences
    car_umis: NDArray[np.int64]  # by number
    ambient: NDArray[np.float64]  # expected, by number
    means: dict[str, NDArray[np.float64]]

    @property
    def names(self) -> NDArray[np.str_]:
        """Barcodes that hold a cell."""
        return self.barcodes.names[self.barcodes.cell]


def simulate_library(
    library: design.LibraryDesign, biology: Biology, number: int, *, at_peak: bool, rng: np.random.Generator
) -> Simulated:
    """Draw a library of `number` captured cells; `at_peak` is its side of the batch effect."""
    cells = draw_cells(library, number, rng)
    barcodes = draw_barcodes(library, number, rng)
    positions = rng.permutation(number)
    place = np.empty(number, dtype=np.int32)
    place[positions] = np.flatnonzero(barcodes.cell)
    cells = cells.assign(row=place[cells["barcode"]])
    ambient = np.empty(number)
    ambient[positions] = barcodes.ambient[barcodes.cell]
    profiles = _profiles(library, biology, cells, sign=1.0 if at_peak else -1.0)
    soup, car_soup = _soup(biology, cells, profiles)
    rows = cells["row"].to_numpy(np.int32)
    n_genes = len(biology.genes)
    entries = _own_counts(biology, cells, profiles, rng)
    entries.append(_mito_counts(biology, cells, rows, rng))
    car, car_umis = _car_counts(cells, rows, n_genes, number, rng)
    every = np.arange(len(barcodes.names), dtype=np.int32)
    entries += [car, counts.poisson(np.r_[soup, car_soup], barcodes.ambient, every, rng=rng)]
    matrix = counts.gather(entries, (len(every), n_genes + len(design.FEATURES)))
    means = _means(biology, cells, profiles, ambient, soup / soup.sum())
    return Simulated(library.name, barcodes, matrix, cells, positions, car_umis, ambient, means)


Profiles = dict[Key, tuple["NDArray[np.intp]", "NDArray[np.float64]"]]


def _profiles(
    library: design.LibraryDesign, biology: Biology, cells: pd.DataFrame, *, sign: float
) -> Profiles:
    """For each kind of cell that occurs: the positions of its cells, and its profile."""
    columns = ["type", "cycling", "activity", "origin"]
    result: Profiles = {}
    for (kind, cycling, activity, origin), group in cells.reset_index(drop=True).groupby(columns, sort=True):
        key = Key(str(kind), bool(cycling), float(str(activity)), str(origin))
        result[key] = group.index.to_numpy(np.intp), biology.profile(key, sign=sign, at_peak=library.at_peak)
    return result


def _own_counts(
    biology: Biology, cells: pd.DataFrame, profiles: Profiles, rng: np.random.Generator
) -> list[counts.Entries]:
    """Nuclear genes; a T or B cell uses one V gene of each kind, so that V genes are drawn apart."""
    rows, nuclear = cells["row"].to_numpy(np.int32), cells["nuclear"].to_numpy()
    entries = []
    for key, (chosen, profile) in profiles.items():
        common = profile.copy()
        name = "T" if key.kind in T_STATES else key.kind
        if name in SEGMENTS:
            segments = biology.segments[name]
            common[segments] = 0.0
            share = profile[segments]
            used = segments[rng.choice(len(segments), len(chosen), p=share / share.sum())]
            rate = nuclear[chosen] * share.sum()
            umis = rng.poisson(rate * rng.gamma(SEGMENT_SIZE, 1 / SEGMENT_SIZE, len(chosen)))
            entries.append(counts.Entries(rows[chosen], used.astype(np.int32), umis.astype(np.int32)))
        entries += counts.negative_binomial(common, nuclear[chosen], biology.size, rows[chosen], rng=rng)
    return entries


def _mito_counts(
    biology: Biology, cells: pd.DataFrame, rows: NDArray[np.int32], rng: np.random.Generator
) -> counts.Entries:
    genes = np.flatnonzero(biology.mito_profile)
    rates = cells["mito"].to_numpy()[:, None] * biology.mito_profile[genes]
    umis = rng.poisson(rates * rng.gamma(MITO_SIZE, 1 / MITO_SIZE, rates.shape))
    row, column = np.nonzero(umis)
    return counts.Entries(rows[row], genes[column].astype(np.int32), umis[row, column].astype(np.int32))


def _car_counts(
    cells: pd.DataFrame, rows: NDArray[np.int32], first: int, number: int, rng: np.random.Generator
) -> tuple[counts.Entries, NDArray[np.int64]]:
    """Own CAR UMIs, negative binomial in sum and split between the features; their number per barcode."""
    rates = cells["car_mean"].to_numpy() * rng.gamma(design.CAR_SIZE, 1 / design.CAR_SIZE, len(cells))
    umis = rng.poisson(rates[:, None] * np.array(list(design.FEATURES.values())))
    row, column = np.nonzero(umis)
    own = np.bincount(cells["barcode"], weights=umis.sum(axis=1), minlength=number).astype(np.int64)
    features = (first + column).astype(np.int32)
    return counts.Entries(rows[row], features, umis[row, column].astype(np.int32)), own


def _soup(
    biology: Biology, cells: pd.DataFrame, profiles: Profiles
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The library's ambient profile: the average of all its cells' RNA; genes, and transgene features."""
    total = cells["mito"].sum() * biology.mito_profile
    for chosen, profile in profiles.values():
        total = total + cells["nuclear"].to_numpy()[chosen].sum() * profile
    car = cells["car_mean"].sum() * np.array(list(design.FEATURES.values()))
    everything = total.sum() + car.sum()
    return total / everything, car / everything


def _means(
    biology: Biology,
    cells: pd.DataFrame,
    profiles: Profiles,
    ambient: NDArray[np.float64],
    soup: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Expected counts per 10,000 of the intact single cells of each type, resting (0) and cycling (1)."""
    single = (cells["kind"] == "singlet").to_numpy()
    parts = np.column_stack([cells["nuclear"], cells["mito"], ambient[cells["barcode"]]])
    parts = 1e4 * parts / parts.sum(axis=1, keepdims=True)
    sums: dict[str, NDArray[np.float64]] = {}
    numbers: dict[str, int] = {}
    for key, (chosen, profile) in profiles.items():
        mine = parts[chosen[single[chosen]]].sum(axis=0)
        label = f"{key.kind}|{int(key.cycling)}"
        value = mine[0] * profile + mine[1] * biology.mito_profile + mine[2] * soup
        sums[label] = sums.get(label, 0.0) + value
        numbers[label] = numbers.get(label, 0) + int(single[chosen].sum())
    return {label: value / numbers[label] for label, value in sorted(sums.items()) if numbers[label]}
