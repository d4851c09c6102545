"""The tour notebook runs on the results that it describes and shows what stands in them."""

import html
import re
import shutil

import anndata
import fixtures_results
import fixtures_scripts
import nbformat
import pandas as pd
import pytest
import scanpy
from nbclient import NotebookClient


def toured(folder, monkeypatch, *, empty):
    """The code cells of the tour after a run on hand-made results, and those results."""
    results = fixtures_results.make(folder, cells=300, empty=empty)
    fixtures_scripts.make_atlas(folder)
    fixtures_scripts.make_provenance(folder, fixtures_scripts.config())
    monkeypatch.setenv("PYTHONPATH", str(fixtures_scripts.WORKFLOW / "scripts"))
    monkeypatch.setenv("CARPEAK_RESULTS", str(results.resolve()))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # set by the scripts; the kernel draws inline
    return executed(folder), results


def executed(folder):
    """The code cells of the tour after it has run in `folder`."""
    notebook = nbformat.read(fixtures_scripts.ROOT / "notebooks/tour.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [cell for cell in notebook.cells if cell["cell_type"] == "code"]


def rows(cells, code):
    """The rows of the table that the cell with `code` in it shows, field by field; the header first."""
    (cell,) = [cell for cell in cells if code in cell["source"]]
    (shown,) = [output["data"]["text/html"] for output in cell["outputs"] if "data" in output]
    found = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in re.findall(r"<tr.*?</tr>", shown, re.S)
    ]
    return [[html.unescape(field) for field in row] for row in found]


def images(cells):
    return sum("image/png" in output.get("data", {}) for cell in cells for output in cell["outputs"])


def read(results, name):
    return pd.read_csv(results / "tables" / name, sep="\t", keep_default_na=False, na_values=[""])


def test_the_tour_shows_what_stands_in_the_results(tmp_path, monkeypatch):
    cells, results = toured(tmp_path, monkeypatch, empty=False)
    samples, claims = read(results, "samples.tsv"), read(results, "claims.tsv")
    shown = {row[0]: row[1:] for row in rows(cells, "samples.T")}
    assert shown["sample"] == ["product", "peak"]
    assert shown["cells_kept"] == [str(n) for n in samples["cells_kept"]]
    shown = {row[0]: row[1:] for row in rows(cells, "car.drop(")}
    assert shown["n_positive"] == [str(n) for n in read(results, "car.tsv")["n_positive"]]
    de = read(results, "de.peak_vs_product.tsv")
    cd4 = de[(de["population"] == "car_t") & (de["group"] == "CD4") & (de["depth"] == "equal")]
    head, *genes = rows(cells, "cd4.sort_values")
    assert [row[head.index("gene")] for row in genes] == cd4.nlargest(15, "log2_fold_change")["gene"].tolist()
    enrichment = read(results, "enrichment.peak_vs_product.tsv")
    up = enrichment[enrichment["population"].eq("car_t") & enrichment["group"].eq("CD4")]
    up = up[up["direction"] == "up"].nsmallest(10, "p_value")
    head, *terms = rows(cells, 'up[["term_id"')
    assert [row[head.index("term_id")] for row in terms] == up["term_id"].tolist()
    head, *verdicts = rows(cells, '"statement", "verdict"')
    assert [row[head.index("verdict")] for row in verdicts] == claims["verdict"].tolist()
    assert [row[head.index("statement")] for row in verdicts] == claims["statement"].tolist()
    assert images(cells) == 2, "the composition, and the atlas"


def test_the_tour_of_a_study_without_t_cells(tmp_path, monkeypatch):
    cells, results = toured(tmp_path, monkeypatch, empty=True)
    assert len(rows(cells, "cd4.sort_values")) == 1, "the header alone"
    head, *verdicts = rows(cells, '"statement", "verdict"')
    assert {row[head.index("verdict")] for row in verdicts} == {"not_estimable"}
    assert len(verdicts) == len(read(results, "claims.tsv"))
    assert images(cells) == 2


def test_what_is_exported_is_what_other_tools_read(tmp_path, monkeypatch):
    """CAR+ T cells with their raw counts: as h5ad, and as the trio that Read10X of Seurat opens."""
    toured(tmp_path, monkeypatch, empty=False)
    atlas = anndata.read_h5ad(tmp_path / "results/atlas.h5ad")
    wanted = atlas[(atlas.obs["car_call"] == "positive") & (atlas.obs["cell_type"] == "T cell")]
    subset = anndata.read_h5ad(tmp_path / "exported/car_positive.h5ad")
    assert list(subset.obs_names) == list(wanted.obs_names) and wanted.n_obs > 20
    trio = scanpy.read_10x_mtx(tmp_path / "exported/car_positive", var_names="gene_ids")
    assert list(trio.obs_names) == list(wanted.obs_names)
    assert list(trio.var_names) == wanted.var["gene_id"].tolist()
    assert (wanted.layers["counts"] != trio.X).nnz == 0
    labels = pd.read_csv(tmp_path / "exported/car_positive/cells.csv", index_col=0)
    assert labels["t_state"].tolist() == wanted.obs["t_state"].tolist()


@pytest.mark.slow
def test_the_test_redone_by_hand_gives_the_tables_numbers(small, tmp_path, monkeypatch):
    """Of a real run: AUC and P of scipy are those that the workflow wrote."""
    shutil.copytree(small / "results", tmp_path / "results")
    monkeypatch.setenv("CARPEAK_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("PYTHONPATH", str(fixtures_scripts.WORKFLOW / "scripts"))
    _, *found = rows(executed(tmp_path), "mannwhitneyu(")
    assert len(found) >= 2
    for row in found:
        auc, redone, p, p_redone = map(float, row[2:])
        assert auc == pytest.approx(redone, abs=1e-6)
        assert p == pytest.approx(p_redone, rel=1e-3)
