"""What a command takes, with everything that it starts: wall time, processor time, peak memory.

Processes are sampled, since jobs of the workflow are children of a process that nobody waits for, which the
kernel's sum for a command leaves out. Memory is the sum of proportional set sizes: what processes share after
a fork counts once.
"""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

EVERY = 0.25  # seconds between two samples


@dataclass(frozen=True)
class Usage:
    """Seconds on the clock, seconds of processors, and MB at the peak, of a command and all it started."""

    wall: float
    cpu: float
    peak_mb: float


def measured(command: list[str], folder: Path) -> Usage:
    """Run `command` in `folder`, its output into out.txt there; raises CalledProcessError where it fails."""
    with (folder / "out.txt").open("w") as out:
        started = time.perf_counter()
        with subprocess.Popen(command, cwd=folder, stdout=out, stderr=out) as process:
            sampler = Sampler(process.pid)
            sampler.start()
            status = process.wait()
            wall = time.perf_counter() - started
            sampler.ended.set()
            sampler.join()
    if status:
        tail = (folder / "out.txt").read_text(encoding="utf-8", errors="replace")[-2000:]
        raise subprocess.CalledProcessError(status, command, output=tail)
    return Usage(wall, sampler.cpu(), sampler.peak_mb)


class Sampler(threading.Thread):
    """Watches a process and its descendants until `ended` is set."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root = psutil.Process(pid)
        self.ended = threading.Event()
        self.peak_mb = 0.0
        self._own: dict[tuple[int, float], float] = {}  # process -> its own seconds, as seen last

    def run(self) -> None:
        """Sample until the end."""
        while not self.ended.wait(EVERY):
            try:
                processes = [self.root, *self.root.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            total = 0.0
            for process in processes:
                try:
                    times = process.cpu_times()
                    self._own[process.pid, process.create_time()] = times.user + times.system
                    total += _memory_mb(process)
                except psutil.NoSuchProcess:
                    continue
            self.peak_mb = max(self.peak_mb, total)

    def cpu(self) -> float:
        """Seconds of processors of every process that was seen; ends between two samples are missed."""
        return sum(self._own.values())


def _memory_mb(process: psutil.Process) -> float:
    """Proportional set size, where the system tells it, else resident."""
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except (OSError, ProcessLookupError):
        pass
    return float(process.memory_info().rss) / 2**20
