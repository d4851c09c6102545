"""Files appear whole or not at all, with the same bytes each time; joins lose and invent no cell."""

import gzip
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from carpeak import io
from carpeak.errors import UserError
from runs import ROOT


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("old\n")
    with pytest.raises(RuntimeError), io.atomic(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old\n"
    assert [file.name for file in tmp_path.iterdir()] == ["table.tsv"]


def test_an_unwritable_folder_is_the_users_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"below: cannot be written .* choose another folder"):
        io.write_text("x", tmp_path / "file" / "below")


FULL_DISK = """
import resource, sys
from types import SimpleNamespace
from carpeak.job import job

rule = SimpleNamespace(log=[sys.argv[1] + "/rule.log"], rule="merge")
with job(rule):
    import anndata, numpy as np, pandas as pd
    from carpeak import io
    from scipy import sparse
    counts = anndata.AnnData(sparse.random(500, 500, 0.3, format="csr", dtype=np.float32))
    table = pd.DataFrame({"n": range(40000)})
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
    write, value = {"h5ad": (io.write_h5ad, counts)}.get(sys.argv[2], (io.write_table, table))
    write(value, f"{sys.argv[1]}/counts.{sys.argv[2]}")
"""


@pytest.mark.parametrize("suffix", ["tsv", "parquet", "h5ad"])
def test_a_full_disk_is_one_message_and_leaves_nothing(tmp_path, suffix):
    """The limit on the size of files stands for the disk; what is there already stays."""
    old = tmp_path / f"counts.{suffix}"
    old.write_text("of the last run")
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), suffix]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow/scripts")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    log = (tmp_path / "rule.log").read_text()
    assert f"carpeak: merge: {old}: cannot be written (" in log
    assert "Free space or choose another folder." in log
    assert old.read_text() == "of the last run"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([old.name, "rule.log"])


@pytest.mark.parametrize("suffix", ["tsv", "tsv.gz", "parquet"])
def test_tables_come_back_and_have_the_same_bytes(tmp_path, suffix):
    frame = pd.DataFrame(
        {
            "cell": ["a_1", "b_2"],
            "n": [1, 2],
            "share": [0.1, np.nan],
            "label": ["NA", "T cell"],
            "kept": [True, False],
        }
    )
    first, second = tmp_path / f"1.{suffix}", tmp_path / f"2.{suffix}"
    io.write_table(frame, first)
    io.write_table(frame, second)
    assert first.read_bytes() == second.read_bytes()
    pd.testing.assert_frame_equal(io.read_table(first), frame)


def test_gzip_holds_no_time_stamp(tmp_path):
    io.write_table(pd.DataFrame({"a": [1]}), tmp_path / "t.tsv.gz")
    assert (tmp_path / "t.tsv.gz").read_bytes()[4:8] == b"\0\0\0\0"
    assert gzip.decompress((tmp_path / "t.tsv.gz").read_bytes()) == b"a\n1\n"


def test_join_keeps_the_order_of_the_left():
    left = pd.DataFrame({"cell": ["b", "a"], "x": [1, 2]})
    right = pd.DataFrame({"cell": ["a", "b"], "y": ["A", "B"], "z": [0, 0]})
    joined = io.join_cells(left, right, columns=["y"])
    assert joined.to_dict("list") == {"cell": ["b", "a"], "x": [1, 2], "y": ["B", "A"]}


@pytest.mark.parametrize(
    ("cells", "subset", "word"),
    [
        (["a"], False, "1 missing"),
        (["a", "b", "c"], False, "1 extra"),
        (["a", "c"], True, "1 extra"),
        (["a", "a"], False, "twice"),
    ],
)
def test_join_refuses_other_cells(cells, subset, word):
    left = pd.DataFrame({"cell": ["a", "b"]})
    with pytest.raises(ValueError, match=word):
        io.join_cells(left, pd.DataFrame({"cell": cells, "y": 0}), subset=subset)


def test_join_of_a_subset_leaves_missing_values():
    left = pd.DataFrame({"cell": ["a", "b"]})
    joined = io.join_cells(left, pd.DataFrame({"cell": ["b"], "y": ["B"]}), subset=True)
    assert joined["y"].isna().tolist() == [True, False]


def test_floats_are_written_as_pandas_formats_them(tmp_path):
    values = [0.1, 1 / 3, 1e-300, -0.0, 12345678.9, np.nan, np.inf]
    frame = pd.DataFrame({"a": values, "b": np.array(values, dtype=np.float32), "n": range(7)})
    io.write_table(frame, tmp_path / "t.tsv")
    expected = frame.to_csv(sep="\t", index=False, float_format=io.FLOAT_FORMAT, lineterminator="\n")
    assert (tmp_path / "t.tsv").read_text() == expected


def test_a_column_of_a_long_table_has_one_type(tmp_path, recwarn):
    """Text at the end of a million rows: pandas, reading in pieces, would mix numbers and text, and warn."""
    path = tmp_path / "long.tsv"
    path.write_text("cell\tcluster\n" + "".join(f"c{i}\t{i % 7}\n" for i in range(1_000_000)) + "x\tnone\n")
    found = io.read_table(path)["cluster"]
    assert {type(value) for value in found} == {str}
    assert not recwarn.list
