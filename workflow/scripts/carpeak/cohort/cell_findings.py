"""What the single cells say per patient: the share of CAR+ T cells and of their subsets, by condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def by_patient(composition: pd.DataFrame, car: pd.DataFrame) -> pd.DataFrame:
    """One row per patient and finding: ``patient``, ``finding``, ``value``.

    `composition` and `car` are tables/composition.tsv and tables/car.tsv; donors are the patients. Libraries
    of one patient and condition are averaged.
    """
    import pandas as pd

    shares = composition[composition["population"] == "car_t"]
    parts = [
        pd.DataFrame(
            {
                "patient": shares["donor"].astype(str),
                "finding": shares["condition"].astype(str) + ": " + shares["label"].astype(str),
                "value": shares["fraction"],
            }
        ),
        pd.DataFrame(
            {
                "patient": car["donor"].astype(str),
                "finding": car["condition"].astype(str) + ": CAR detected",
                "value": car["detected_fraction"],
            }
        ),
    ]
    together = pd.concat(parts, ignore_index=True)
    return together.groupby(["patient", "finding"], sort=True)["value"].mean().reset_index()
