"""JSON Schema as this project means it: finite numbers, patterns to the end of a text, texts as keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

from .problem import Problem

LARGEST_NUMBER = 2**53  # whole numbers beyond are no longer told apart as floats
QUOTED = 120  # characters of a wrong value that a message repeats


def errors(value: Any, schema: Mapping[str, Any]) -> list[jsonschema.ValidationError]:
    """Every way in which `value` breaks `schema`, in the order of the keys. No key takes infinity."""
    found = _Validator(schema).iter_errors(value)
    return sorted(found, key=lambda error: [str(part) for part in error.absolute_path])


def keys_that_are_no_text(value: Any, where: str = "") -> list[Problem]:
    """YAML reads the key 1 as a number; what looks keys up by name would fail on it, or miss it."""
    found = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            place = f"{where}.{key}" if where else str(key)
            if not isinstance(key, str):
                text = f"{shortened(place)}: {shown(key)} is no text; put quotes around the key"
                found.append(Problem(shortened(place), text))
            found += keys_that_are_no_text(item, place)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found += keys_that_are_no_text(item, f"{where}.{number}")
    return found


def is_unusable_number(value: Any) -> bool:
    """Whether `value` is a number, but none to calculate with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and not _is_number(None, value)


def shown(value: Any) -> str:
    """`value` as a message quotes it: not a megabyte of it."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return "a number of very many digits"
    return shortened(repr(value))


def shortened(text: str) -> str:
    """`text`, or its beginning and its length."""
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}... ({len(text):,} characters)"


def _is_number(_: Any, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= LARGEST_NUMBER  # false for NaN


def _is_integer(_: Any, value: Any) -> bool:
    return _is_number(_, value) and value == int(value)


def _pattern(
    _: Any, pattern: str, instance: Any, __: Mapping[str, Any]
) -> Iterator[jsonschema.ValidationError]:
    to_the_end = re.sub(r"\$$", r"\\Z", pattern)
    if isinstance(instance, str) and not re.search(to_the_end, instance):
        yield jsonschema.ValidationError(f"{shown(instance)} does not match '{pattern}'")


_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    validators={"pattern": _pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"number": _is_number, "integer": _is_integer}
    ),
)
