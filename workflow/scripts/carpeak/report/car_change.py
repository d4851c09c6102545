"""How the detected CAR+ share changed, in the report's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = {
    "depth": "sequencing depth",
    "expression": "CAR expression",
    "ambient": "ambient RNA",
    "share": "share of CAR+ cells",
    "total": "detected share, all together",
}


def sentence(entry: Mapping[str, Any]) -> str:
    """What an entry of `decomposition.between` says, in words, the factor with the largest part first."""
    before, after = entry["detected"]
    parts = sorted(
        (part for part in entry["parts"] if part["factor"] != "total"), key=lambda part: -abs(part["change"])
    )
    listed = ", ".join(
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
        f" points. By the model that is: {listed}. {verdict}."
    )


def points(change: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * change:+.1f}".replace("-", "−")


def of_fits(fit: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What the report says of the fits in car/fit.json: nothing under a rule that fits no model.

    `warnings`: (sample, sentence); `checks`: per sample whether the model fits, and the calls among cells
    that can't carry the CAR; `changes`: each entry of `decomposition.between` as a
    sentence and the rows of a table.
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
