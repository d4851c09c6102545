"""The numbers of several runs, put side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..stats import intervals
from .runs import Run

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 0.01  # share of CAR+ T cells from which a subset gets a plot, in any library


@dataclass(frozen=True)
class Cell:
    """What one run says of a claim; numbers are NaN where there are none.

    `kind` is that of the claim's quantity, `unit` what the estimate is measured in; with `over_donors` the
    estimate is a mean over patients.
    """

    verdict: str
    estimate: float
    low: float
    high: float
    unit: str
    kind: str
    over_donors: bool
    reason: str


@dataclass(frozen=True)
class Row:
    """A claim over the runs; None where a run's claims file lacks it or states something else."""

    claim: str
    statement: str
    cells: tuple[Cell | None, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs that judge it give different verdicts."""
        return len({cell.verdict for cell in self.cells if cell}) > 1


@dataclass(frozen=True)
class Share:
    """One library's share of cells, in 0 to 1, with its 95 % interval (NaN where none is given)."""

    run: int  # place of the run
    sample: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Plot:
    """A forest plot: shares by condition, and the largest value that its axis must hold."""

    title: str
    groups: tuple[tuple[str, tuple[Share, ...]], ...]
    largest: float


def claims(runs: Sequence[Run]) -> list[Row]:
    """A row per claim and statement, in the order of the runs' tables.

    Claims files of two studies may give one name to two statements: those are two rows.
    """
    found: dict[tuple[str, str], list[Cell | None]] = {}
    for place, run in enumerate(runs):
        for row in run.claims.to_dict("records"):
            key = (str(row["claim"]), str(row["statement"]))
            estimate, low, high = (_number(row[name]) for name in ("estimate", "low", "high"))
            reason = "" if row["reason"] != row["reason"] else str(row["reason"])
            cells = found.setdefault(key, [None] * len(runs))
            entry = run.judged.get(key[0], {})
            cells[place] = Cell(
                str(row["verdict"]),
                estimate,
                low,
                high,
                unit=str(entry.get("unit", "")),
                kind=str(entry.get("quantity", {}).get("kind", "")),
                over_donors="donors" in entry,
                reason=reason,
            )
    return [Row(claim, statement, tuple(cells)) for (claim, statement), cells in found.items()]


def car_shares(runs: Sequence[Run]) -> list[Plot]:
    """The estimated share of T cells with the CAR where a run gives one; everywhere the detected share."""
    estimated = [
        (str(row["condition"]), Share(place, str(row["sample"]), *values))
        for place, run in enumerate(runs)
        for row in run.car.to_dict("records")
        if np.isfinite((values := [_number(row[f"car_fraction{end}"]) for end in ("", "_low", "_high")])[0])
    ]
    detected = []
    for place, run in enumerate(runs):
        low, high = intervals.jeffreys(_detected(run.car), run.car["t_cells"])
        for row, a, b in zip(run.car.to_dict("records"), low, high, strict=True):
            share = Share(place, str(row["sample"]), _number(row["detected_fraction"]), float(a), float(b))
            detected.append((str(row["condition"]), share))
    titles = ("T cells with the CAR, estimated", "T cells with a CAR UMI")
    return [_plot(title, shares) for title, shares in zip(titles, (estimated, detected)) if shares]


def subsets(runs: Sequence[Run]) -> list[Plot]:
    """The share of every subset among CAR+ T cells; subsets under `SHOWN` everywhere are left out."""
    labels: dict[str, list[tuple[str, Share]]] = {}
    for place, run in enumerate(runs):
        part = run.composition[run.composition["population"] == "car_t"]
        for row in part.to_dict("records"):
            values = [_number(row[f"fraction{end}"]) for end in ("", "_low", "_high")]
            if np.isfinite(values[0]):
                one = (str(row["condition"]), Share(place, str(row["sample"]), *values))
                labels.setdefault(str(row["label"]), []).append(one)
    return [
        _plot(f"{label} among CAR+ T cells", shares)
        for label, shares in labels.items()
        if max(share.value for _, share in shares) >= SHOWN
    ]


def _detected(car: pd.DataFrame) -> Any:
    """T cells with a CAR UMI: the table gives their share."""
    return np.rint((car["detected_fraction"].fillna(0) * car["t_cells"]).to_numpy(float))


def _plot(title: str, shares: Sequence[tuple[str, Share]]) -> Plot:
    conditions = dict.fromkeys(condition for condition, _ in shares)
    groups = tuple((name, tuple(s for c, s in shares if c == name)) for name in conditions)
    ends = [v for _, s in shares for v in (s.value, s.high) if np.isfinite(v)]
    return Plot(title, groups, max(ends, default=0.0))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
