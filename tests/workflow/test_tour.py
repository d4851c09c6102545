"""The tour notebook runs on the results that it describes and shows what stands in them."""

import html
import re

import fixtures_results
import fixtures_scripts
import nbformat
import pandas as pd
from nbclient import NotebookClient


def toured(folder, monkeypatch, *, empty):
    """The code cells of the tour after a run on hand-made results, and those results."""
    results = fixtures_results.make(folder, cells=300, empty=empty)
    fixtures_scripts.make_atlas(folder)
    monkeypatch.setenv("CARPEAK_RESULTS", str(results.resolve()))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # set by the scripts; the kernel draws inline
    notebook = nbformat.read(fixtures_scripts.ROOT / "notebooks/tour.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [cell for cell in notebook.cells if cell["cell_type"] == "code"], results


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
