"""Which sums over cells a comparison over donors rests on, and the design of its linear model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..names import POSITIVE
from . import audit, effects, model, pseudobulk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .audit import Design
    from .evidence import Evidence
    from .pseudobulk import Sums

AGAINST_REST = "car_t_against_undetected"
Pairs = list[tuple[str, int, int]]


@dataclass(frozen=True)
class Libraries:
    """The units of one comparison: rows of `sums`, their design (the tested coefficient last), and the pairs.

    `pairs` is empty where donors are not paired. Where the change of one kind of cells is compared with that
    of another, `baseline` holds the pairs of the other, in the same order. `formula` is the study's own,
    empty for ~ donor + condition.
    """

    sums: Sums
    rows: list[int]
    design: NDArray[np.float64]
    pairs: Pairs
    decision: str
    sort: str
    baseline: Pairs = field(default_factory=list)
    formula: str = ""

    @property
    def donors(self) -> int:
        """How many donors stand behind it."""
        return len(self.pairs) or len(self.rows)

    def own_changes(self) -> NDArray[np.float64]:
        """The log2 change of every gene in every pair, less that of the baseline where there is one."""
        changes = effects.of_genes(self.sums, self.pairs).effect
        return changes - effects.of_genes(self.sums, self.baseline).effect if self.baseline else changes


def of_population(evidence: Evidence, population: str, group: str) -> Libraries | None:
    """The units of a population and group; None where no donor can be compared.

    Groups are ``all``, the lineages CD4 and CD8 of T cells, or, in population ``all``, a cell type. The
    population `AGAINST_REST` compares the change of CAR+ T cells with that of the CAR-undetected ones.
    """
    design = audit.choose(evidence.designs, evidence.contrast, population)
    if design is None or not design.donors:
        return None
    cells = evidence.cells
    compared = cells["condition"].isin(list(evidence.sides.values()))
    chosen = (compared & audit.in_sort(cells["sort"], design.sort)).to_numpy(dtype=bool)
    if population != "all":
        chosen &= cells["is_t"].to_numpy(dtype=bool)
    positive = (cells["car_call"] == POSITIVE).to_numpy(dtype=bool)
    if population == "car_t":
        chosen &= positive
    if group != "all":
        chosen &= (cells["cell_type" if population == "all" else "t_lineage"] == group).to_numpy(dtype=bool)
    if population == AGAINST_REST:
        return _against_rest(evidence, chosen, positive, design)
    sums = pseudobulk.sums(evidence.counts, cells, evidence.n_umis, chosen=chosen)
    return (_unpaired if design.decision == audit.UNPAIRED else _paired)(evidence, sums, design)


def _paired(evidence: Evidence, sums: Sums, design: Design) -> Libraries | None:
    pairs = pseudobulk.pairs(sums.units, design.donors, **evidence.sides, least=evidence.least)
    if not pairs:
        return None
    rows = [row for _, *two in pairs for row in two]
    decision = _lowered(design.decision, len(pairs))
    fitted = design.model(keys(sums, rows))
    if decision == audit.PAIRED and (fitted.aliased or fitted.df < model.LEAST_DF):
        decision = audit.NOT_ESTIMABLE  # the donors with enough cells leave the formula too little
    return Libraries(sums, rows, fitted.matrix, pairs, decision, design.sort, formula=design.formula)


def keys(sums: Sums, rows: Sequence[int]) -> list[tuple[str, str]]:
    """Donor and condition of the units at `rows`."""
    part = sums.units.iloc[list(rows)]
    return list(zip(part["donor"].astype(str), part["condition"].astype(str), strict=True))


def _lowered(decision: str, pairs: int) -> str:
    """The decision where some donors have too few cells."""
    few = {1: audit.SINGLE, 2: audit.CONCORDANCE}
    return few.get(pairs, decision) if decision == audit.PAIRED else decision


def _unpaired(evidence: Evidence, sums: Sums, design: Design) -> Libraries | None:
    units = sums.units
    usable = units["donor"].isin(design.donors) & (units["n_cells"] >= evidence.least)
    rows = [int(row) for row in np.flatnonzero(usable)]
    side = (units["condition"].iloc[rows] == evidence.sides["test"]).to_numpy(dtype=float)
    if min(side.sum(), len(side) - side.sum()) < audit.LEAST_UNPAIRED:
        return None
    fitted = design.model(keys(sums, rows))
    decision = audit.NOT_ESTIMABLE if fitted.aliased or fitted.df < model.LEAST_DF else audit.UNPAIRED
    return Libraries(sums, rows, fitted.matrix, [], decision, design.sort, formula=design.formula)


def _against_rest(
    evidence: Evidence, chosen: NDArray[np.bool_], positive: NDArray[np.bool_], design: Design
) -> Libraries | None:
    """CAR+ and CAR-undetected T cells of the same libraries: four units for each donor."""
    if design.decision == audit.UNPAIRED:
        return None
    kinds = np.where(positive, "car", "rest")
    cells = evidence.cells.assign(condition=evidence.cells["condition"].astype(str) + "|" + kinds)
    sums = pseudobulk.sums(evidence.counts, cells, evidence.n_umis, chosen=chosen)
    found = {}
    for kind in ("car", "rest"):
        sides = {side: f"{condition}|{kind}" for side, condition in evidence.sides.items()}
        found[kind] = pseudobulk.pairs(sums.units, design.donors, **sides, least=evidence.least)
    both = {pair[0] for pair in found["car"]} & {pair[0] for pair in found["rest"]}
    if not both:
        return None
    car, rest = ([pair for pair in found[kind] if pair[0] in both] for kind in ("car", "rest"))
    rows = [row for one, other in zip(car, rest, strict=True) for row in (*one[1:], *other[1:])]
    decision = _lowered(design.decision, len(car))
    return Libraries(sums, rows, _interaction_design(len(car)), car, decision, design.sort, rest)


def _interaction_design(donors: int) -> NDArray[np.float64]:
    """~ library + donor:CAR + side:CAR for units in the order CAR+ test, reference, rest test, reference.

    What a library or a donor's CAR+ cells have in common is blocked, so that one difference of differences is
    left of every donor, and donors - 1 degrees of freedom. Covariates of a library are blocked with it.
    """
    libraries = np.tile(np.eye(2), (2, 1))
    blocks = np.kron(np.eye(donors), np.hstack([libraries, np.array([[1.0], [1], [0], [0]])]))
    return np.column_stack([blocks, np.tile([1.0, 0, 0, 0], donors)])
