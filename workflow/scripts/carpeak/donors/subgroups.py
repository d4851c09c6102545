"""How genes change within groups of donors and over more than two times: moderated t on one model for all.

Groups: donors are nested in them and blocked, the condition has an effect of its own in each group (edgeR's
user guide, section 3.5), and the differences between groups are tested beside. Times: donor and time, every
pair of times and the linear trend over their order; a donor without all times still counts for those it has.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from ..names import POSITIVE
from . import audit, model, moderated, normalisation, pseudobulk, units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .audit import Library
    from .evidence import Evidence
    from .pseudobulk import Sums

NUMBERS = [
    "log2_fold_change", "log2_fold_change_low", "log2_fold_change_high", "t", "df", "p_value", "p_adjusted",
    "larger_p_value", "larger_p_adjusted",
]  # fmt: skip
OUTCOME_COLUMNS = ["population", "group", "outcome", "level", "against", "gene", "donors", *NUMBERS]
TIME_COLUMNS = ["population", "group", "test", "reference", "gene", "donors", *NUMBERS]
POPULATIONS = ("t_cells", "car_t")
GROUPS = ("all", "CD4", "CD8")
LEAST_IN_GROUP = 2  # pairs: of one donor, the group's change would be that donor's
TREND = "trend"  # log2 per step from one time to the next


@dataclass(frozen=True)
class _Compared:
    """Units (`rows` of `sums`) with their model: `columns` are tested, units x `names`."""

    sums: Sums
    rows: list[int]
    units: list[model.Unit]
    formula: str
    columns: NDArray[np.float64]
    names: list[str]


def outcomes(evidence: Evidence, outcome: str, *, transgene: NDArray[np.bool_]) -> pd.DataFrame:
    """Rows (OUTCOME_COLUMNS) of the groups of donors that the column `outcome` names.

    With `against` empty the change within the group `level`, else how much larger it is than in that one.
    """
    parts = []
    for population, group in itertools.product(POPULATIONS, GROUPS):
        held = units.of_population(evidence, population, group)
        design = audit.choose(evidence.designs, evidence.contrast, population)
        if held is None or design is None or len(held.pairs) < audit.LEAST_PAIRS:
            continue
        of_donor = {one.donor: _level((*one.reference, *one.test), outcome) for one in design.sides}
        pairs = [pair for pair in held.pairs if of_donor[pair[0]]]
        levels = sorted({of_donor[donor] for donor, *_ in pairs})
        n = {level: sum(of_donor[donor] == level for donor, *_ in pairs) for level in levels}
        levels = [level for level in levels if n[level] >= LEAST_IN_GROUP]
        pairs = [pair for pair in pairs if of_donor[pair[0]] in levels]
        rows = [row for _, *two in pairs for row in two]
        side = np.tile([1.0, 0.0], len(pairs))
        inside = [[of_donor[donor] == level for donor, *_ in pairs for _ in range(2)] for level in levels]
        tested = np.column_stack([side * one for one in np.array(inside, dtype=float)]) if levels else None
        if tested is None or len(levels) < 2:
            continue
        named = _units(design, held.sums, rows)
        wanted = {(level, ""): {level: 1.0} for level in levels}
        wanted |= {(one, other): {one: 1.0, other: -1.0} for other, one in itertools.combinations(levels, 2)}
        compared = _Compared(held.sums, rows, named, design.formula, tested, levels)
        table = _tested(compared, wanted, evidence.genes, transgene)
        names: dict[str, Any] = {
            "population": population,
            "group": group,
            "outcome": outcome,
            "donors": len(pairs),
        }
        parts.append(table.rename(columns={"one": "level", "other": "against"}).assign(**names))
    return _stacked(parts, OUTCOME_COLUMNS)


def over_times(
    evidence: Evidence,
    libraries: Sequence[Library],
    times: Sequence[str],
    *,
    formula: str | None,
    transgene: NDArray[np.bool_],
) -> pd.DataFrame:
    """Rows (TIME_COLUMNS) of every pair of the `times`, and of the trend over them (`test` is ``trend``)."""
    parts = []
    for population, group in itertools.product(POPULATIONS, GROUPS):
        sort = _sort(libraries, times, population)
        sums = pseudobulk.sums(
            evidence.counts, evidence.cells, evidence.n_umis,
            chosen=_chosen(evidence, times, population, group, sort),
        )  # fmt: skip
        enough = sums.units[sums.units["n_cells"] >= evidence.least]
        complete = _complete(libraries, formula or "")
        enough = enough[enough["donor"].isin(complete)]
        rows = [int(row) for row in enough.index[enough["donor"].duplicated(keep=False)]]
        donors, present = sums.units["donor"].iloc[rows].nunique(), sums.units["condition"].iloc[rows]
        if donors < audit.LEAST_PAIRS or set(present) != set(times):
            continue
        tested = np.column_stack([np.where(present == time, 1.0, 0.0) for time in times[1:]])
        of_sort = audit.units_of([one for one in libraries if one.sort in sort.split("|")], formula or "")
        named = [of_sort[key] for key in units.keys(sums, rows)]
        compared = _Compared(sums, rows, named, formula or "", tested, list(times[1:]))
        table = _tested(compared, _steps(times), evidence.genes, transgene)
        names: dict[str, Any] = {"population": population, "group": group, "donors": donors}
        parts.append(table.rename(columns={"one": "test", "other": "reference"}).assign(**names))
    return _stacked(parts, TIME_COLUMNS)


def _steps(times: Sequence[str]) -> dict[tuple[str, str], dict[str, float]]:
    """The contrasts of times: every later one against every earlier one, and the trend."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for earlier, later in itertools.combinations(times, 2):
        found[later, earlier] = {later: 1.0, earlier: -1.0}
    score = np.arange(len(times)) - (len(times) - 1) / 2
    slope = score / (score**2).sum()
    return found | {(TREND, ""): dict(zip(times, slope.tolist(), strict=True))}


def _tested(
    compared: _Compared,
    wanted: Mapping[tuple[str, str], Mapping[str, float]],
    genes: NDArray[np.str_],
    transgene: NDArray[np.bool_],
) -> pd.DataFrame:
    """Every gene under every contrast in `wanted` (weights of the tested columns, by their names)."""
    columns, names = compared.columns, compared.names
    fitted = model.with_columns(compared.units, compared.formula or model.DEFAULT, columns)
    if fitted.aliased or fitted.df < model.LEAST_DF:
        return pd.DataFrame()
    design = fitted.matrix
    counts = compared.sums.umis[compared.rows].T
    kept = np.flatnonzero(normalisation.enough_counts(counts, design) & ~transgene)
    if len(kept) < 2:
        return pd.DataFrame()
    part = counts[kept]
    weighted = moderated.voom(part, design, factors=normalisation.tmm(part))
    first, tables = design.shape[1] - columns.shape[1], []
    for (one, other), of in wanted.items():
        contrast = np.zeros(design.shape[1])
        contrast[first:] = [of.get(name, 0.0) for name in names]
        found, _, larger = moderated.by_both(weighted, design, contrast)
        values: dict[str, Any] = {
            "one": one, "other": other, "gene": genes[kept], "log2_fold_change": found.effect,
            "log2_fold_change_low": found.low, "log2_fold_change_high": found.high, "t": found.t,
            "df": found.df, "p_value": found.p_value, "p_adjusted": false_discovery_control(found.p_value),
            "larger_p_value": larger, "larger_p_adjusted": false_discovery_control(larger),
        }  # fmt: skip
        tables.append(pd.DataFrame(values).sort_values(["larger_p_value", "p_value"], kind="stable"))
    return pd.concat(tables, ignore_index=True)


def _stacked(parts: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    found = [part for part in parts if "gene" in part]
    whole = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    return whole.reindex(columns=columns)


def _level(libraries: Sequence[Library], outcome: str) -> str:
    """A donor's group; empty where it has none, or not one."""
    values = {one.value(outcome) for one in libraries}
    return values.pop() if len(values) == 1 else ""


def _units(design: audit.Design, sums: Sums, rows: Sequence[int]) -> list[model.Unit]:
    known = audit.units_of(
        [library for one in design.sides for library in (*one.reference, *one.test)], design.formula
    )
    return [known[key] for key in units.keys(sums, rows)]


def _complete(libraries: Sequence[Library], formula: str) -> set[str]:
    """The donors that have every value of the formula's columns."""
    wanted = audit.columns_of(formula)
    lacking = {one.donor for one in libraries if not all(one.value(name) for name in wanted)}
    return {one.donor for one in libraries} - lacking


def _sort(libraries: Sequence[Library], times: Sequence[str], population: str) -> str:
    """The sort of libraries that a population is compared in.

    For CAR+ T cells that with more libraries of those that have all times, else both together.
    """
    if population != "car_t":
        return audit.UNSORTED
    held = {
        sort: [one.condition for one in libraries if one.sort == sort and one.condition in times]
        for sort in (audit.UNSORTED, "CAR+")
    }
    whole = [sort for sort, conditions in held.items() if set(conditions) == set(times)]
    return max(whole, key=lambda sort: len(held[sort]), default=audit.CAR_CELLS)


def _chosen(
    evidence: Evidence, times: Sequence[str], population: str, group: str, sort: str
) -> NDArray[np.bool_]:
    cells = evidence.cells
    chosen = (cells["condition"].isin(list(times)) & audit.in_sort(cells["sort"], sort)).to_numpy(dtype=bool)
    chosen &= cells["is_t"].to_numpy(dtype=bool)
    if population == "car_t":
        chosen &= (cells["car_call"] == POSITIVE).to_numpy(dtype=bool)
    return chosen if group == "all" else chosen & (cells["t_lineage"] == group).to_numpy(dtype=bool)
