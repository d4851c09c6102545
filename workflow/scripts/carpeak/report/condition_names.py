"""Conditions under the names that the configuration gives them for readers (`conditions`)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..settings import Contrast, Settings

if TYPE_CHECKING:
    import pandas as pd

    from .inputs import DonorTables, Inputs

TABLES = ("samples", "ambient", "car", "composition", "composition_varied", "preflight")


def shown(results: Inputs, settings: Settings) -> tuple[Inputs, Settings]:
    """Inputs and settings in which every condition has its reader's name; as they are where none is given."""
    names = settings.conditions
    if not names:
        return results, settings
    tables: dict[str, Any] = {name: _renamed(getattr(results, name), names) for name in TABLES}
    maps = {name: _map(text, names) for name, text in results.maps.items()}
    contrasts = {
        name: Contrast(names.get(one.test, one.test), names.get(one.reference, one.reference))
        for name, one in settings.contrasts.items()
    }
    if results.donors is not None:
        tables["donors"] = _of_donors(results.donors, names)
    return (
        dataclasses.replace(results, **tables, maps=maps),
        dataclasses.replace(settings, contrasts=contrasts),
    )


def _of_donors(found: DonorTables, names: Mapping[str, str]) -> DonorTables:
    """The donors' tables that name conditions: their designs, and what was compared over all times."""

    def named(table: pd.DataFrame) -> pd.DataFrame:
        sides = {
            side: table[side].map(lambda one: names.get(str(one), one)) for side in ("test", "reference")
        }
        return table.assign(**sides)

    times = None if found.times is None else named(found.times)
    return dataclasses.replace(found, design=named(found.design), times=times)


def _renamed(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    if "condition" not in table:
        return table
    return table.assign(condition=table["condition"].map(lambda one: names.get(str(one), one)))


def _map(text: str, names: Mapping[str, str]) -> str:
    packed = json.loads(text)
    for label in packed["labels"]:
        if label["key"] == "condition":
            label["names"] = [names.get(one, one) for one in label["names"]]
    return json.dumps(packed)
