"""A real cohort as a user would run it: Kang's eight donors through the whole workflow, held to R's limma."""

import shutil
import subprocess

import anndata
import kang_study
import numpy as np
import pandas as pd
import pytest
from runs import ROOT, snakemake

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def run(tmp_path_factory, real_data):
    """A finished run."""
    folder = tmp_path_factory.mktemp("kang")
    kang_study.write(folder, real_data)
    snakemake(folder, "--configfile", str(folder / "config.yaml"))
    return folder


def table(run, name):
    path = run / "results" / "tables" / name
    return pd.read_csv(path, sep="\t", dtype={"gene": str}, keep_default_na=False, na_values=[""])


def limma(run, tmp_path, group):
    """limma-voom by R on sums that pandas makes of the run's cells."""
    if shutil.which("Rscript") is None or subprocess.run(["Rscript", "-e", "library(edgeR)"]).returncode:
        pytest.skip("no R with edgeR here (Debian: r-bioc-limma r-bioc-edger)")
    counts = anndata.read_h5ad(run / "results" / "counts.h5ad")
    labels = pd.read_parquet(run / "results/populations/all/labels.parquet").set_index("cell")
    lineage = pd.read_parquet(run / "results/populations/t_cells/labels.parquet").set_index("cell")[
        "t_lineage"
    ]
    is_t = (labels["cell_type"].reindex(counts.obs_names) == "T cell").to_numpy()
    if group != "all":
        is_t &= (lineage.reindex(counts.obs_names) == group).to_numpy()
    part = counts[is_t]
    unit = part.obs["donor"].astype(str) + "|" + part.obs["condition"].astype(str)
    n = unit.value_counts()
    donors = [
        donor for donor in sorted(part.obs["donor"].astype(str).unique())
        if min(n.get(f"{donor}|{side}", 0) for side in kang_study.CONDITIONS) >= 10
    ]  # fmt: skip
    if len(donors) < 3:
        return None, len(donors)
    names = [f"{donor}|{side}" for donor in donors for side in kang_study.CONDITIONS]
    sums = {name: np.asarray(part.X[(unit == name).to_numpy()].sum(axis=0)).ravel() for name in names}
    pd.DataFrame(sums, index=counts.var_names).astype(int).to_csv(tmp_path / "counts.tsv", sep="\t")
    script = ROOT / "tests/oracles/paired.R"
    subprocess.run(["Rscript", script, tmp_path / "counts.tsv", "stim", tmp_path / "limma.tsv"], check=True)
    return pd.read_csv(tmp_path / "limma.tsv", sep="\t", index_col=0), len(donors)


@pytest.mark.parametrize("group", ["all", "CD4", "CD8"])
def test_the_table_of_genes_is_that_of_limma(run, tmp_path, group):
    expected, donors = limma(run, tmp_path, group)
    genes = table(run, "donors.de.stim_vs_ctrl.tsv")
    part = genes[(genes["population"] == "car_t") & (genes["group"] == group)].set_index("gene")
    if expected is None:
        assert part.empty, "a test over donors takes three"
        return
    assert set(part["donors"]) == {donors} and set(part.index) == set(expected.index)
    part = part.loc[expected.index]
    for ours, theirs in (("log2_fold_change", "effect"), ("t", "t"), ("p_value", "p_value")):
        np.testing.assert_allclose(part[ours], expected[theirs], rtol=1e-6, atol=1e-6)


def test_the_second_engine_agrees(run):
    genes = table(run, "donors.de.stim_vs_ctrl.tsv")
    part = genes[(genes["population"] == "car_t") & (genes["group"] == "all")].dropna(
        subset=["deseq2_log2_fold_change", "p_value"]
    )
    assert len(part) > 500
    assert np.corrcoef(part["log2_fold_change"], part["deseq2_log2_fold_change"])[0, 1] > 0.95
    strong = part[part["p_adjusted"] < 0.01]
    # R's limma-voom and R's DESeq2 agree on 0.84 of such genes of these donors' CD4 T cells (oracle/CD4_T_*.csv).
    assert (strong["deseq2_p_adjusted"] < 0.05).mean() > 0.84


def test_interferon_answers_in_every_donor(run):
    genes = table(run, "donors.de.stim_vs_ctrl.tsv")
    part = genes[(genes["population"] == "car_t") & (genes["group"] == "all")].set_index("gene")
    signature = part.loc[["ISG15", "IFI6", "IFIT1", "IFIT3", "ISG20", "LY6E", "MX1"]]
    assert (signature["donors_up"] == signature["donors"]).all() and (signature["p_adjusted"] < 1e-3).all()
    others = genes[(genes["population"] == "all")].set_index(["group", "gene"])
    assert others.empty or (others.xs("ISG15", level="gene")["log2_fold_change"] > 1).all()


def test_two_times_are_the_contrast_and_groups_are_told(run):
    """With two times the pairs of times are the contrast itself; the trend over two times is their difference."""
    genes = table(run, "donors.de.stim_vs_ctrl.tsv")
    of_all = genes[(genes["population"] == "car_t") & (genes["group"] == "all")].set_index("gene")
    times = table(run, "donors.times.tsv")
    times = times[(times["population"] == "car_t") & (times["group"] == "all")]
    for test in ("stim", "trend"):
        part = times[times["test"] == test].set_index("gene")
        np.testing.assert_allclose(part["t"], of_all.loc[part.index, "t"], rtol=1e-6)
    outcome = table(run, "donors.outcome.stim_vs_ctrl.tsv")
    part = outcome[(outcome["population"] == "car_t") & (outcome["group"] == "all")]
    inside = part[part["against"].isna()]
    assert set(inside["level"]) == {"no", "yes"}
    isg = inside[inside["gene"] == "ISG15"]
    assert (isg["p_adjusted"] < 1e-3).all() and len(isg) == 2
    between = part[part["against"] == "no"]  # the groups are made up: nothing differs between them
    assert (between["p_adjusted"] < 0.05).mean() < 0.01


def test_the_report_tells_it(run):
    page = (run / "results" / "report.html").read_text()
    assert "Groups of patients" in page and "Over all times" in page and 'id="t-patients"' in page
