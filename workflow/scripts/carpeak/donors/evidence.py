"""What every donor says of every claim: a table of effects, under the main analysis and its variants.

Each claim is judged where the audit allows: within one sort of libraries, on donors with the sides that it
speaks of. Words for the keys are the report's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from ..names import POSITIVE
from . import audit, draws, effects, pseudobulk, shares

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from .audit import Design
    from .effects import Effects
    from .shares import Found

COLUMNS = [
    "claim", "variant", "decision", "reasons", "sort", "donor", "n_reference", "n_test", "counts",
    "effect", "low", "high", "variance",
]  # fmt: skip
ON_GENES = ("gene_change", "term_change")
ON_SHARES = ("largest_subset", "majority", "lineages_present", "subset_count", "patient_association")
ONE_SIDED = ("largest_subset", "lineages_present", "subset_count", "patient_association")
POOLED_SIDES = ("lineages_present", "subset_count")  # these count the cells of both sides together
LINEAGES = ("CD4", "CD8")
DESCRIBED = "described"  # a claim without an effect that donors could share: counted, never tested
PLAIN = ("cell_type", "t_state", "t_lineage")
UNINTEGRATED = ("cell_type_unintegrated", "t_state_unintegrated", "t_lineage_unintegrated")
STATED = "stated"  # a claim on one side needs no contrast, so that nothing can be confounded with it


@dataclass(frozen=True)
class Variant:
    """One way of naming the cells: columns of the labels, and which T cells are CAR+."""

    name: str
    cell_type: str
    state: str
    lineage: str
    car: NDArray[np.bool_]


@dataclass(frozen=True)
class Evidence:
    """What effects are measured on.

    `cells` has a row per kept cell: sample, condition, donor, sort, is_t, the labels, car_call, car_umis and
    car_probability. `counts` and `n_umis` (depth without the transgene) are of the same cells in the same
    order. `sides` gives the conditions test and reference. `sets` are the genes of every term by its id.
    """

    cells: pd.DataFrame
    counts: sparse.csr_matrix
    n_umis: NDArray[np.float64]
    genes: NDArray[np.str_]
    sides: Mapping[str, str]
    contrast: str
    designs: Sequence[Design]
    sets: Mapping[str, frozenset[str]]
    least: int
    least_verdict: int
    draws: int
    seed: int


def measure(
    claims: Sequence[Mapping[str, Any]], evidence: Evidence, variants: Sequence[Variant]
) -> pd.DataFrame:
    """Rows (COLUMNS) of every claim that donors can speak to, variant by variant; the first is the main one.

    A claim without any donor has one row without a name. Draws widen the variances of the main analysis; the
    variants take cells as they are called.
    """
    parts = []
    for variant in variants:
        for claim in claims:
            quantity = claim["quantity"]
            kind = quantity["kind"]
            if kind not in ON_GENES + ON_SHARES or not _applies(quantity, variant, variants[0]):
                continue
            judged_on = _design(evidence, quantity)
            chosen = _chosen(evidence, quantity, variant, judged_on[1])
            found = _measured(evidence, quantity, variant, chosen)
            if variant is variants[0]:
                found = _widened(evidence, quantity, variant, chosen, found)
            parts.append(_rows((claim["id"], variant.name), evidence, quantity, judged_on, found))
    return pd.DataFrame([row for part in parts for row in part], columns=COLUMNS)


def variants_of(cells: pd.DataFrame, *, thinned: NDArray[np.bool_] | None, rule: str) -> list[Variant]:
    """The main analysis and its variants.

    ``unintegrated`` takes labels made without Harmony, ``equal_depth`` the calls that are left when the CAR's
    UMIs are `thinned` to the shallowest library, ``umi_rule`` (where calls rest on probabilities) one UMI.
    """
    positive = (cells["car_call"] == POSITIVE).to_numpy()
    found = [
        Variant("", *PLAIN, positive),
        Variant("unintegrated", *UNINTEGRATED, positive),
    ]
    if thinned is not None:
        found.append(Variant("equal_depth", *PLAIN, positive & thinned))
    if rule == "calibrated":
        found.append(Variant("umi_rule", *PLAIN, (cells["car_umis"] >= 1).to_numpy()))
    return found


def _applies(quantity: Mapping[str, Any], variant: Variant, main: Variant) -> bool:
    """Whether a variant changes anything for a claim."""
    population, scheme = quantity.get("population", "all"), quantity["scheme"]
    if variant is main:
        return True
    if variant.name == "unintegrated":
        return bool(scheme == "configured")
    return bool(population == "car_t")


def _design(evidence: Evidence, quantity: Mapping[str, Any]) -> tuple[Design | None, str]:
    """The audit's design for a claim, and the sort of libraries that it is judged on."""
    population = quantity.get("population", "all")
    design = audit.choose(evidence.designs, evidence.contrast, population)
    if quantity["kind"] not in ONE_SIDED:
        return design, design.sort if design else ""
    wanted = ("CAR+", audit.UNSORTED) if population == "car_t" else (audit.UNSORTED,)
    cells = evidence.cells[evidence.cells["condition"].isin(_conditions(evidence, quantity))]
    donors = {sort: cells["donor"][cells["sort"] == sort].nunique() for sort in wanted}
    return design, max(reversed(wanted), key=lambda sort: donors[sort])


def _conditions(evidence: Evidence, quantity: Mapping[str, Any]) -> list[str]:
    """The conditions whose cells a claim speaks of."""
    side = quantity.get("condition")
    return [evidence.sides[side]] if side else list(_both(evidence))


def _chosen(
    evidence: Evidence, quantity: Mapping[str, Any], variant: Variant, sort: str
) -> NDArray[np.bool_]:
    """The cells that a claim speaks of."""
    cells, population = evidence.cells, quantity.get("population", "all")
    chosen = (cells["condition"].isin(_conditions(evidence, quantity)) & (cells["sort"] == sort)).to_numpy()
    if population != "all":
        chosen &= cells["is_t"].to_numpy(dtype=bool)
    if population == "car_t":
        chosen &= variant.car
    group = quantity.get("group", "all")
    return chosen if group == "all" else chosen & (cells[variant.lineage] == group).to_numpy()


def _measured(
    evidence: Evidence,
    quantity: Mapping[str, Any],
    variant: Variant,
    chosen: NDArray[np.bool_],
    labels: NDArray[np.str_] | None = None,
) -> Found:
    """The effect of every donor with enough cells; `labels` stand in for those of the cells where given."""
    if quantity["kind"] in ON_GENES:
        return _of_genes(evidence, quantity, chosen, alone=labels is None)
    column = label_column(quantity, variant)
    part = evidence.cells.loc[chosen, ["donor", "condition"]]
    named = evidence.cells[column].astype(str).to_numpy()[chosen] if labels is None else labels[chosen]
    return shares.of_donors(part.assign(label=named), quantity, evidence.sides, least=evidence.least)


def label_column(quantity: Mapping[str, Any], variant: Variant) -> str:
    """The column of labels that a claim on shares speaks of."""
    if quantity["kind"] == "lineages_present":
        return variant.cell_type
    if quantity["kind"] == "majority" or quantity.get("label") in LINEAGES:
        return variant.lineage
    configured = quantity["scheme"] == "configured"
    return variant.state if configured else f"t_state_{quantity['scheme']}"


def _of_genes(
    evidence: Evidence, quantity: Mapping[str, Any], chosen: NDArray[np.bool_], *, alone: bool
) -> Found:
    """Effects of a gene or a gene set; `alone` says that no draws go with it, so that the variance counts."""
    if quantity["kind"] == "gene_change":
        columns = np.flatnonzero(evidence.genes == quantity["gene"])
        if not len(columns):
            return {}
        sums = pseudobulk.sums(evidence.counts[:, columns], evidence.cells, evidence.n_umis, chosen=chosen)
        pairs = _pairs(evidence, sums.units)
        if not pairs or not effects.testable(sums, pairs)[0]:
            return {}  # too few UMIs to say anything of any donor
        return _found(sums.units, pairs, effects.of_genes(sums, pairs))
    members = np.isin(evidence.genes, list(evidence.sets.get(quantity["term"], ())))[None, :]
    sums = pseudobulk.sums(evidence.counts, evidence.cells, evidence.n_umis, chosen=chosen)
    pairs = _pairs(evidence, sums.units)
    tested = effects.testable(sums, pairs) if pairs else np.zeros(len(evidence.genes), dtype=bool)
    if (members & tested).sum() < 2:
        return {}
    behind = (evidence.counts, evidence.n_umis, pseudobulk.codes(evidence.cells, sums.units, chosen))
    measured = effects.of_sets(sums, pairs, members, tested=tested, cells=behind if alone else None)
    return _found(sums.units, pairs, measured)


def _pairs(evidence: Evidence, units: pd.DataFrame) -> list[tuple[str, int, int]]:
    donors = sorted(set(units["donor"]))
    return pseudobulk.pairs(units, donors, **evidence.sides, least=evidence.least)


def _found(units: pd.DataFrame, pairs: Sequence[tuple[str, int, int]], measured: Effects) -> Found:
    n = units["n_cells"].to_numpy()
    return {
        donor: (int(n[reference]), int(n[test]), float(effect), float(variance))
        for (donor, test, reference), effect, variance in zip(
            pairs, measured.effect[:, 0], measured.variance[:, 0], strict=True
        )
    }


def _widened(
    evidence: Evidence,
    quantity: Mapping[str, Any],
    variant: Variant,
    chosen: NDArray[np.bool_],
    found: Found,
) -> Found:
    """`found`, the variances widened by what doubtful CAR calls and labels add (Rubin 1987)."""
    column = "" if quantity["kind"] in ON_GENES else label_column(quantity, variant)
    doubts = draws.doubts(evidence.cells, chosen, column, car=quantity.get("population") == "car_t")
    if not found or doubts is None or evidence.draws < 2 or quantity["kind"] == "subset_count":
        return found
    generator = np.random.default_rng(evidence.seed)
    drawn: dict[str, list[float]] = {donor: [] for donor in found}
    for _ in range(evidence.draws):
        kept, labels = doubts.draw(generator)
        again = _measured(evidence, quantity, variant, kept, labels)
        for donor, one in found.items():
            drawn[donor].append(again.get(donor, one)[2])
    spread = {name: (1 + 1 / len(one)) * float(np.var(one, ddof=1)) for name, one in drawn.items()}
    return {donor: (*one[:3], one[3] + spread[donor]) for donor, one in found.items()}


def _rows(
    names: tuple[str, str],
    evidence: Evidence,
    quantity: Mapping[str, Any],
    judged_on: tuple[Design | None, str],
    found: Found,
) -> list[list[Any]]:
    """The rows of one claim (its id and the variant are `names`), judged on a design and a sort."""
    decision, reasons, donors = _decision(quantity, judged_on[0], found)
    common = [*names, decision, reasons, judged_on[1]]
    conditions = _conditions(evidence, quantity)
    rows = []
    for donor, (n_reference, n_test, effect, variance) in sorted(found.items()):
        held = dict(zip(_both(evidence), (n_reference, n_test), strict=True))
        enough = (sum if quantity["kind"] in POOLED_SIDES else min)(held[one] for one in conditions)
        counts = donor in donors and enough >= evidence.least_verdict
        width = float(ndtri(0.975) * np.sqrt(variance))
        rows.append(
            [*common, donor, n_reference, n_test, "yes" if counts else "no",
             effect, effect - width, effect + width, variance]
        )  # fmt: skip
    return rows or [[*common, "", 0, 0, "no", *[float("nan")] * 4]]


def _both(evidence: Evidence) -> tuple[str, str]:
    return evidence.sides["reference"], evidence.sides["test"]


def _decision(
    quantity: Mapping[str, Any], design: Design | None, found: Found
) -> tuple[str, str, tuple[str, ...]]:
    """What may be said of a claim, why, and on which donors it rests."""
    if quantity["kind"] == "subset_count":
        return DESCRIBED, "", tuple(found)
    if quantity["kind"] in ONE_SIDED:
        return STATED, "", tuple(found)
    if design is None:
        return audit.NOT_ESTIMABLE, "aliased:sort", ()
    return design.decision, ",".join(design.reasons), design.donors
