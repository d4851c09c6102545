"""Each library at a glance: pass, warn or fail, by criteria whose limits are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# Limits of a warning, by convention: fewer than 500 cells or 500 genes a cell leave too little for subsets;
# with more than a tenth of ambient RNA or a third of the barcodes removed a library wants a second look; the
# caller lets a twentieth of its calls be false.
MIN_CELLS, MIN_GENES = 500, 500
MAX_AMBIENT, MAX_REMOVED, MAX_FALSE = 0.10, 0.35, 0.05


@dataclass(frozen=True)
class Criterion:
    """One criterion of a library: its name, the value and the limit in words, and whether it is met."""

    name: str
    value: str
    limit: str
    passed: bool


@dataclass(frozen=True)
class LibraryVerdict:
    """A library's verdict (pass, warn or fail) with every criterion; `reasons` are those not met."""

    sample: str
    condition: str
    verdict: str
    criteria: tuple[Criterion, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is not met, in a few words each."""
        return tuple(f"{one.name} {one.value} (limit {one.limit})" for one in self.criteria if not one.passed)


def verdicts(
    samples: pd.DataFrame,
    car: pd.DataFrame,
    ambient: pd.DataFrame,
    *,
    fits: Mapping[str, Any],
    thresholds: Mapping[str, Mapping[str, Any]],
) -> list[LibraryVerdict]:
    """A verdict per row of tables/samples.tsv.

    `fits` tells by sample whether the CAR's model was refused; `thresholds` are the files of quality control.
    """
    cars = {row["sample"]: row for row in car.to_dict("records")}
    shares = dict(zip(ambient["sample"], ambient["ambient_share"]))
    found = []
    for row in samples.to_dict("records"):
        name = row["sample"]
        criteria = [
            *_cells(row),
            *_doublets(thresholds.get(str(name), {})),
            *_ambient(shares.get(name)),
            *_car(cars.get(name, {}), bool(fits.get(name))),
        ]
        failed = row["status"] == "failed" or not row["cells_kept"]
        verdict = "fail" if failed else "pass" if all(one.passed for one in criteria) else "warn"
        found.append(LibraryVerdict(str(name), str(row["condition"]), verdict, tuple(criteria)))
    return found


def _cells(row: Mapping[Any, Any]) -> list[Criterion]:
    kept, given = int(row["cells_kept"]), int(row["cells_in"])
    removed = 1 - kept / given if given else 1.0
    genes = row["median_genes"]
    return [
        Criterion("cells kept", f"{kept:,}", f"at least {MIN_CELLS:,}", kept >= MIN_CELLS),
        Criterion(
            "barcodes removed", _percent(removed), f"at most {_percent(MAX_REMOVED)}", removed <= MAX_REMOVED
        ),
        Criterion("median genes", _count(genes), f"at least {MIN_GENES:,}", bool(genes >= MIN_GENES)),
        Criterion("quality control", str(row["status"]), "ok", row["status"] == "ok"),
    ]


def _doublets(found: Mapping[str, Any]) -> list[Criterion]:
    """The rate that the scores show beside the one expected of so many cells, where looked for."""
    rate, expected = found.get("found_doublet_rate"), found.get("expected_doublet_rate")
    if rate is None or expected is None or not np.isfinite(rate):
        return []
    told = f"as {_percent(expected)} expected"
    return [Criterion("doublets", _percent(rate), told, not found.get("doublet_rates_differ"))]


def _ambient(share: float | None) -> list[Criterion]:
    if share is None or not np.isfinite(share):
        return []
    return [
        Criterion("ambient RNA", _percent(share), f"at most {_percent(MAX_AMBIENT)}", share <= MAX_AMBIENT)
    ]


def _car(row: Mapping[Any, Any], refused: bool) -> list[Criterion]:  # noqa: FBT001
    found = []
    rate = row.get("false_positive_rate", np.nan)
    if np.isfinite(rate):
        found.append(
            Criterion(
                "CAR in cells that cannot carry it",
                _percent(rate),
                f"at most {_percent(MAX_FALSE)}",
                rate <= MAX_FALSE,
            )
        )
    if row:
        found.append(Criterion("CAR model", "does not fit" if refused else "fits", "fits", not refused))
    flow = row.get("flow_car_percent", np.nan)
    if np.isfinite(flow) and np.isfinite(row.get("car_fraction_low", np.nan)):
        low, high = row["car_fraction_low"], row["car_fraction_high"]
        span = f"{_percent(low)} to {_percent(high)}"
        found.append(Criterion("flow cytometry", f"{flow:g} %", span, low <= flow / 100 <= high))
    return found


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _count(value: float) -> str:
    return f"{int(value):,}" if np.isfinite(value) else "none"
