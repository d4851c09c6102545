"""Whether a change that a claim speaks of is the CAR's, any T cell's, or a change of mix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import quantities
from .verdict import ABSENT, OPPOSED, SUPPORTED, Finding, Interval, Tables

if TYPE_CHECKING:
    import pandas as pd

CAR_POPULATION = "car_t"
# What the contrast shows in T cells without detected CAR, where CAR+ cells changed.
ALSO, NOT, UNCLEAR = "also_in_undetected", "not_in_undetected", "undetected_unclear"


def of_gene(tables: Tables, quantity: Mapping[str, Any], found: Finding) -> dict[str, Any] | None:
    """The controls of a claim on a gene of CAR+ cells; None where there are none.

    ``control`` is ALSO, NOT or UNCLEAR where `found` is a change (by the same limits in CAR-undetected
    cells), else None; ``undetected``, ``difference`` (CAR+ less undetected) and ``within_states`` are effects
    with their 95 % intervals, ``mix`` the part of the change that a change of mix accounts for.
    """
    if tables.attribution is None or quantity["population"] != CAR_POPULATION:
        return None
    table = tables.attribution
    rows = table[
        (table["kind"] == "gene")
        & (table["group"] == quantity["group"])
        & (table["name"] == quantity["gene"])
    ]
    if rows.empty:
        return None
    row = rows.iloc[0]
    shown = {name: _effect(row, name) for name in ("undetected", "difference", "within_states")}
    mix = float(row["mix"])
    verdict = quantities.of_change(tables, quantity, _interval(row, "undetected"))
    control = None
    if found.verdict in (SUPPORTED, OPPOSED):
        gone = ABSENT, OPPOSED if found.verdict == SUPPORTED else SUPPORTED
        control = ALSO if verdict == found.verdict else NOT if verdict in gone else UNCLEAR
    return {"control": control, **shown, "mix": None if math.isnan(mix) else mix}


def _effect(row: pd.Series, name: str) -> dict[str, float] | None:
    values = {"estimate": row[name], "low": row[f"{name}_low"], "high": row[f"{name}_high"]}
    return None if math.isnan(values["estimate"]) else {key: float(value) for key, value in values.items()}


def _interval(row: pd.Series, name: str) -> Interval:
    return Interval.between(float(row[f"{name}_low"]), float(row[f"{name}_high"]))
