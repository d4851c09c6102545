"""Ingest: names, flags and the summary of one library; the profile of its empty droplets."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from carpeak.errors import UserError
from carpeak.libraries import empty_droplets, ingest
from carpeak.readers import layouts
from carpeak.readers.library import CountMatrix
from scipy import sparse


def library(dense, symbols, *, ids=None, barcodes=None):
    """An opened library with `dense` counts (cells x genes)."""
    matrix = sparse.coo_matrix(np.asarray(dense, dtype=np.int32).reshape(-1, len(symbols)))
    barcodes = barcodes or [f"C{i}-1" for i in range(matrix.shape[0])]
    return CountMatrix(
        path=Path("lib"),
        layout="made by a test",
        symbols=np.array(symbols, dtype=object),
        gene_ids=np.array(ids or [f"G{i}" for i in range(len(symbols))], dtype=object),
        barcodes=pa.array(barcodes, pa.string()),
        entries=matrix.nnz,
        stream=lambda: iter([(matrix.col, matrix.row, matrix.data)]),
    )


def test_names_flags_and_summary():
    opened = library([[1, 0, 2, 3, 0], [0, 4, 0, 0, 5]], ["CD3D", "MT-CO1", "RQR8", "CD3D", "mt-Nd1"])
    cells, summary = ingest.prepare(opened, sample="peak", features=["RQR8", "CLL1_scFv"])
    assert list(cells.obs_names) == ["peak_C0-1", "peak_C1-1"]
    assert list(cells.var_names) == ["CD3D", "MT-CO1", "RQR8", "CD3D-1", "mt-Nd1"]
    assert list(cells.var["gene_id"]) == ["G0", "G1", "G2", "G3", "G4"]
    assert list(cells.var["mito"]) == [False, True, False, False, True]
    assert list(cells.var["transgene"]) == [False, False, True, False, False]
    assert cells.X.dtype == np.int32
    assert summary == {
        "layout": "made by a test",
        "cells": 2,
        "genes": 5,
        "umis": 15,
        "median_umis": 7.5,
        "transgene_umis": {"RQR8": 2},
        "missing_features": ["CLL1_scFv"],
        "other_modalities": {},
        "notes": ["1 symbols stand for several genes (such as CD3D): -1, -2, ... tell them apart"],
        "cells_called": None,
    }


def test_unique_names_avoid_names_that_exist():
    names = np.array(["A", "A-1", "A", "A", "B"], dtype=object)
    assert list(ingest.unique_names(names)) == ["A", "A-1", "A-2", "A-3", "B"]


def test_transgene_named_by_its_identifier():
    cells, summary = ingest.prepare(
        library([[1, 7]], ["CD3D", "car"], ids=["G0", "CAR_1"]), sample="s", features=["CAR_1"]
    )
    assert list(cells.var_names[cells.var["transgene"]]) == ["CAR_1"]
    assert summary["transgene_umis"] == {"CAR_1": 7}


def test_gene_without_a_symbol_takes_its_identifier():
    cells, _ = ingest.prepare(library([[1, 7]], ["CD3D", ""]), sample="s", features=["x"])
    assert list(cells.var_names) == ["CD3D", "G1"]


@pytest.mark.parametrize(
    ("dense", "symbols", "barcodes", "words"),
    [
        ([[1, 2], [3, 4]], ["A", "B"], ["X-1", "X-1"], "'X-1' occurs 2 times"),
        ([], ["A", "B"], None, "no cells"),
        (np.zeros((2, 0)), [], None, "no genes"),
    ],
)
def test_refused(dense, symbols, barcodes, words):
    opened = library(dense if len(symbols) else np.zeros((0, 1)), symbols or ["A"], barcodes=barcodes)
    if not symbols:
        opened = CountMatrix(
            opened.path,
            opened.layout,
            opened.symbols[:0],
            opened.gene_ids[:0],
            pa.array(["C0"]),
            0,
            lambda: iter([]),
        )
    with pytest.raises(UserError, match=words):
        ingest.prepare(opened, sample="s", features=["RQR8"])


def test_real_carpall_product(real_data):
    path = real_data / "carpall_P02/h5/CAR-T11141510.filtered_feature_bc_matrix.h5"
    cells, summary = ingest.prepare(layouts.open_library(path), sample="product", features=["CAT_scFv"])
    assert cells.shape == (1099, 36602)
    assert cells.var_names.is_unique
    assert np.flatnonzero(cells.var["transgene"]).tolist() == [36601]  # the last feature (SOURCE.txt)
    assert (cells.X[:, 36601].toarray() > 0).sum() == 13  # CAT_scFv > 0 in 13 barcodes (SOURCE.txt)
    assert cells.var["mito"].sum() == 13  # protein-coding mitochondrial genes of the 10x reference
    assert summary["missing_features"] == []


def droplets():
    dense = np.zeros((6, 3), int)
    dense[0] = [300, 0, 40]  # a cell
    dense[1] = [60, 2, 1]
    dense[2] = [20, 0, 3]
    dense[3] = [91, 9, 1]  # 101 UMIs: not empty any more
    dense[4] = [0, 0, 0]
    dense[5] = [5, 0, 0]  # called a cell although small
    return dense


@pytest.mark.parametrize("cells", [["C0-1", "C5-1"], ["C0", "C5"]])
def test_empty_droplets_are_summed(cells):
    raw = library(droplets(), ["CD3D", "RQR8", "scFv"])
    profile, genes = empty_droplets.empty_droplets(raw, cells=cells, features=["scFv", "RQR8", "absent"])
    assert profile.pop("ranks") == {
        "rank": [1, 2, 3, 4, 5],
        "umis": [340, 101, 63, 23, 5],
        "cells": [1, 0, 0, 0, 1],
    }
    assert profile == {
        "source": "empty_droplets",
        "droplets": 2,
        "effective_droplets": pytest.approx(86**2 / (63**2 + 23**2), abs=1e-3),
        "umis": 86,
        "transgene_umis": {"scFv": 4, "RQR8": 2},
    }
    assert dict(zip(genes["gene"], genes["umis"], strict=True)) == {"CD3D": 80, "RQR8": 2, "scFv": 4}


def test_misread_barcodes_hardly_count_as_droplets():
    rng = np.random.default_rng(0)
    real, misread = rng.poisson(50, 200), np.ones(2000, int)
    umis = np.r_[500, real, misread]
    raw = library(np.column_stack([umis, rng.binomial(umis, 0.02)]), ["CD3D", "RQR8"])
    found, _ = empty_droplets.empty_droplets(raw, cells=["C0-1"], features=["RQR8"])
    assert found["droplets"] == 2200
    assert found["effective_droplets"] == pytest.approx(200, rel=0.5)


def test_raw_matrix_of_another_library_is_refused():
    with pytest.raises(UserError, match="must be of the same library"):
        empty_droplets.empty_droplets(library(droplets(), ["A", "B", "C"]), cells=["TTTT-1"], features=["A"])


def test_raw_matrix_without_empty_droplets():
    raw = library([[500, 1], [400, 0]], ["CD3D", "RQR8"])
    profile, genes = empty_droplets.empty_droplets(raw, cells=["C0-1", "C1-1"], features=["RQR8"])
    assert profile["source"] == "none"
    assert genes.empty
