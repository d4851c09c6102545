"""Kill runs of the demo at random times, fill their disk, start two at once: the tables stay the same bytes.

usage: python benchmarks/kill_runs.py [--runs 50] [--cells 600] [--seed 1] [--folder DIR]
First one run on two cores and one on one core, whose tables must agree. Then `--runs` faults, each in a fresh
folder: at a time drawn from the whole length of a run, kill -9 of Snakemake or of one of its jobs; or, from
the start, a limit on the size of files (a disk that is full at some stage); or a second run in the same
folder. After each the run is called again as a user would, and its tables are compared. One line per fault;
exit status 1 where any table differs or anything half-written is left.
"""

import argparse
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/support"))

import psutil
from runs import ROOT, demo, snakemake, tables

FAULTS = ("snakemake", "job", "job", "disk", "second run")
SMALLEST, LARGEST = 1_000, 3_000_000  # bytes that a file may have where the disk is full


def start(folder, options, *, limit=None):
    """A run of the demo in `folder`, in the background."""

    def limited():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "2", *options]
    return subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=limited,  # noqa: PLW1509 (no threads here)
    )


def jobs_of(run):
    """The processes that work for `run`, youngest generation included."""
    try:
        return [p for p in psutil.Process(run.pid).children(recursive=True) if p.is_running()]
    except psutil.NoSuchProcess:
        return []


def strike(kind, folder, options, *, length, draw):
    """Start a run and do `kind` to it; returns what was done, in words."""
    if kind == "disk":
        limit = int(SMALLEST * (LARGEST / SMALLEST) ** draw.random())
        run = start(folder, options, limit=limit)
        return f"disk full at files of {limit:,} bytes: exit status {run.wait()}"
    run, wait = start(folder, options), draw.uniform(0, length)
    time.sleep(wait)
    done = f"{kind} at {wait:.1f} s"
    if kind == "second run":
        other = start(folder, options)
        status = other.wait()
        return f"{done}: exit status {status}, the first {run.wait()}"
    found = jobs_of(run)
    if kind == "job" and found:
        victim = draw.choice(found)
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            done += " (it had just ended)"
        return f"{done}: exit status {run.wait()}"
    run.kill()
    run.wait()
    psutil.wait_procs(found, timeout=30)  # jobs end by themselves when Snakemake is gone
    return done


def again(folder, options):
    """Call the run once more, as the message asks where a lock is left."""
    unlock = [sys.executable, str(ROOT / "workflow/scripts/unlock.py")]
    subprocess.run(unlock, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    done = snakemake(folder, *options, check=False)
    return "" if done.returncode == 0 else done.stderr[-2000:]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--cells", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="default: a new folder for temporary files")
    given = parser.parse_args()
    given.folder = given.folder or Path(tempfile.mkdtemp(prefix="kill_runs."))
    draw, options = random.Random(given.seed), demo(cells=given.cells)
    folders = {name: given.folder / name for name in ("two cores", "one core")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    started = time.monotonic()
    snakemake(folders["two cores"], *options)
    length = time.monotonic() - started
    whole = tables(folders["two cores"])
    snakemake(folders["one core"], *options, cores=1)
    wrong = int(tables(folders["one core"]) != whole)
    print(f"{len(whole)} tables; a run takes {length:.0f} s; one core: {'DIFFERS' if wrong else 'the same'}")
    for number in range(given.runs):
        folder = given.folder / str(number)
        folder.mkdir()
        what = strike(draw.choice(FAULTS), folder, options, length=length, draw=draw)
        failed = again(folder, options)
        left = [path.name for path in (folder / "results").rglob(".tmp-*")]
        same = not failed and tables(folder) == whole and not left
        wrong += not same
        print(f"{number + 1}. {what}: {'the same' if same else f'DIFFERS {left} {failed}'}", flush=True)
        if same:
            shutil.rmtree(folder)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
