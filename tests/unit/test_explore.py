"""The packed maps: what the page unpacks is what was packed."""

import base64
import zlib

import anndata
import numpy as np
import pandas as pd
import pytest
from carpeak.explore import cell_map, packing
from scipy import sparse


def unpacked(text):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8)


def coordinate(text):
    """The page's own way back: low bytes, high bytes, zig-zag, running sum."""
    data = unpacked(text).astype(int)
    folded = data[: len(data) // 2] | data[len(data) // 2 :] << 8
    return np.cumsum(np.where(folded & 1, -((folded + 1) >> 1), folded >> 1))


def test_coordinates_come_back():
    places = np.random.default_rng(0).integers(0, 2**packing.BITS, 1000)
    np.testing.assert_array_equal(coordinate(packing.coordinates(places)), places)


def test_the_grid_keeps_the_aspect_and_the_order():
    points = np.array([[0.0, 0.0], [10.0, 5.0], [5.0, 2.5]])
    grid = packing.grid(points)
    assert grid.min() == 0
    assert grid.max() == 2**packing.BITS - 1
    wide, high = np.ptp(grid, axis=0)
    assert high / wide == pytest.approx(0.5, abs=0.001)


def test_amounts_come_back_to_half_a_step_and_zero_stays_zero():
    values = np.concatenate([np.zeros(50), np.random.default_rng(1).gamma(2.0, 2.0, 500), [np.nan]])
    packed = packing.amounts(values)
    data = unpacked(packed["data"])
    assert packed["missing"]
    step = (packed["high"] - packed["low"]) / 254
    back = np.where(data > 0, packed["low"] + (data.astype(float) - 1) * step, 0.0)
    assert (data[:50] == 0).all()
    assert data[-1] == 0
    assert np.abs(back[:-1] - values[:-1]).max() <= step / 2 + 1e-9
    assert packing.amounts(np.zeros(3)) == {
        "data": packing.text(np.zeros(3)),
        "low": 0,
        "high": 0,
        "missing": False,
    }


def study(n=60):
    rng = np.random.default_rng(2)
    cells = pd.DataFrame(
        {"cell": [f"s_{i}" for i in range(n)], "umap_1": rng.normal(size=n), "umap_2": rng.normal(size=n)}
    )
    cells["t_state"] = rng.choice(["CD4 Tn", "CD8 Teff"], n)
    cells["n_umis"] = rng.integers(500, 5000, n)
    counts = sparse.csr_matrix(rng.poisson(1.0, (n + 20, 4)).astype(np.int32))
    names = [f"s_{i}" for i in range(n)] + [f"other_{i}" for i in range(20)]
    var = pd.DataFrame({"transgene": [False, False, False, True]}, index=["A", "B", "C", "CAR"])
    return cells, anndata.AnnData(counts, obs=pd.DataFrame(index=names), var=var)


def test_every_cell_keeps_its_place_label_measure_and_expression():
    cells, counts = study()
    colours = {"CD4 Tn": "#000000", "CD8 Teff": "#ffffff"}
    packed = cell_map.build(cells, counts, labels={"t_state": colours}, measures=["n_umis"], genes=["A", "C"])
    places = packing.grid(cells[["umap_1", "umap_2"]].to_numpy())
    key = {tuple(place): i for i, place in enumerate(places)}
    order = [key[pair] for pair in zip(coordinate(packed["x"]), coordinate(packed["y"]))]
    assert sorted(order) == list(range(len(cells)))
    label = np.array(packed["labels"][0]["names"])[unpacked(packed["labels"][0]["data"])]
    assert (label == cells["t_state"].to_numpy()[order]).all()
    dense = counts[cells["cell"].to_numpy()].X.toarray()
    log = np.log1p(dense[:, :3] / np.maximum(dense[:, :3].sum(axis=1, keepdims=True), 1) * 1e4)
    one = packed["genes"]["values"]["C"]
    data = unpacked(one["data"]).astype(float)
    back = np.where(data > 0, one["low"] + (data - 1) / 254 * (one["high"] - one["low"]), 0)
    np.testing.assert_allclose(back, log[order, 2], atol=(one["high"] - one["low"]) / 254)


def test_genes_are_those_asked_for_then_markers_then_the_most_changed():
    de = pd.DataFrame(
        {
            "gene": ["X", "Y", "Z"],
            "depth": "equal",
            "p_adjusted": [0.001, 0.001, 0.5],
            "log2_fold_change": [1.0, -3.0, 9.0],
        }
    )
    clusters = pd.DataFrame({"gene": ["M"], "cluster": ["0"]})
    found = cell_map.choose_genes(
        asked=["A", "none"], markers=["B", "A"], contrasts=[de], clusters=clusters, measured=list("ABMXYZ")
    )
    assert found == ["A", "B", "Y", "X", "M"]
