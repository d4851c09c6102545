"""How long the jobs of earlier runs took, by the logs that they left, and what that says of a run at hand."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import median

DONE = re.compile(r"^done in ([0-9.]+) s", re.MULTILINE)  # the last line of a job's log (job.py)
KNOWN = 0.8  # share of the jobs whose rule must have run before
OVERHEAD = 0.7  # seconds per job besides its own: Python's start, and Snakemake between two jobs


def by_rule(logs: Path) -> dict[str, float]:
    """Rule -> median of the seconds that its jobs took, of those whose logs are below `logs`."""
    found: dict[str, list[float]] = defaultdict(list)
    for log in logs.rglob("*.log"):
        try:
            done = DONE.search(log.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
        if done:
            found[log.relative_to(logs).with_suffix("").parts[0]].append(float(done.group(1)))
    return {rule: median(seconds) for rule, seconds in found.items()}


def left(waiting: Mapping[str, int], past: Mapping[str, float], *, cores: int) -> float | None:
    """Seconds until the jobs `waiting` (rule -> number) are done; None where too few are known.

    Never less than the longest job that is left.
    """
    jobs = {rule: number for rule, number in waiting.items() if number > 0}
    known = {rule: number for rule, number in jobs.items() if rule in past}
    if not known or sum(known.values()) < KNOWN * sum(jobs.values()):
        return None
    work = sum(number * (past[rule] + OVERHEAD) for rule, number in known.items())
    return max(work / max(cores, 1), *(past[rule] for rule in known))


def in_words(seconds: float) -> str:
    """A time that is only roughly known: 40 s, 7 min, 2.5 h."""
    if seconds < 60:
        return f"{max(10, round(seconds, -1)):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
