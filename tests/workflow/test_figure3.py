"""The notebook of the paper's Figure 3 runs on a run's results and draws every panel from them."""

import html
import re
import subprocess
import sys

import fixtures_results
import fixtures_scripts
import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient


def executed(folder, results, monkeypatch):
    """The code cells of the notebook after a run on `results`."""
    monkeypatch.setenv("CARPEAK_RESULTS", str(results.resolve()))
    monkeypatch.setenv("PYTHONPATH", str(fixtures_scripts.WORKFLOW / "scripts"))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # set by the scripts; the kernel draws inline
    notebook = nbformat.read(fixtures_scripts.ROOT / "notebooks/figure3.ipynb", as_version=4)
    options = {"timeout": 300, "kernel_name": "python3", "resources": {"metadata": {"path": str(folder)}}}
    NotebookClient(notebook, **options).execute()
    return [cell for cell in notebook.cells if cell["cell_type"] == "code"]


def images(cells):
    return sum("image/png" in output.get("data", {}) for cell in cells for output in cell["outputs"])


def text(cells):
    found = [
        output["data"]["text/html"]
        for cell in cells
        for output in cell["outputs"]
        if "text/html" in output.get("data", {})
    ]
    return html.unescape(re.sub(r"<[^>]+>", " ", " ".join(found)))


@pytest.mark.slow
def test_every_panel_of_a_real_run(small, tmp_path, monkeypatch):
    cells = executed(tmp_path, small / "results", monkeypatch)
    assert images(cells) == 6, "A to E and a supplement"
    car = pd.read_csv(small / "results/tables/car.tsv", sep="\t")
    shown = text(cells)
    assert all(f" {n} " in shown for n in car["n_positive"])
    terms = pd.read_csv(small / "results/tables/enrichment.peak_vs_product.tsv", sep="\t")
    up = terms[(terms["population"] == "car_t") & (terms["group"] == "CD4") & (terms["direction"] == "up")]
    assert all(term in shown for term in up.nsmallest(15, "p_value")["term_id"])
    said = [output.get("text", "") for cell in cells for output in cell["outputs"]]
    assert any("Simulated data: no patient was measured." in one for one in said)


def test_a_study_without_t_cells(tmp_path, monkeypatch):
    results = fixtures_results.make(tmp_path, cells=300, empty=True)
    fixtures_scripts.make_atlas(tmp_path)
    fixtures_scripts.make_provenance(tmp_path, fixtures_scripts.config())
    cells = executed(tmp_path, results, monkeypatch)
    said = "".join(output.get("text", "") for cell in cells for output in cell["outputs"])
    assert "0 CAR+ T cells are too few for a map." in said
    assert images(cells) == 4, "neither a map of CAR+ cells nor their genes"


def test_the_notebook_is_kept_with_its_panels_and_becomes_a_page_that_loads_nothing(tmp_path):
    pytest.importorskip("nbconvert", reason="nbconvert is not installed: make notebook installs it")
    (options,) = re.findall(r"^AS_PAGE := (.*)$", (fixtures_scripts.ROOT / "Makefile").read_text(), re.M)
    notebook = fixtures_scripts.ROOT / "notebooks/figure3.ipynb"
    command = [
        sys.executable,
        "-m",
        "nbconvert",
        *options.split(),
        "--output-dir",
        str(tmp_path),
        str(notebook),
    ]
    subprocess.run(command, check=True, capture_output=True)
    page = (tmp_path / "figure3.html").read_text()
    assert len(re.findall(r"<img[^>]+src=.data:image/png;base64,", page)) == 6
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.(https?:)?//", page)
