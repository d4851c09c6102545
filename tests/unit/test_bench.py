"""The benchmark: what a command and all that it starts take, and the verdict on the ratio."""

import subprocess
import sys

import against_script
import by_size
import pandas as pd
import pytest
import usage

BUSY = """
import subprocess, sys, time
child = "import time; end = time.process_time() + {cpu}; held = bytearray({mb} * 2**20)\\nwhile time.process_time() < end: pass\\ntime.sleep(0.6)"
if {detached}:
    process = subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
    time.sleep({cpu} * 4 + 1)
else:
    subprocess.run([sys.executable, "-c", child])
"""


@pytest.mark.parametrize("detached", [False, True], ids=["waited for", "not waited for"])
def test_what_children_take_is_counted(tmp_path, detached):
    code = BUSY.format(cpu=1.0, mb=300, detached=detached)
    found = usage.measured([sys.executable, "-c", code], tmp_path)
    assert 0.7 < found.cpu < 2.5
    assert 300 < found.peak_mb < 450
    assert found.wall >= 1.0


def test_a_command_that_fails_says_what_it_said(tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as error:
        usage.measured([sys.executable, "-c", "print('not today'); raise SystemExit(3)"], tmp_path)
    assert error.value.returncode == 3
    assert "not today" in error.value.output


def test_the_verdict_is_by_the_median():
    assert against_script.verdict([0.2, 0.3, 0.9]) == (
        True,
        "median ratio 0.30 (0.20 to 0.90 in 3 rounds); target 0.30: reached",
    )
    reached, text = against_script.verdict([0.2, 0.31, 0.31])
    assert not reached
    assert "MISSED" in text


def test_a_stage_that_one_round_lacks_counts_as_nothing():
    shown = against_script.table("x", [{"a": 1.0, "b": 5.0}, {"a": 3.0}, {"a": 2.0}])
    assert [line.split() for line in shown.splitlines()[1:]] == [["a", "2.0", "s"], ["b", "0.0", "s"]]


def test_every_size_adds_a_row_and_the_figure_shows_all(tmp_path):
    row = dict.fromkeys(by_size.COLUMNS, "x")
    row |= {"wall_seconds": 60.0, "cpu_seconds": 100.0, "largest_process_mb": 900, "all_processes_mb": 1500}
    for cells in (15000, 50000):
        by_size.append(tmp_path / "performance.tsv", row | {"cells": cells})
    kept = pd.read_csv(tmp_path / "performance.tsv", sep="\t")
    assert list(kept["cells"]) == [15000, 50000]
    by_size.draw(tmp_path / "performance.tsv", tmp_path / "performance")
    svg = (tmp_path / "performance.svg").read_text()
    assert "cells read" in svg
    assert "GB at the peak" in svg
