"""The report: one self-contained page out of the tables and figures of a run."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import io
from ..car import decomposition
from ..comparison import ambient_genes, car_contrast
from ..settings import Settings, build
from . import by_rule, car_source, cautions, libraries, methods, provenance, tables, what_changed, wording

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = {
    "supported": "supported",
    "opposed": "opposed",
    "absent": "absent",
    "indeterminate": "indeterminate",
    "not_estimable": "not estimable",
}
DE_COLUMNS = ["population", "group", "gene", "depth", "log2_fold_change", "log2_fold_change_low"]
DE_COLUMNS += [
    "log2_fold_change_high",
    "pct_test",
    "pct_reference",
    "auc",
    "p_adjusted",
    ambient_genes.COLUMN,
]
ENDS = {"3p": "3′ ends", "5p": "5′ ends"}


@dataclass(frozen=True)
class Figure:
    """An embedded figure: a data URI, its size in CSS pixels and its file beside the report."""

    uri: str
    width: int
    height: int
    file: str


def page(
    inputs: Mapping[str, Any], config: Mapping[str, Any], *, chemistry: Mapping[str, str] | None = None
) -> str:
    """The HTML of the report.

    `inputs` maps the names of rule `report`'s inputs to their path or paths; `config` is the resolved
    configuration; `chemistry` tells the end that each sample's library reads (3p or 5p), where known.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "share": what_changed.percent,
        "number": wording.number,
        "sig": wording.significant,
    }
    environment.filters |= {
        "p_value": wording.p_value,
        "count": wording.count,
        "upperfirst": wording.upper_first,
    }
    template = environment.from_string(Path(inputs["template"]).read_text(encoding="utf-8"))
    return template.render(
        **_context(inputs, config, chemistry or {}),
        css=Path(inputs["style"]).read_text(encoding="utf-8"),
        javascript=Path(inputs["behaviour"]).read_text(encoding="utf-8"),
    )


def _context(
    inputs: Mapping[str, Any], config: Mapping[str, Any], chemistry: Mapping[str, str]
) -> dict[str, Any]:
    import yaml

    settings = build(Settings, config)
    samples, car = io.read_table(inputs["samples"]), io.read_table(inputs["car"])
    composition = io.read_table(inputs["composition"])
    composition_varied = io.read_table(inputs["composition_varied"])
    judged = io.read_json(inputs["claims_details"])["claims"]
    rules_compared = by_rule.conclusions(judged, set(composition_varied["variant"]))
    names = samples["sample"].astype(str).tolist()
    thresholds = dict(zip(names, map(io.read_json, inputs["thresholds"]), strict=True))
    integration = dict(zip(tables.POPULATIONS, map(io.read_json, inputs["integration"]), strict=True))
    origin = io.read_json(inputs["provenance"])
    labels = dict(
        zip(("t_cells", "car_t"), (io.read_table(inputs[n]) for n in ("labels", "car_labels")), strict=True)
    )
    return {
        "config": settings,
        "simulated": settings.simulated,
        "figures": {Path(path).stem: embed(path) for path in inputs["figures"]},
        "populations": tables.POPULATIONS,
        "samples": [
            row
            | {
                "removed": wording.removed(row),
                "limits": wording.limits_in_words(thresholds[str(row["sample"])]),
            }
            for row in tables.records(samples)
        ],
        "libraries": libraries.sentences(
            samples,
            dict(zip(names, map(io.read_json, inputs["ingested"]), strict=True)),
            io.read_json(inputs["markers"]),
        ),
        "ambient": libraries.ambient(io.read_table(inputs["ambient"])),
        "ends": {name: ENDS[end] for name, end in chemistry.items() if end in ENDS},
        "thresholds": thresholds,
        "integration": integration,
        "cautions": cautions.cautions(
            thresholds=thresholds,
            integration=integration,
            composition=composition,
            chemistry=chemistry,
            sorted_against=car.loc[(car["n_positive"] == 0) & (car["n_negative"] > 0), "sample"].tolist()
            if settings.car.rule == "sorted"
            else (),
            limits=_limits(inputs["preflight"]),
        ),
        "car": tables.records(car),
        "origins": car_source.told(inputs, end_is_known=bool(chemistry)),
        "car_fit": decomposition.told(io.read_json(inputs["car_fit"])),
        "conclusions": rules_compared,
        "turned": by_rule.turned(rules_compared),
        "against_rest": by_rule.against_rest(io.read_table(inputs["car_contrast"]), car),
        "cd8": car_contrast.cd8_sentences(io.read_table(inputs["car_cd8"])),
        "crosstabs": {name: tables.crosstab(table) for name, table in labels.items()},
        "rests_on": wording.rests_on(samples),
        "claims": tables.claims(io.read_table(inputs["claims"]), inputs["claims_file"], judged),
        "verdicts": VERDICTS,
        "contrasts": _contrasts(inputs, settings, samples, car, composition),
        "varied": tables.varied(composition, composition_varied),
        "variants": {
            k: text for k, text in tables.VARIANTS.items() if k in set(composition_varied["variant"])
        },
        "methods": methods.paragraphs(
            settings, thresholds=thresholds, integration=integration, versions=origin["packages"]
        ),
        "provenance": origin,
        "configuration": yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True),
        "most_genes": tables.MAX_GENES,
        "files": tables.file_list(
            [f"figures/{Path(path).name}" for path in inputs["figures"]], list(settings.contrasts)
        ),
        "core": [name for name in provenance.CORE if name in origin["packages"]],
    }


def _limits(path: str) -> dict[str, str]:
    table = io.read_table(path)
    return dict(zip(table["sample"].astype(str), table["limits"].fillna("").astype(str)))


def _contrasts(
    inputs: Mapping[str, Any],
    settings: Settings,
    samples: pd.DataFrame,
    car: pd.DataFrame,
    composition: pd.DataFrame,
) -> list[dict[str, Any]]:
    found = []
    for (name, contrast), de_file, terms_file in zip(
        settings.contrasts.items(), inputs["de"], inputs["enrichment"], strict=True
    ):
        sides = asdict(contrast)
        de = io.read_table(de_file, usecols=DE_COLUMNS)
        enrichment = io.read_table(terms_file)
        heading, replication = cautions.replication(samples, (sides["reference"], sides["test"]))
        found.append(
            {
                "name": name,
                "test": sides["test"],
                "reference": sides["reference"],
                "heading": heading,
                "replication": replication,
                "findings": what_changed.sentences(
                    sides=sides,
                    composition=composition,
                    car=car,
                    de=de,
                    enrichment=enrichment,
                    limits=settings.enrichment,
                ),
                "few": what_changed.few_cells(composition, sides),
                "genes": tables.genes(de, settings.enrichment),
                "terms": tables.terms(enrichment),
            }
        )
    return found


def embed(path: str | Path) -> Figure:
    """An SVG file as a data URI; an image element keeps its ids apart from those of other figures."""
    data = Path(path).read_bytes()
    width, height = _size(data)
    uri = "data:image/svg+xml;base64," + base64.b64encode(data).decode()
    return Figure(uri, width, height, f"figures/{Path(path).name}")


def _size(svg: bytes) -> tuple[int, int]:
    head = svg[:2000].decode("utf-8", errors="ignore")
    sizes = {name: float(value) for name, value in re.findall(r'\b(width|height)="([0-9.]+)pt"', head)}
    return round(sizes["width"] * 4 / 3), round(sizes["height"] * 4 / 3)
