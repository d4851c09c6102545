"""Run the scripts of the deliverables as Snakemake does, on a made-up results folder."""

import os
import runpy
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import yaml
from carpeak.names import POPULATIONS
from carpeak.study import study
from runs import ROOT

WORKFLOW = ROOT / "workflow"
CONTRAST = "peak_vs_product"
SAMPLES = ["product", "peak"]
MAPPED = ["all", "t_cells"]
FOOTER = "Simulated data: no patient was measured."
STYLES = ("style", "explore", "tables")
SCRIPTS = ("unpack", "page", "tables", "volcano", "genes", "terms", "explore", "words")
COMPARED = ("composition", "claim_genes", "volcano", "enrichment", "sensitivity")
SIDES = {"test": "peak", "reference": "product"}
LIMITS = {"adjusted_p": 0.01, "log2_fold_change": 0.5}


class Files(list):
    """Named files, as Snakemake hands them to a script."""

    def __init__(self, **named):
        super().__init__(named.values())
        self.__dict__.update(named)

    def items(self):
        return self.__dict__.items()

    def __getitem__(self, key):
        return self.__dict__[key] if isinstance(key, str) else super().__getitem__(key)


@contextmanager
def _inside(folder):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run(script, folder, *, inputs, outputs, params, wildcards=None):
    """Run workflow/scripts/SCRIPT.py in `folder` (the one that holds results/)."""
    snakemake = SimpleNamespace(
        rule=script,
        input=Files(**inputs),
        output=Files(**outputs),
        params=SimpleNamespace(**params),
        wildcards=SimpleNamespace(**(wildcards or {})),
        log=[f"logs/{script}.log"],
    )
    with _inside(folder):
        runpy.run_path(str(WORKFLOW / f"scripts/{script}.py"), init_globals={"snakemake": snakemake})


def config():
    """The validated configuration of the demo study."""
    source = ROOT / "config/config.yaml"
    value = yaml.safe_load(source.read_text(encoding="utf-8"))
    return study.load(value, source=source, workflow=WORKFLOW).config


def _both(**names):
    outputs = {}
    for key, name in names.items():
        outputs[key], outputs[f"{key}_png"] = f"results/figures/{name}.svg", f"results/figures/{name}.png"
    return outputs


def draw(folder):
    """Run the four drawing scripts, for every population."""
    quality = [f"results/qc/{name}.cells.parquet" for name in SAMPLES]
    common = {"samples": SAMPLES, "footer": FOOTER}
    run(
        "draw_qc",
        folder,
        inputs={
            "cells": quality,
            "thresholds": [f"results/qc/{name}.thresholds.json" for name in SAMPLES],
            "samples": "results/tables/samples.tsv",
            "droplets": sorted(
                f"results/ambient/{f.name}" for f in Path(folder, "results/ambient").glob("*.json")
            ),
        },
        outputs=_both(metrics="qc_metrics", removed="qc_removed", ranks="qc_ranks"),
        params=common,
    )
    for name in POPULATIONS:
        inputs = {
            key: f"results/populations/{name}/{file}"
            for key, file in (
                ("places", "umap.parquet"),
                ("labels", "labels.parquet"),
                ("integration", "integration.json"),
            )
        }
        run(
            "draw_population",
            folder,
            inputs={"counts": "results/counts.h5ad", "quality": quality, **inputs},
            outputs=_both(umap=f"umap.{name}", markers=f"markers.{name}"),
            params={"conditions": {one: one for one in SAMPLES}, "footer": FOOTER},
            wildcards={"population": name},
        )
    run(
        "draw_car",
        folder,
        inputs={
            "calls": "results/car/calls.parquet",
            "car": "results/tables/car.tsv",
            "places": "results/populations/t_cells/umap.parquet",
            "quality": quality,
        },
        outputs=_both(umap="car_umap", detection="car_detection", umis="car_umis"),
        params=common,
    )
    run(
        "draw_comparison",
        folder,
        inputs={
            "composition": "results/tables/composition.tsv",
            "composition_varied": "results/tables/sensitivity.composition.tsv",
            "de": f"results/tables/de.{CONTRAST}.tsv",
            "de_varied": f"results/tables/sensitivity.de.{CONTRAST}.tsv",
            "enrichment": f"results/tables/enrichment.{CONTRAST}.tsv",
            "claim_genes": f"results/tables/claim_genes.{CONTRAST}.tsv",
            "claims": str(ROOT / "config/claims.yaml"),
        },
        outputs=_both(**{name: f"{name}.{CONTRAST}" for name in COMPARED}),
        params={**common, "shown": SAMPLES, "sides": SIDES, "limits": LIMITS},
        wildcards={"contrast": CONTRAST},
    )


def make_atlas(folder):
    """Run scripts/atlas.py."""
    run(
        "atlas",
        folder,
        inputs={
            "counts": "results/counts.h5ad",
            "quality": [f"results/qc/{name}.cells.parquet" for name in SAMPLES],
            "embedding": "results/populations/all/embedding.parquet",
            "umap": "results/populations/all/umap.parquet",
            "labels": "results/populations/all/labels.parquet",
            "t_labels": "results/populations/t_cells/labels.parquet",
            "calls": "results/car/calls.parquet",
        },
        outputs={"atlas": "results/atlas.h5ad", "table": "results/tables/cells.tsv.gz"},
        params={"samples": SAMPLES},
    )


def make_provenance(folder, settings):
    """Run scripts/provenance.py."""
    run(
        "provenance",
        folder,
        inputs={},
        outputs={"provenance": "results/provenance.json"},
        params={
            "config": settings,
            "inputs": {"claims": [settings["claims"]], "cells": ["results/qc"], "absent": ["no/such/file"]},
            "logs": "logs",
            "workflow": str(WORKFLOW),
        },
    )


def make_page(folder, settings):
    """Draw the figures and write the provenance and the report of hand-made results; the page."""
    draw(folder)
    make_provenance(folder, settings)
    return make_report(folder, settings)


def make_maps(folder):
    """Run scripts/pack_map.py for every population that is mapped."""
    for name in MAPPED:
        run(
            "pack_map",
            folder,
            inputs={
                "counts": "results/counts.h5ad",
                "umap": f"results/populations/{name}/umap.parquet",
                "labels": f"results/populations/{name}/labels.parquet",
                "calls": "results/car/calls.parquet",
                "quality": [f"results/qc/{sample}.cells.parquet" for sample in SAMPLES],
                "de": [f"results/tables/de.{CONTRAST}.tsv"],
                "markers": f"results/tables/markers.{name}.tsv",
            },
            outputs={"map": f"results/explore/{name}.json"},
            params={
                "samples": [{"sample": one, "condition": one, "donor": "P4"} for one in SAMPLES],
                "genes": ["GZMB"],
                "markers": ["CD3D"],
            },
            wildcards={"population": name},
        )


def make_report(folder, settings, **more):
    """Run scripts/report.py, with `more` inputs where a study has them, and return the page."""
    make_maps(folder)
    tables, resources = "results/tables", WORKFLOW / "resources/report"
    populations = POPULATIONS
    run(
        "report",
        folder,
        inputs={
            "preflight": "results/preflight.tsv",
            "samples": f"{tables}/samples.tsv",
            "car": f"{tables}/car.tsv",
            "car_fit": "results/car/fit.json",
            "ambient": "results/tables/ambient.tsv",
            "markers": "results/markers.json",
            "ingested": [f"results/ingest/{name}.json" for name in SAMPLES],
            "car_contrast": f"{tables}/car_contrast.tsv",
            "car_cd8": f"{tables}/car_cd8.tsv",
            "composition": f"{tables}/composition.tsv",
            "composition_varied": f"{tables}/sensitivity.composition.tsv",
            "claims": f"{tables}/claims.tsv",
            "claims_details": "results/claims.json",
            "claims_file": settings["claims"],
            "de": [f"{tables}/de.{CONTRAST}.tsv"],
            "enrichment": [f"{tables}/enrichment.{CONTRAST}.tsv"],
            "attribution": [f"{tables}/attribution.{CONTRAST}.tsv"],
            "thresholds": [f"results/qc/{name}.thresholds.json" for name in SAMPLES],
            "integration": [f"results/populations/{name}/integration.json" for name in populations],
            "labels": "results/populations/t_cells/labels.parquet",
            "car_labels": "results/populations/car_t/labels.parquet",
            "provenance": "results/provenance.json",
            "figures": sorted(
                str(f.relative_to(folder)) for f in Path(folder, "results/figures").glob("*.svg")
            ),
            "template": str(resources / "template.html.j2"),
            "macros": str(resources / "explore.html.j2"),
            "style": [str(resources / f"{name}.css") for name in STYLES],
            "behaviour": [str(resources / f"{name}.js") for name in SCRIPTS],
            "maps": [f"results/explore/{name}.json" for name in MAPPED],
            "planted": f"{tables}/planted.tsv",
            **more,
        },
        outputs={"page": "results/report.html"},
        params={"config": settings, "chemistry": {"product": "5p", "peak": "3p"}},
    )
    return Path(folder, "results/report.html").read_text(encoding="utf-8")
