"""Cautions of one kind in many libraries, said once: sixty libraries would bury the rest of the page."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LIBRARY = re.compile(r"Library (\S+): (.*)", re.S)
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
MAX_NAMED = 6


def folded(texts: Sequence[str]) -> list[str]:
    """`texts` in their order; those on one library each that differ in numbers alone become one.

    Numbers that differ are given as their range: "Each of 3 libraries (a, b, c): 10 to 15 % doublets ...".
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for text in texts:
        found = _LIBRARY.fullmatch(text)
        name, said = found.groups() if found else ("", text)
        key = _NUMBER.sub("#", said) if found else text
        groups.setdefault(f"{bool(found)}{key}", []).append((name, said))
    return [_one(members) for members in groups.values()]


def _one(members: Sequence[tuple[str, str]]) -> str:
    name, said = members[0]
    if len(members) == 1:
        return f"Library {name}: {said}" if name else said
    names = [one for one, _ in members]
    values = zip(*(_NUMBER.findall(text) for _, text in members), strict=True)
    spans = iter([_span(of_place) for of_place in values])
    said = _NUMBER.sub(lambda _: next(spans), said)
    return f"Each of {len(names)} libraries ({listed(names)}): {said}"


def listed(names: Sequence[str], most: int = MAX_NAMED) -> str:
    """The first of `names`, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _span(values: Sequence[str]) -> str:
    """The least and the largest of numbers as they were written."""
    ordered = sorted(set(values), key=lambda text: float(text.replace(",", "")))
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
