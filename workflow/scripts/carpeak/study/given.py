"""Text files as users give them: read whole and as UTF-8, or refused in a sentence. Nothing hangs here."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

from ..errors import UserError

LARGEST = 50_000_000  # bytes; a sheet or configuration of this size is another kind of file


def read_text(
    path: str | Path, *, remedy: str = "Correct the path.", save: str = "save it as text in UTF-8"
) -> str:
    """The text of the file `path`, without a byte-order mark.

    Raises UserError where there is none, where it is a folder, a pipe or another thing that is no file,
    where it is too large, can't be read, or is not UTF-8; `remedy` ends the
    message on a missing file, `save` says how it should be saved.
    """
    path = Path(path)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise UserError(f"{path}: a folder, not a file. {remedy}")
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"{path}: a pipe or device, not a file. Save its content as a file.")
        if found.st_size > LARGEST:
            raise UserError(f"{path}: {found.st_size / 1e6:,.0f} MB, too large for such a file. {remedy}")
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file. {remedy}") from None
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        why = "symbolic links that lead in a circle" if _is_loop(error) else _first_line(error)
        raise UserError(f"{path}: cannot be read ({why}). {remedy}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: not UTF-8 text (line {line}); {save}.") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UserError(f"{path}: a NUL character in line {line}: not a text file; {save}.")
    return text


def _is_loop(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.ELOOP


def _first_line(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).split("\n", 1)[0]
