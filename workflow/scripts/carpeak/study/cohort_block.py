"""The file that `cohort` of a configuration names: the patients' tables and how to read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import config as configuration

TABLES = ("patients", "events", "event_counts", "series", "statements")


def stands_alone(value: Any) -> bool:
    """Whether a configuration has patients and no libraries."""
    return isinstance(value, Mapping) and "cohort" in value and not {"samples", "transgene"} & set(value)


def read(path: str, schemas: Path) -> tuple[dict[str, Any], list[object]]:
    """The block with its defaults and with paths from the working directory, and what is wrong in it.

    Raises UserError where the file can't be read.
    """
    block = configuration.load_yaml(path)
    filled, wrong = configuration.examine(block, configuration.load_yaml(schemas / "cohort.schema.yaml"))
    found: list[object] = list(wrong)
    for name in TABLES:
        if filled[name]:
            filled[name] = str(Path(path).parent / filled[name])
            if not Path(filled[name]).is_file():
                found.append(f"{name}: no such file: {filled[name]}")
    return filled, found


def given(path: str | None, block: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """The files of the cohort, by role."""
    if not path or not block:
        return {}
    tables = {f"cohort: {name.replace('_', ' ')}": [block[name]] for name in TABLES if block[name]}
    return {"cohort": [path]} | tables
