"""What rules declare is what their jobs take: never less, at most three times as much (demo, full size)."""

import re

import pytest

PEAK = re.compile(r"^done in [0-9.]+ s, [0-9.]+ s of CPU, ([0-9]+) MB$", re.M)


@pytest.mark.slow
def test_declared_memory_is_what_jobs_take(full):
    folder = full("paper")
    said = min((folder / ".snakemake/log").glob("*.log")).read_text()
    jobs = re.findall(
        r"^(?:local)?rule (\w+):\n(?: {4}.*\n)*? {4}log: (\S+)\n(?: {4}.*\n)*? {4}resources: .*?mem_mb=(\d+)",
        said,
        re.M,
    )
    assert len(jobs) > 35
    wrong = []
    for rule, log, declared in jobs:
        peak = int(PEAK.search((folder / log).read_text())[1])
        print(f"{rule:18} {log:40} {peak:6} MB of {declared} MB")
        if not peak <= int(declared) <= 3 * peak:
            wrong.append(f"{rule}, {log}: {peak} MB, {declared} MB declared")
    assert not wrong
