"""Planted and found: the rows of the table that only a simulated study has, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import wording

if TYPE_CHECKING:
    import pandas as pd


def rows(table: pd.DataFrame | None, *, adjusted_p: float) -> list[dict[str, str]]:
    """What was asked, where, what was planted, what was found, and whether they agree; none without truth.

    A share agrees where the planted one lies in the interval; `agrees` is empty where no rule decides.
    """
    if table is None:
        return []
    return [
        _ROWS[row["kind"]](row, adjusted_p)
        | {"where": row["sample"] if isinstance(row["sample"], str) else ""}
        for row in table.to_dict("records")
    ]


def percent(share: float) -> str:
    """A share with one decimal, and as many more as tell it from its neighbours here."""
    return f"{100 * share:.1f}\u00a0%"


def _share(what: str, row: Mapping[Any, Any]) -> dict[str, str]:
    found, low, high = row["found"], row["found_low"], row["found_high"]
    if np.isnan(found):
        return {"what": what, "planted": percent(row["planted"]), "found": "not estimated", "agrees": ""}
    span = f" ({percent(low)} to {percent(high)})" if not np.isnan(low) else ""
    within = "" if np.isnan(low) else "yes" if low <= row["planted"] <= high else "outside the interval"
    return {
        "what": what,
        "planted": percent(row["planted"]),
        "found": percent(found) + span,
        "agrees": within,
    }


def _car(row: Mapping[Any, Any], _: float) -> dict[str, str]:
    return _share("T cells that carry the CAR", row)


def _state(row: Mapping[Any, Any], _: float) -> dict[str, str]:
    return _share(f"{row['name']} among CAR+ T cells", row)


def _wrong(row: Mapping[Any, Any], _: float) -> dict[str, str]:
    agrees = "yes" if row["found"] <= row["planted"] else "more than allowed"
    planted = f"at most {percent(row['planted'])}"
    return {
        "what": "CAR+ calls that are wrong",
        "planted": planted,
        "found": percent(row["found"]),
        "agrees": agrees,
    }


def _right(row: Mapping[Any, Any], _: float) -> dict[str, str]:
    found = f"{percent(row['found'])} of {wording.count(row['of'])}"
    return {"what": "CAR+ T cells with the right state", "planted": "all", "found": found, "agrees": ""}


def _genes(row: Mapping[Any, Any], _: float) -> dict[str, str]:
    way = {"up": "raised", "down": "lowered"}[row["name"]]
    planted, found = wording.count(row["planted"]), wording.count(row["found"])
    what = f"genes {way} in CD4 cells beyond the limit"
    return {"what": what, "planted": planted, "found": f"{found} of them", "agrees": ""}


def _term(row: Mapping[Any, Any], adjusted_p: float) -> dict[str, str]:
    agrees = "yes" if row["found"] < adjusted_p else "missed"
    found = f"adjusted P {wording.p_value(row['found'])}"
    return {"what": f"term: {row['name']}", "planted": "enriched", "found": found, "agrees": agrees}


def _decoys(row: Mapping[Any, Any], _: float) -> dict[str, str]:
    agrees = "no" if row["found"] else "yes"
    of = f"none of {wording.count(row['of'])}"
    return {
        "what": "decoy terms enriched",
        "planted": of,
        "found": wording.count(row["found"]),
        "agrees": agrees,
    }


_ROWS: Mapping[str, Callable[[Mapping[Any, Any], float], dict[str, str]]] = {
    "car_share": _car,
    "wrong_calls": _wrong,
    "state_share": _state,
    "right_states": _right,
    "genes": _genes,
    "term": _term,
    "decoys": _decoys,
}
