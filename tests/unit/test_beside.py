"""Work in a copy of the process: its value, its error, its death."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from carpeak.stats.beside import beside

forks = pytest.mark.skipif(sys.platform != "linux", reason="work is copied on Linux only")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """As in jobs."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.parametrize("copies", [False, True])
def test_value(copies):
    here = list(range(100_000))
    assert beside(lambda: here[::-1], copies=copies)() == here[::-1]


@forks
def test_it_works_in_another_process(monkeypatch):
    assert beside(os.getpid, copies=True)() != os.getpid()
    assert beside(os.getpid, copies=False)() == os.getpid()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert beside(os.getpid, copies=True)() == os.getpid()


@pytest.mark.parametrize("copies", [False, True])
def test_errors_are_those_of_the_work(copies):
    with pytest.raises(ValueError, match="no such thing"):
        beside(_fail, copies=copies)()


def _fail():
    msg = "no such thing"
    raise ValueError(msg)


@forks
def test_a_copy_that_was_killed_is_told_of():
    wait = beside(lambda: os.kill(os.getpid(), signal.SIGKILL), copies=True)
    with pytest.raises(RuntimeError, match="killed"):
        wait()


EMBEDDED = """
import sys
sys.path[:0] = sys.argv[1:]
import carpeak.job
import numpy as np
from test_embed import planted, run
counts, _, batch = planted()
one, two = run(counts, batch), run(counts, batch, threads=2)
assert one.points.equals(two.points)
assert one.clusters.equals(two.clusters)
assert one.report == two.report
assert all(np.array_equal(found, two.neighbors[name]) for name, found in one.neighbors.items())
print(len(one.clusters), len(one.neighbors))
"""


@forks
def test_an_embedding_in_two_processes_is_that_of_one():
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "workflow/scripts")]
    done = subprocess.run(
        [sys.executable, "-c", EMBEDDED, *paths], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["300", "4"], done.stderr
