"""Files that are dated in the future: Snakemake would take what is made from them for older, for ever."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable
from pathlib import Path

TOLERATED = 5.0  # seconds that clocks of one network may differ by


def in_the_future(paths: Iterable[str | Path], *, now: float) -> list[str]:
    """A sentence for each file that was changed after `now` (seconds of the epoch), with the remedy."""
    found = []
    for path in dict.fromkeys(map(Path, paths)):
        try:
            changed = path.stat().st_mtime
        except OSError:
            continue  # missing files are told elsewhere
        if changed > now + TOLERATED:
            dated, here = (time.strftime("%Y-%m-%d %H:%M", time.localtime(t)) for t in (changed, now))
            found.append(
                f"{path}: dated {dated}, but the clock of this computer says {here}. Correct the clock, or "
                f"date the file anew: touch {shlex.quote(str(path))}"
            )
    return found
