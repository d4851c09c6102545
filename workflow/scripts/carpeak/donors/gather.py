"""The cells of a run as the donors' statistics need them: labels, calls, donors and sorts in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import composition
from ..io import join_cells
from ..stats import matrix, stored
from . import audit
from .evidence import Evidence, Variant, variants_of

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from numpy.typing import NDArray

    from ..comparison.gene_sets import GeneSet


def evidence(
    counts: AnnData,
    labels: pd.DataFrame,
    t_labels: pd.DataFrame,
    calls: pd.DataFrame,
    *,
    contrast: str,
    contrasts: Mapping[str, Mapping[str, str]],
    libraries: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    seed: int,
    formula: str | None = None,
    sets: Mapping[str, frozenset[str]] | None = None,
) -> Evidence:
    """What effects are measured on, from the tables of a run.

    `labels`, `t_labels` and `calls` are keyed by cell, as the annotation and the caller wrote them; `calls`
    may hold other cells too. `libraries` are the fields of `audit.Library`, `options` the configuration's
    ``donors``. The transgene counts in no depth.
    """
    known = [audit.Library(**one) for one in libraries]
    obs = counts.obs[["sample", "condition", "donor"]].astype(str).rename_axis("cell").reset_index()
    calls = calls[calls["cell"].isin(set(obs["cell"]))]
    cells = composition.gather(obs, labels, t_labels, calls)
    cells = join_cells(cells, calls, columns=["car_probability"])
    cells = join_cells(cells, labels.rename(columns={"margin": "type_margin"}), columns=["type_margin"])
    margins = t_labels.rename(columns={"margin": "t_margin"})
    cells = join_cells(cells, margins, columns=["t_margin"], subset=True)
    transgene = counts.var["transgene"].to_numpy(dtype=bool)
    return Evidence(
        cells=cells.assign(sort=cells["sample"].map({one.sample: one.sort for one in known})),
        counts=stored.in_memory(counts.X),
        n_umis=matrix.size_factors(counts.X, exclude=transgene) * matrix.TARGET_SUM,
        genes=np.array(counts.var_names, dtype=str),
        sides=contrasts[contrast],
        contrast=contrast,
        designs=audit.audit(known, contrasts, formula=formula),
        sets=sets or {},
        least=options["min_cells"],
        least_verdict=options["min_cells_verdict"],
        draws=options["draws"],
        seed=seed,
    )


def variants(cells: pd.DataFrame, *, rule: str, seed: int) -> list[Variant]:
    """The main analysis and its variants (see `variants_of`) for a study with this CAR `rule`.

    Each donor's libraries are thinned to the shallowest of the same donor: a poor library of one patient
    takes nothing from the others.
    """
    left: NDArray[np.bool_] | None = None
    if rule != "sorted":
        left = np.zeros(len(cells), dtype=bool)
        for _, rows in sorted(cells.groupby("donor").indices.items()):
            left[rows] = composition.thinned(cells.iloc[rows], seed).to_numpy() >= 1
    return variants_of(cells, thinned=left, rule=rule)


def sets(libraries: Mapping[str, Sequence[GeneSet]], wanted: Sequence[str]) -> dict[str, frozenset[str]]:
    """The genes of the `wanted` terms by their id, from the first library that has each."""
    found: dict[str, frozenset[str]] = {}
    for library in libraries.values():
        for one in library:
            if one.term_id in wanted and one.term_id not in found:
                found[one.term_id] = frozenset(one.genes)
    return found
