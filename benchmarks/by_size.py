"""What the workflow costs by the number of cells: one run per size, into a table and a figure.

usage: python benchmarks/by_size.py --sizes 15000 50000 [--donors 1] [--cores 2] [--out docs]
Each study is simulated first (the demo's libraries in that size; not timed), run once, matrices to report,
and appended to performance.tsv in the folder `--out`, with machine and versions. performance.svg and
.png there are drawn anew from all rows. Libraries are two per donor. A size whose run fails ends the program.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import timed_study  # first: it finds the package of this checkout
from carpeak import io
from carpeak.figures import style
from carpeak.report import provenance
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from usage import measured

TABLE, FIGURE = "performance.tsv", "performance"
COLUMNS = [
    *["date", "commit", "cells", "kept", "libraries", "cores", "wall_seconds", "cpu_seconds"],
    *["largest_process_mb", "largest_process", "all_processes_mb"],
    *["stage_1", "seconds_1", "stage_2", "seconds_2", "stage_3", "seconds_3", "machine", "versions"],
]


def one_size(home: Path, cells: int, *, donors: int, cores: int) -> dict[str, object]:
    """Simulate a study of so many cells in `home`, run it, and say what that took: a row of the table."""
    folders = timed_study.simulate(home, cells=cells, donors=donors, cores=cores)
    run = home / "run"
    run.mkdir()
    command = [*timed_study.snakemake(cores), "--configfile", str(home / "config.yaml")]
    usage = measured(command, run)
    samples = io.read_table(run / "results/tables/samples.tsv")
    rule, largest = timed_study.largest_process(run)
    row: dict[str, object] = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "cells": int(samples["cells_in"].sum()),
        "kept": int(samples["cells_kept"].sum()),
        "libraries": len(folders),
        "cores": cores,
        "wall_seconds": round(usage.wall, 1),
        "cpu_seconds": round(usage.cpu, 1),
        "largest_process_mb": largest,
        "largest_process": rule,
        "all_processes_mb": round(usage.peak_mb),
        "machine": timed_study.machine(),
        "versions": timed_study.versions(),
    }
    for n, (stage, seconds) in enumerate(list(timed_study.stages(run).items())[:3], start=1):
        row |= {f"stage_{n}": stage, f"seconds_{n}": round(seconds, 1)}
    return row


def _commit() -> str:
    known = provenance.commit(timed_study.ROOT)
    if known is None:
        return ""
    return str(known["commit"])[:12] + ("+" if known["changed"] else "")


def append(table: Path, row: dict[str, object]) -> None:
    """Add a row to the table, which is made where there is none."""
    is_new = not table.is_file()
    with table.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def draw(table: Path, figure: Path) -> None:
    """Time and memory against the number of cells, from all rows of the table."""
    rows = io.read_table(table).sort_values("cells")
    fig = style.figure(3.0)
    time, memory = fig.subplots(1, 2)
    time.plot(rows["cells"], rows["wall_seconds"] / 60, "o-", color=style.UP, label="on the clock")
    time.plot(rows["cells"], rows["cpu_seconds"] / 60, "s--", color=style.DOWN, label="of all processors")
    time.set_ylabel("minutes")
    memory.plot(rows["cells"], rows["largest_process_mb"] / 1000, "o-", color=style.UP, label="one process")
    memory.plot(rows["cells"], rows["all_processes_mb"] / 1000, "s--", color=style.DOWN, label="all at once")
    memory.set_ylabel("GB at the peak")
    for ax in (time, memory):
        ax.set(xscale="log", yscale="log", xlabel="cells read")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.9g}"))
            axis.set_minor_locator(NullLocator())
        ax.legend(frameon=False)
    style.save(fig, figure.with_suffix(".svg"), figure.with_suffix(".png"))


def main() -> int:
    """Run the sizes; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", required=True)
    parser.add_argument("--donors", type=int, default=1)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=Path, default=timed_study.ROOT / "docs")
    options = parser.parse_args()
    for cells in options.sizes:
        home = Path(tempfile.mkdtemp(prefix="carpeak."))
        try:
            row = one_size(home, cells, donors=options.donors, cores=options.cores)
        except subprocess.CalledProcessError as error:
            print(f"{cells} cells: the run failed\n{error.output or ''}", file=sys.stderr)
            return 1
        finally:
            shutil.rmtree(home)
        append(options.out / TABLE, row)
        draw(options.out / TABLE, options.out / FIGURE)
        print("\t".join(f"{name}={value}" for name, value in row.items()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
