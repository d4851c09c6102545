"""The block ``cohort`` of a configuration: the patients' tables and how to read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import config as configuration

TABLES = ("patients", "events", "event_counts", "series", "statements")


def stands_alone(value: Any) -> bool:
    """Whether a configuration has patients and no libraries."""
    return isinstance(value, Mapping) and "cohort" in value and not {"samples", "transgene"} & set(value)


def resolve(config: dict[str, Any], base: Path, schemas: Path) -> list[str]:
    """Fill the block's defaults and make its paths those of files; returns what is wrong in it.

    A text in its place names a YAML file that holds the block; paths then start from that file's folder.
    Raises UserError where that file can't be read.
    """
    block, folder, where = config.pop("cohort"), base, "cohort"
    if isinstance(block, str):
        path = base / block
        block, folder, where = configuration.load_yaml(path), path.parent, str(path)
    filled, wrong = configuration.examine(block, configuration.load_yaml(schemas / "cohort.schema.yaml"))
    for name in TABLES:
        if filled[name]:
            filled[name] = str(folder / filled[name])
            if not Path(filled[name]).is_file():
                wrong.append(f"{name}: no such file: {filled[name]}")
    config["cohort"] = filled
    return [f"{where}.{line}" if where == "cohort" else f"{where}: {line}" for line in wrong]


def given(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """The files of the cohort, by role."""
    block = config.get("cohort") or {}
    return {f"cohort: {name.replace('_', ' ')}": [block[name]] for name in TABLES if block.get(name)}
