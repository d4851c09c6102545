"""The preset `paper` in a whole run: its steps are what the run took, down to the names of clusters."""

import json

import fixtures_tiny as tiny
import pandas as pd
import pytest
from carpeak.seurat import cluster_states
from runs import snakemake

CELLS = {"CD4 Tn": 150, "CD4 Tem": 120, "CD8 Teff": 120, "Monocyte": 80}


@pytest.fixture(scope="module")
def paper(shared_folders):
    def make(folder):
        made = {name: tiny.library(CELLS, seed=seed) for seed, name in enumerate(("ip", "pk"), start=1)}
        sides = zip(made.items(), ("product", "peak"), strict=True)
        libraries = {name: (side, counts, tiny.GENES) for (name, counts), side in sides}
        tiny.write(folder, libraries, extra="preset: paper\n")
        snakemake(folder, "--configfile", str(folder / "config.yaml"))

    return shared_folders.folder("preset paper", make)


@pytest.mark.slow
def test_clusters_are_named_as_wholes(paper):
    labels = pd.read_parquet(paper / "results/populations/t_cells/labels.parquet")
    assert labels.groupby("cluster")["t_state"].agg(set).str.len().eq(1).all()
    assert (labels["t_state"] == labels["t_state_paper"]).all()
    assert set(labels["t_state"]) <= {*cluster_states.PANELS, "unassigned"}
    assert labels["probability"].isna().all()
    inside = labels["t_state"].map(cluster_states.LINEAGE).fillna("unassigned")
    assert (labels["t_lineage"] == inside).all()
    scores = pd.read_csv(paper / "results/populations/t_cells/scores.tsv", sep="\t")
    assert list(scores["label_share"]) == [1.0] * len(scores)
    assert {*cluster_states.PANELS} <= set(scores.columns)


@pytest.mark.slow
def test_doublets_stay_and_one_umi_is_enough(paper):
    samples = pd.read_csv(paper / "results/tables/samples.tsv", sep="\t")
    assert (samples["removed_doublet"] == 0).all()
    calls = pd.read_parquet(paper / "results/car/calls.parquet")
    assert ((calls["car_umis"] >= 1) == (calls["car_call"] == "positive")).all()


@pytest.mark.slow
def test_cluster_markers_are_adjusted_by_bonferroni(paper):
    table = pd.read_csv(paper / "results/tables/markers.all.tsv", sep="\t")
    tested = len(tiny.GENES) - 1  # without the transgene
    assert len(table)
    by_hand = (table["p_value"] * tested).clip(upper=1)  # of values that the table gives to eight digits
    assert ((table["p_adjusted"] - by_hand).abs() <= 1e-6 * by_hand).all()
    assert table["log2_fold_change"].abs().min() >= 0.25
    assert table[["pct_in", "pct_out"]].max(axis=1).min() >= 0.1
    assert table["p_value"].max() < 0.01


@pytest.mark.slow
def test_the_report_and_the_provenance_say_it(paper):
    resolved = json.loads((paper / "results/provenance.json").read_text())["configuration"]
    assert resolved["preset"] == "paper" and resolved["embedding"]["method"] == "paper"
    text = (paper / "results/report.html").read_text()
    assert "states were given to whole clusters" in text
    assert "Louvain" in text and "Doublets were not looked for" in text
    assert (paper / "results/tables/claims.tsv").is_file()
