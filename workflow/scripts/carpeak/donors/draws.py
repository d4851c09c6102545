"""Draws of what is uncertain in the cells of a claim: CAR calls by their P(CAR+), labels by their margin.

The spread of a result over such draws is what calls and labels add to its variance. A margin m between the
best and the next label leaves the best at most (1 + m) / 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..names import UNASSIGNED

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MARGINS = {"t_state": "t_margin", "cell_type": "type_margin"}


@dataclass(frozen=True)
class Doubts:
    """What is doubtful in the `chosen` cells.

    `chance` is the probability of belonging to them, `sure` that of the label, both over all cells; `units`
    are the rows of each donor and condition among which a doubtful cell's label is drawn.
    """

    chosen: NDArray[np.bool_]
    chance: NDArray[np.float64]
    sure: NDArray[np.float64]
    labels: NDArray[np.str_]
    units: list[NDArray[np.int64]]

    def draw(self, generator: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
        """Which cells belong, and their labels, in one draw."""
        kept = self.chosen & (generator.random(len(self.chosen)) < self.chance)
        labels = self.labels.copy()
        other = generator.random(len(labels)) >= self.sure
        for rows in self.units:
            doubtful = rows[other[rows]]
            labels[doubtful] = self.labels[generator.choice(rows, len(doubtful))]
        return kept, labels


def doubts(cells: pd.DataFrame, chosen: NDArray[np.bool_], column: str, *, car: bool) -> Doubts | None:
    """The doubts in the `chosen` rows of `cells`; None where neither calls nor labels have any.

    `column` names the labels (empty: none is asked for); those without a margin are taken as sure. With
    `car`, calls that have a P(CAR+) are doubtful.
    """
    chance, sure = np.ones(len(cells)), np.ones(len(cells))
    if car:
        chance = cells["car_probability"].fillna(1.0).to_numpy(dtype=float)
    labels = np.array(cells[column].astype(str), dtype=str) if column else np.full(len(cells), "")
    if column in MARGINS:
        margin = cells[MARGINS[column]].to_numpy(dtype=float)
        known = np.isfinite(margin) & (labels != UNASSIGNED)
        sure = np.where(known, (1 + np.clip(margin, 0, 1)) / 2, 1.0)
    if (chance[chosen] >= 1).all() and (sure[chosen] >= 1).all():
        return None
    part = cells.loc[chosen, ["donor", "condition"]]
    units = [rows for _, rows in sorted(part.groupby(["donor", "condition"]).indices.items())]
    where = np.flatnonzero(chosen)
    return Doubts(chosen, chance, sure, labels, [where[rows] for rows in units])
