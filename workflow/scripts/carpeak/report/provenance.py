"""Where results come from: versions, configuration, checksums of the inputs, seeds and times."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import __version__, io

CORE = (
    "snakemake",
    "scanpy",
    "anndata",
    "harmonypy",
    "gseapy",
    "igraph",
    "singler",
    "umap-learn",
    "scikit-learn",
    "scipy",
    "numpy",
    "pandas",
    "matplotlib",
    "jinja2",
)
LARGEST = 4 * 10**9  # bytes of a file whose checksum is taken
_DONE = re.compile(r"^done in ([0-9.]+) s, ([0-9.]+) s of CPU, ([0-9]+) MB$", re.MULTILINE)


def collect(
    *, config: Mapping[str, Any], inputs: Mapping[str, Iterable[str]], logs: str | Path, workflow: str | Path
) -> dict[str, Any]:
    """All of provenance.json.

    `config` is the resolved configuration; `inputs` maps a role (a sample, markers, claims ...) to its
    files or folders; `logs` is the folder of job logs, from which times are read; `workflow` any folder
    of the workflow's checkout.
    """
    steps = timings(logs)
    return {
        "carpeak": __version__,
        "git": commit(workflow),
        "title": config.get("title"),
        "simulated": bool(config.get("simulated")),
        "started": min((step["started"] for step in steps), default=None),
        "finished": max((step["finished"] for step in steps), default=None),
        "job_seconds": round(sum(step["seconds"] for step in steps), 1),
        "cpu_seconds": round(sum(step["cpu_seconds"] for step in steps), 1),
        "seeds": {"analysis": config.get("seed"), "simulation": (config.get("demo") or {}).get("seed")},
        "platform": {
            "system": platform.platform(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "python": sys.version.split()[0],
        },
        "packages": packages(),
        "inputs": [{"role": role, **entry} for role, paths in inputs.items() for entry in checksums(paths)],
        "configuration": dict(config),
        "steps": steps,
    }


def packages() -> dict[str, str]:
    """Name and version of every installed distribution, sorted."""
    found = {
        dist.metadata["Name"]: dist.version for dist in metadata.distributions() if dist.metadata["Name"]
    }
    return {name: found[name] for name in sorted(found, key=str.lower)}


def checksums(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Path, size and SHA-256 of each file; of a folder, each file in it. What does not exist is left out.

    Of a file larger than `LARGEST` (reads), no checksum is taken: that would hold up the report.
    """
    entries = []
    for path in map(Path, paths):
        files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                size = file.stat().st_size
                checksum = _sha256(file.resolve(), file.stat().st_mtime_ns) if size <= LARGEST else None
                entries.append({"file": str(file), "bytes": size, "sha256": checksum})
    return entries


@cache
def _sha256(path: Path, _changed: int) -> str:
    """SHA-256 of a file; several libraries may share one large file, which is read once."""
    return io.sha256(path)


def timings(logs: str | Path) -> list[dict[str, Any]]:
    """Per job: its rule, name, start, end, seconds, seconds of CPU and peak memory, in order of their ends.

    A log's last line tells what the kernel counted for the job's process, its time stamp the end. Jobs of
    other runs in the same folder count too: their results stand.
    """
    steps = []
    for log in Path(logs).rglob("*.log"):
        done = _DONE.search(log.read_text(encoding="utf-8", errors="replace"))
        if done is None:
            continue
        end, seconds = log.stat().st_mtime, float(done.group(1))
        parts = log.relative_to(logs).with_suffix("").parts
        steps.append(
            {
                "rule": parts[0],
                "job": "/".join(parts[1:]),
                "started": _utc(end - seconds),
                "finished": _utc(end),
            }
            | {"seconds": seconds, "cpu_seconds": float(done.group(2)), "peak_mb": int(done.group(3))}
        )
    return sorted(steps, key=lambda step: (step["finished"], step["rule"], step["job"]))


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def commit(folder: str | Path) -> dict[str, Any] | None:
    """The git commit of the workflow and whether files differ from it; None outside a repository.

    An installed package may lie within the repository of another project, which does not track it.
    """
    try:
        _git(folder, "ls-files", "--error-unmatch", ".")
        head = _git(folder, "rev-parse", "HEAD")
        changed = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": head, "changed": changed}


def _git(folder: str | Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()
