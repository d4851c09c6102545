"""Time the workflow against a plain analysis script on the same two libraries, in turn.

usage: python benchmarks/against_script.py SCRIPT [--rounds 3] [--cores 2]
SCRIPT is called as `python SCRIPT PRODUCT_DIR PEAK_DIR GMT FEATURES OUT_DIR`. The libraries are the demo's,
simulated once beforehand; simulating is not timed. Prints wall seconds per round and the median ratio.
"""

import argparse
import gzip
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = """\
title: benchmark
simulated: true
samples: samples.tsv
transgene: {features: [RQR8, CLL1_scFv]}
"""


def timed(command: list[str], folder: Path) -> float:
    """Wall seconds of `command`, run in `folder`; its output goes to a file there."""
    with (folder / "out.txt").open("w") as out:
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, stdout=out, stderr=out, check=True)
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("script", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores"]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        subprocess.run(
            [*snakemake, str(options.cores), "--quiet", "--until", "simulate"], cwd=home, check=True
        )
        demo = home / "demo"
        rows = [f"{s}\t{s}\tP4\t{demo}/{s}/filtered_feature_bc_matrix" for s in ("product", "peak")]
        (home / "samples.tsv").write_text("\n".join(["sample\tcondition\tdonor\tpath", *rows]) + "\n")
        (home / "config.yaml").write_text(CONFIG)
        (home / "go.gmt").write_bytes(
            gzip.decompress((ROOT / "workflow/resources/go_bp.gmt.gz").read_bytes())
        )
        folders = [str(demo / s / "filtered_feature_bc_matrix") for s in ("product", "peak")]
        script = [
            sys.executable,
            str(options.script.resolve()),
            *folders,
            str(home / "go.gmt"),
            "RQR8,CLL1_scFv",
        ]
        ratios = []
        for number in range(options.rounds):
            run = home / f"run{number}"
            run.mkdir()
            ours = timed([*snakemake, str(options.cores), "--configfile", str(home / "config.yaml")], run)
            theirs = timed([*script, str(run / "plain")], run)
            ratios.append(ours / theirs)
            line = f"workflow {ours:6.1f} s   script {theirs:6.1f} s   ratio {ratios[-1]:.2f}"
            print(f"round {number + 1}: {line}", flush=True)
            shutil.rmtree(run)
        print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
