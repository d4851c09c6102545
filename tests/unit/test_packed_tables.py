"""All tested genes and terms: what the page unpacks is what was tested, to the step it was rounded to."""

import base64
import zlib

import numpy as np
import pandas as pd
import pytest
from carpeak.explore import packed_table, tested
from carpeak.settings import ChangeLimits
from hypothesis import given
from hypothesis import strategies as st


def inflated(text):
    return zlib.decompress(base64.b64decode(text))


def codes(text):
    data = np.frombuffer(inflated(text), dtype=np.uint8).astype(int)
    return data[: len(data) // 2] | data[len(data) // 2 :] << 8


def unpacked(packed):
    """The page's own way back (unpack.js)."""
    found = {}
    for one in packed["columns"]:
        if one["kind"] == "text":
            found[one["key"]] = inflated(one["data"]).decode().split("\n")
        elif one["kind"] == "name":
            names = inflated(one["names"]).decode().split("\n")
            found[one["key"]] = [names[code] for code in codes(one["data"])]
        else:
            coded = codes(one["data"])
            values = one["low"] + coded * one["step"]
            found[one["key"]] = np.where(coded == packed_table.MISSING, np.nan, values)
    return pd.DataFrame(found)


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=50))
def test_numbers_come_back_to_half_a_step(values):
    table = pd.DataFrame({"x": np.array(values, dtype=float)})
    packed = packed_table.pack(table, [packed_table.Column("x", "number")])
    step = packed["columns"][0]["step"]
    back = unpacked(packed)["x"].to_numpy()
    np.testing.assert_array_equal(np.isnan(back), np.isnan(table["x"]))
    off = np.abs(back - table["x"].to_numpy())
    assert off[~np.isnan(off)].max(initial=0) <= step / 2 + 1e-6


def test_names_and_texts_come_back_and_no_line_break_is_left():
    table = pd.DataFrame({"name": ["a", "b\nc", None, "a"], "text": ["<b>", "x\r\ny", "", "\u65e5"]})
    columns = [packed_table.Column("name", "name"), packed_table.Column("text", "text")]
    back = unpacked(packed_table.pack(table, columns))
    assert back["name"].tolist() == ["a", "b c", "", "a"]
    assert back["text"].tolist() == ["<b>", "x y", "", "\u65e5"]


def genes():
    rows = [
        (population, group, gene, depth, change, change - 0.1, change + 0.1, 0.4, 0.2, 0.7, p, "")
        for population, group in (("car_t", "CD4"), ("car_t", "all"), ("t_cells", "all"), ("t_cells", "CD4"))
        for gene, change, p in (("A", 0.4998, 1e-9), ("B", 0.5, 0.0099), ("C", -2.0, 0.0), ("D", 3.0, 0.01))
        for depth in ("full", "equal")
    ]
    names = ["population", "group", "gene", "depth", "log2_fold_change", "log2_fold_change_low"]
    names += ["log2_fold_change_high", "pct_test", "pct_reference", "auc", "p_adjusted", "ambient_from"]
    return pd.DataFrame(rows, columns=names)


def test_what_passes_the_limits_is_judged_before_rounding():
    beside = pd.DataFrame({"kind": ["gene"], "group": ["CD4"], "name": ["B"]})
    beside = beside.assign(undetected=1.25, within_states=0.75)
    back = unpacked(tested.genes(genes(), beside, ChangeLimits()))
    assert back["cells"].unique().tolist() == ["CD4 CAR+", "all CAR+", "all T cells"]
    here = back[back["cells"] == "CD4 CAR+"].set_index("gene")
    assert here["passes"].to_dict() == {"A": "", "B": "yes", "C": "yes", "D": ""}
    assert here.loc["B", "undetected"] == pytest.approx(1.25)
    assert here.loc["B", "within"] == pytest.approx(0.75)
    assert np.isnan(here.loc["A", "undetected"])
    assert here.loc["C", "p_adjusted"] == pytest.approx(300, abs=0.01)
    assert here["half"].to_numpy() == pytest.approx(0.1, abs=6e-4)
