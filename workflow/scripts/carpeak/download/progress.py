"""Lines that tell how far a transfer is, not more often than a person wants to read."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY_SECONDS = 10.0
MEGABYTE = 1e6


class Progress:
    """Says where the transfer of `name` is, of `total` bytes (None where unknown), from byte `start` on."""

    def __init__(self, name: str, total: int | None, say: Callable[[str], None], *, start: int = 0) -> None:
        self.name, self.total, self.say, self.start = name, total, say, start
        self.began = self.told = time.monotonic()
        of = "" if total is None else f" of {total / MEGABYTE:,.1f} MB"
        going_on = f", going on from {start / MEGABYTE:,.1f} MB" if start else ""
        say(f"{name}: fetching{of}{going_on}" if of or going_on else f"{name}: fetching")

    def at(self, have: int) -> None:
        """Note that `have` bytes are there, and say so from time to time."""
        now = time.monotonic()
        if now - self.told < EVERY_SECONDS:
            return
        self.told = now
        rate = (have - self.start) / (now - self.began)
        line = f"{self.name}: {have / MEGABYTE:,.1f} MB at {rate / MEGABYTE:,.1f} MB/s"
        if self.total and rate > 0:
            line += f" ({have / self.total:.0%}, about {(self.total - have) / rate:,.0f} s left)"
        self.say(line)
