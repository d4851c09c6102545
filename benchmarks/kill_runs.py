"""Kill runs of the demo at random, fill their disk, start a second run: the tables stay the same bytes.

usage: python benchmarks/kill_runs.py [--kills 50] [--chain 10] [--disks 2] [--cells 600] [--seed 1]
First one run on two cores and one on one core, whose tables must agree (with --folder, those of a former
call). Then chains, each in a folder of its own: a run is started and struck, started again as a user would
and struck again, until it ends. The moments are drawn from the whole length of a run, told by the share of
its outputs that are written, and up to three seconds more. A strike is kill -9 of Snakemake, of one of its
jobs, or of all of them at once; each chain also meets a second run in its folder. In the chains of `--disks`
the folder is a small file system of its own that fills and is made larger (Linux, root); elsewhere no file
may grow beyond a limit.
Writes faults.tsv, a row per strike; exit status 1 where a table differs, a run does not go on, something
half-written is left, or a run that has ended is not up to date.
"""

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/support"))

import psutil
from runs import ROOT, demo, jobs_to_run, snakemake, tables

KILLS = ("snakemake", "job", "everything")
LATER = 3.0  # seconds after the drawn share of outputs, so that a strike does not always follow a write
COLUMNS = ("chain", "strike", "kind", "outputs_before", "outputs_of", "exit_status", "outcome")
MIB = 1 << 20


class Chain:
    """One folder, the runs in it, and what was done to them."""

    def __init__(self, folder, options, *, number, whole, outputs):
        self.folder, self.options, self.number = folder, options, number
        self.whole, self.outputs = whole, outputs
        self.rows = []
        self.screen = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115

    def start(self, *, limit=None):
        """A run in the background, called as `make demo` does: first a stale lock is removed."""
        self.screen.seek(0)
        self.screen.truncate()
        unlock = [sys.executable, str(ROOT / "workflow/scripts/unlock.py")]
        subprocess.run(unlock, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        command += ["--directory", str(self.folder), "--cores", "2", *self.options]

        def limited():
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SNAKEMAKE"))},
            stdout=subprocess.DEVNULL,
            stderr=self.screen,
            preexec_fn=limited,  # noqa: PLW1509 (no threads here)
        )

    def ended(self, run):
        """Wait for the end of a run; returns what it wrote on the screen."""
        run.wait()
        self.screen.seek(0)
        return self.screen.read()

    def written(self):
        """How many outputs of the run are there."""
        return sum(1 for _ in self.folder.glob("results/**/.sums/*.json"))

    def wait(self, run, outputs):
        """Wait until so many outputs are written, or the run has ended."""
        while run.poll() is None and self.written() < outputs:
            time.sleep(0.1)

    def tell(self, kind, before, status, outcome="stopped"):
        """Keep and print one strike."""
        row = (self.number, len(self.rows) + 1, kind, before, self.outputs, status, outcome)
        self.rows.append(row)
        print("\t".join(map(str, row)), flush=True)

    def kill(self, kind, at, *, pause):
        """Start, and kill -9 when `at` outputs are written and `pause` seconds have passed."""
        run = self.start()
        self.wait(run, at)
        with suppress(subprocess.TimeoutExpired):
            run.wait(timeout=pause)
        before, jobs = self.written(), jobs_of(run)
        if kind == "job":
            while run.poll() is None and not jobs:  # between two jobs
                time.sleep(0.02)
                jobs = jobs_of(run)
        victims = {"snakemake": [], "job": jobs[-1:], "everything": jobs}[kind]
        if kind != "job":
            run.kill()
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        run.wait()
        self.tell(kind, before, run.returncode, "stopped" if run.returncode else "had ended")

    def second_run(self, at):
        """Start two in one folder: one of them works to its end, or to where it is killed."""
        first = self.start()
        self.wait(first, at)
        before = self.written()
        second = snakemake(self.folder, *self.options, check=False)
        told = second.stdout + second.stderr
        outcome = "stopped" if "lock" in told.lower() and "Traceback" not in told else "NOT TOLD"
        if first.poll() is not None:  # it had ended: the second found nothing to do
            outcome = "had ended" if second.returncode == 0 else outcome
        self.tell("second run", before, second.returncode, outcome)
        first.kill()
        first.wait()

    def finish(self, *, prepare=None):
        """Let it end, and compare."""
        if prepare:
            prepare()
        run = self.start()
        told = self.ended(run)
        left = [str(path.relative_to(self.folder)) for path in self.folder.rglob(".tmp-*")]
        differ = [name for name, found in self.whole.items() if tables(self.folder).get(name) != found]
        ahead = snakemake(self.folder, *self.options, "--dry-run", check=False)
        todo = jobs_to_run(ahead.stdout + ahead.stderr)
        wrong = [f"exit status {run.returncode}: {told[-1500:]}"] if run.returncode else []
        wrong += [f"left: {left}"] if left else []
        wrong += [f"differ: {differ}"] if differ else []
        wrong += [f"not up to date: {todo}"] if todo else []
        self.tell("to its end", self.written(), run.returncode, "; ".join(wrong) or "the same tables")
        return not wrong and not any(row[-1] == "NOT TOLD" for row in self.rows)


def jobs_of(run):
    """The processes that work for `run`, youngest generation last."""
    try:
        found = psutil.Process(run.pid).children(recursive=True)
        return [p for p in found if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    except psutil.NoSuchProcess:
        return []


def moments(n, outputs, draw):
    """So many moments of a run in order, as numbers of outputs that are written by then."""
    return sorted(draw.randrange(outputs) for _ in range(n))


def chain_of_kills(chain, n, draw):
    """`n` kills and a second run in one folder."""
    second = draw.randrange(n)
    for place, at in enumerate(moments(n, chain.outputs, draw)):
        if place == second:
            chain.second_run(at)
        chain.kill(draw.choice(KILLS), at, pause=draw.uniform(0, LATER))
    return chain.finish()


def chain_of_full_disks(chain, n, draw, *, needed):
    """A disk that is full `n` times, each time with more room; `needed` bytes hold a whole run."""
    shares = sorted(draw.uniform(0.02, 0.95) for _ in range(n))
    mounted = _mount(chain.folder, int(shares[0] * needed))
    limits = [10 ** draw.uniform(3, 6.3) for _ in range(n)]
    for share, limit in zip(shares, sorted(limits), strict=True):
        size = int(share * needed)
        if mounted:
            _mount(chain.folder, size, again=True)
        before = chain.written()
        run = chain.start(limit=None if mounted else int(limit))
        told = chain.ended(run)
        lines = [line for line in told.splitlines() if line.startswith("carpeak: ")]
        word = "told" if lines else "in Snakemake's words"
        word = "TRACEBACK" if "Traceback" in told else word
        room = f"disk of {size / MIB:.0f} MiB" if mounted else f"files of at most {limit:,.0f} bytes"
        chain.tell(room, before, run.returncode, word if run.returncode else "had ended")
    ended = chain.finish(prepare=lambda: mounted and _mount(chain.folder, 4 * needed, again=True))
    if mounted:
        subprocess.run(["umount", str(chain.folder)], check=True)
    return ended


def _mount(folder, size, *, again=False):
    """Give `folder` a file system of `size` bytes; returns whether that was allowed."""
    options = f"{'remount,' if again else ''}size={max(size, MIB)}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--chain", type=int, default=10, help="kills in one folder")
    parser.add_argument("--disks", type=int, default=2, help="chains of three full disks")
    parser.add_argument("--cells", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="default: a new folder for temporary files")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="kill_runs."))
    draw, options = random.Random(given.seed), demo(cells=given.cells)
    started = time.monotonic()
    for name, cores in (("two", 2), ("one", 1)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        snakemake(folder / name, *options, cores=cores)
    length = time.monotonic() - started
    whole = tables(folder / "two")
    same = tables(folder / "one") == whole
    print(
        f"{len(whole)} tables; a run takes {length:.0f} s; on one core: {'the same' if same else 'DIFFERS'}"
    )
    print("\t".join(COLUMNS), flush=True)
    needed = sum(path.stat().st_size for path in (folder / "two").rglob("*") if path.is_file())
    rows, wrong = [], int(not same)
    kinds = ["kills"] * -(-given.kills // given.chain) + ["disks"] * given.disks
    for number, kind in enumerate(kinds, start=1):
        place = folder / str(number)
        place.mkdir()
        outputs = sum(1 for _ in (folder / "two").glob("results/**/.sums/*.json"))
        chain = Chain(place, options, number=number, whole=whole, outputs=outputs)
        if kind == "kills":
            ended = chain_of_kills(chain, min(given.chain, given.kills - (number - 1) * given.chain), draw)
        else:
            ended = chain_of_full_disks(chain, 3, draw, needed=needed)
        wrong += not ended
        rows += chain.rows
        table = ["\t".join(map(str, row)).replace("\n", " ") for row in [COLUMNS, *rows]]
        (given.out / "faults.tsv").write_text("\n".join(table) + "\n", encoding="utf-8")
        if ended:
            shutil.rmtree(place)
    print(f"{len(rows)} strikes and ends in {len(kinds)} chains: {wrong} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
