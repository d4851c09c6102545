"""One thing that is wrong in what the user wrote, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """`text` is for the user; code decides by `key`, which says where the mistake lies.

    In a configuration the key is the path of keys (``car.rule``), in a study the file; it is empty for a
    mistake of the whole.
    """

    key: str
    text: str

    def __str__(self) -> str:
        return self.text


def blocks(problems: Iterable[Problem]) -> set[str]:
    """The top-level keys of a configuration in which `problems` lie."""
    return {problem.key.split(".")[0] for problem in problems}
