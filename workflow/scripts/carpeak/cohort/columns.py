"""What a column of a cohort's table holds, and how one field of it is read."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carpeak.errors import nearest

MISSING = ("", "NA")
_YES_NO = {"yes": True, "no": False}
_NUMBERS = ("number", "days", "share", "percent")
_INTEGERS = ("integer", "grade", "code", "count")


class FieldError(ValueError):
    """A field that can't be read; the message says what is wrong, without the field's place."""


@dataclass(frozen=True)
class Column:
    """One column: its `kind`, its label and unit for readers, and what is valid in it."""

    name: str
    kind: str
    label: str = ""
    unit: str = ""
    low: float | None = None
    above: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    term: str = ""
    after: bool = False
    criteria: str = ""

    @property
    def title(self) -> str:
        """The label with its unit, for tables and axes."""
        name = self.label or self.name.replace("_", " ")
        return f"{name} ({self.unit})" if self.unit else name

    @property
    def numeric(self) -> bool:
        """Whether medians of the column make sense."""
        return self.kind in ("number", "integer", "days", "share", "percent")

    @property
    def grouping(self) -> bool:
        """Whether patients can be grouped by it."""
        return self.kind in ("category", "response", "yes_no", "grade")


def from_schema(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Column]:
    """The columns that a schema describes, by name."""
    return {
        name: Column(
            name,
            spec["kind"],
            unit=spec.get("unit", ""),
            low=spec.get("minimum", 0 if spec["kind"] == "grade" else None),
            above=spec.get("exclusiveMinimum"),
            high=spec.get("maximum"),
            levels=tuple(spec.get("levels", ())),
            codes=tuple(spec.get("codes", ())),
        )
        for name, spec in properties.items()
    }


def declared(name: str, spec: Mapping[str, Any]) -> Column:
    """A column that the configuration declares under ``cohort.columns``."""
    bounds: dict[str, tuple[float | None, float | None]] = {
        "share": (0, 1),
        "percent": (0, 100),
        "grade": (0, 5),
    }
    low, high = bounds.get(spec["type"], (None, None))
    return Column(
        name,
        spec["type"],
        label=spec.get("label", ""),
        unit=spec.get("unit", "") or ("%" if spec["type"] == "percent" else ""),
        low=spec.get("minimum", low),
        high=spec.get("maximum", high),
        levels=tuple(spec.get("levels", ())),
        term=spec.get("term", ""),
        after=spec.get("after", False),
        criteria=spec.get("criteria", ""),
    )


def parse(text: str, column: Column) -> Any:
    """The value of a field, None where it is missing.

    Raises FieldError with one sentence. The text of a date never stands in it.
    """
    if text in MISSING:
        return None
    if column.kind in _NUMBERS or column.kind in _INTEGERS:
        return _within(_number(text, column), text, column)
    if column.kind == "date":
        return _date(text)
    if column.kind == "yes_no":
        if text.lower() not in _YES_NO:
            msg = f"'{text}' is neither yes nor no"
            raise FieldError(msg)
        return _YES_NO[text.lower()]
    if column.kind == "list":
        words = tuple(word.strip() for word in text.split(";") if word.strip())
        return () if words == ("none",) else words
    if column.levels and text not in column.levels:
        msg = f"'{text}' is not one of {', '.join(column.levels)}{nearest(text, column.levels)}"
        raise FieldError(msg)
    return text


def _number(text: str, column: Column) -> float | int:
    try:
        value = float(text)
    except ValueError:
        hint = ""
        if text.endswith("%"):
            hint = "; write it without the sign"
        elif "," in text:
            hint = "; write decimals with a point"
        elif text.startswith(("<", ">")):
            hint = "; write a number or leave the field empty"
        msg = f"'{text}' is not a number{hint}"
        raise FieldError(msg) from None
    if not math.isfinite(value):
        msg = f"'{text}' is not a finite number; leave the field empty where it is missing"
        raise FieldError(msg)
    if column.kind in _INTEGERS:
        if value != int(value):
            msg = f"{text} is not a whole number"
            raise FieldError(msg)
        return int(value)
    return value


def _within(value: float | int, text: str, column: Column) -> float | int:
    if column.codes and value not in column.codes:
        msg = f"{text} is not an event code; valid codes: {', '.join(map(str, column.codes))}"
    elif column.kind == "days" and value < 0:
        msg = f"{text} is before the infusion; days count from it and are not negative"
    elif column.kind == "share" and not 0 <= value <= 1:
        msg = f"{text} is not a share; shares lie between 0 and 1 (declare it as percent, or divide by 100)"
    elif column.kind == "grade" and column.high is not None and value > column.high:
        msg = f"grade {text} is above the scale, which ends at {column.high:g}"
    elif column.low is not None and value < column.low:
        msg = f"{text} is below the smallest valid value, {column.low:g}"
    elif column.above is not None and value <= column.above:
        msg = f"{text} must be above {column.above:g}"
    elif column.high is not None and value > column.high:
        msg = f"{text} is above the largest valid value, {column.high:g}"
    else:
        return value
    raise FieldError(msg)


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        msg = "not a date; write YYYY-MM-DD"
        raise FieldError(msg) from None
