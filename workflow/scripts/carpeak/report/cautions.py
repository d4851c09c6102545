"""What the reader must know before believing numbers: weak libraries, few cells, few patients."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..names import FEW_CELLS, POPULATION_NAMES
from . import silent_limits
from .folded import folded, listed
from .wording import upper_first

if TYPE_CHECKING:
    import pandas as pd


def cautions(
    *,
    thresholds: Mapping[str, Mapping[str, Any]],
    integration: Mapping[str, Mapping[str, Any]],
    composition: pd.DataFrame,
    chemistry: Mapping[str, str] | None = None,
    sorted_against: Collection[str] = (),
    limits: Mapping[str, str] | None = None,
    car: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """What the reader must know before believing numbers: weak libraries, small populations, mixed ends.

    `chemistry` maps samples to 3p or 5p where the sample sheet tells; `sorted_against` are libraries that
    should hold no CAR+ cell; `limits` maps samples to what pre-flight found; `car` are the rows of
    tables/car.tsv.
    """
    names = {name: upper_first(text) for name, text in POPULATION_NAMES.items()}
    found = [f"Library {sample}: {text}." for sample, text in (limits or {}).items() if text]
    found += silent_limits.told(thresholds=thresholds, car=car)
    found += [
        f"Library {sample}: {value['message']}"
        for sample, value in thresholds.items()
        if value["status"] != "ok"
    ]
    found += [
        f"{names[name]}: {value['message']}" for name, value in integration.items() if value["status"] != "ok"
    ]
    for population in ("t_cells", "car_t"):
        part = composition[composition["population"] == population].drop_duplicates("sample")
        few = part[part["total"] < FEW_CELLS]
        if population == "car_t":
            few = few[~few["sample"].isin(list(sorted_against))]
        if len(few):
            found.append(_few_in(few, names[population], thinned=population == "t_cells"))
    if len(set((chemistry or {}).values())) > 1:
        ends = ", ".join(f"{sample} {end[0]}′" for sample, end in (chemistry or {}).items())
        found.append(
            f"The libraries read different ends of transcripts ({ends}): the CAR is detected, and genes seem"
            " to change, by chemistry as well as by biology."
        )
    return folded(found)


def _few_in(few: pd.DataFrame, name: str, *, thinned: bool) -> str:
    """Which libraries hold few cells of a population; `few` has one row (sample, total) per such library."""
    counts = {str(row["sample"]): int(row["total"]) for row in few.to_dict("records")}
    if len(counts) == 1:
        ((sample, n),) = counts.items()
        if not n:
            return f"Library {sample} holds no {name}: nothing is said of their shares and changes."
        who = f"Library {sample} holds only {n:,} {name}"
    else:
        named = listed([f"{sample} {n:,}" for sample, n in counts.items()])
        who = f"{len(counts)} libraries hold fewer than {FEW_CELLS} {name} ({named})"
    apart = (
        f", and the depth to which others are thinned is set without {'it' if len(counts) == 1 else 'them'}"
    )
    return f"{who}: their shares and changes are too uncertain for conclusions{apart if thinned else ''}."


def replication(samples: pd.DataFrame, sides: Sequence[str]) -> tuple[str, str]:
    """A heading and a sentence on how many patients stand behind a contrast, by donors per condition."""
    here = samples[samples["condition"].isin(list(sides))]
    donors = {side: here.loc[here["condition"] == side, "donor"].nunique() for side in sides}
    together = here["donor"].astype(str).unique()
    counted = ", ".join(f"{n} donor{'s' if n != 1 else ''} in {side}" for side, n in donors.items())
    beyond = "nothing here estimates effects in other patients"
    own_tube = "Intervals describe the sampling of cells from one tube, not variation between patients."
    if len(together) == 1:
        single = (here["condition"].value_counts() <= 1).all()
        per_time = "One library per time; timing" if single else "Timing"
        return (
            "One patient",
            (
                f"All libraries are of one donor ({together[0]}): {beyond}. {per_time}, culture, processing"
                f" and batch are inseparable. {own_tube}"
            ),
        )
    if min(donors.values()) <= 1:
        return (
            "No replicates",
            (
                f"{counted}: {beyond}. Where a side has one donor, donor, timing, culture, processing and"
                f" batch are inseparable. {own_tube}"
            ),
        )
    both = len(set.intersection(*(set(here.loc[here["condition"] == side, "donor"]) for side in sides)))
    return (
        f"{len(together)} patients",
        (
            f"{counted}, {both} in both. Claims are judged patient by patient (section Donors). In the"
            " tables and figures of cells, P values and intervals still count cells: they rank genes and say"
            " nothing of patients."
        ),
    )
