"""Everything that the report is made of, read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import io
from ..comparison import ambient_marks
from ..names import POPULATIONS

if TYPE_CHECKING:
    import pandas as pd

DE_COLUMNS = [
    *("population", "group", "gene", "depth", "log2_fold_change", "log2_fold_change_low"),
    *("log2_fold_change_high", "pct_test", "pct_reference", "auc", "p_adjusted", ambient_marks.COLUMN),
]
ATTRIBUTION_COLUMNS = ["kind", "group", "name", "undetected", "within_states"]
TABLES = (
    *("preflight", "samples", "ambient", "car", "car_contrast", "car_cd8"),
    *("composition", "composition_varied"),
)


@dataclass(frozen=True)
class Contrast:
    """The tables of one contrast; of the genes the columns `DE_COLUMNS`, of the attribution its genes."""

    de: pd.DataFrame
    enrichment: pd.DataFrame
    attribution: pd.DataFrame


@dataclass(frozen=True)
class ClaimTables:
    """The verdicts: claims.tsv, the claims of claims.json, the file that states them, the genes it names."""

    table: pd.DataFrame
    judged: list[dict[str, Any]]
    stated: Path
    genes: tuple[str, ...]


@dataclass(frozen=True)
class CarSource:
    """Where the CAR's counts come from: the construct's check-up, and what reads gave, by sample."""

    construct: Mapping[str, Any] | None
    counted: Mapping[str, Mapping[str, Any]]
    aligned: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class DonorTables:
    """The audit of designs, and per contrast the genes and the shares compared over donors.

    `outcomes` (per contrast) and `times` are there where the study asks for them.
    """

    design: pd.DataFrame
    genes: list[pd.DataFrame]
    shifts: list[pd.DataFrame]
    outcomes: list[pd.DataFrame]
    times: pd.DataFrame | None


@dataclass(frozen=True)
class Inputs:
    """The inputs of rule report.

    Tables are those of results/tables under the same name; `ingested` and `thresholds` are by sample,
    `integration` and `labels` by population, `contrasts` by name; `donors` is missing in a study of one
    donor; `maps` are the packed maps by population, `planted` is there where this run simulated the study,
    `style` and `behaviour` are texts. Where the study compares nothing, there are no contrasts and no claims.
    """

    preflight: pd.DataFrame
    samples: pd.DataFrame
    ambient: pd.DataFrame
    markers: Mapping[str, Any]
    ingested: Mapping[str, Mapping[str, Any]]
    thresholds: Mapping[str, Mapping[str, Any]]
    integration: Mapping[str, Mapping[str, Any]]
    labels: Mapping[str, pd.DataFrame]
    car: pd.DataFrame
    car_fit: Mapping[str, Any]
    car_contrast: pd.DataFrame
    car_cd8: pd.DataFrame
    car_source: CarSource
    composition: pd.DataFrame
    composition_varied: pd.DataFrame
    contrasts: Mapping[str, Contrast]
    claims: ClaimTables | None
    donors: DonorTables | None
    provenance: Mapping[str, Any]
    figures: tuple[Path, ...]
    maps: Mapping[str, str]
    planted: pd.DataFrame | None
    template: Path
    style: str
    behaviour: str


def read(paths: Mapping[str, Any], *, contrasts: Iterable[str]) -> Inputs:
    """Read the inputs; `paths` maps their names in rule report to a path or paths.

    `contrasts` are the names of the contrasts, in the order of the paths `de` and `enrichment`.
    """
    found: dict[str, Any] = {name: io.read_table(paths[name]) for name in TABLES}
    found |= {name: io.read_json(paths[name]) for name in ("markers", "car_fit", "provenance")}
    found |= {name: "\n".join(map(_text, paths[name])) for name in ("style", "behaviour")}
    names = found["samples"]["sample"].astype(str).tolist()
    for name, keys in (("ingested", names), ("thresholds", names), ("integration", list(POPULATIONS))):
        found[name] = dict(zip(keys, map(io.read_json, paths[name]), strict=True))
    return Inputs(
        **found,
        labels={"t_cells": io.read_table(paths["labels"]), "car_t": io.read_table(paths["car_labels"])},
        car_source=_car_source(paths),
        contrasts={
            name: Contrast(
                io.read_table(de, usecols=DE_COLUMNS),
                io.read_table(enrichment),
                io.read_table(attribution, usecols=ATTRIBUTION_COLUMNS),
            )
            for name, de, enrichment, attribution in zip(
                contrasts, *(paths.get(name, ()) for name in ("de", "enrichment", "attribution")), strict=True
            )
        },
        claims=_claims(paths),
        donors=_donors(paths),
        planted=io.read_table(paths["planted"]) if "planted" in paths else None,
        maps={Path(path).stem: _text(path) for path in paths["maps"]},
        template=Path(paths["template"]),
        figures=tuple(map(Path, paths["figures"])),
    )


def _claims(paths: Mapping[str, Any]) -> ClaimTables | None:
    if "claims" not in paths:
        return None
    judged = io.read_json(paths["claims_details"])["claims"]
    stated = paths["claims_file"]
    return ClaimTables(io.read_table(paths["claims"]), judged, Path(stated), _claimed_genes(stated))


def _donors(paths: Mapping[str, Any]) -> DonorTables | None:
    if "design" not in paths:
        return None
    return DonorTables(
        io.read_table(paths["design"]),
        [io.read_table(path) for path in paths["donor_genes"]],
        [io.read_table(path) for path in paths["donor_shifts"]],
        [io.read_table(path) for path in paths.get("donor_outcomes", ())],
        io.read_table(paths["donor_times"]) if "donor_times" in paths else None,
    )


def _claimed_genes(path: str) -> tuple[str, ...]:
    import yaml

    listed = yaml.safe_load(_text(path)).get("claims", [])
    found = [claim["quantity"]["gene"] for claim in listed if "gene" in claim.get("quantity", {})]
    return tuple(dict.fromkeys(found))


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _car_source(paths: Mapping[str, Any]) -> CarSource:
    """`construct`, `transgene` and `aligned` are there where the study has them."""
    return CarSource(
        construct=io.read_json(paths["construct"]) if "construct" in paths else None,
        counted={Path(path).stem: io.read_json(path) for path in paths.get("transgene", ())},
        aligned={Path(path).parent.name: io.read_json(path) for path in paths.get("aligned", ())},
    )
