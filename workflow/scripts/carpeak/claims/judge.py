"""Verdicts on stated claims, and whether they survive other ways of doing the analysis.

A verdict that changes without Harmony, or with libraries thinned to equal depth (for expression, where
equal depth is the main analysis: at full depth), is indeterminate. Other variants are reported without
deciding.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import io
from . import controls, family
from .quantities import KINDS, UNITS, at_other_limits
from .shares import LINEAGES
from .verdict import ABSENT, INDETERMINATE, NOT_ESTIMABLE, OPPOSED, SUPPORTED, Finding, Tables

if TYPE_CHECKING:
    import pandas as pd

    from ..settings import ChangeLimits

COLUMNS = ["claim", "statement", "verdict", "estimate", "low", "high", "control", "reason"]
WORDS = {
    "unintegrated": "without Harmony",
    "equal_depth": "with libraries thinned to equal depth",
    "full_depth": "at full depth",
    "two_umis": "with CAR+ from two UMIs on",
    "paper_scheme": "with the paper's definition of T-cell states",
    "canonical_scheme": "with the canonical definition of T-cell states",
}
SCHEMES = ("paper", "canonical")
DECIDING = ("unintegrated", "equal_depth", "full_depth")
ON_COMPOSITION = ("lineages_present", "subset_count", "largest_subset", "majority", "share_change")
ON_EXPRESSION = ("gene_change", "term_change")


def assemble(
    frames: Mapping[str, pd.DataFrame],
    *,
    contrast: Mapping[str, str],
    scheme: str,
    limits: ChangeLimits,
    seed: int,
    floor: float | None = None,
    resolution: Mapping[str, Any] | None = None,
) -> tuple[Tables, dict[str, Tables]]:
    """The tables of the main analysis, and those of every variant by its name.

    `frames` are the run's tables: samples, composition, de, enrichment, the last three again as
    NAME_sensitivity with the column `variant`, attribution and car. `scheme` is the configured one of T-cell
    states, `resolution` what libraries can't tell of them (`states.resolution`); for the rest see `Tables`.
    """
    resolution = {"states": [], "coarser": {}} | dict(resolution or {})
    side = dict(zip(frames["samples"]["sample"].astype(str), frames["samples"]["condition"].astype(str)))
    composition, varied = frames["composition"], frames["composition_sensitivity"]
    de, de_varied = frames["de"], frames["de_sensitivity"]
    enrichment, enrichment_varied = frames["enrichment"], frames["enrichment_sensitivity"]
    main = Tables(
        samples=frames["samples"],
        composition=composition,
        schemes={s: varied[varied["variant"] == f"{s}_scheme"] for s in SCHEMES} | {scheme: composition},
        de=de[de["depth"] == "equal"],
        enrichment=enrichment,
        contrast=contrast,
        limits=limits,
        seed=seed,
        terms=frozenset(enrichment["term_id"]) | frozenset(enrichment_varied["term_id"]),
        floor=floor,
        attribution=frames.get("attribution"),
        car=frames.get("car"),
        scheme=scheme,
        coarser=frozenset(name for names in resolution["coarser"].values() for name in names),
        blurred=frozenset(
            (side[one["sample"]], one["scheme"], one["state"])
            for one in resolution["states"]
            if one["told_apart"] is False and one["sample"] in side
        ),
    )
    others = {
        str(name): dataclasses.replace(main, composition=part)
        for name, part in varied.groupby("variant", sort=False)
    }
    equal = de_varied[de_varied["depth"] == "equal"]
    tables = {name: equal[equal["variant"] == name] for name in ("unintegrated", "umi_rule")}
    for name, table in {"full_depth": de[de["depth"] == "full"], **tables}.items():
        if name == "umi_rule" and table.empty:  # the same cells are CAR+ by either rule, or there is no other
            continue
        sets = enrichment_varied[enrichment_varied["variant"] == name]
        others[name] = dataclasses.replace(others.get(name, main), de=table, enrichment=sets)
    return main, others


def judge(
    claims: Sequence[Mapping[str, Any]], main: Tables, others: Mapping[str, Tables]
) -> list[dict[str, Any]]:
    """The verdict on every claim, as `claims.json` has it.

    `main` are the tables of the main analysis, `others` those of its variants (see `assemble`). What holds of
    a claim alone must hold in all deciding variants, and as one of the list (see `family`).
    """
    asked = [_quantity(claim, main) for claim in claims]
    found = [KINDS[quantity["kind"]](main, quantity) for quantity in asked]
    checked = [
        {
            name: KINDS[quantity["kind"]](tables, quantity)
            for name, tables in others.items()
            if _applies(quantity, name, tables)
        }
        for quantity in asked
    ]
    hard = [
        _hardened(one, variants) if quantity["kind"] in ON_COMPOSITION + ON_EXPRESSION else one
        for one, variants, quantity in zip(found, checked, asked, strict=True)
    ]
    final = family.adjusted(hard, asked, floor=main.floor)
    return [
        {"claim": claim["id"], "statement": claim["statement"]}
        | _told(main, quantity, first, variants, last)
        | {"quantity": dict(claim["quantity"]), "notes": claim["notes"]}
        for claim, quantity, first, variants, last in zip(claims, asked, found, checked, final, strict=True)
    ]


def _quantity(claim: Mapping[str, Any], main: Tables) -> Mapping[str, Any]:
    quantity: Mapping[str, Any] = claim["quantity"]
    if main.schemes.get(quantity["scheme"]) is main.composition:
        return {**quantity, "scheme": "configured"}
    return quantity


def _told(
    main: Tables,
    quantity: Mapping[str, Any],
    found: Finding,
    checked: Mapping[str, Finding],
    final: Finding,
) -> dict[str, Any]:
    """What `claims.json` says of one claim: `found` in the main analysis, `final` the last word."""
    kind = KINDS[quantity["kind"]]
    also = {
        name: kind(main, {**quantity, "population": name})
        for name in quantity["also"]
        if name != quantity.get("population")
    }
    has_interval = final.low is not None and quantity["kind"] != "captured_cells"
    checks = controls.of_gene(main, quantity, final) if quantity["kind"] == "gene_change" else None
    others_say = at_other_limits(main, quantity) if quantity["kind"] == "gene_change" else {}
    return {
        **_plain(final),
        "rests_on": {"donors": len(main.donors()), "interval": has_interval},
        "unit": UNITS[quantity["kind"]],
        "main": _plain(found),
        "variants": {name: {"decides": name in DECIDING, **_plain(one)} for name, one in checked.items()},
        "also": {name: _plain(one) for name, one in also.items()},
        "at_other_limits": others_say,
        "control": None if checks is None else checks["control"],
        "controls": checks,
    }


def _plain(found: Finding) -> dict[str, Any]:
    """A finding as JSON can hold it."""
    values: dict[str, Any] = io.plain(found._asdict())
    return values


def _applies(quantity: Mapping[str, Any], name: str, tables: Tables) -> bool:
    """Whether a variant holds what the quantity is made from."""
    kind = quantity["kind"]
    if kind in ON_EXPRESSION:
        tested = tables.de_of[quantity["population"], quantity["group"]]
        return name in ("unintegrated", "full_depth", "umi_rule") and not tested.empty
    if kind not in ON_COMPOSITION or name == "full_depth" or quantity["scheme"] != "configured":
        return False
    population = "all" if kind == "lineages_present" else quantity["population"]
    of_lineages = kind == "majority" or (kind == "share_change" and quantity["label"] in LINEAGES)
    population += "_lineage" if of_lineages else ""
    return population in set(tables.composition["population"])


def _hardened(found: Finding, checked: Mapping[str, Finding]) -> Finding:
    """`found`, or an indeterminate verdict where a variant that decides comes to another one."""
    if found.verdict not in (SUPPORTED, OPPOSED, ABSENT):
        return found
    deciding = {
        name: one.verdict
        for name, one in checked.items()
        if name in DECIDING and one.verdict != NOT_ESTIMABLE
    }
    if not deciding:
        return found._replace(reason=f"{found.reason} Not checked without Harmony or at another depth.")
    changed = [f"{one} {WORDS[name]}" for name, one in deciding.items() if one != found.verdict]
    if not changed:
        return found
    reason = f"{found.reason} {found.verdict.capitalize()} in the main analysis, but {' and '.join(changed)}."
    return found._replace(verdict=INDETERMINATE, reason=reason)


def uncertainty(*, donors: int, interval: bool) -> str:
    """On how many patients a verdict rests, and what its interval covers: what ``rests_on`` says."""
    who = "One patient" if donors == 1 else f"{donors} donors pooled"
    if not interval:
        return f"{who}."
    differ = "says nothing of other patients" if donors == 1 else "not differences between donors"
    return f"{who}: the interval covers the sampling of cells only{' and' if donors == 1 else ','} {differ}."


def table(judged: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The verdicts as `claims.tsv` has them: a row is read alone, so its reason says on what it rests.

    Verdicts over donors say so themselves.
    """
    import pandas as pd

    rows = [
        one if "donors" in one else {**one, "reason": f"{one['reason']} {uncertainty(**one['rests_on'])}"}
        for one in judged
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
