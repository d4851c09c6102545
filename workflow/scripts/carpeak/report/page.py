"""The report: one self-contained page out of the tables and figures of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..comparison import car_contrast
from ..settings import Settings, build
from . import (
    alone,
    by_rule,
    car_change,
    car_source,
    cautions,
    cohort,
    condition_names,
    costs,
    donors,
    donors_first,
    glossary,
    headline,
    libraries,
    library_verdict,
    limits_used,
    methods,
    planted,
    provenance,
    references,
    tables,
    what_changed,
    wording,
)
from . import inputs as report_inputs

if TYPE_CHECKING:
    import pandas as pd

    from .inputs import ClaimTables, Inputs

VERDICTS = {
    "supported": "supported",
    "opposed": "opposed",
    "absent": "absent",
    "heterogeneous": "heterogeneous",
    "indeterminate": "indeterminate",
    "not_estimable": "not estimable",
}
_AS_THEY_ARE = " /:;,=+[]{}!*'@$|~?&^`\\"  # characters that a data URI in double quotes can hold
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
    import yaml

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(inputs["template"]).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
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
    settings = build(Settings, config)
    results, settings = condition_names.shown(
        report_inputs.read(inputs, contrasts=settings.contrasts), settings
    )
    patients = cohort.section(inputs, embed, cells_simulated=settings.simulated) if "cohort" in inputs else ""
    return environment.get_template(results.template.name).render(
        **_context(results, settings, chemistry or {}),
        cohort=patients,
        configuration=yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True),
        css=results.style,
        javascript=results.behaviour,
    )


def _context(results: Inputs, settings: Settings, chemistry: Mapping[str, str]) -> dict[str, Any]:
    car, composition = results.car, results.composition
    variants = set(results.composition_varied["variant"])
    judged = results.claims.judged if results.claims else []
    rules_compared = by_rule.conclusions(judged, variants)
    packages = results.provenance["packages"]
    car_fit = car_change.of_fits(results.car_fit)
    by_donor = donors.section(results.donors, judged)
    paper = _of_the_paper(results.claims)
    method = methods.paragraphs(
        settings, thresholds=results.thresholds, integration=results.integration, versions=packages
    )
    called = any(one["cells_called"] for one in results.ingested.values())
    works = {
        heading: references.cited(heading, settings, paper=paper, called=called) for heading, _ in method
    }
    cited = {one.key: one for found in works.values() for one in found}
    return {
        "config": settings,
        "simulated": settings.simulated,
        "figures": {path.stem: embed(path) for path in results.figures},
        "populations": tables.POPULATIONS,
        "samples": [
            row
            | {
                "removed": wording.removed(row),
                "limits": wording.limits_in_words(results.thresholds[str(row["sample"])]),
            }
            for row in tables.records(results.samples)
        ],
        "libraries": libraries.sentences(results.samples, results.ingested, results.markers),
        "ambient": libraries.ambient(results.ambient),
        "ends": {name: ENDS[end] for name, end in chemistry.items() if end in ENDS},
        "thresholds": results.thresholds,
        "droplets_read": (results.ambient["profile"] == "empty_droplets").any(),
        "integration": results.integration,
        "cautions": cautions.cautions(
            thresholds=results.thresholds,
            integration=results.integration,
            composition=composition,
            chemistry=chemistry,
            sorted_against=car.loc[(car["n_positive"] == 0) & (car["n_negative"] > 0), "sample"].tolist()
            if settings.car.rule == "sorted"
            else (),
            limits=_limits(results.preflight),
            car=tables.records(car),
        ),
        "car": tables.records(car),
        "origins": car_source.sentences_and_warnings(results.car_source, end_is_known=bool(chemistry)),
        "car_fit": car_fit,
        "conclusions": rules_compared,
        "turned": by_rule.claims_that_differ(rules_compared),
        "against_rest": by_rule.against_rest(results.car_contrast, car),
        "cd8": car_contrast.cd8_mimicry(results.car_cd8),
        "crosstabs": {name: tables.crosstab(table) for name, table in results.labels.items()},
        "donors": by_donor,
        "seen": donors_first.seen(by_donor["claims"], results.donors.design)
        if by_donor and results.donors
        else None,
        "planted": planted.rows(results.planted, adjusted_p=settings.enrichment.adjusted_p),
        "glossary": glossary.WORDS,
        "rests_on": donors.rests_on(by_donor["claims"]) if by_donor else wording.rests_on(results.samples),
        "claims": tables.claims(
            results.claims.table,
            results.claims.stated,
            judged,
            contrast=next(iter(settings.contrasts), ""),
        )
        if results.claims
        else [],
        "verdicts": VERDICTS,
        "contrasts": _contrasts(results, settings, results.claims) if results.claims else [],
        "alone": None if results.claims else alone.section(results.samples, composition, car),
        "varied": tables.varied(composition, results.composition_varied),
        "variants": {k: text for k, text in tables.VARIANTS.items() if k in variants},
        "methods": [(heading, text, works[heading]) for heading, text in method],
        "references": sorted(cited.values(), key=lambda work: work.key),
        "bibtex": references.bibtex(cited.values()),
        "limits": limits_used.listed(
            settings, thresholds=results.thresholds, claims=results.claims.stated if results.claims else None
        ),
        "provenance": results.provenance,
        "costs": costs.by_rule(results.provenance["steps"]),
        "maps": {
            name: {"title": tables.POPULATIONS[name], "data": results.maps[name].replace("</", "<\\/")}
            for name in reversed(list(results.maps))
        },
        "verdict_of_libraries": library_verdict.verdicts(
            results.samples,
            car,
            results.ambient,
            fits={one["sample"]: one["flagged"] for one in car_fit["checks"]},
            thresholds=results.thresholds,
        ),
        "paper_claims": paper,
        "most_genes": tables.MAX_GENES,
        "most_terms": tables.MAX_TERMS,
        "files": [
            *(donors.files(list(settings.contrasts), results.donors) if by_donor else []),
            *tables.file_list(
                [f"figures/{path.name}" for path in results.figures],
                list(settings.contrasts),
                ranked=settings.enrichment.gsea,
            ),
        ],
        "core": [name for name in provenance.CORE if name in packages],
    }


def _of_the_paper(claims: ClaimTables | None) -> bool:
    return claims is not None and claims.stated.read_text(encoding="utf-8").startswith(tables.PAPER)


def _limits(preflight: pd.DataFrame) -> dict[str, str]:
    return dict(zip(preflight["sample"].astype(str), preflight["limits"].fillna("").astype(str)))


def _contrasts(results: Inputs, settings: Settings, claims: ClaimTables) -> list[dict[str, Any]]:
    found = []
    for number, (name, tables_of) in enumerate(results.contrasts.items()):
        over_donors = donors_first.genes(results.donors.genes[number]) if results.donors else []
        sides = asdict(settings.contrasts[name])
        bars = headline.bars((sides["reference"], sides["test"]), results.composition)
        heading, replication = cautions.replication(results.samples, (sides["reference"], sides["test"]))
        found.append(
            {
                "name": name,
                "test": sides["test"],
                "reference": sides["reference"],
                "heading": heading,
                "replication": replication,
                "findings": what_changed.sentences(
                    sides=sides,
                    composition=results.composition,
                    car=results.car,
                    de=tables_of.de,
                    enrichment=tables_of.enrichment,
                    limits=settings.enrichment,
                    over_donors=[one.text for one in over_donors],
                ),
                "tiles": headline.tiles(sides, results.composition, results.car, claims.table),
                "bars": bars,
                "key": list(dict.fromkeys((label, colour) for bar in bars for label, _, colour in bar.parts)),
                "short": headline.findings(
                    sides=sides,
                    composition=results.composition,
                    car=results.car,
                    de=tables_of.de,
                    enrichment=tables_of.enrichment,
                    limits=settings.enrichment,
                    name=name,
                    over_donors=over_donors,
                ),
                "few": what_changed.few_cells(results.composition, sides),
                "genes": tables.genes(tables_of.de, settings.enrichment),
                "terms": tables.terms(tables_of.enrichment, settings.enrichment),
                "tested": tables.tested(tables_of, sides, settings.enrichment, name=name, named=claims.genes),
            }
        )
    return found


def embed(path: str | Path) -> Figure:
    """An SVG file as a data URI; an image element keeps its ids apart from those of other figures."""
    data = re.sub(rb"<!DOCTYPE.*?>|<metadata>.*?</metadata>", b"", Path(path).read_bytes(), flags=re.S)
    width, height = _size(data)
    uri = "data:image/svg+xml," + quote(data, safe=_AS_THEY_ARE)  # base64 would grow it by a third
    return Figure(uri, width, height, f"figures/{Path(path).name}")


def _size(svg: bytes) -> tuple[int, int]:
    head = svg[:2000].decode("utf-8", errors="ignore")
    sizes = {name: float(value) for name, value in re.findall(r'\b(width|height)="([0-9.]+)pt"', head)}
    return round(sizes["width"] * 4 / 3), round(sizes["height"] * 4 / 3)
