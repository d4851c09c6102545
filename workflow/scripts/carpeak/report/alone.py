"""The first screen where nothing is compared: what the libraries of each condition hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..names import FEW_CELLS, UNASSIGNED
from . import headline, what_changed

if TYPE_CHECKING:
    import pandas as pd

NAMED = 3  # subsets that a sentence names


def section(samples: pd.DataFrame, composition: pd.DataFrame, car: pd.DataFrame) -> dict[str, Any]:
    """What the template shows of a study without a contrast.

    `heading` and `said` stand at the top of the page; `conditions` hold tiles and findings of each condition
    in the order of the sheet; `bars` and `key` are those of all.
    """
    order = list(dict.fromkeys(samples["condition"].astype(str)))
    bars = headline.bars(order, composition)
    heading, said = _nothing_compared(samples, order)
    return {
        "heading": heading,
        "said": said,
        "conditions": [
            {
                "name": name,
                "tiles": _tiles(name, composition, car),
                "findings": _findings(name, composition, car),
            }
            for name in order
        ],
        "bars": bars,
        "key": list(dict.fromkeys((label, colour) for bar in bars for label, _, colour in bar.parts)),
    }


def _nothing_compared(samples: pd.DataFrame, order: Sequence[str]) -> tuple[str, str]:
    n, donors = len(samples), samples["donor"].astype(str).nunique()
    libraries = f"{n} {'library' if n == 1 else 'libraries'} of {donors} donor{'s' if donors != 1 else ''}"
    left_out = "No change of genes, gene sets or shares was tested and no claim was judged"
    own_tube = "Intervals describe the sampling of cells from one tube, nothing else."
    if len(order) == 1:
        return "One condition", (
            f"The study holds {libraries}, all of the condition {order[0]}, so nothing was compared. "
            f"{left_out}. {own_tube}"
        )
    return "Nothing was compared", (
        f"The study holds {libraries} ({', '.join(order)}) and asks for no contrast. {left_out}. {own_tube}"
    )


def _tiles(condition: str, composition: pd.DataFrame, car: pd.DataFrame) -> list[headline.Tile]:
    tiles = [headline.car_share(car, (condition,)), headline.ratio(composition, (condition,))]
    largest = _largest(condition, composition)
    if largest is not None:
        name, row = largest
        low, high = (what_changed.percent(row[end]) for end in ("fraction_low", "fraction_high"))
        span = "" if low == "–" else f"{low} to {high}"
        share = what_changed.percent(row["fraction"])
        tiles.append(headline.Tile(f"{name}, the largest CAR+ subset", "", share, "", span, "composition"))
    return [tile for tile in tiles if tile]


def _largest(condition: str, composition: pd.DataFrame) -> tuple[str, pd.Series] | None:
    """The largest named subset of CAR+ T cells; none where they are too few."""
    rows = what_changed.shares(composition, "car_t", condition)
    named = rows.drop(UNASSIGNED, errors="ignore")
    if rows["n"].sum() < FEW_CELLS or not named["n"].sum():
        return None
    return str(named.index[0]), named.iloc[0]


def _findings(condition: str, composition: pd.DataFrame, car: pd.DataFrame) -> list[headline.Finding]:
    found = []
    for population, cells in (("all", "cells"), ("t_cells", "T cells"), ("car_t", "CAR+ T cells")):
        rows = what_changed.shares(composition, population, condition)
        n = int(rows["n"].sum())
        if not n:
            found.append(headline.Finding(f"{condition} holds no {cells}.", "composition"))
        elif n < FEW_CELLS:
            text = f"{condition} holds only {n:,} {cells}, too few for conclusions."
            found.append(headline.Finding(text, "composition"))
        else:
            first = rows[rows["n"] > 0].head(NAMED)
            listed = ", ".join(
                f"{label} {what_changed.percent(share)}" for label, share in first["fraction"].items()
            )
            found.append(headline.Finding(f"Of {n:,} {cells} in {condition}: {listed}.", "fig-composition"))
    found += [headline.Finding(text, "fig-car_detection") for text in what_changed.detection(car, condition)]
    return found
