"""What a job wrote is what later jobs read: size and hash of each output, kept beside it in `.sums`.

A table that was cut short by hand, by a copy or by a bad disk would else be taken for a result, and with its
old time stamp nothing would even be run again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .errors import UserError

FOLDER = ".sums"
REMEDY = "Delete it and run again: it and what rests on it are made anew."


def record(paths: Iterable[str | Path]) -> None:
    """Keep size and hash of the files at `paths` below results/; folders and files not there are left out.

    Libraries that the demo writes are left out, too: they are inputs, which users copy and change.
    """
    from . import io

    for path in map(Path, paths):
        if path.is_file() and "results" in path.parts:
            io.write_json({"bytes": path.stat().st_size, "sha256": io.sha256(path)}, _sum_of(path))


def forget(paths: Iterable[str | Path]) -> None:
    """Drop what is known of files that are about to be written, and what a killed job left of them."""
    for path in map(Path, paths):
        half = re.compile(rf"\.tmp-\d+-{re.escape(path.name)}")  # as io.atomic names it
        left = [file for file in path.parent.glob(".tmp-*") if half.fullmatch(file.name)]
        for stale in (_sum_of(path), *left):
            with suppress(OSError):
                stale.unlink()


def demand_whole(paths: Iterable[str | Path]) -> None:
    """Raise UserError where a file is not what its job wrote; files of unknown origin pass."""
    from . import io

    changed = []
    for path in map(Path, paths):
        known = _known(_sum_of(path))
        if known and path.is_file():
            size, digest = known
            if path.stat().st_size != size or io.sha256(path) != digest:
                changed.append(f"{path}: damaged or changed since it was written. {REMEDY}")
    if changed:
        raise UserError("\n".join(changed))


def cut_short(folder: str | Path) -> list[str]:
    """Sentences on the files below `folder` whose size is not what their job wrote; nothing is read."""
    found = []
    for sums in sorted(Path(folder).rglob(f"{FOLDER}/*.json")):
        path = sums.parent.parent / sums.name.removesuffix(".json")
        known = _known(sums)
        if known and path.is_file() and path.stat().st_size != known[0]:
            found.append(
                f"{path}: damaged ({path.stat().st_size:,} bytes, {known[0]:,} were written). {REMEDY}"
            )
    return found


def _sum_of(path: Path) -> Path:
    return path.parent / FOLDER / f"{path.name}.json"


def _known(sums: Path) -> tuple[int, str] | None:
    try:
        value = json.loads(sums.read_text(encoding="utf-8"))
        return int(value["bytes"]), str(value["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
