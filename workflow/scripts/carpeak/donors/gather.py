"""The cells of a run as the donors' statistics need them: labels, calls, donors and sorts in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import composition
from ..io import join_cells
from ..stats import matrix
from . import evidence

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from numpy.typing import NDArray

    from ..comparison.gene_sets import GeneSet
    from .audit import Library
    from .evidence import Variant


def gather(
    counts: AnnData,
    labels: pd.DataFrame,
    t_labels: pd.DataFrame,
    calls: pd.DataFrame,
    *,
    libraries: Sequence[Library],
) -> dict[str, Any]:
    """The parts of `evidence.Evidence` that come from cells: cells, counts, n_umis and genes.

    `labels`, `t_labels` and `calls` are keyed by cell, as the annotation and the caller wrote them; `calls`
    may hold other cells too. The transgene counts in no depth.
    """
    obs = counts.obs[["sample", "condition", "donor"]].astype(str).rename_axis("cell").reset_index()
    calls = calls[calls["cell"].isin(set(obs["cell"]))]
    cells = composition.gather(obs, labels, t_labels, calls)
    cells = join_cells(cells, calls, columns=["car_probability"])
    cells = join_cells(cells, labels.rename(columns={"margin": "type_margin"}), columns=["type_margin"])
    margins = t_labels.rename(columns={"margin": "t_margin"})
    cells = join_cells(cells, margins, columns=["t_margin"], subset=True)
    transgene = counts.var["transgene"].to_numpy(dtype=bool)
    return {
        "cells": cells.assign(sort=cells["sample"].map({one.sample: one.sort for one in libraries})),
        "counts": counts.X,
        "n_umis": matrix.size_factors(counts.X, exclude=transgene) * matrix.TARGET_SUM,
        "genes": np.array(counts.var_names, dtype=str),
    }


def variants(cells: pd.DataFrame, *, rule: str, seed: int) -> list[Variant]:
    """The main analysis and its variants (see `evidence.variants_of`) for a study with this CAR `rule`.

    Each donor's libraries are thinned to the shallowest of the same donor: a poor library of one patient
    takes nothing from the others.
    """
    left: NDArray[np.bool_] | None = None
    if rule != "sorted":
        left = np.zeros(len(cells), dtype=bool)
        for _, rows in sorted(cells.groupby("donor").indices.items()):
            left[rows] = composition.thinned(cells.iloc[rows], seed).to_numpy() >= 1
    return evidence.variants_of(cells, thinned=left, rule=rule)


def sets(libraries: Mapping[str, Sequence[GeneSet]], wanted: Sequence[str]) -> dict[str, frozenset[str]]:
    """The genes of the `wanted` terms by their id, from the first library that has each."""
    found: dict[str, frozenset[str]] = {}
    for library in libraries.values():
        for one in library:
            if one.term_id in wanted and one.term_id not in found:
                found[one.term_id] = frozenset(one.genes)
    return found
