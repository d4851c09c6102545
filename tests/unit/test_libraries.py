"""What the report tells of the libraries as they came."""

import pandas as pd
from carpeak.report import libraries

SAME = {"genes_in": [30, 30], "genes_left_out": [0, 0], "genes_absent": [0, 0]}
NOTHING = {"used": {}, "missing": []}
CALLED = {
    "cells": 1200,
    "droplets": 90_000,
    "outright": 1100,
    "outright_from": 800,
    "ambient_droplets": 80_000,
    "fdr": 0.001,
}


def samples(**columns):
    return pd.DataFrame({"sample": ["product", "peak"], **SAME, **columns})


def told(*, table=None, called=None, markers=NOTHING):
    ingested = {"product": {"cells_called": None}, "peak": {"cells_called": called}}
    return libraries.sentences(samples() if table is None else table, ingested, markers)


def test_nothing_done_nothing_told():
    assert told() == []


def test_called_cells_name_the_method():
    (text,) = told(called=CALLED)
    assert text.startswith("peak: only unfiltered droplets were given, and 1,200 of 90,000")
    assert "1,100 hold at least 800 UMIs" in text
    assert "100 smaller ones" in text
    assert "EmptyDrops, FDR 0.1 %" in text


def test_gene_lists_are_counted():
    (text,) = told(table=samples(genes_in=[30, 28], genes_left_out=[3, 1]))
    assert "product 30 (3 left out); peak 28 (1 left out)" in text
    assert "every library lists were compared" in text
    (text,) = told(table=samples(genes_absent=[0, 5]))
    assert "peak 30 (5 counted as 0)" in text
    assert "its change may be one of the list" in text


def test_markers_under_another_name_and_markers_that_lack():
    names = [f"M{i}" for i in range(14)]
    used, missing = told(markers={"used": {"ADGRG1": ["GPR56"]}, "missing": names})
    assert "GPR56 as ADGRG1" in used
    assert missing.endswith("M11 and 2 more.")


def test_ambient_rows_in_words():
    table = pd.DataFrame(
        {
            "genes": ["MALAT1;HBB", None],
            "gene_shares": ["0.0300;0.0120", None],
            "profile": ["cells", "empty_droplets"],
        }
    )
    first, second = libraries.ambient(table)
    assert first["largest"] == "MALAT1 3.0 %, HBB 1.2 %"
    assert first["is_stand_in"]
    assert second["largest"] == ""
