"""Take one file out of a tar archive, whatever the archive calls it."""

from __future__ import annotations

import fnmatch
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from .. import io
from ..errors import UserError, nearest

SHOWN = 5


def take(archive: str | Path, member: str, target: str | Path) -> None:
    """Copy the one file of `archive` that matches `member` to `target`.

       `member` is a path or a name, with ``*`` and ``?`` allowed.
    Only contents are read: neither the members' folders nor links are followed, so nothing can be written
       elsewhere. Raises UserError where the archive is damaged, or no file or several match.
    """
    try:
        with tarfile.open(archive) as tar:
            found = _one(tar, member, str(archive))
            content = tar.extractfile(found)
            assert content is not None, "isfile() was checked"
            with io.atomic(target) as temporary, temporary.open("wb") as file:
                shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError) as error:
        msg = f"{archive}: not a readable tar archive ({error}). Delete it and run again to fetch it anew."
        raise UserError(msg) from error


def _one(tar: tarfile.TarFile, member: str, archive: str) -> tarfile.TarInfo:
    files = [entry for entry in tar if entry.isfile()]
    fits = [
        entry
        for entry in files
        if fnmatch.fnmatchcase(entry.name, member)
        or fnmatch.fnmatchcase(PurePosixPath(entry.name).name, member)
    ]
    if len(fits) == 1:
        return fits[0]
    names = [entry.name for entry in fits or files]
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    if fits:
        msg = f"{archive}: {len(fits)} files match '{member}' ({shown}). Give more of the name in 'member'."
    else:
        msg = (
            f"{archive}: no file matches '{member}'{nearest(member, names)}; it holds "
            f"{shown or 'no file'}. Correct the column member."
        )
    raise UserError(msg)
