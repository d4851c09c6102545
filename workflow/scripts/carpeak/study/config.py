"""Checking a configuration against its schema, with defaults filled in and every mistake told at once."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ..errors import UserError, listed, nearest
from .given import read_text
from .problem import Problem
from .strict import QUOTED, errors, is_unusable_number, keys_that_are_no_text, shortened, shown

MAX_NODES = 200_000  # values of a YAML file; labels set by hand may name many cells
MAX_DEPTH = 100
MAX_TOLD = 50  # unknown keys that get a sentence each
PLAIN_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
# libyaml reads ten times as fast, but ends the process on deep nesting: the depth is looked at first.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(path: str | Path) -> Any:
    """Read a YAML file.

    Raises UserError, with the line, where the file is missing, is not YAML, holds a key twice (of which YAML
    would silently take the last) or a number that YAML takes for another one (010 is 8), is too large or
    nested too deeply, or grows without bounds by its aliases.
    """
    text = read_text(path)
    try:
        _demand_bounded(text)
        return yaml.load(text, Loader=_OnceLoader)
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:
        msg = f"{path}: not valid YAML: {_why(error)}"
        raise UserError(msg) from None
    except RecursionError:
        msg = f"{path}: not valid YAML: nested too deeply, or an alias that holds itself."
        raise UserError(msg) from None


def _why(error: Exception) -> str:
    """What is wrong, and the line, of an error of PyYAML."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return shortened(str(error))
    parts = [getattr(error, "context", None), getattr(error, "problem", None)]
    said = shortened(", ".join(str(part) for part in parts if part))
    return f"{said} (line {mark.line + 1}, column {mark.column + 1})"


def _demand_bounded(text: str) -> None:
    """Raise YAMLError where the text, its aliases written out, holds too many values or nests too deeply.

    Events are read, nothing is built: an alias counts as much as what it stands for.
    """
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]

    def add(anchor: str | None, size: int) -> None:
        name, total = open_nodes[-1]
        open_nodes[-1] = name, total + size
        if anchor:
            sizes[anchor] = size
        if total + size > MAX_NODES:
            why = "its aliases make" if sizes else "it holds"
            raise yaml.YAMLError(f"{why} more than {MAX_NODES:,} values of it; write fewer")

    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.ScalarEvent):
            add(event.anchor, 1)
        elif isinstance(event, yaml.AliasEvent):
            if str(event.anchor) in (name for name, _ in open_nodes):
                raise yaml.YAMLError(f"the alias '{event.anchor}' holds itself")
            add(None, sizes.get(str(event.anchor), 1))
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, 1))
            if len(open_nodes) > MAX_DEPTH:
                raise yaml.YAMLError(f"nested too deeply (more than {MAX_DEPTH} levels)")
        elif isinstance(event, yaml.CollectionEndEvent):
            add(*open_nodes.pop())


class _OnceLoader(_Base):  # type: ignore[misc]
    def construct_mapping(self, node: yaml.MappingNode, *args: Any, **options: Any) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                problem = f"duplicate key '{name}': keep one"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen |= {name} - {None}
        found: dict[Any, Any] = super().construct_mapping(node, *args, **options)
        return found

    def plain_number(self, node: yaml.ScalarNode) -> int | float:
        """A number as people read it: YAML takes 010 for 8, 1:30 for 90 and 1_0 for 10."""
        text = str(node.value)
        is_integer = node.tag.endswith(":int")
        if (is_integer and not PLAIN_INTEGER.fullmatch(text)) or ":" in text or "_" in text:
            problem = f"YAML takes {text} for another number: write plain digits, or quotes around a text"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        number: int | float
        number = self.construct_yaml_int(node) if is_integer else self.construct_yaml_float(node)
        return number


for _kind in ("int", "float"):
    _OnceLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _OnceLoader.plain_number)


def with_defaults(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a copy of `value` in which absent keys of objects have their defaults, at every depth.

    Snakemake's own filling stops at absent parents; here a parent's default ({}) is filled in turn.
    Numbers and truth values that `--config` hands over as text become what the schema wants.
    """
    if isinstance(value, str) and _wants_no_text(schema):
        return _parsed(value)
    if not isinstance(value, Mapping) or "properties" not in schema:
        return copy.deepcopy(value)
    filled = {key: copy.deepcopy(item) for key, item in value.items()}
    for key, sub in schema["properties"].items():
        if key not in filled and "default" in sub:
            filled[key] = copy.deepcopy(sub["default"])
        if key in filled:
            filled[key] = with_defaults(filled[key], sub)
    return filled


def _wants_no_text(schema: Mapping[str, Any]) -> bool:
    types = schema.get("type", "string")
    return "string" not in (types if isinstance(types, list) else [types])


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text


def problems(value: Any, schema: Mapping[str, Any]) -> list[Problem]:
    """Every way in which `value` breaks `schema`; the texts name the key and the valid choices."""
    if wrong := keys_that_are_no_text(value):
        return wrong
    found = (
        Problem(_key(error), sentence) for error in errors(value, schema) for sentence in _sentences(error)
    )
    return list(dict.fromkeys(found))


def _key(error: jsonschema.ValidationError) -> str:
    return ".".join(str(part) for part in error.absolute_path)


def _unknown_keys(error: jsonschema.ValidationError, where: str) -> Iterator[str]:
    schema: Any = error.schema
    given: Any = error.instance
    known = list(schema.get("properties", {}))
    unknown = [key for key in given if key not in known]
    if len(unknown) > MAX_TOLD:
        yield f"{where or 'top level'}: {len(unknown):,} unknown keys; valid keys: {', '.join(known)}"
    else:
        for key in unknown:
            full = f"{where}.{key}" if where else str(key)
            near = nearest(str(key), known) if len(str(key)) < QUOTED else ""
            yield f"{shortened(full)}: unknown key{near}; valid keys: {', '.join(known)}"


def _sentences(error: jsonschema.ValidationError) -> Iterator[str]:
    where = shortened(_key(error))
    prefix = f"{where}: " if where else ""
    value: Any = error.validator_value
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        yield from _unknown_keys(error, where)
    elif error.validator == "required":
        present: Any = error.instance
        for key in value:
            if key not in present:
                yield f"{prefix}the key '{key}' is missing"
    elif error.validator == "enum":
        choices = ", ".join(str(c) for c in value if c is not None)
        yield f"{prefix}{shown(error.instance)} is not one of: {choices}"
    elif error.validator == "type":
        wanted = " or ".join(value) if isinstance(value, list) else value
        if is_unusable_number(error.instance):
            yield f"{prefix}{shown(error.instance)} is not a finite number below 2^53"
        elif error.instance is None:
            yield f"{prefix}empty, should be of type {wanted}: fill it, or leave the key out"
        else:
            yield f"{prefix}{shown(error.instance)} should be of type {wanted}{_hint(error.instance, wanted)}"
    elif error.validator == "oneOf":
        ways = [" with ".join(f"'{key}'" for key in way["required"]) for way in value]
        yield f"{prefix}needs either {', or '.join(ways)}"
    elif len(error.message) > 2 * QUOTED:
        yield f"{prefix}{shown(error.instance)} breaks the rule {error.validator}: {shortened(str(value))}"
    else:
        yield f"{prefix}{error.message}"


def _hint(value: Any, wanted: str) -> str:
    """What YAML made of a word, where it is not what its writer meant."""
    if "string" in wanted and isinstance(value, bool | dt.date):
        return " (YAML takes yes, no, on, off and dates for something else: put quotes around the text)"
    if isinstance(value, str) and ("number" in wanted or "integer" in wanted) and _is_exponent(value):
        return " (YAML takes it for a text: write it out, without an exponent)"
    return ""


def _is_exponent(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d+\.?\d*[eE][-+]?\d+", text) is not None


def sound(value: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The top-level keys of `value` that hold no mistake: checks between keys can go on with them."""
    known = schema["properties"]
    return {
        key: item
        for key, item in value.items()
        if key in known and not problems(with_defaults(item, known[key]), known[key])
    }


def check(value: Any, schema_path: str | Path, *, source: str) -> dict[str, Any]:
    """Return `value` with defaults, or raise UserError with all its problems; `source` names the file."""
    filled, found = examine(value, load_yaml(schema_path))
    if found:
        raise UserError(listed(source, found))
    return filled


def examine(value: Any, schema: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """`value` with defaults, and all its problems; where there are any, only its `sound` keys."""
    if not isinstance(value, Mapping):
        wrong = f"expected keys and values, found {type(value).__name__}"
        return with_defaults({}, schema), [Problem("", wrong)]
    filled: dict[str, Any] = with_defaults(value, schema)
    found = problems(filled, schema)
    return (with_defaults(sound(value, schema), schema) if found else filled), found
