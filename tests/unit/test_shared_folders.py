"""Runs that tests share are made once, whoever asks first, and fail for all who ask."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from shared import SharedFolders


def test_one_makes_and_the_others_wait(tmp_path):
    made = []

    def make(folder):
        time.sleep(0.2)
        made.append(folder)
        (folder / "result").write_text("finished")

    def ask(_):
        return (SharedFolders(tmp_path).folder("run", make) / "result").read_text()  # as a worker of its own

    with ThreadPoolExecutor(4) as workers:
        assert list(workers.map(ask, range(4))) == ["finished"] * 4
    assert made == [tmp_path / "run"]


def test_a_run_that_failed_fails_for_everyone_and_is_not_tried_again(tmp_path):
    tries = []

    def make(folder):
        tries.append(folder)
        msg = "no such rule"
        raise AssertionError(msg)

    with pytest.raises(AssertionError, match="no such rule"):
        SharedFolders(tmp_path).folder("run", make)
    with pytest.raises(pytest.fail.Exception, match="no such rule"):
        SharedFolders(tmp_path).folder("run", make)
    assert len(tries) == 1
