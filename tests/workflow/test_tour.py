"""The tour notebook runs on the results that it describes."""

from pathlib import Path

import fixtures_results
import fixtures_scripts
import nbformat
import pytest
from nbclient import NotebookClient


@pytest.mark.parametrize("empty", [False, True])
def test_the_tour_runs(tmp_path, monkeypatch, empty):
    results = fixtures_results.make(tmp_path, cells=300, empty=empty)
    fixtures_scripts.make_atlas(tmp_path)
    monkeypatch.setenv("CARPEAK_RESULTS", str(Path(results).resolve()))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # set by the scripts; the kernel draws inline
    notebook = nbformat.read(fixtures_scripts.ROOT / "notebooks/tour.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [cell["outputs"] for cell in notebook.cells if cell["cell_type"] == "code"]
    assert sum(bool(output) for output in outputs) >= 8
