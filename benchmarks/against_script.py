"""Time the workflow against a plain script on the same two libraries, in turn, and judge it.

usage: python benchmarks/against_script.py [--script FILE] [--rounds 3] [--cores 2] [--cells 15414]
The script (default: plain_scanpy.py beside this file) is called with the arguments PRODUCT PEAK GMT FEATURES
OUT. The libraries are the demo's, simulated once beforehand; simulating is not timed. Prints every round, the
stages of both, and the ratio of the times with its spread; ends with status 1 where the ratio misses its
target.
"""

import argparse
import gzip
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import timed_study
from usage import Usage, measured

TARGET = 0.30  # of the script's time on the clock, at the demo's size on two cores


def row(name: str, usage: Usage) -> str:
    """One line of the table."""
    return f"  {name:<10}{usage.wall:9.1f} s wall {usage.cpu:9.1f} s CPU {usage.peak_mb / 1000:7.2f} GB"


def table(title: str, rounds: list[dict[str, float]]) -> str:
    """Median seconds of each stage over the rounds, the longest first."""
    names = {name for one in rounds for name in one}
    medians = {name: statistics.median(one.get(name, 0.0) for one in rounds) for name in names}
    ordered = sorted(medians.items(), key=lambda item: -item[1])
    return "\n".join([title, *(f"  {name:<28}{seconds:8.1f} s" for name, seconds in ordered)])


def verdict(ratios: list[float]) -> tuple[bool, str]:
    """Whether the median ratio reaches the target, in words, with the spread over rounds."""
    median = statistics.median(ratios)
    reached = median <= TARGET
    spread = f"{min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds"
    word = "reached" if reached else "MISSED"
    return reached, f"median ratio {median:.2f} ({spread}); target {TARGET:.2f}: {word}"


def main() -> int:
    """Run the rounds; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--script", type=Path, default=Path(__file__).with_name("plain_scanpy.py"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--cells", type=int, default=15414)
    options = parser.parse_args()
    snakemake = timed_study.snakemake(options.cores)
    print(f"{timed_study.machine()}; {timed_study.versions()}", flush=True)
    ratios, ours_by_stage, theirs_by_stage = [], [], []
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        folders = timed_study.simulate(home, cells=options.cells, donors=1, cores=options.cores)
        packed = (timed_study.ROOT / "workflow/resources/go_bp.gmt.gz").read_bytes()
        (home / "go.gmt").write_bytes(gzip.decompress(packed))
        script = [sys.executable, str(options.script.resolve()), *map(str, folders)]
        script += [str(home / "go.gmt"), "RQR8,CLL1_scFv"]
        for number in range(options.rounds):
            run = home / f"run{number}"
            run.mkdir()
            ours = measured([*snakemake, "--configfile", str(home / "config.yaml")], run)
            theirs = measured([*script, str(run / "plain")], run)
            ratios.append(ours.wall / theirs.wall)
            lines = [
                f"round {number + 1}: ratio {ratios[-1]:.2f}",
                row("workflow", ours),
                row("script", theirs),
            ]
            print("\n".join(lines), flush=True)
            ours_by_stage.append(timed_study.stages(run))
            told = run / "plain/stages.json"
            theirs_by_stage += [json.loads(told.read_text())] if told.is_file() else []
            shutil.rmtree(run)
    print(table("workflow, seconds summed over the jobs of each rule:", ours_by_stage))
    if theirs_by_stage:
        print(table("script:", theirs_by_stage))
    reached, text = verdict(ratios)
    print(text)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
