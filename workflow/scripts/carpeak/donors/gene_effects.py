"""Each donor's effect behind a claim on a gene or a gene set: a change, or a level where it has one side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import effects, pseudobulk

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from .effects import Effects
    from .evidence import Evidence
    from .pseudobulk import Sums
    from .shares import Found

ON_GENES = ("gene_change", "term_change")


def of_claim(
    evidence: Evidence,
    quantity: Mapping[str, Any],
    chosen: NDArray[np.bool_],
    *,
    alone: bool,
    levels: bool,
) -> Found:
    """Effects on the `chosen` cells; empty where no donor has enough of them, or of the gene's UMIs.

    `alone` says that no draws go with it, so that the variance counts. `levels`: donors have one side each.
    """
    of_gene = quantity["kind"] == "gene_change"
    columns = evidence.genes == quantity["gene"] if of_gene else np.ones(len(evidence.genes), dtype=bool)
    if not columns.any():
        return {}
    counts = evidence.of_gene(quantity["gene"]) if of_gene else evidence.counts
    sums = pseudobulk.sums(counts, evidence.cells, evidence.n_umis, chosen=chosen, spread=of_gene and alone)
    pairs = [] if levels else _pairs(evidence, sums.units)
    rows = _alone(evidence, sums.units) if levels else effects.rows_of(pairs)
    if not rows:
        return {}
    design = _side(evidence, sums.units, rows) if levels else effects.paired_design(len(pairs))
    tested = effects.testable(sums, rows, design)
    members = np.ones((1, 1), dtype=bool)
    if not of_gene:
        members = np.isin(evidence.genes, list(evidence.sets.get(quantity["term"], ())))[None, :]
    if (members & tested).sum() < (1 if of_gene else 2):
        return {}  # too few UMIs to say anything of any donor
    if of_gene:
        measured = effects.levels_of_genes(sums, rows) if levels else effects.of_genes(sums, pairs)
    else:
        cells = (evidence.counts, evidence.n_umis, pseudobulk.codes(evidence.cells, sums.units, chosen))
        options: dict[str, Any] = {"tested": tested, "cells": cells if alone else None}
        measured = (
            effects.levels_of_sets(sums, rows, members, **options)
            if levels
            else effects.of_sets(sums, pairs, members, **options)
        )
    return _of_rows(evidence, sums, rows, measured) if levels else _of_pairs(sums, pairs, measured)


def _pairs(evidence: Evidence, units: pd.DataFrame) -> list[tuple[str, int, int]]:
    donors = sorted(set(units["donor"]))
    return pseudobulk.pairs(units, donors, **evidence.sides, least=evidence.least)


def _alone(evidence: Evidence, units: pd.DataFrame) -> list[int]:
    """The units with enough cells, of donors with one side."""
    once = ~units["donor"].duplicated(keep=False).to_numpy()
    return [int(row) for row in np.flatnonzero(once & (units["n_cells"] >= evidence.least).to_numpy())]


def _side(evidence: Evidence, units: pd.DataFrame, rows: Sequence[int]) -> NDArray[np.float64]:
    """~ side of the units at `rows`; the intercept alone where all stand on one."""
    side = (units["condition"].iloc[list(rows)] == evidence.sides["test"]).to_numpy(dtype=float)
    columns = [np.ones(len(side)), *([side] if 0 < side.sum() < len(side) else [])]
    return np.column_stack(columns)


def _of_pairs(sums: Sums, pairs: Sequence[tuple[str, int, int]], measured: Effects) -> Found:
    n = sums.units["n_cells"].to_numpy()
    values = zip(pairs, measured.effect[:, 0], measured.variance[:, 0], strict=True)
    return {
        donor: (int(n[reference]), int(n[test]), float(effect), float(variance))
        for (donor, test, reference), effect, variance in values
    }


def _of_rows(evidence: Evidence, sums: Sums, rows: Sequence[int], measured: Effects) -> Found:
    found: Found = {}
    part = sums.units.iloc[list(rows)]
    for number, (donor, condition, n) in enumerate(
        zip(part["donor"].astype(str), part["condition"], part["n_cells"], strict=True)
    ):
        held = (0, int(n)) if condition == evidence.sides["test"] else (int(n), 0)
        found[donor] = (*held, float(measured.effect[number, 0]), float(measured.variance[number, 0]))
    return found
