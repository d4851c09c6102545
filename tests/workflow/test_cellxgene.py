"""cellxgene itself opens the atlas and serves its labels, its expression and its map (where it is installed)."""

import json
import shutil
import socket
import subprocess
import time
from urllib.error import URLError
from urllib.request import urlopen

import anndata
import fixtures_results
import fixtures_scripts
import pytest

SECONDS = 120


@pytest.fixture
def served(tmp_path):
    """The address of a cellxgene that shows a hand-made atlas, and the atlas."""
    program = shutil.which("cellxgene")
    if program is None:
        pytest.skip("cellxgene is not installed; it needs an environment of its own (put it on the PATH)")
    fixtures_results.make(tmp_path, cells=300)
    fixtures_scripts.make_atlas(tmp_path)
    atlas = tmp_path / "results/atlas.h5ad"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--disable-annotations"]
    with subprocess.Popen([program, "launch", str(atlas), *options], stdout=subprocess.DEVNULL) as server:
        try:
            yield f"http://127.0.0.1:{port}/api/v0.2", anndata.read_h5ad(atlas)
        finally:
            server.terminate()


def schema_of(address):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{address}/schema", timeout=10) as answer:
                return json.load(answer)["schema"]
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(1)
    raise AssertionError("cellxgene did not answer")


@pytest.mark.slow
def test_cellxgene_shows_the_atlas(served):
    address, atlas = served
    schema = schema_of(address)
    columns = {column["name"]: column for column in schema["annotations"]["obs"]["columns"]}
    assert set(atlas.obs.columns) <= set(columns)
    assert columns["cell_type"]["categories"] == list(atlas.obs["cell_type"].cat.categories)
    assert columns["car_umis"]["type"] == "int32"
    assert "umap" in {layout["name"] for layout in schema["layout"]["obs"]}
    assert schema["dataframe"]["nObs"] == atlas.n_obs
    assert schema["dataframe"]["nVar"] == atlas.n_vars
