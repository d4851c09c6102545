"""What would pass without a word: numbers that a run can make although they mean something else, or nothing.

Every entry of `CAUTIONS` is a key that a stage of the run returns, and the sentence at the top of the report.
What pre-flight finds in a matrix comes as sentences of its own (`preflight.limits`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

USUALLY = (
    "Usually the feature is not the CAR's (an endogenous gene, a stretch that the construct shares with "
    "one), or the reference holds it wrongly. Check transgene.features with `python -m carpeak construct`."
)

# key -> sentence; fields are those of the row of the table by sample or of the library's thresholds
CAUTIONS = {
    "doublets_fewer": (
        "Library {sample}: {expected:.0f} % doublets were expected from its number of cells, and the scores "
        "show about {found:.1f} %. The scores decided. Cells of several lanes, or a kit with fewer "
        "doublets? Give the sheet's column lanes or doublet_percent: where more than 10 % are doublets, the "
        "scores see only a part of them, and most may remain."
    ),
    "doublets_more": (
        "Library {sample}: {expected:.1f} % doublets were expected from its number of cells, and the scores "
        "show about {found:.0f} %. Was it loaded with far more cells than were kept? Give the sheet's column "
        "doublet_percent; until then many doublets may remain."
    ),
    "doublets_high": (
        "Library {sample}: {expected:.0f} % doublets were expected from its number of cells, and the scores "
        "show about {found:.0f} %. Where more than 10 % are doublets, the scores see only a part: many, "
        "and often most, may remain. If the kit's maker states the rate, give the sheet's column "
        "doublet_percent."
    ),
    "doublets_untold": (
        "Library {sample}: the scores don't tell doublets from single cells here. Of the {expected:.1f} % "
        "that were expected from its number of cells, at most 10 % were removed."
    ),
    "car_in_other_cells": (
        "Library {sample}: the CAR was seen in {others:.0f} % of the cells that can't carry it, and in "
        "{t_cells:.0f} % of the T cells, so that it tells nothing here and no share of CAR+ cells is given. "
        + USUALLY
    ),
}


def told(*, thresholds: Mapping[str, Mapping[str, Any]], car: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """The sentences for what was found: `thresholds` by sample, rows of tables/car.tsv."""
    found = []
    for sample, value in thresholds.items():
        if key := value.get("doublet_rates_differ"):
            expected, seen = value["expected_doublet_rate"], value["found_doublet_rate"] or 0.0
            found.append(
                CAUTIONS[f"doublets_{key}"].format(sample=sample, expected=100 * expected, found=100 * seen)
            )
    for row in car:
        if row.get("not_told") == "car_in_other_cells":
            others, t_cells = 100 * row["false_positive_rate"], 100 * row["detected_fraction"]
            found.append(
                CAUTIONS["car_in_other_cells"].format(sample=row["sample"], others=others, t_cells=t_cells)
            )
    return found
