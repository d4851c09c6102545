"""Who is in a library: barcodes, and the cells (one, two or none) whose RNA each of them holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import design
from .profiles import ACTIVITY
from .programmes import T_STATES

if TYPE_CHECKING:
    from numpy.typing import NDArray

EMPTY_PER_CELL = 2.6  # empty droplets per captured cell in the raw matrix


@dataclass
class DropletBarcodes:
    """The droplets of a library in the order of their sequences; `cell` marks those with a cell."""

    names: NDArray[np.str_]
    cell: NDArray[np.bool_]
    ambient: NDArray[np.float64]  # expected ambient UMIs


def draw_cells(library: design.LibraryDesign, number: int, rng: np.random.Generator) -> pd.DataFrame:
    """One row per cell of `number` cell barcodes; doublets have two rows with the same ``barcode`` number.

    Columns: barcode, kind (singlet, doublet, damaged), type, cycling, activity, origin, car, nuclear, mito
    and car_mean (expected UMIs).
    """
    doublets = round(design.DOUBLETS_PER_1000 * number / 1000 * number)
    singles = _types(library, number - doublets, rng)
    partners = rng.choice(singles, 2 * doublets) if doublets else singles[:0]
    cells = pd.DataFrame({"barcode": np.r_[np.arange(number), np.arange(number - doublets, number)]})
    cells["type"] = np.r_[singles, partners]
    cells["kind"] = np.where(cells["barcode"] >= number - doublets, "doublet", "singlet")
    nucleated = ~cells["type"].isin(["Red cell", "Platelet"])
    candidates = np.flatnonzero((cells["kind"] == "singlet") & nucleated)
    damaged = rng.choice(candidates, round(design.DAMAGED * len(candidates)), replace=False)
    cells.loc[damaged, "kind"] = "damaged"
    t_cell = cells["type"].isin(T_STATES).to_numpy()
    cells["cycling"] = t_cell & (rng.random(len(cells)) < library.cycling)
    activity = rng.choice(list(ACTIVITY), len(cells), p=list(ACTIVITY.values()))
    cells["activity"] = np.where(t_cell, activity, 1.0)
    cells["car"] = _transduced(library, cells, rng)
    group = cells["type"].where(~t_cell, "T")
    recipient = rng.random(len(cells)) < group.map(library.recipient).fillna(0.0).to_numpy()
    cells["origin"] = np.where(recipient & ~cells["car"], "recipient", "donor")
    return _amounts(library, cells, rng)


def _types(library: design.LibraryDesign, number: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """The types of `number` cells in random order: the library's shares, rounded."""
    shares = {kind: share for kind, share in library.kinds.items() if kind != "T"}
    shares |= {state: library.kinds["T"] * share for state, share in library.states.items()}
    edges = np.round(np.cumsum(list(shares.values())) * number).astype(int)
    types = np.repeat(list(shares), np.diff(edges, prepend=0))
    return rng.permutation(types)


def _transduced(
    library: design.LibraryDesign, cells: pd.DataFrame, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """True CAR cells: exactly the library's share of the T cells that sit alone in a droplet.

    Among them states differ by their odds (Gumbel top-k: sampling without replacement by weight). Partners
    of doublets are transduced at random with the library's share.
    """
    weight = cells["type"].map(design.CAR_ODDS).to_numpy()
    t_cell = ~np.isnan(weight)
    alone = t_cell & (cells["kind"] != "doublet").to_numpy()
    score = np.where(alone, np.log(np.where(t_cell, weight, 1.0)) + rng.gumbel(size=len(cells)), -np.inf)
    car = t_cell & ~alone & (rng.random(len(cells)) < library.transduced)
    car[np.argsort(-score, kind="stable")[: round(library.transduced * alone.sum())]] = True
    return car


def _amounts(library: design.LibraryDesign, cells: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Expected nuclear, mitochondrial and CAR UMIs of each cell."""
    n = len(cells)
    sizes = np.array([design.SIZES[t] for t in cells["type"]])
    total = library.depth * sizes[:, 0] * np.exp(rng.normal(0, sizes[:, 1]))
    total *= np.where(cells["cycling"], design.CYCLING_SIZE, 1.0)
    mito = np.array([design.MITO.get(t, design.MITO_NUCLEATED) for t in cells["type"]])
    share = mito[:, 0] * np.exp(rng.normal(0, mito[:, 1]))
    relative = total / (library.depth * sizes[:, 0])
    car = library.car_mean * relative * cells["type"].map(design.CAR_LEVEL).fillna(0.0) * cells["car"]
    capture = np.where(cells["kind"] == "doublet", rng.uniform(*design.DOUBLET_CAPTURE, n), 1.0)
    damaged = (cells["kind"] == "damaged").to_numpy()
    kept = np.where(damaged, rng.uniform(*design.DAMAGED_KEEP, n), 1.0)
    share = np.where(damaged, rng.uniform(*design.DAMAGED_MITO, n), share)
    nuclear = total * capture * kept * (1 - np.where(damaged, 0.0, share))
    result = cells.assign(nuclear=nuclear, mito=nuclear * share / (1 - share), car_mean=car * capture * kept)
    return result.assign(depth=relative * capture * kept)


def draw_barcodes(library: design.LibraryDesign, number: int, rng: np.random.Generator) -> DropletBarcodes:
    """`number` droplets with a cell among all droplets of the raw matrix, in the order of their sequences."""
    total = number + round(EMPTY_PER_CELL * number)
    codes = np.unique(rng.integers(0, 4**16, 2 * total))
    codes = np.sort(rng.choice(codes, total, replace=False))
    letters = np.array(list("ACGT"))[(codes[:, None] >> (2 * np.arange(15, -1, -1))) & 3]
    names = np.array(["".join(row) + "-1" for row in letters])
    cell = np.zeros(total, dtype=bool)
    cell[rng.choice(total, number, replace=False)] = True
    ambient = library.ambient * np.exp(rng.normal(-0.08, 0.4, total)) * np.where(cell, 1.0, 0.75)
    return DropletBarcodes(names, cell, ambient)
