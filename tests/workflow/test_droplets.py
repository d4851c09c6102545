"""Libraries as they come: droplets alone, another list of genes, former symbols; through Snakemake."""

import gzip
import json
import shutil

import anndata
import pandas as pd
import pytest
from carpeak import io
from runs import snakemake

DROPPED = ["ACTB", "CD3G"]


@pytest.fixture(scope="module")
def run(small, tmp_path_factory):
    """The demo's product as droplets alone; its peak with TCF7 called TCF1 and without two genes."""
    folder = tmp_path_factory.mktemp("libraries")
    source, peak = small / "demo/peak/filtered_feature_bc_matrix", folder / "peak"
    shutil.copytree(source, peak)
    with gzip.open(source / "features.tsv.gz", "rt") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    for row in rows:
        row[0], row[1] = row[1], {"TCF7": "TCF1"}.get(row[1], row[1])  # no identifiers
        if row[1] in DROPPED:
            row[2] = "Antibody Capture"
    with gzip.open(peak / "features.tsv.gz", "wt") as file:
        file.writelines("\t".join(row) + "\n" for row in rows)
    sheet = [
        ["sample", "condition", "donor", "path", "raw_path"],
        ["product", "product", "P4", "", str(small / "demo/product/raw_feature_bc_matrix")],
        ["peak", "peak", "P4", "peak", ""],
    ]
    (folder / "samples.tsv").write_text("".join("\t".join(row) + "\n" for row in sheet))
    config = {"samples": "samples.tsv", "transgene": {"features": ["RQR8", "CLL1_scFv"]}}
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    targets = ["results/counts.h5ad", "results/ambient/product.json"]
    snakemake(folder, "--configfile", str(folder / "config.yaml"), "--", *targets)
    return folder


def test_cells_are_called_from_droplets(run, small):
    called, given = (
        set(anndata.read_h5ad(folder / "results/ingest/product.h5ad").obs_names) for folder in (run, small)
    )
    assert len(called & given) >= 0.97 * len(given)
    assert len(called - given) <= 0.003 * len(called)
    summary = json.loads((run / "results/ingest/product.json").read_text())
    assert summary["cells_called"]["cells"] == len(called)


def test_empty_droplets_are_those_that_hold_no_called_cell(run, small):
    ambient, other = (
        json.loads((folder / "results/ambient/product.json").read_text()) for folder in (run, small)
    )
    assert ambient["source"] == "empty_droplets"
    assert ambient["umis"] == pytest.approx(other["umis"], rel=0.02)


def test_genes_are_those_of_both_and_the_marker_is_found(run):
    counts = anndata.read_h5ad(run / "results/counts.h5ad")
    assert "TCF7" in counts.var_names
    assert not {"TCF1", *DROPPED} & set(counts.var_names)
    peak = counts[counts.obs["sample"] == "peak", "TCF7"].X
    assert peak.sum() > 0, "what the peak calls TCF1 is counted as TCF7"
    assert {"RQR8", "CLL1_scFv"} == set(counts.var_names[counts.var["transgene"]])
    assert counts.var["mito"].sum() == 13
    told = json.loads((run / "results/markers.json").read_text())
    assert told == {"used": {"TCF7": ["TCF1"]}, "missing": ["CD3G"]}
    table = io.read_table(run / "results/tables/samples.tsv").set_index("sample")
    assert isinstance(table, pd.DataFrame)
    assert table["genes_left_out"].to_dict() == {"product": 2, "peak": 0}
    assert table["genes_absent"].to_dict() == {"product": 0, "peak": 0}
