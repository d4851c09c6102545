"""Finding the transgene among the features of a matrix when the configured name is not there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

LOOKS_LIKE = re.compile(
    r"scfv|fmc63|rqr8|wpre|t-?egfr|egfr-?t|(^|[-_ ])car($|[-_ ])|car-?(t$|cd?\d)|"
    r"(ide|axi|tisa|liso|cilta)-?cel$|kymriah|yescarta|abecma|carvykti|breyanzi|tecartus",
    re.IGNORECASE,
)
MAX_NAMED = 10


def absent(missing: Sequence[str], names: Iterable[str], *, custom: Sequence[str] = ()) -> str:
    """The message for features that no library has: the closest names, and what looks like a transgene.

    `names` are all feature names of the libraries, `custom` those that bear another kind of identifier than
    the rest, as genes do that were added to a reference.
    """
    lower = {name.lower(): name for name in names}
    close = [lower[n] for f in missing for n in difflib.get_close_matches(f.lower(), lower, n=3, cutoff=0.6)]
    like = sorted(name for name in lower.values() if LOOKS_LIKE.search(name))
    like = list(dict.fromkeys([*like, *custom]))[:MAX_NAMED]
    return (
        f"transgene.features: no library has {' or '.join(map(_visible, missing))}. "
        f"Closest feature names: {', '.join(dict.fromkeys(close)) or 'none'}. "
        f"Features that look like a transgene: {', '.join(like) or 'none'}. "
        "Correct transgene.features, or add the construct to the reference and map the reads again."
    )


def _visible(name: str) -> str:
    """A name, in quotes where blanks at its ends would not be seen."""
    return name if name == name.strip() else f"{name!r} (with blanks at its ends)"
