"""Running the workflow as a user does, each run in a folder of its own."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMALL = 2000


def snakemake(
    folder: Path, *options: str, snakefile: Path | None = None, cores: int = 2, check: bool = True
) -> subprocess.CompletedProcess:
    """Run Snakemake with `folder` as its working directory; its output is in the error when it fails."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile or ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(cores), *options]
    left_out = ("PYTHON", "SNAKEMAKE", "COLUMNS", "LINES")  # pytest's workers claim a screen of 80 columns
    environment = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-8000:]}")
    return done


def demo(variant: str = "paper", *, seed: int = 1, cells: int = SMALL) -> list[str]:
    """Options that run the demo study in another size, seed or variant."""
    return ["--config", f"demo={{variant: '{variant}', seed: {seed}, cells: {cells}}}"]


def tables(folder: Path) -> dict[str, str]:
    """SHA-256 of every table of a run, by its path."""
    results = folder / "results"
    files = sorted(p for p in results.rglob("*") if p.suffix in {".tsv", ".gz", ".parquet"})
    return {str(p.relative_to(results)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def jobs_to_run(output: str) -> dict[str, int]:
    """Rule -> number of jobs, from the job table that Snakemake prints."""
    lines = output.rsplit("Job stats:", maxsplit=1)[-1].splitlines() if "Job stats:" in output else []
    counts = {}
    for line in lines:
        words = line.split()
        if len(words) == 2 and words[1].isdigit():
            counts[words[0]] = int(words[1])
        elif counts and not words:
            break
    counts.pop("total", None)
    return counts
