"""The one exception that is shown to users as a sentence instead of a traceback."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

MAX_LISTED = 60  # problems of one file that are told at once
MARK = "carpeak: "  # how a message to the user begins, on the screen and in a log


class UserError(Exception):
    """A mistake that the user can mend.

    The message names the file, the place in it and the remedy; it is printed without a traceback.
    """


class CannotWriteError(UserError):
    """An output that can't be written: no space, no permission."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the closest choice, or an empty string."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""


def listed(source: str | Path, lines: Sequence[object]) -> str:
    """One message for everything that is wrong in the file `source`, or for the first `MAX_LISTED` of it."""
    shown = [
        *lines[:MAX_LISTED],
        *([f"and {len(lines) - MAX_LISTED:,} more"] if len(lines) > MAX_LISTED else []),
    ]
    return f"{source}:\n" + "\n".join(f"  - {line}" for line in shown)
