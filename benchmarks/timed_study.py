"""The studies that are timed: simulated libraries beside a configuration, and what a run of them tells."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections import defaultdict
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow/scripts"))
from carpeak.report import provenance  # noqa: E402

CONFIG = """\
title: benchmark
simulated: true
samples: samples.tsv
transgene: {features: [RQR8, CLL1_scFv]}
"""


def snakemake(cores: int) -> list[str]:
    """The command that runs this checkout's workflow."""
    own = ["--snakefile", str(ROOT / "Snakefile"), "--cores", str(cores)]
    return [sys.executable, "-m", "snakemake", *own]


def simulate(home: Path, *, cells: int, donors: int, cores: int) -> list[Path]:
    """Write the demo's libraries, sheet and configuration into `home`; returns the folders of counts."""
    demo = f"demo={{variant: 'paper', seed: 1, cells: {cells}, donors: {donors}}}"
    command = [*snakemake(cores), "--quiet", "all", "--until", "simulate", "--config", demo]
    subprocess.run(command, cwd=home, check=True)
    folders = sorted((home / "demo").glob("*/filtered_feature_bc_matrix"), reverse=True)  # product, then peak
    rows = ["sample\tcondition\tdonor\tpath"]
    for folder in folders:
        donor, _, condition = folder.parent.name.rpartition("_")
        rows.append(f"{folder.parent.name}\t{condition}\t{donor or 'P4'}\t{folder}")
    (home / "samples.tsv").write_text("\n".join(rows) + "\n")
    (home / "config.yaml").write_text(CONFIG)
    return folders


def stages(run: Path) -> dict[str, float]:
    """Rule -> seconds summed over its jobs, the longest first."""
    found: dict[str, float] = defaultdict(float)
    for step in provenance.timings(run / "logs"):
        found[step["rule"]] += step["seconds"]
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def largest_process(run: Path) -> tuple[str, int]:
    """The rule whose process held most memory, and how many MB."""
    most = max(provenance.timings(run / "logs"), key=lambda step: step["peak_mb"])
    return most["rule"], most["peak_mb"]


def versions() -> str:
    """Python and the libraries that take the time."""
    names = ("snakemake", "scanpy", "harmonypy", "gseapy")
    listed = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return f"Python {platform.python_version()}, {listed}"


def machine() -> str:
    """Processor, cores and memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()
