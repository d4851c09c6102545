"""Rows of the report's tables, out of the tables of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..claims import quantities
from ..explore import tested as pack_tested
from ..figures import palette
from ..names import POPULATION_NAMES
from . import what_changed, wording

if TYPE_CHECKING:
    import pandas as pd

    from ..settings import ChangeLimits
    from .inputs import Contrast

POPULATIONS = {name: wording.upper_first(text) for name, text in POPULATION_NAMES.items()}
PAPER = "# The statements of Zhang et al. 2025"  # the first words of the bundled claims
VARIANTS = {
    "unintegrated": "without Harmony",
    "equal_depth": "at equal depth",
    "two_umis": "from two CAR UMIs",
    "umi_rule": "from one CAR UMI",
    "weighted": "weighted by P(CAR+)",
}
CLAIM_FILES = (
    ("tables/claims.tsv", "verdict, estimate, interval and reason of every claim"),
    ("claims.json", "the evidence behind every verdict"),
)
EVIDENCE = {
    "captured_cells": "quality",
    "lineages_present": "fig-composition.{contrast}",
    "subset_count": "subsets",
    "largest_subset": "fig-composition.{contrast}",
    "majority": "fig-composition.{contrast}",
    "share_change": "fig-composition.{contrast}",
    "flow_agreement": "fig-car_detection",
    "gene_change": "fig-claim_genes.{contrast}",
    "term_change": "fig-enrichment.{contrast}",
}
MAX_GENES = 20  # per comparison and direction, of the table that needs no script; the other holds all
MAX_TERMS = 10


def genes(de: pd.DataFrame, limits: ChangeLimits) -> list[dict[str, Any]]:
    """The most changed genes of the CAR+ comparisons at equal depth, with their change at full depth."""
    full = de[(de["depth"] == "full") & (de["population"] == "car_t")]
    full_change = full.set_index(["group", "gene"])["log2_fold_change"].to_dict()
    rows: list[dict[str, Any]] = []
    for group in ("CD4", "CD8", "all"):
        found = what_changed.changed(de, limits, population="car_t", group=group)
        few = len(found) <= 2 * MAX_GENES
        ends = found if few else found.iloc[[*range(MAX_GENES), *range(-MAX_GENES, 0)]]
        rows += [row | {"full": full_change.get((group, row["gene"]), np.nan)} for row in records(ends)]
    return rows


def terms(enrichment: pd.DataFrame, limits: ChangeLimits) -> list[dict[str, Any]]:
    """The first terms of every CAR+ comparison and direction that pass the limit; leaders only."""
    part = enrichment[(enrichment["population"] == "car_t") & (enrichment["p_adjusted"] < limits.adjusted_p)]
    part = part[part["leader"] == part["term_id"]].sort_values(["p_value", "term_id"], kind="stable")
    return records(part.groupby(["group", "direction"], sort=True).head(MAX_TERMS))


def tested(
    found: Contrast, sides: Mapping[str, str], limits: ChangeLimits, *, name: str, named: Sequence[str]
) -> str:
    """All tested genes and terms of a contrast as JSON for a script; `named` are genes of the claims."""
    told: dict[str, Any] = dict(sides) | {"name": name, "named": list(named)}
    told |= {"adjusted_p": limits.adjusted_p, "log2_fold_change": limits.log2_fold_change}
    packed = {
        "genes": pack_tested.genes(found.de, found.attribution, limits),
        "terms": pack_tested.terms(found.enrichment, limits),
    }
    return json.dumps(packed | {"told": told}).replace("<", "\\u003c")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def claims(
    table: pd.DataFrame, file: str | Path, judged: Sequence[Mapping[str, Any]], *, contrast: str = ""
) -> list[dict[str, Any]]:
    """The verdicts in groups (C7a to C7f are one), each with its statement's note and its estimate's unit.

    `table` is claims.tsv; reasons are those of `judged`, the claims of claims.json: on how many patients they
    rest is said once, above the table. What other cells show of a change stands beside (`controlled`), and
    where the page shows what the verdict rests on (`evidence`, of the first contrast, called `contrast`).
    """
    import yaml

    listed = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    known = {entry["id"]: entry for entry in listed.get("claims", [])}
    reasons = {one["claim"]: one["reason"] for one in judged}
    over_donors = {one["claim"]: one["unit"] for one in judged if "donors" in one}
    controlled = {one["claim"]: wording.controls(one.get("controls")) for one in judged}
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in records(table):
        entry = known.get(row["claim"], {})
        unit = quantities.UNITS.get(entry.get("quantity", {}).get("kind", ""), "")
        row |= {
            "note": entry.get("notes", ""),
            "unit": over_donors.get(row["claim"], unit),
            "reason": wording.typeset(reasons[row["claim"]]),
            "controlled": wording.typeset(controlled[row["claim"]]),
            "plain": plain(
                row, entry.get("quantity", {}).get("kind", ""), over_donors=row["claim"] in over_donors
            ),
            "evidence": evidence(entry.get("quantity", {}), contrast),
        }
        groups.setdefault(re.sub(r"(?<=\d)[a-z]$", "", str(row["claim"])), []).append(row)
    return [{"name": name, "claims": rows} for name, rows in groups.items()]


def plain(row: Mapping[str, Any], kind: str, *, over_donors: bool = False) -> tuple[str, str, str] | None:
    """A claim's estimate, interval and unit as one would say them; None where the table's own will do."""
    value, low, high = row["estimate"], row["low"], row["high"]
    if value is None or np.isnan(value) or over_donors:
        return None
    if kind == "gene_change":
        low, high = wording.number(2**low, 1), wording.number(2**high, 1)
        return f"{wording.number(2**value, 1)}-fold", f"{low} to {high}", f"log2 {wording.number(value)}"
    if kind == "term_change":
        shown = [wording.number(2**one, 0 if 2**value >= 10 else 1) for one in (value, low, high)]
        return f"odds × {shown[0]}", f"{shown[1]} to {shown[2]}", f"log2 {wording.number(value)}"
    if kind in ("largest_subset", "majority", "lineages_present"):
        shown = [wording.number(100 * one, 1) for one in (value, low, high)]
        unit = {
            "largest_subset": "lead over the next subset",
            "majority": "CD4 minus CD8, where it is smaller",
        }
        word = "%" if kind == "lineages_present" else "points"
        return (
            f"{shown[0]} {word}",
            f"{shown[1]} to {shown[2]}",
            unit.get(kind, "of all cells, the rarest lineage"),
        )
    return None


def evidence(quantity: Mapping[str, Any], contrast: str) -> dict[str, str] | None:
    """The id of what shows a claim's number, and its gene or term in the tables; none where nothing does."""
    kind = quantity.get("kind", "")
    link = EVIDENCE.get(kind, "").format(contrast=contrast)
    if not link:
        return None
    found = {"link": link, "find": quantity.get("gene") or quantity.get("term") or ""}
    if found["find"]:
        place = (quantity.get("population", "car_t"), quantity.get("group", "all"))
        found |= {
            "section": "genes" if "gene" in quantity else "terms",
            "cells": pack_tested.NAMES.get(place, ""),
        }
    return found


def crosstab(labels: pd.DataFrame) -> dict[str, Any]:
    """How many cells of each canonical state have which state in the paper's scheme."""
    import pandas as pd

    counts = pd.crosstab(labels["t_state_canonical"], labels["t_state_paper"])
    counts = counts.loc[palette.ordered(counts.index), palette.ordered(counts.columns)]
    rows = [
        {"label": str(label), "total": int(row.sum()), "cells": [int(n) for n in row]}
        for label, row in counts.iterrows()
    ]
    return {"columns": [str(name) for name in counts.columns], "rows": rows}


def varied(composition: pd.DataFrame, other: pd.DataFrame) -> list[dict[str, Any]]:
    """Shares of CAR+ T-cell states as reported and under each variant."""
    main = composition[composition["population"] == "car_t"]
    varied = other[other["population"] == "car_t"]
    there = varied.set_index(["variant", "label", "sample"])["fraction"].to_dict()
    told = set(zip(varied["variant"], varied["sample"]))  # a label that a variant does not list has share 0
    rows = {(row["label"], row["sample"]): row for row in records(main)}
    seen = {row["label"] for row in [*records(main), *records(varied)] if row["n"] > 0}
    labels = [label for label in palette.ordered([*main["label"], *varied["label"]]) if label in seen]
    found = []
    for label in labels:
        for sample in main["sample"].unique():
            row = rows.get((label, sample), {"n": 0, "fraction": 0.0})
            found.append(
                {"label": label, "sample": sample, "n": row["n"], "fraction": row["fraction"]}
                | {
                    name: there.get((name, label, sample), 0.0 if (name, sample) in told else np.nan)
                    for name in VARIANTS
                }
            )
    return found


def file_list(
    figures: Sequence[str], contrasts: Sequence[str], *, ranked: bool = False
) -> list[tuple[str, str]]:
    """Files that a run leaves beside the report, and what each holds."""
    listed = [
        ("tables/samples.tsv", "barcodes read and kept, removals by reason, thresholds, per sample"),
        ("tables/cells.tsv.gz", "every kept cell with its metrics, labels, CAR call and UMAP place"),
        ("tables/ambient.tsv", "share of ambient RNA per sample, with interval, and the genes it is of"),
        ("tables/car.tsv", "CAR detection, false positives and calls per sample"),
        (
            "tables/car_contrast.tsv",
            "genes that differ between CAR+ and other T cells of a sample, by P(CAR+) and by detection",
        ),
        ("tables/car_cd8.tsv", "CD8A without CD8B in CAR+ and in other T cells, and the reverse"),
        (
            "tables/sex_genes.tsv",
            "cells with XIST and with Y genes per sample and cell type: chimerism, swaps",
        ),
        ("tables/composition.tsv", "shares of labels per population and sample, with intervals"),
        ("tables/cd4_cd8.tsv", "CD4 per CD8 T cell per sample, with intervals that hold typing error"),
        (
            "tables/sensitivity.composition.tsv",
            "the same without Harmony, at equal depth, from two UMIs, other scheme",
        ),
    ]
    listed += [
        (f"tables/markers.{name}.tsv", f"cluster markers of {text}") for name, text in POPULATIONS.items()
    ]
    for name in contrasts:
        listed += [
            (
                f"tables/de.{name}.tsv",
                "changed genes of every comparison, full and equal depth, ambient RNA marked",
            ),
            (f"tables/sensitivity.de.{name}.tsv", "the same with labels made without Harmony"),
            (
                f"tables/attribution.{name}.tsv",
                "changes of genes and states in CAR+ and CAR-undetected T cells, and of the mix",
            ),
            (
                f"tables/enrichment.{name}.tsv",
                "gene sets among changed genes, redundant ones with their leader",
            ),
            (f"tables/sensitivity.enrichment.{name}.tsv", "the same at full depth and without Harmony"),
        ]
    listed += [
        (f"tables/gsea.{name}.tsv", "gene sets at either end of all genes, ranked by their change (GSEA)")
        for name in (contrasts if ranked else ())
    ]
    listed += [
        (
            "preflight.tsv",
            "layout, cells, genes, depth and transgene UMIs of every library, before any filter",
        ),
        *(CLAIM_FILES if contrasts else ()),
        ("atlas.h5ad", "all kept cells: raw and normalised counts, labels, embeddings (scanpy, cellxgene)"),
        ("provenance.json", "versions, resolved configuration, checksums, seeds, times"),
    ]
    return listed + [(name, "a figure of this report; the PNG lies beside it") for name in figures]
