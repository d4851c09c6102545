"""Genes and gene sets compared over donors, population by population.

From three pairs on: limma-voom's moderated t on the study's model (~ donor + condition), with limma-trend's p
and, for CAR+ T cells, PyDESeq2 beside it, and camera for gene sets. From six unpaired donors a side on:
without the donor. With one or two pairs: effects, no test.

A gene counts as changed by the larger of voom's and limma-trend's p. Law et al. (2014) take voom where depths
differ more than threefold, limma-trend where not; units of few and of many cells do both in one study. The
larger of two p holds its level wherever one of them does, and needs no limit to be chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from ..names import T_CELL, UNASSIGNED
from . import audit, camera, moderated, normalisation, pydeseq2_engine, units
from .units import AGAINST_REST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..comparison.gene_sets import GeneSet
    from .evidence import Evidence
    from .units import Libraries

GENE_COLUMNS = [
    "population", "group", "gene", "unit", "decision", "sort", "donors", "donors_up", "log2_fold_change",
    "log2_fold_change_low", "log2_fold_change_high", "t", "df", "p_value", "p_adjusted", "sign_flip_floor",
    "trend_p_value", "trend_p_adjusted", "larger_p_value", "larger_p_adjusted",
    "deseq2_log2_fold_change", "deseq2_log2_fold_change_shrunk", "deseq2_p_value", "deseq2_p_adjusted",
]  # fmt: skip
SET_COLUMNS = [
    "population", "group", "library", "term_id", "term", "donors", "genes", "correlation", "direction",
    "p_value", "p_adjusted",
]  # fmt: skip
GROUPS = ("all", "CD4", "CD8")
SECOND_ENGINE_ON = "car_t"
TESTED = (audit.PAIRED, audit.UNPAIRED)


def compare(
    evidence: Evidence,
    sets: Mapping[str, Sequence[GeneSet]],
    *,
    transgene: NDArray[np.bool_],
    sizes: tuple[int, int],
    second_engine: bool,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of genes (GENE_COLUMNS) and of gene sets (SET_COLUMNS) of one contrast.

    `sets` are gene sets by library; those with `sizes` (least, most) genes among the tested are tested.
    """
    genes, terms = [], []
    for population, groups in _wanted(evidence).items():
        for group in groups:
            held = units.of_population(evidence, population, group)
            if held is None:
                continue
            names: dict[str, Any] = {"population": population, "group": group, "donors": held.donors}
            engine = second_engine and population == SECOND_ENGINE_ON
            table, found = _tested(evidence, held, sets, transgene, sizes, second=engine)
            genes.append(table.assign(**names, unit="donor", decision=held.decision, sort=held.sort))
            terms.append(found.assign(**names))
    return _stacked(genes, GENE_COLUMNS), _stacked(terms, SET_COLUMNS)


def _wanted(evidence: Evidence) -> dict[str, tuple[str, ...]]:
    """The groups of every population; those of all cells are the cell types other than T cells."""
    types = set(evidence.cells["cell_type"].astype(str)) - {T_CELL, UNASSIGNED}
    return {
        "all": tuple(sorted(types)),
        "t_cells": GROUPS,
        "car_t": GROUPS,
        AGAINST_REST: GROUPS,
    }


def _stacked(parts: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def _tested(
    evidence: Evidence,
    held: Libraries,
    sets: Mapping[str, Sequence[GeneSet]],
    transgene: NDArray[np.bool_],
    sizes: tuple[int, int],
    *,
    second: bool,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Genes and sets of one population and group."""
    counts = held.sums.umis[held.rows].T
    kept = np.flatnonzero(normalisation.enough_counts(counts, held.design) & ~transgene)
    part, names = counts[kept], evidence.genes[kept]
    table = pd.DataFrame({"gene": names})
    if held.pairs and len(kept):
        own = held.own_changes()[:, kept]
        table = table.assign(donors_up=(own > 0).sum(axis=0), log2_fold_change=own.mean(axis=0))
    if held.decision not in TESTED or len(kept) < 2:
        return table, pd.DataFrame()
    weighted = moderated.voom(part, held.design, factors=normalisation.tmm(part))
    contrast = np.eye(held.design.shape[1])[-1]
    found, trend, larger = moderated.by_both(weighted, held.design, contrast)
    table = table.assign(
        log2_fold_change=found.effect,
        log2_fold_change_low=found.low,
        log2_fold_change_high=found.high,
        t=found.t,
        df=found.df,
        p_value=found.p_value,
        p_adjusted=false_discovery_control(found.p_value),
        sign_flip_floor=2 / 2 ** len(held.pairs) if held.pairs else np.nan,
        trend_p_value=trend.p_value,
        trend_p_adjusted=false_discovery_control(trend.p_value),
        larger_p_value=larger,
        larger_p_adjusted=false_discovery_control(larger),
    )
    if second and held.pairs:
        table = table.join(_second(part, held, names), on="gene")
    order = np.lexsort((-np.abs(found.t), found.p_value, larger))
    return table.iloc[order], _sets(weighted.values, names, held.design, sets, sizes)


def _second(counts: NDArray[np.float64], held: Libraries, names: NDArray[np.str_]) -> pd.DataFrame:
    """The second engine's columns, by gene."""
    donors = [donor for donor, *_ in held.pairs for _ in range(2)]
    in_test = [True, False] * len(held.pairs)
    return pydeseq2_engine.paired(counts, donors, in_test, names.tolist()).add_prefix("deseq2_")


def _sets(
    values: NDArray[np.float64],
    names: NDArray[np.str_],
    design: NDArray[np.float64],
    sets: Mapping[str, Sequence[GeneSet]],
    sizes: tuple[int, int],
) -> pd.DataFrame:
    """Gene sets tested by camera on log counts per million, p adjusted within each library.

    Without voom's weights: with them every gene's residuals are turned their own way, the correlation
    between genes is lost, and of null sets 9 % had p < 0.05 at eight donors (4 % without).
    """
    place = {name: row for row, name in enumerate(names)}
    parts = []
    for library, listed in sets.items():
        rows = {number: [place[g] for g in one.genes if g in place] for number, one in enumerate(listed)}
        fitting = {str(number): found for number, found in rows.items() if sizes[0] <= len(found) <= sizes[1]}
        found = camera.camera(values, fitting, design)
        if not found:
            continue
        one = pd.DataFrame(
            [
                {
                    "library": library,
                    "term_id": listed[int(number)].term_id,
                    "term": listed[int(number)].term,
                    "genes": test.genes,
                    "correlation": test.correlation,
                    "direction": "up" if test.direction > 0 else "down",
                    "p_value": test.p_value,
                }
                for number, test in found.items()
            ]
        )
        one["p_adjusted"] = false_discovery_control(one["p_value"])
        parts.append(one.sort_values(["p_value", "term_id"], kind="stable"))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
