"""How the detected CAR+ share changed between the libraries of a contrast, and what that is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import detection, posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = {
    "depth": "sequencing depth",
    "expression": "CAR expression",
    "ambient": "ambient RNA",
    "share": "share of CAR+ cells",
    "total": "detected share, all together",
}


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


def sentence(entry: Mapping[str, Any]) -> str:
    """What an entry of `between` says, in words; factors are sorted by the size of their part."""
    before, after = entry["detected"]
    parts = sorted(
        (part for part in entry["parts"] if part["factor"] != "total"), key=lambda part: -abs(part["change"])
    )
    told = ", ".join(
        f"{NAMES[part['factor']]} {points(part['change'])}"
        f" ({points(part['change_low'])} to {points(part['change_high'])})"
        for part in parts
    )
    share = next(part for part in parts if part["factor"] == "share")
    verdict = "Whether the true share changed, these counts can't tell"
    if share["change_low"] > 0 or share["change_high"] < 0:
        verdict = f"The true share {'rose' if share['change'] > 0 else 'fell'}"
    return (
        f"From {entry['reference']} to {entry['test']} the detected share changed by {points(after - before)}"
        f" points. By the model that is: {told}. {verdict}."
    )


def points(change: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * change:+.1f}".replace("-", "−")


def told(fit: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What the report says of the fits in car/fit.json: nothing under a rule that fits no model.

    `warnings`: (sample, sentence); `checks`: per sample whether the model fits, and the calls among cells
    that can't carry the CAR; `changes`: each entry of `between` as a sentence and the rows of a table.
    """
    samples: Mapping[str, Mapping[str, Any]] = fit.get("samples", {})
    fitted = {name: one for name, one in samples.items() if "fit_check" in one}
    return {
        "warnings": [(name, text) for name, one in fitted.items() for text in one["warnings"]],
        "checks": [
            {
                "sample": name,
                "p_value": one["fit_check"]["p_value"],
                "flagged": one["fit_check"]["flagged"],
                "controls": one["controls"],
                "wrong": one["controls_called_positive"],
            }
            for name, one in fitted.items()
        ],
        "changes": [
            {
                "sentence": sentence(entry),
                "reference": entry["reference"],
                "test": entry["test"],
                "rows": [
                    {
                        "name": NAMES[part["factor"]],
                        "change": points(part["change"]),
                        "low": points(part["change_low"]),
                        "high": points(part["change_high"]),
                    }
                    for part in entry["parts"]
                ],
            }
            for entry in fit.get("changes", [])
        ],
    }
