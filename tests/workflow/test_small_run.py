"""A small finished run: the contract of outputs, reruns, and the same bytes again."""

import hashlib
import json
import re
import shutil
import subprocess
from importlib import metadata
from itertools import product
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from html_page import Page
from runs import ROOT, SMALL, demo, jobs_to_run, snakemake, tables

CONTRACT = {
    "samples.tsv": ["sample", "condition", "donor", "cells_in", "cells_kept", "median_umis", "median_genes"],
    "cells.tsv.gz": [
        *[
            "cell",
            "sample",
            "condition",
            "donor",
            "n_umis",
            "n_genes",
            "pct_mito",
            "doublet_score",
            "cluster",
        ],
        *["cell_type", "t_state", "car_umis", "car_probability", "car_call", "umap_1", "umap_2"],
    ],
    "car.tsv": [
        *["sample", "condition", "donor", "t_cells", "detected_fraction", "car_fraction", "car_fraction_low"],
        *["car_fraction_high", "identifiable", "ambient_rate", "ambient_transgene_share", "ambient_source"],
        "false_positive_rate",
        *[
            "false_positive_rate_low",
            "false_positive_rate_high",
            "n_positive",
            "n_undetermined",
            "n_negative",
        ],
        "flow_car_percent",
    ],
    "composition.tsv": [
        *["population", "label", "sample", "condition", "donor", "n", "total", "fraction", "fraction_low"],
        "fraction_high",
    ],
    "markers.all.tsv": [
        "gene",
        "cluster",
        "log2_fold_change",
        "pct_in",
        "pct_out",
        "auc",
        "p_value",
        "p_adjusted",
    ],
    "markers.t_cells.tsv": [
        "gene",
        "cluster",
        "log2_fold_change",
        "pct_in",
        "pct_out",
        "auc",
        "p_value",
        "p_adjusted",
    ],
    "markers.car_t.tsv": [
        "gene",
        "cluster",
        "log2_fold_change",
        "pct_in",
        "pct_out",
        "auc",
        "p_value",
        "p_adjusted",
    ],
    "de.peak_vs_product.tsv": [
        *["population", "group", "gene", "depth", "log2_fold_change", "pct_test", "pct_reference", "auc"],
        *["p_value", "p_adjusted", "unit"],
    ],
    "enrichment.peak_vs_product.tsv": [
        *[
            "population",
            "group",
            "direction",
            "library",
            "term_id",
            "term",
            "overlap",
            "set_size",
            "odds_ratio",
        ],
        *["p_value", "p_adjusted", "genes"],
    ],
    "claims.tsv": ["claim", "statement", "verdict", "estimate", "low", "high", "reason"],
}


@pytest.mark.parametrize("name", CONTRACT)
def test_tables_have_the_contracts_columns(small, name):
    frame = pd.read_csv(small / "results/tables" / name, sep="\t")
    columns = list(frame.columns)
    wanted = CONTRACT[name]
    assert [c for c in columns if c in wanted] == wanted
    if name.startswith("markers."):  # few cells may fall into one cluster, which has no markers of its own
        clusters = small / "results/populations" / name.split(".")[1] / "clusters.parquet"
        several = len(set(pd.read_parquet(clusters)["cluster"])) > 1
        assert bool(len(frame)) == several
    else:
        assert len(frame)


def test_every_removed_cell_has_one_reason(small):
    samples = pd.read_csv(small / "results/tables/samples.tsv", sep="\t")
    removed = samples.filter(regex="^removed_").sum(axis=1)
    assert (samples["cells_in"] - removed == samples["cells_kept"]).all()
    assert samples["cells_in"].sum() == 2000


def test_the_atlas_is_the_contracts(small):
    cells = anndata.read_h5ad(small / "results/atlas.h5ad")
    table = pd.read_csv(small / "results/tables/cells.tsv.gz", sep="\t", keep_default_na=False)
    assert list(cells.obs_names) == table["cell"].tolist()
    counts = cells.layers["counts"]
    assert (counts.data == np.round(counts.data)).all()
    car = np.isin(cells.var_names, ["RQR8", "CLL1_scFv"])
    total = np.asarray(counts[:, ~car].sum(axis=1)).ravel()
    row = 7
    expected = np.log1p(counts[row].toarray().ravel() / total[row] * 1e4)
    np.testing.assert_allclose(np.asarray(cells.X[row].todense()).ravel(), expected, rtol=1e-4)
    assert {"X_pca", "X_harmony", "X_umap"} <= set(cells.obsm)
    assert set(CONTRACT["cells.tsv.gz"][1:14]) <= set(cells.obs.columns)


def test_no_cell_without_a_umi_is_called_positive(small):
    calls = pd.read_parquet(small / "results/car/calls.parquet")
    assert (calls.loc[calls["car_umis"] == 0, "car_call"] != "positive").all()
    called = calls["car_probability"].notna()
    assert called.any()
    assert (calls.loc[~called, "car_call"] == "undetermined").all()  # cells that are not T cells
    assert calls.loc[calls["car_call"] == "positive", "car_probability"].min() >= 0.5


def test_the_transgene_is_nowhere_in_the_comparison(small):
    de = pd.read_csv(small / "results/tables/de.peak_vs_product.tsv", sep="\t")
    enrichment = pd.read_csv(small / "results/tables/enrichment.peak_vs_product.tsv", sep="\t")
    assert not de["gene"].isin(["RQR8", "CLL1_scFv"]).any()
    assert not enrichment["genes"].str.contains("RQR8|CLL1_scFv").any()


def test_the_report_stands_alone_and_says_what_it_is(small):
    """It fetches nothing, holds every figure of the run as drawn, and calls every one simulated."""

    def drawn(image):
        return re.sub(rb"<!DOCTYPE.*?>|<metadata>.*?</metadata>", b"", image, flags=re.DOTALL)

    text = (small / "results/report.html").read_text()
    page = Page(text)
    assert page.loaded() == []
    assert not re.search(r"@import|url\((?!['\"]?data:)", text)
    figures = {path.name: path.read_bytes() for path in (small / "results/figures").glob("*.svg")}
    # Of the patients' figures those that the cohort at hand has no data for are drawn, but not shown.
    figures = {name: held for name, held in figures.items() if not name.startswith("cohort_")}
    assert len(figures) >= 15
    held = {drawn(image) for image in page.images()}
    assert not [name for name, content in figures.items() if drawn(content) not in held]
    assert all((small / "results/figures" / name).with_suffix(".png").is_file() for name in figures)
    cells = text.split('<section id="patients"')[0]  # the patients beside the simulated cells are real
    captions = re.findall(r"<figcaption>.*?</figcaption>", cells, flags=re.DOTALL)
    assert len(captions) >= len(figures)
    assert not [caption for caption in captions if "Simulated data" not in caption]
    assert re.search(r"<title>Simulated data: ", text)


def test_provenance(small):
    value = json.loads((small / "results/provenance.json").read_text())
    for package in ("snakemake", "scanpy", "harmonypy", "gseapy"):
        assert value["packages"][package] == metadata.version(package)
    assert value["seeds"] == {"analysis": 0, "simulation": 1}
    assert value["simulated"] is True
    assert {"variant": "paper", "seed": 1, "cells": SMALL}.items() <= value["configuration"]["demo"].items()
    given = {(entry["role"], Path(entry["file"]).name) for entry in value["inputs"]}
    assert {"configuration", "sample sheet", "markers", "claims", "gene sets"} <= {role for role, _ in given}
    for sample, part in product(("product", "peak"), ("matrix.mtx.gz", "features.tsv.gz", "barcodes.tsv.gz")):
        assert {(f"cells of {sample}", part), (f"droplets of {sample}", part)} <= given
    for entry in value["inputs"]:
        content = (small / entry["file"]).read_bytes()  # an absolute path stays what it is
        assert entry["bytes"] == len(content)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest(), entry["file"]
    rules = {step["rule"] for step in value["steps"]}
    assert {"ingest", "filter_cells", "embed", "annotate", "call_car", "contrast", "judge_claims"} <= rules
    assert all(step["started"] <= step["finished"] for step in value["steps"])
    assert value["started"] == min(step["started"] for step in value["steps"])
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    head = subprocess.run(git, capture_output=True, text=True)
    assert value["git"] is None if head.returncode else value["git"]["commit"] == head.stdout.strip()


def test_nothing_to_do_afterwards(small):
    done = snakemake(small, "-n", *demo())
    assert "Nothing to be done" in done.stdout + done.stderr


def test_snakemakes_own_report(small, tmp_path):
    """Every figure of the run is in it, under its heading and with its caption."""
    snakemake(small, "--report", str(tmp_path / "snakemake.html"), *demo())
    text = (tmp_path / "snakemake.html").read_text()

    def variable(name):
        return json.loads(
            re.search(rf'<script id="{name}">\s*var {name} = (.*?);\s*</script>', text, re.S)[1]
        )

    figures = {f"results/figures/{path.name}" for path in (small / "results/figures").glob("*.svg")}
    results = variable("results")
    assert figures <= set(results)
    assert not [name for name in figures if len(re.sub("<[^>]+>", "", results[name]["caption"])) < 40]
    under = {
        Path(file).name.split(".")[0]: heading
        for heading, parts in variable("categories").items()
        for files in parts.values()
        for file in files
    }
    assert under == {
        **dict.fromkeys(["qc_metrics", "qc_removed", "qc_ranks"], "1 Quality"),
        **dict.fromkeys(["umap", "markers"], "2 Cells"),
        **dict.fromkeys(["car_umap", "car_detection", "car_umis"], "3 CAR"),
        **dict.fromkeys(["composition", "claim_genes", "volcano", "enrichment"], "4 Comparison"),
        "sensitivity": "5 Sensitivity",
        **{path.stem: "6 Patients" for path in (small / "results/figures").glob("cohort_*.svg")},
    }


@pytest.mark.slow
@pytest.mark.parametrize("cores", [1])
def test_same_bytes_with_other_cores_in_another_folder(small, tmp_path, cores):
    snakemake(tmp_path, *demo(), cores=cores)
    assert tables(tmp_path) == tables(small)


@pytest.fixture
def own_copy(small, tmp_path):
    """A copy of the workflow, to edit the package in, and a finished run of it: the small one, taken over."""
    for name in ("workflow", "config", "profiles", "envs"):
        shutil.copytree(ROOT / name, tmp_path / "code" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "Snakefile", tmp_path / "code")
    shutil.copytree(small, tmp_path / "run")
    snakemake(tmp_path / "run", "--touch", *demo(), snakefile=tmp_path / "code/Snakefile")
    return tmp_path


def plan(folder):
    done = snakemake(folder / "run", "-n", *demo(), snakefile=folder / "code/Snakefile")
    return jobs_to_run(done.stdout)


def test_comments_rerun_nothing_and_logic_reruns_what_depends_on_it(own_copy):
    assert plan(own_copy) == {}
    module = own_copy / "code/workflow/scripts/carpeak/claims/judge.py"
    module.write_text("# a remark\n" + module.read_text())
    assert plan(own_copy) == {}
    module.write_text(module.read_text() + "\n\nEXTRA = 1\n")
    rerun = set(plan(own_copy)) - {"all"}
    assert "judge_claims" in rerun
    assert "report" in rerun
    assert not rerun & {
        "simulate",
        "ingest",
        "filter_cells",
        "merge",
        "embed",
        "annotate",
        "contrast",
        "enrich",
    }
