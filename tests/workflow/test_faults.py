"""Killed jobs and killed runs: the next call ends with the same tables, and nothing half-written is left."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from runs import ROOT, demo, snakemake, tables

pytestmark = pytest.mark.slow
STAGES = ["ingest", "embed", "judge_claims"]


def start(folder):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--directory",
        str(folder),
    ]
    return subprocess.Popen(
        [*command, "--cores", "2", *demo()], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def jobs_of(folder):
    """Processes that run a script of the workflow with `folder` as their working directory."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        command = " ".join(process.info["cmdline"] or [])
        is_script = "tmp" in command and ".py" in command and "-m snakemake" not in command
        if (
            process.info["cwd"] == str(folder)
            and is_script
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ):
            found.append(process)
    return found


def wait_for(condition, seconds=900):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("waited in vain")


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_job(small, tmp_path, stage):
    run = start(tmp_path)
    # The command line as it was read when the process was found: asking again races with its end.
    victim = wait_for(lambda: [p for p in jobs_of(tmp_path) if f".{stage}.py" in " ".join(p.info["cmdline"])])
    victim[0].kill()
    run.wait(timeout=900)
    assert run.returncode != 0
    snakemake(tmp_path, *demo())
    assert tables(tmp_path) == tables(small)
    assert not list((tmp_path / "results").rglob(".tmp-*"))


def test_a_killed_snakemake_takes_its_jobs_along(small, tmp_path):
    run = start(tmp_path)
    wait_for(lambda: (tmp_path / "results/ingest").is_dir() and jobs_of(tmp_path))
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    wait_for(lambda: not jobs_of(tmp_path), seconds=60)
    done = snakemake(tmp_path, *demo(), check=False)
    assert done.returncode != 0
    assert "--unlock" in done.stdout + done.stderr, "plain Snakemake says what to type"
    subprocess.run([sys.executable, str(ROOT / "workflow/scripts/unlock.py")], cwd=tmp_path, check=True)
    snakemake(tmp_path, *demo())
    assert tables(tmp_path) == tables(small)


def test_unlock_leaves_a_living_run_alone(tmp_path):
    run = start(tmp_path)
    try:
        wait_for(
            lambda: (
                (tmp_path / ".snakemake/locks").is_dir() and any((tmp_path / ".snakemake/locks").iterdir())
            )
        )
        unlock = [sys.executable, str(ROOT / "workflow/scripts/unlock.py")]
        done = subprocess.run(unlock, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode != 0
        assert str(run.pid) in done.stderr
    finally:
        run.kill()
        run.wait()
