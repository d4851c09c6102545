"""Checking a configuration against its schema, with defaults filled in and every mistake told at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ..errors import UserError, listed, nearest
from .given import read_text
from .problem import Problem
from .strict import QUOTED, errors, is_unusable_number, keys_that_are_no_text, shortened, shown

MOST_NODES = 200_000  # values of a YAML file; labels set by hand may name many cells


def load_yaml(path: str | Path) -> Any:
    """Read a YAML file.

    Raises UserError, with the line, where the file is missing, is not YAML, holds a key twice (of which YAML
    would silently take the last), or grows without bounds by its aliases.
    """
    text = read_text(path)
    try:
        _demand_bounded(text)
        return yaml.load(text, Loader=_OnceLoader)
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:
        msg = f"{path}: not valid YAML: {shortened(str(error))}"
        raise UserError(msg) from None
    except RecursionError:
        msg = f"{path}: not valid YAML: nested too deeply, or an alias that holds itself."
        raise UserError(msg) from None


def _demand_bounded(text: str) -> None:
    """Raise YAMLError where the text, its aliases written out, holds more than `MOST_NODES` values.

    Events are read, nothing is built: an alias counts as much as what it stands for.
    """
    if "*" not in text:
        return
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]

    def add(anchor: str | None, size: int) -> None:
        name, total = open_nodes[-1]
        open_nodes[-1] = name, total + size
        if anchor:
            sizes[anchor] = size
        if total + size > MOST_NODES:
            raise yaml.YAMLError(f"its aliases make more than {MOST_NODES:,} values of it; write it out")

    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.ScalarEvent):
            add(event.anchor, 1)
        elif isinstance(event, yaml.AliasEvent):
            if str(event.anchor) in (name for name, _ in open_nodes):
                raise yaml.YAMLError(f"the alias '{event.anchor}' holds itself")
            add(None, sizes.get(str(event.anchor), 1))
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            add(*open_nodes.pop())


class _OnceLoader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, *args: Any, **options: Any) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                problem = f"duplicate key '{name}': keep one"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen |= {name} - {None}
        return super().construct_mapping(node, *args, **options)


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
    for key in given:
        if key not in known:
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
        else:
            yield f"{prefix}{shown(error.instance)} should be of type {wanted}"
    elif error.validator == "oneOf":
        ways = [" with ".join(f"'{key}'" for key in way["required"]) for way in value]
        yield f"{prefix}needs either {', or '.join(ways)}"
    elif len(error.message) > 2 * QUOTED:
        yield f"{prefix}{shown(error.instance)} breaks the rule {error.validator}: {shortened(str(value))}"
    else:
        yield f"{prefix}{error.message}"


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
