"""Is a file what it should be: its first bytes, its size, its checksum."""

from __future__ import annotations

import re
from pathlib import Path

from .. import io
from ..errors import UserError

HEAD_BYTES = 512
_TAR_MAGIC_AT = 257
_MAGIC = {
    (".gz", ".tgz"): (0, b"\x1f\x8b", "gzip"),
    (".h5", ".h5ad", ".h5mu", ".loom"): (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (".zip",): (0, b"PK", "zip"),
    (".tar",): (_TAR_MAGIC_AT, b"ustar", "tar"),
}
_TITLE = re.compile(rb"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)


def check_head(head: bytes, *, name: str, source: str) -> None:
    """Raise UserError where the first bytes of `name` are a web page, or not what its suffix promises.

    Servers send notices and log-in pages with status 200; seen at once, they cost no long transfer.
    """
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        title = _TITLE.search(head)
        words = f" ('{title[1].decode('utf-8', 'replace')[:80]}')" if title and title[1] else ""
        msg = (
            f"{source}: the server sent a web page{words} in place of {name}. Open the address in a browser: "
            "it may ask for a log-in, be under maintenance, or the file may have moved. "
            "If you have the file, name its folder in download.mirror."
        )
        raise UserError(msg)
    for suffixes, (offset, magic, kind) in _MAGIC.items():
        if name.lower().endswith(suffixes) and head[offset : offset + len(magic)] != magic:
            msg = (
                f"{source}: what came for {name} is not a {kind} file{_beginning(head, source)}. Open the "
                "address in a browser and look; correct the url or the path."
            )
            raise UserError(msg)


def _beginning(head: bytes, source: str) -> str:
    """The first bytes of what a server sent; a file of this machine is not quoted in messages and logs."""
    return "" if source.lower().startswith("file:") else f" (it begins with {head[:16]!r})"


def check_file(path: Path, *, name: str, source: str, size: int | None, sha256: str | None) -> str:
    """Check a whole file: what it begins with, its size (bytes) and its SHA-256, where they are known.

    Returns its SHA-256. Raises UserError, naming `source`, where it is not the file meant.
    """
    with path.open("rb") as file:
        check_head(file.read(HEAD_BYTES), name=name, source=source)
    now = path.stat().st_size
    if size is not None and now != size:
        msg = (
            f"{source}: {name} has {now:,} bytes, the table of downloads gives {size:,}. The file was "
            "replaced or cut off: fetch it again, or correct the columns bytes and sha256."
        )
        raise UserError(msg)
    found = io.sha256(path)
    if sha256 is not None and found != sha256:
        msg = (
            f"{source}: the checksum of {name} is wrong (SHA-256 {found}, the table of downloads gives "
            f"{sha256}). The transfer was damaged or the authors replaced the file: fetch it again; if it is "
            "meant to be another, correct the column sha256."
        )
        raise UserError(msg)
    return found
