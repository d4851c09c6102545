"""The report: one self-contained page out of the tables and figures of a run."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import (
    both_rules,
    car_contrast,
    changes,
    foreign,
    io,
    libraries,
    methods,
    origins,
    provenance,
    quantities,
    summary,
)

if TYPE_CHECKING:
    import pandas as pd

POPULATIONS = {"all": "All cells", "t_cells": "T cells", "car_t": "CAR+ T cells"}
VERDICTS = {
    "supported": "supported",
    "opposed": "opposed",
    "indeterminate": "indeterminate",
    "not_estimable": "not estimable",
}
VARIANTS = {
    "unintegrated": "without Harmony",
    "equal_depth": "at equal depth",
    "two_umis": "from two CAR UMIs",
    "umi_rule": "from one CAR UMI",
    "weighted": "weighted by P(CAR+)",
}
MOST_GENES = 150  # per comparison and direction; the file holds all
MOST_TERMS = 60
DE_COLUMNS = ["population", "group", "gene", "depth", "log2_fold_change", "log2_fold_change_low"]
DE_COLUMNS += ["log2_fold_change_high", "pct_test", "pct_reference", "auc", "p_adjusted", foreign.COLUMN]
REMOVED = {
    "few_genes": "too few genes",
    "many_genes": "too many genes",
    "low_umis": "too few UMIs",
    "high_umis": "too many UMIs",
    "high_mito": "high mitochondrial share",
    "doublet": "doublets",
}
CUTS = {"valley": "at the valley of the scores", "expected_rate": "at the expected rate"}
ENDS = {"3p": "3′ ends", "5p": "5′ ends"}


@dataclass(frozen=True)
class Figure:
    """An embedded figure: a data URI, its size in CSS pixels and its file beside the report."""

    uri: str
    width: int
    height: int
    file: str


def page(
    inputs: Mapping[str, Any], config: Mapping[str, Any], *, chemistry: Mapping[str, str] | None = None
) -> str:
    """The HTML of the report.

    `inputs` maps the names of rule `report`'s inputs to their path or paths; `config` is the resolved
    configuration; `chemistry` tells the end that each sample's library reads (3p or 5p), where known.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"share": summary.percent, "number": number, "sig": significant}
    environment.filters |= {"p_value": p_value, "count": count, "upperfirst": upper_first}
    template = environment.from_string(Path(inputs["template"]).read_text(encoding="utf-8"))
    return template.render(
        **_context(inputs, config, chemistry or {}),
        css=Path(inputs["style"]).read_text(encoding="utf-8"),
        javascript=Path(inputs["behaviour"]).read_text(encoding="utf-8"),
    )


def _context(
    inputs: Mapping[str, Any], config: Mapping[str, Any], chemistry: Mapping[str, str]
) -> dict[str, Any]:
    import yaml

    samples, car = io.read_table(inputs["samples"]), io.read_table(inputs["car"])
    composition = io.read_table(inputs["composition"])
    composition_varied = io.read_table(inputs["composition_varied"])
    judged = io.read_json(inputs["claims_details"])["claims"]
    by_rule = both_rules.conclusions(judged, set(composition_varied["variant"]))
    names = samples["sample"].astype(str).tolist()
    thresholds = dict(zip(names, map(io.read_json, inputs["thresholds"]), strict=True))
    integration = dict(zip(POPULATIONS, map(io.read_json, inputs["integration"]), strict=True))
    origin = io.read_json(inputs["provenance"])
    labels = dict(
        zip(("t_cells", "car_t"), (io.read_table(inputs[n]) for n in ("labels", "car_labels")), strict=True)
    )
    return {
        "config": config,
        "simulated": bool(config["simulated"]),
        "figures": {Path(path).stem: embed(path) for path in inputs["figures"]},
        "populations": POPULATIONS,
        "samples": [
            row | {"removed": removed(row), "limits": limits_in_words(thresholds[str(row["sample"])])}
            for row in records(samples)
        ],
        "libraries": libraries.sentences(
            samples,
            dict(zip(names, map(io.read_json, inputs["ingested"]), strict=True)),
            io.read_json(inputs["markers"]),
        ),
        "ambient": libraries.ambient(io.read_table(inputs["ambient"])),
        "ends": {name: ENDS[end] for name, end in chemistry.items() if end in ENDS},
        "thresholds": thresholds,
        "integration": integration,
        "cautions": summary.cautions(
            thresholds=thresholds,
            integration=integration,
            composition=composition,
            chemistry=chemistry,
            sorted_against=car.loc[(car["n_positive"] == 0) & (car["n_negative"] > 0), "sample"].tolist()
            if config["car"]["rule"] == "sorted"
            else (),
            limits=_limits(inputs["preflight"]),
        ),
        "car": records(car),
        "origins": origins.told(inputs, end_is_known=bool(chemistry)),
        "car_fit": changes.told(io.read_json(inputs["car_fit"])),
        "conclusions": by_rule,
        "turned": both_rules.turned(by_rule),
        "against_rest": both_rules.against_rest(io.read_table(inputs["car_contrast"]), car),
        "cd8": car_contrast.cd8_sentences(io.read_table(inputs["car_cd8"])),
        "crosstabs": {name: crosstab(table) for name, table in labels.items()},
        "rests_on": rests_on(samples),
        "claims": claims(io.read_table(inputs["claims"]), inputs["claims_file"]),
        "verdicts": VERDICTS,
        "contrasts": _contrasts(inputs, config, samples, car, composition),
        "varied": varied(composition, composition_varied),
        "variants": {k: text for k, text in VARIANTS.items() if k in set(composition_varied["variant"])},
        "methods": methods.paragraphs(
            config, thresholds=thresholds, integration=integration, versions=origin["packages"]
        ),
        "provenance": origin,
        "configuration": yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True),
        "most_genes": MOST_GENES,
        "files": file_list(
            [f"figures/{Path(path).name}" for path in inputs["figures"]], list(config["contrasts"])
        ),
        "core": [name for name in provenance.CORE if name in origin["packages"]],
    }


def _limits(path: str) -> dict[str, str]:
    table = io.read_table(path)
    return dict(zip(table["sample"].astype(str), table["limits"].fillna("").astype(str)))


def _contrasts(
    inputs: Mapping[str, Any],
    config: Mapping[str, Any],
    samples: pd.DataFrame,
    car: pd.DataFrame,
    composition: pd.DataFrame,
) -> list[dict[str, Any]]:
    limits = {key: config["enrichment"][key] for key in ("adjusted_p", "log2_fold_change")}
    found = []
    for (name, sides), de_file, terms_file in zip(
        config["contrasts"].items(), inputs["de"], inputs["enrichment"], strict=True
    ):
        de = io.read_table(de_file, usecols=DE_COLUMNS)
        enrichment = io.read_table(terms_file)
        heading, replication = summary.replication(samples, (sides["reference"], sides["test"]))
        found.append(
            {
                "name": name,
                "test": sides["test"],
                "reference": sides["reference"],
                "heading": heading,
                "replication": replication,
                "findings": summary.sentences(
                    sides=sides,
                    composition=composition,
                    car=car,
                    de=de,
                    enrichment=enrichment,
                    limits=limits,
                ),
                "few": summary.few_cells(composition, sides),
                "genes": genes(de, limits),
                "terms": terms(enrichment),
            }
        )
    return found


def genes(de: pd.DataFrame, limits: Mapping[str, float]) -> list[dict[str, Any]]:
    """The most changed genes of the CAR+ comparisons at equal depth, with their change at full depth."""
    full = de[(de["depth"] == "full") & (de["population"] == "car_t")]
    full_change = full.set_index(["group", "gene"])["log2_fold_change"].to_dict()
    rows: list[dict[str, Any]] = []
    for group in ("CD4", "CD8", "all"):
        found = summary.changed(de, limits, population="car_t", group=group)
        few = len(found) <= 2 * MOST_GENES
        ends = found if few else found.iloc[[*range(MOST_GENES), *range(-MOST_GENES, 0)]]
        rows += [row | {"full": full_change.get((group, row["gene"]), np.nan)} for row in records(ends)]
    return rows


def terms(enrichment: pd.DataFrame) -> list[dict[str, Any]]:
    """The first terms of every CAR+ comparison and direction."""
    part = enrichment[enrichment["population"] == "car_t"].sort_values(["p_value", "term_id"], kind="stable")
    return records(part.groupby(["group", "direction"], sort=True).head(MOST_TERMS))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def claims(table: pd.DataFrame, file: str | Path) -> list[dict[str, Any]]:
    """The verdicts in groups (C7a to C7f are one), each with its statement's note and its estimate's unit.

    What a reason says of patients is left to the line above the table, which says it once.
    """
    import yaml

    listed = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    known = {entry["id"]: entry for entry in listed.get("claims", [])}
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in records(table):
        entry = known.get(row["claim"], {})
        unit = quantities.UNITS.get(entry.get("quantity", {}).get("kind", ""), "")
        reason = str(row["reason"]) if row["reason"] == row["reason"] else ""
        row |= {"note": entry.get("notes", ""), "unit": unit, "reason": typeset(without_patients(reason))}
        groups.setdefault(re.sub(r"(?<=\d)[a-z]$", "", str(row["claim"])), []).append(row)
    return [{"name": name, "claims": rows} for name, rows in groups.items()]


def rests_on(samples: pd.DataFrame) -> str:
    """On how many patients all verdicts rest; said once."""
    donors = samples["donor"].astype(str).nunique()
    who = "One patient" if donors == 1 else f"{donors} donors, pooled"
    other = "nothing of other patients" if donors == 1 else "nothing of how donors differ"
    return f"{who}: every interval covers the sampling of cells only and says {other}."


def without_patients(reason: str) -> str:
    """A reason without its last sentence, the one on how many patients it rests."""
    return re.sub(r"(?:^|\s)(?:One patient|\d+ donors pooled)(?:: the interval covers [^.]*)?\.$", "", reason)


def typeset(text: str) -> str:
    """Real minus signs in powers of ten, and no line break before a percent sign."""
    return re.sub(r"(?<=\d) %", "\u00a0%", re.sub(r"(?<=\de)-", "\u2212", text))


def removed(row: Mapping[str, Any]) -> str:
    """In words, how many barcodes of a sample were removed for which reason."""
    counts = {text: int(row.get(f"removed_{name}", 0) or 0) for name, text in REMOVED.items()}
    return ", ".join(f"{n:,} {text}" for text, n in counts.items() if n) or "none"


def limits_in_words(found: Mapping[str, Any]) -> str:
    """The limits of one sample as a reader would say them."""
    words = [
        _between(found.get("min_genes"), found.get("max_genes"), "genes"),
        _between(found.get("min_umis"), found.get("max_umis"), "UMIs"),
    ]
    mito, doublet = found.get("max_mito_percent"), found.get("doublet_threshold")
    if mito is not None:
        words.append(f"at most {mito:.1f}\u00a0% mitochondrial UMIs")
    if doublet is not None and not np.isnan(doublet):
        cut = CUTS.get(str(found.get("doublet_threshold_source")), "")
        words.append(f"doublet score below {doublet:.2f}{f' (cut {cut})' if cut else ''}")
    return "; ".join(filter(None, words)) or "none"


def _between(low: float | None, high: float | None, what: str) -> str:
    if low is None and high is None:
        return ""
    if low is None or high is None:
        return f"at most {high:,.0f} {what}" if low is None else f"at least {low:,.0f} {what}"
    return f"{low:,.0f} to {high:,.0f} {what}"


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


def embed(path: str | Path) -> Figure:
    """An SVG file as a data URI; an image element keeps its ids apart from those of other figures."""
    data = Path(path).read_bytes()
    width, height = _size(data)
    uri = "data:image/svg+xml;base64," + base64.b64encode(data).decode()
    return Figure(uri, width, height, f"figures/{Path(path).name}")


def _size(svg: bytes) -> tuple[int, int]:
    head = svg[:2000].decode("utf-8", errors="ignore")
    sizes = {name: float(value) for name, value in re.findall(r'\b(width|height)="([0-9.]+)pt"', head)}
    return round(sizes["width"] * 4 / 3), round(sizes["height"] * 4 / 3)


def number(value: float | None, digits: int = 2) -> str:
    """A number with a fixed count of decimals and a real minus; a dash where there is none."""
    if value is None or np.isnan(value):
        return "–"
    return f"{value:,.{digits}f}".replace("-", "−")


def upper_first(text: str) -> str:
    """A sentence with a capital at its start, the rest as it is."""
    return text[:1].upper() + text[1:]


def significant(value: float | None) -> str:
    """A number with three significant digits; a dash where there is none."""
    if value is None or np.isnan(value):
        return "–"
    whole = abs(value) >= 100 or value == round(value)
    return (f"{value:,.0f}" if whole else f"{value:#.3g}").replace("-", "−")


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return "–" if value is None or np.isnan(value) else f"{int(value):,}"


def p_value(value: float | None) -> str:
    """A P value with two digits."""
    if value is None or np.isnan(value):
        return "–"
    if value < 1e-300:
        return "< 1e−300"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}".replace("-", "−").replace("e−0", "e−")


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
            (f"tables/enrichment.{name}.tsv", "gene sets among changed genes"),
            (f"tables/sensitivity.enrichment.{name}.tsv", "the same at full depth and without Harmony"),
        ]
    listed += [
        (
            "preflight.tsv",
            "layout, cells, genes, depth and transgene UMIs of every library, before any filter",
        ),
        ("tables/claims.tsv", "verdict, estimate, interval and reason of every claim"),
        ("claims.json", "the evidence behind every verdict"),
        ("atlas.h5ad", "all kept cells: raw and normalised counts, labels, embeddings (scanpy, cellxgene)"),
        ("provenance.json", "versions, resolved configuration, checksums, seeds, times"),
    ]
    return listed + [(name, "a figure of this report; the PNG lies beside it") for name in figures]
