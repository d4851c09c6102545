"""Provide one input file: use the copy on disk, unpack it, or download it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import UserError
from ..study.downloads import Download
from . import archive, cellxgene, checks, request, transfer
from .transfer import PATIENCE, Patience, Say, Wanted

IN_PLACE = "found in place"


def provide(one: Download, *, mirror: str, say: Say, patience: Patience = PATIENCE) -> dict[str, Any]:
    """Fetch or unpack a file unless it is there, check it, and return its receipt.

    `mirror` is the address of a folder that holds copies, by the names of the table; empty for none. A file
    that is there already is only checked. Raises UserError where it can't be had or is not the one meant.
    """
    target, source, sha256 = Path(one.path), IN_PLACE, None
    if target.exists():
        say(f"{one.name}: {IN_PLACE}, {target}")
    elif one.archive is not None and one.member is not None:
        source = f"{one.archive}: {one.member}"
        archive.take(one.archive, one.member, target)
        say(f"{one.name}: taken out of {one.archive}")
    else:
        source = address(one, mirror, patience=patience)
        sha256 = transfer.fetch(Wanted(source, target, one.size, one.sha256), say=say, patience=patience)
    if sha256 is None:
        sha256 = checks.check_file(
            target, name=one.name, source=str(target), size=one.size, sha256=one.sha256
        )
    return {
        "file": str(target),
        "source": source,
        "url": one.url,
        "bytes": target.stat().st_size,
        "sha256": sha256,
        "sha256_expected": one.sha256,
    }


def address(one: Download, mirror: str, *, patience: Patience = PATIENCE) -> str:
    """Where the file is fetched from: its url, or the copy in the mirror."""
    if mirror:
        return f"{mirror.rstrip('/')}/{quote(one.name)}"
    return cellxgene.resolve(str(one.url), lambda url: _content(url, patience))


def _content(url: str, patience: Patience) -> bytes:
    """The whole (small) content of an address."""
    for trial in range(patience.tries):
        try:
            with request.ask(url, timeout=patience.timeout) as answer:
                return b"".join(iter(lambda: request.read(answer, transfer.CHUNK), b""))
        except request.BrokenOff as error:
            why = error
            time.sleep(patience.pause * 2**trial)
    msg = (
        f"{url}: {why}; given up after {patience.tries} tries. Check the network and the proxy and run again."
    )
    raise UserError(msg)


def teller(log: str | Path) -> Callable[[str], None]:
    """A function that writes a line to the job's log and to the terminal."""

    def say(line: str) -> None:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    return say
