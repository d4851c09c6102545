"""The demo under a real Slurm of one node: the same bytes, more memory where it was too little, and resuming."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
import slurm
from runs import ROOT, SMALL, tables

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(slurm.missing() is not None, reason=str(slurm.missing())),
    pytest.mark.skipif(
        find_spec("snakemake_executor_plugin_slurm") is None, reason="no snakemake-executor-plugin-slurm"
    ),
]
QUICK = ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10"]
NO_ACCOUNTING = ["--slurm-status-command", "squeue", "--slurm-no-account"]
# Every stage that computes; figures and page would add a third of the jobs, and no table.
TARGETS = ["results/tables/claims.tsv", "results/tables/cells.tsv.gz", "results/tables/car_contrast.tsv"]
TOO_LITTLE = "merge:mem_mb=400 if attempt == 1 else 1500"


@dataclass(frozen=True)
class Story:
    """What was seen: of a first part of the run, of the whole run that was interrupted, and of its second try."""

    first: str
    array: list[str]
    holds_memory: bool
    warm: list[int]
    left_in_queue: list[str]
    second: str
    folder: Path


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(ROOT / "config", folder / "config")
    config = folder / "config/config.yaml"
    config.write_text(config.read_text().replace("cells: 15414", f"cells: {SMALL}"))
    with slurm.started(tmp_path_factory.mktemp("slurm")) as cluster:
        arrays = ["--slurm-array-jobs", "ingest"]
        part = [*arrays, "--set-resources", TOO_LITTLE, "--", "results/tables/samples.tsv"]
        first = finished(started(cluster, folder, part, "first.txt"), folder / "first.txt")
        array = [job for job in cluster.jobs() if "_" in job]
        warm, left = interrupted(cluster, folder)
        second = finished(started(cluster, folder, TARGETS, "second.txt"), folder / "second.txt")
    return Story(first, array, cluster.holds_memory, warm, left, second, folder)


def started(cluster, folder, options, name):
    heeding = ["env", "--default-signal=INT"]  # a shell has what it starts in the background ignore Ctrl-C
    command = [*heeding, sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--profile", str(ROOT / "profiles/slurm"), *QUICK, *NO_ACCOUNTING, *options]
    environ = {k: v for k, v in cluster.environ.items() if not k.startswith(("PYTHON", "SNAKEMAKE"))}
    with (folder / name).open("w") as out:
        return subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=out)


def finished(process, told):
    assert process.wait(timeout=1500) == 0, told.read_text()[-8000:]
    return told.read_text()


def interrupted(cluster, folder):
    """The servers of forks that the run had, and what is left in the queue after Ctrl-C amid clustering."""
    process = started(cluster, folder, TARGETS, "interrupted.txt")
    told = folder / "interrupted.txt"
    deadline = time.monotonic() + 300
    while "RUNNING" not in cluster.jobs().values():
        assert process.poll() is None, told.read_text()[-8000:]
        assert time.monotonic() < deadline, told.read_text()[-8000:]
        time.sleep(0.5)
    below = psutil.Process(process.pid).children(recursive=True)
    warm = [child.pid for child in below if "warm.serve" in " ".join(child.cmdline())]
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(timeout=120) != 0, told.read_text()[-8000:]
    finally:
        process.kill()
    ended = {"COMPLETED", "FAILED", "CANCELLED", "OUT_OF_MEMORY", "TIMEOUT"}
    for _ in range(60):
        left = [job for job, state in cluster.jobs().items() if state not in ended]
        if not left:
            break
        time.sleep(0.5)
    return warm, left


def test_libraries_go_as_one_job_array(story):
    assert [job.split("_")[1] for job in story.array] == ["1", "2"]


def test_a_job_over_its_memory_is_killed_and_retried_with_more(story):
    if not story.holds_memory:
        pytest.skip("Slurm can't hold jobs to their memory here: no memory controller (control groups v1)")
    assert "FAILED: Join the kept cells" in story.first
    logs = sorted((story.folder / ".snakemake/slurm_logs/rule_merge").glob("*.log"))
    assert "oom-kill event" in logs[0].read_text()
    assert (story.folder / "results/tables/samples.tsv").is_file()


def test_no_job_works_in_a_process_outside_the_cluster(story):
    assert story.warm == []


def test_an_interrupted_run_leaves_no_job_and_resumes(story):
    assert story.left_in_queue == []
    assert "Read the counts" not in story.second
    assert "Join the kept cells" not in story.second
    assert all((story.folder / target).is_file() for target in TARGETS)


def test_the_tables_are_those_of_a_run_on_one_machine(story, small):
    made = tables(story.folder)
    assert len(made) > 25
    assert made == {name: content for name, content in tables(small).items() if name in made}
