"""Rows of the report's tables, out of the tables of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..claims import quantities
from ..names import POPULATION_NAMES
from . import what_changed, wording

if TYPE_CHECKING:
    import pandas as pd

    from ..settings import ChangeLimits

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
MAX_GENES = 150  # per comparison and direction; the file holds all
MAX_TERMS = 60


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


def terms(enrichment: pd.DataFrame) -> list[dict[str, Any]]:
    """The first terms of every CAR+ comparison and direction."""
    part = enrichment[enrichment["population"] == "car_t"].sort_values(["p_value", "term_id"], kind="stable")
    return records(part.groupby(["group", "direction"], sort=True).head(MAX_TERMS))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def claims(
    table: pd.DataFrame, file: str | Path, judged: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The verdicts in groups (C7a to C7f are one), each with its statement's note and its estimate's unit.

    `table` is claims.tsv; reasons are those of `judged`, the claims of claims.json: on how many patients they
    rest is said once, above the table. What other cells show of a change stands beside (`controlled`).
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
        }
        groups.setdefault(re.sub(r"(?<=\d)[a-z]$", "", str(row["claim"])), []).append(row)
    return [{"name": name, "claims": rows} for name, rows in groups.items()]


def crosstab(labels: pd.DataFrame) -> dict[str, Any]:
    """How many cells of each canonical state have which state in the paper's scheme."""
    import pandas as pd

    counts = pd.crosstab(labels["t_state_canonical"], labels["t_state_paper"])
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
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
    labels = [label for label in dict.fromkeys([*main["label"], *varied["label"]]) if label in seen]
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


def file_list(figures: Sequence[str], contrasts: Sequence[str]) -> list[tuple[str, str]]:
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
        (
            "preflight.tsv",
            "layout, cells, genes, depth and transgene UMIs of every library, before any filter",
        ),
        *(CLAIM_FILES if contrasts else ()),
        ("atlas.h5ad", "all kept cells: raw and normalised counts, labels, embeddings (scanpy, cellxgene)"),
        ("provenance.json", "versions, resolved configuration, checksums, seeds, times"),
    ]
    return listed + [(name, "a figure of this report; the PNG lies beside it") for name in figures]
