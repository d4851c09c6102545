"""What the jobs of each rule need: memory and time by the size of their inputs, for schedulers.

Memory is the peak of a job's process as the kernel counts it (the last line of its log), less what the
libraries take before any data (about 200 MB), over the size of its inputs, and a third more: on the demo of
15,414 cells, or at 100,000 where that gives more. Counts of more than `HELD_MB` are read in blocks instead of
held; what a rule then still holds (places, neighbours, labels, one library) grows by `beyond` per MB, from a
run of a million cells (docs/performance.md). Small populations of a large study take less than is declared:
the counts they are chosen from are their input. Times are generous: they end jobs that hang.

Rules have no `benchmark:`. It would watch the process that hands a job over (warm.py), not the one that
works; and it samples every 30 s after the first half minute, which misses peaks. A sample took 10 ms of CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BASE_MB = 300.0  # Python and the libraries
MINUTES = 15.0
HELD_MB = 540.0  # of counts.h5ad with 2**27 values, which are kept once read (stats.stored.HELD)
SIMULATION_MB, SIMULATION_PER_CELL = 400.0, 0.08


@dataclass(frozen=True)
class Need:
    """Memory before any data (MB) and per MB of input; minutes before any data and per 100 MB of input.

    `beyond` is what stands in for `per_mb` above `HELD_MB` of input, where counts are read in blocks.
    `second` is added to `per_mb` for each thread beyond the first: a process of its own (stats/beside.py).
    """

    base: float = BASE_MB
    per_mb: float = 2.0
    beyond: float | None = None
    second: float = 0.0
    minutes: float = MINUTES
    per_100_mb: float = 1.0


NEEDS = {
    "ingest": Need(per_mb=5, per_100_mb=3),
    "ambient": Need(per_mb=3.5, per_100_mb=3),
    "filter_cells": Need(per_mb=24, per_100_mb=20),
    "merge": Need(per_mb=6, beyond=0.2),
    "embed": Need(per_mb=10.6, beyond=2.4, second=8, per_100_mb=12),
    "annotate": Need(per_mb=10.6, beyond=1.2, per_100_mb=6),
    "describe": Need(per_mb=9.6, beyond=0.4, per_100_mb=12),
    "contamination": Need(per_mb=7, beyond=0.2, per_100_mb=2),
    "call_car": Need(per_mb=5.2, beyond=0.04, per_100_mb=2),
    "contrast_car": Need(per_mb=10, beyond=0.2, per_100_mb=2),
    "compose": Need(base=400),
    "contrast": Need(per_mb=16, beyond=0.2, per_100_mb=8),
    "control": Need(per_mb=16, beyond=0.04, per_100_mb=6),
    "sex_genes": Need(per_mb=4.2, beyond=0.2, per_100_mb=2),
    "measure_donors": Need(per_mb=19, beyond=1.4, per_100_mb=12),
    "compare_donors": Need(per_mb=19, beyond=1.4, per_100_mb=20),
    "compare_outcomes": Need(per_mb=19, beyond=1.4, per_100_mb=12),
    "compare_times": Need(per_mb=19, beyond=1.4, per_100_mb=12),
    "enrich": Need(per_mb=6, per_100_mb=10),
    "preranked": Need(per_mb=6, per_100_mb=10),
    "judge_claims": Need(per_mb=3),
    "draw_qc": Need(base=400, per_mb=20),
    "draw_population": Need(per_mb=6.4, beyond=0.1, per_100_mb=2),
    "draw_car": Need(base=400, per_mb=20),
    "draw_composition": Need(base=400),
    "draw_comparison": Need(per_mb=6),
    "pack_map": Need(per_mb=10, beyond=0.2, per_100_mb=2),
    "atlas": Need(per_mb=8.6, beyond=0.2, per_100_mb=2),
    "provenance": Need(base=500),
    "report": Need(per_mb=8),
    "cohort_cells": Need(base=400),
    "draw_cohort": Need(base=400),
    "count_transgene": Need(base=1500, per_mb=0.02, minutes=60, per_100_mb=1),
    "check_construct": Need(base=1500),
    "extend_reference": Need(base=700, per_mb=0.05, minutes=60),
    "download": Need(minutes=720, per_100_mb=0),
    "fetch_gene_sets": Need(base=500),
}


def of_simulation(demo: Mapping[str, Any]) -> int:
    """MB to declare for simulating the study `demo` (cells, donors): one donor is held at a time."""
    return round(SIMULATION_MB + SIMULATION_PER_CELL * demo["cells"] / demo["donors"])


def memory_mb(rule: str, input_mb: float, *, attempt: int, threads: int = 1) -> int:
    """Memory to declare for a job of `rule` with `input_mb` of inputs; half as much more at each attempt."""
    need = NEEDS.get(rule, Need())
    held = input_mb if need.beyond is None else min(input_mb, HELD_MB)
    more = (need.beyond or 0.0) * (input_mb - held)
    per_mb = need.per_mb + need.second * (threads - 1)
    return round((need.base + per_mb * held + more) * (1 + 0.5 * (attempt - 1)))


def minutes(rule: str, input_mb: float, *, attempt: int) -> int:
    """Minutes to declare for a job of `rule` with `input_mb` of inputs; as much more at each attempt."""
    need = NEEDS.get(rule, Need())
    return round((need.minutes + need.per_100_mb * input_mb / 100) * attempt)
