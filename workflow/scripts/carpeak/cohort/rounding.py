"""Printed numbers: how many decimals they show, and by which rule a value becomes them.

A printed number agrees with a value if one of three rules gives exactly its digits: rounding half up,
rounding half to even (both are in use), or cutting off. The rule that gave it is kept.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

RULES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "cut": ROUND_DOWN}
_NUMBER = re.compile(r"^(<=|>=|<|>)?\s*(-?\d+(?:\.\d+)?)\s*%?$")
_NOISE = 10  # digits kept of a recomputed value, so that 2.675 held as 2.67499999999999982 counts as itself


@dataclass(frozen=True)
class Printed:
    """A number as it stands in a text: its value, its decimals, and a comparison such as < before it."""

    text: str
    value: Decimal
    decimals: int
    comparison: str = ""

    @property
    def unit(self) -> float:
        """The size of the last digit shown."""
        return 10.0**-self.decimals


def printed(text: str) -> Printed | None:
    """The number in `text`, None where it holds words."""
    found = _NUMBER.match(text.strip())
    if not found:
        return None
    digits = found[2]
    return Printed(text, Decimal(digits), len(digits.partition(".")[2]), found[1] or "")


def rule(shown: Printed, value: float) -> str:
    """The key of the first rule by which `value` is printed as `shown`; empty for none.

    ``exact`` where nothing is rounded, ``comparison`` where `shown` is a limit that `value` keeps.
    """
    if not math.isfinite(value):
        return ""
    exact = _decimal(value)
    if shown.comparison:
        return "comparison" if _compared(exact, shown) else ""
    if exact == shown.value:
        return "exact"
    step = Decimal(1).scaleb(-shown.decimals)
    for name, mode in RULES.items():
        if exact.quantize(step, rounding=mode) == shown.value:
            return name
    return ""


def as_printed(value: float, decimals: int, *, more: int = 0) -> str:
    """`value` with so many decimals, half up; up to `more` further ones that are not 0."""
    if not math.isfinite(value):
        return "not reached" if value > 0 else ""
    longest = _decimal(value).quantize(Decimal(1).scaleb(-decimals - more), rounding=ROUND_HALF_UP)
    text = str(longest)
    for _ in range(more):
        text = text.removesuffix("0")
    return text.removesuffix(".")


def _decimal(value: float) -> Decimal:
    return Decimal(repr(round(float(value), _NOISE)))


def _compared(value: Decimal, shown: Printed) -> bool:
    return {
        "<": value < shown.value,
        ">": value > shown.value,
        "<=": value <= shown.value,
        ">=": value >= shown.value,
    }[shown.comparison]
