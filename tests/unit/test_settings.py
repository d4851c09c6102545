"""The typed settings say what the configuration's schema says: names, types, choices and defaults."""

import copy
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

import pytest
from carpeak import settings
from carpeak.study import config

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = config.load_yaml(ROOT / "workflow/schemas/config.schema.yaml")
SCALARS = {"string": str, "integer": int, "number": float, "boolean": bool}


def parts(kind):
    """The members of a union, without None, and whether None is one of them."""
    members = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return [one for one in members if one is not type(None)], type(None) in members


def drift(kind, schema, where="", *, may_be_absent=False):
    """Where the type hint `kind` differs from `schema`, one line each."""
    members, optional = parts(kind)
    choices = schema.get("enum")
    types = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
    nullable = "null" in types or (choices is not None and None in choices)
    found = [] if optional == (nullable or may_be_absent) else [f"{where}: None is {optional}"]
    types = [one for one in types if one != "null"]
    if choices is not None:
        said = [one for one in choices if one is not None]
        return found if list(get_args(members[0])) == said else [*found, f"{where}: choices {kind}"]
    if types == ["object"] and "properties" in schema:
        return found + block(members[0], schema, where)
    if types == ["object"]:
        held = get_origin(members[0]) is Mapping and drift(
            get_args(members[0])[1], schema["additionalProperties"], where
        )
        return found + (held if held is not False else [f"{where}: {kind} is no mapping"])
    if types == ["array"]:
        if get_origin(members[0]) is not tuple:
            return [*found, f"{where}: {kind} is no tuple"]
        return found + drift(get_args(members[0])[0], schema["items"], f"{where}[]")
    wanted = [SCALARS[one] for one in types]
    return found if members == wanted else [*found, f"{where}: {kind} is not {wanted}"]


def block(kind, schema, where=""):
    """Where the dataclass `kind` differs from an object of the schema."""
    hints, keys = get_type_hints(kind), schema["properties"]
    found = [f"{where}: {name} is in one of the two only" for name in hints.keys() ^ keys.keys()]
    required = set(schema.get("required", []))
    for field in dataclasses.fields(kind):
        if field.name not in keys:
            continue
        here, key = f"{where}.{field.name}".strip("."), keys[field.name]
        may_be_absent = field.name not in required and "default" not in key
        found += drift(hints[field.name], key, here, may_be_absent=may_be_absent)
        default = (
            field.default_factory()
            if field.default is dataclasses.MISSING and (field.default_factory is not dataclasses.MISSING)
            else field.default
        )
        if field.name in required:
            wanted = dataclasses.MISSING
        elif "default" not in key:
            wanted = None
        else:
            wanted = settings._typed(hints[field.name], key["default"])  # {}: the block's own defaults
        if default != wanted or type(default) is not type(wanted):
            found.append(f"{here}: default {default!r}, in the schema {wanted!r}")
    return found


def test_settings_and_schema_say_the_same():
    assert block(settings.Settings, SCHEMA) == []


def changed(path, change):
    schema = copy.deepcopy(SCHEMA)
    part = schema
    for name in path:
        part = part[name]
    change(part)
    return schema


QC = ("properties", "qc", "properties")


@pytest.mark.parametrize(
    ("path", "change", "where"),
    [
        (QC, lambda p: p.update(new={"type": "string", "default": ""}), "qc: new"),
        (QC, lambda p: p.pop("mads"), "qc: mads"),
        ((*QC, "mads"), lambda p: p.update(default=4.0), "qc.mads: default"),
        ((*QC, "mads"), lambda p: p.update(type="integer"), "qc.mads: <class 'float'> is not"),
        ((*QC, "preset"), lambda p: p["enum"].append("mine"), "qc.preset: choices"),
        ((*QC, "max_mito_percent"), lambda p: p.update(type="number"), "qc.max_mito_percent: None"),
        (("properties", "annotation", "properties", "overrides", "items"), lambda p: p["required"].pop(), "label"),
        (("properties", "contrasts", "additionalProperties"), lambda p: p["properties"].pop("test"), "contrasts: test"),
        (("properties", "embedding", "properties", "exclude_genes"), lambda p: p.update(default=[]), "exclude_genes: default"),
        (("properties",), lambda p: p.pop("claims"), ": claims"),
    ],
)  # fmt: skip
def test_drift_is_found(path, change, where):
    found = block(settings.Settings, changed(path, change))
    assert any(where in line for line in found), found


def test_build_makes_nested_settings():
    filled = config.check(
        {
            "samples": "samples.tsv",
            "transgene": {"features": ["CAR"]},
            "annotation": {"overrides": [{"population": "all", "cells": ["a", "b"], "label": "B cell"}]},
            "embedding": {"resolution": {"t_cells": 2}},
        },
        ROOT / "workflow/schemas/config.schema.yaml",
        source="config.yaml",
    )
    built = settings.build(settings.Settings, filled)
    assert built.annotation.overrides == (settings.Override("all", "B cell", cells=("a", "b")),)
    assert built.embedding.resolution == settings.Resolution(0.8, 2, 0.5)
    assert built.contrasts == {"peak_vs_product": settings.Contrast("peak", "product")}
    assert built.transgene.features == ("CAR",)
    assert built.construct is None
    with pytest.raises(TypeError, match="unknown"):
        settings.build(settings.QcSettings, {"unknown": 1})
