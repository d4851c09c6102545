"""What every donor says of every claim: a table of effects, under the main analysis and its variants.

Each claim is judged where the audit allows: within one sort of libraries, on donors with the sides that it
speaks of. Words for the keys are the report's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from ..names import POSITIVE
from . import audit, draws, gene_effects, model, shares
from .gene_effects import ON_GENES

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from .audit import Design
    from .shares import Found

COLUMNS = [
    "claim", "variant", "decision", "reasons", "sort", "donor", "n_reference", "n_test", "counts",
    "effect", "low", "high", "variance", "covariates",
]  # fmt: skip
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
    held: dict[str, sparse.csr_matrix] = field(default_factory=dict)

    def of_gene(self, gene: str) -> sparse.csr_matrix:
        """The counts of one gene, cells x 1 (taken out once: every draw of a claim asks for them again)."""
        if gene not in self.held:
            self.held[gene] = self.counts[:, np.flatnonzero(self.genes == gene)].tocsr()
        return self.held[gene]


def measure(
    claims: Sequence[Mapping[str, Any]], evidence: Evidence, variants: Sequence[Variant]
) -> pd.DataFrame:
    """Rows (COLUMNS) of every claim that donors can speak to, variant by variant; the first is the main one.

    A claim without any donor has one row without a name. Draws widen the variances of the main analysis; the
    variants take cells as they are called. Donors with one side each have levels instead of changes, less the
    mean of those at the reference. `covariates` are what a donor's effect is adjusted for, joined by
    semicolons.
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
            levels = _has_levels(quantity, judged_on[0])
            found = _measured(evidence, quantity, variant, chosen, levels=levels)
            if variant is variants[0]:
                found = _widened(evidence, quantity, variant, chosen, found, levels=levels)
            if levels:
                found = _centred(found, quantity)
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


def _has_levels(quantity: Mapping[str, Any], design: Design | None) -> bool:
    """Whether each donor has one side of a claim on both."""
    return design is not None and design.decision == audit.UNPAIRED and quantity["kind"] not in ONE_SIDED


def _centred(found: Found, quantity: Mapping[str, Any]) -> Found:
    """Levels of genes less the mean level at the reference; ratios of cells stay."""
    base = [effect for n_reference, _, effect, _ in found.values() if n_reference]
    if quantity["kind"] not in ON_GENES or not base:
        return found
    mean = float(np.mean(base))
    return {donor: (*n, effect - mean, variance) for donor, (*n, effect, variance) in found.items()}  # type: ignore[misc]


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
    chosen = (
        cells["condition"].isin(_conditions(evidence, quantity)) & audit.in_sort(cells["sort"], sort)
    ).to_numpy()
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
    *,
    levels: bool,
) -> Found:
    """The effect of every donor with enough cells; `labels` stand in for those of the cells where given."""
    if quantity["kind"] in ON_GENES:
        return gene_effects.of_claim(evidence, quantity, chosen, alone=labels is None, levels=levels)
    column = label_column(quantity, variant)
    part = evidence.cells.loc[chosen, ["donor", "condition"]]
    named = evidence.cells[column].astype(str).to_numpy()[chosen] if labels is None else labels[chosen]
    part = part.assign(label=named)
    return shares.of_donors(part, quantity, evidence.sides, least=evidence.least, levels=levels)


def label_column(quantity: Mapping[str, Any], variant: Variant) -> str:
    """The column of labels that a claim on shares speaks of."""
    if quantity["kind"] == "lineages_present":
        return variant.cell_type
    if quantity["kind"] == "majority" or quantity.get("label") in LINEAGES:
        return variant.lineage
    configured = quantity["scheme"] == "configured"
    return variant.state if configured else f"t_state_{quantity['scheme']}"


def _widened(
    evidence: Evidence,
    quantity: Mapping[str, Any],
    variant: Variant,
    chosen: NDArray[np.bool_],
    found: Found,
    *,
    levels: bool,
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
        again = _measured(evidence, quantity, variant, kept, labels, levels=levels)
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
    design = judged_on[0]
    decision, reasons, donors = _decision(quantity, design, found)
    adjusted: dict[str, str] = {}
    if design is not None and design.formula and decision in (audit.PAIRED, audit.UNPAIRED):
        adjusted, aliased = _covariates(evidence, design, found)
        decision = audit.NOT_ESTIMABLE if aliased else decision
        reasons = ",".join(filter(None, [reasons, *(f"aliased:{one}" for one in aliased)]))
    common = [*names, decision, reasons, judged_on[1]]
    conditions = _conditions(evidence, quantity)
    pooled = quantity["kind"] in POOLED_SIDES or _has_levels(quantity, design)
    rows = []
    for donor, (n_reference, n_test, effect, variance) in sorted(found.items()):
        held = dict(zip(_both(evidence), (n_reference, n_test), strict=True))
        enough = (sum if pooled else min)(held[one] for one in conditions)
        counts = donor in donors and enough >= evidence.least_verdict
        width = float(ndtri(0.975) * np.sqrt(variance))
        rows.append(
            [*common, donor, n_reference, n_test, "yes" if counts else "no",
             effect, effect - width, effect + width, variance, adjusted.get(donor, "")]
        )  # fmt: skip
    return rows or [[*common, "", 0, 0, "no", *[float("nan")] * 4, ""]]


def _covariates(evidence: Evidence, design: Design, found: Found) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the formula adjusts each donor for, and with what the change is aliased in these donors."""
    donors = sorted(set(found) & set(design.donors))
    reference, test = _both(evidence)
    if not donors:
        return {}, ()
    if design.blocked:
        fitted = design.model([(donor, side) for donor in donors for side in (test, reference)])
        columns = model.differences(fitted)
    else:
        fitted = design.model([(donor, reference if found[donor][0] else test) for donor in donors])
        columns = fitted.matrix[:, 1:-1]
    if fitted.aliased or columns is None:
        return {}, fitted.aliased
    joined = [";".join(f"{value:.10g}" for value in row) for row in columns]
    return dict(zip(donors, joined, strict=True)), ()


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
