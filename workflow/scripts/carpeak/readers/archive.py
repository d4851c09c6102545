"""A trio in an archive: BD Rhapsody's MEX zip, or a .zip, .tar or .tar.gz of a 10x folder.

Nothing is unpacked to disk.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import UserError
from . import paths, tenx_mtx
from .library import CountMatrix
from .text import AGAIN, Source, first_line

DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, KeyError)


def recognise(path: Path) -> bool:
    """Whether `path` is a zip or a tar archive."""
    try:
        return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
    except DAMAGE:
        return False


def open_library(path: Path) -> CountMatrix:
    """Open the one trio in the archive `path`, in whatever folder of it."""
    is_zip = zipfile.is_zipfile(path)
    names = _names(path, is_zip=is_zip)
    found = paths.trios(name for name in names if not _hidden(name))
    if not found:
        listed = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        msg = (
            f"{path}: no matrix.mtx in the archive, which holds {listed or 'nothing'}. Unpack it and name "
            "the count matrix."
        )
        raise UserError(msg)
    if len(found) > 1:
        listed = ", ".join(list(found)[:6]) + (", ..." if len(found) > 6 else "")
        msg = f"{path}: the archive holds several libraries ({listed}). Unpack it and name one of them."
        raise UserError(msg)
    trio = next(iter(found.values()))
    for kind in ("barcodes", "features"):
        if kind not in trio:
            msg = f"{path}: the archive holds {trio['matrix']} but no {kind}.tsv beside it. {AGAIN}"
            raise UserError(msg)
    sources = {kind: _member(path, name, is_zip=is_zip) for kind, name in trio.items()}
    where = f"10x folder in a {'zip' if is_zip else 'tar'} archive"
    return tenx_mtx.open_trio(tenx_mtx.Trio(**sources), path, where=where)


def _hidden(name: str) -> bool:
    """Whether a member is what macOS adds to archives."""
    return name.startswith("__MACOSX/") or Path(name).name.startswith("._")


def _names(path: Path, *, is_zip: bool) -> list[str]:
    with _told(str(path)):
        if is_zip:
            with zipfile.ZipFile(path) as archive:
                return archive.namelist()
        with tarfile.open(path) as packed:
            return [member.name for member in packed if member.isfile()]


def _member(path: Path, name: str, *, is_zip: bool) -> Source:
    """The member `name` of the archive as a source."""

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with _told(f"{path}: {name}"):
            if is_zip:
                with zipfile.ZipFile(path) as archive, archive.open(name) as file:
                    yield file
            else:
                with tarfile.open(path) as packed, packed.extractfile(name) as member:  # type: ignore[union-attr]
                    yield member

    return Source(f"{path}: {name}", opened)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn what a damaged archive makes the libraries raise into a sentence."""
    try:
        yield
    except DAMAGE as error:
        msg = f"{name}: the archive is cut short, damaged or encrypted ({first_line(error)}). {AGAIN}"
        raise UserError(msg) from error
