"""How the detected CAR+ share changed between the libraries of a contrast, and what that is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import detection, posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Side:
    """One library: its fitted model, and transgene UMIs and depth of its T cells."""

    model: posterior.ShareFit
    umis: NDArray[np.int64]
    depth: NDArray[np.float64]

    @property
    def detected(self) -> float:
        """Share of the T cells with at least one UMI."""
        return float((self.umis >= 1).mean())


def between(
    contrasts: Mapping[str, Mapping[str, str]],
    samples: Sequence[Mapping[str, Any]],
    sides: Mapping[str, Side],
) -> list[dict[str, Any]]:
    """One entry per contrast and donor with one fitted library on either side, as values for JSON.

    `contrasts`: conditions ``test`` and ``reference`` by name; `samples`: rows of the sheet; `sides`: by
    sample. `parts` are `detected.decompose`'s rows, shares (0.1: ten points) with 95 % intervals.
    """
    found = []
    for name, conditions in contrasts.items():
        for donor in dict.fromkeys(row["donor"] for row in samples):
            here = [row for row in samples if row["donor"] == donor]
            pair = [
                [row["sample"] for row in here if row["condition"] == conditions[side]]
                for side in ("reference", "test")
            ]
            if [len(one) for one in pair] != [1, 1]:
                continue
            if not all(one[0] in sides for one in pair):  # no model where the reference lacks the construct
                continue
            reference, test = (sides[one[0]] for one in pair)
            if min(reference.model.t_cells, test.model.t_cells) < posterior.MIN_CELLS:
                continue
            parts = detection.decompose(reference.model, reference.depth, test.model, test.depth)
            found.append(
                {
                    "contrast": name,
                    "donor": str(donor),
                    "reference": pair[0][0],
                    "test": pair[1][0],
                    "detected": [reference.detected, test.detected],
                    "parts": [{str(k): v for k, v in row.items()} for row in parts.to_dict("records")],
                }
            )
    return found
