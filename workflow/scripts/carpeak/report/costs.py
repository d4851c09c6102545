"""What a run cost: time, processor time and memory of the jobs of each rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def by_rule(steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Per rule its jobs, their seconds and seconds of CPU summed, and the largest peak; costly rules first.

    `steps` are those of provenance.json; the report itself and what ran beside it are not among them.
    """
    found: dict[str, dict[str, Any]] = {}
    for step in steps:
        row = found.setdefault(
            step["rule"], {"rule": step["rule"], "jobs": 0, "seconds": 0.0, "cpu_seconds": 0.0, "peak_mb": 0}
        )
        row["jobs"] += 1
        row["seconds"] += step["seconds"]
        row["cpu_seconds"] += step["cpu_seconds"]
        row["peak_mb"] = max(row["peak_mb"], step["peak_mb"])
    return sorted(found.values(), key=lambda row: (-row["cpu_seconds"], row["rule"]))
