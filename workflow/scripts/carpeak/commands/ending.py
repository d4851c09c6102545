"""The last lines of a run that went well: what was found, the verdicts, and where the report is."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .screen import REPORT, WIDTH, link

TABLES = Path("results/tables")


def lines(config: Mapping[str, Any], *, since: float, log: str = "") -> list[str]:
    """The lines for a study with the resolved configuration `config`.

    Findings only where the report was made `since` (seconds of the epoch): a run may end at another target.
    `log` is the file that holds everything Snakemake said.
    """
    end = [f"Details: {log}"] if log else []
    if not REPORT.is_file() or REPORT.stat().st_mtime < since:
        return ["", "Done.", *end]
    found = findings(config) if (TABLES / "claims.tsv").is_file() else []
    return ["", *found, *end, *link(REPORT)]


def findings(config: Mapping[str, Any]) -> list[str]:
    """The findings of the report's first screen for each contrast, and how many claims got which verdict."""
    from .. import io
    from ..report import donors_first, headline
    from ..report.inputs import DE_COLUMNS
    from ..settings import Settings, build

    settings = build(Settings, config)
    composition, car, claims = (io.read_table(TABLES / f"{n}.tsv") for n in ("composition", "car", "claims"))
    found = []
    for name, sides in settings.contrasts.items():
        over_donors = TABLES / f"donors.de.{name}.tsv"
        short = headline.findings(
            sides=asdict(sides),
            composition=composition,
            car=car,
            de=io.read_table(TABLES / f"de.{name}.tsv", usecols=DE_COLUMNS),
            enrichment=io.read_table(TABLES / f"enrichment.{name}.tsv"),
            limits=settings.enrichment,
            name=name,
            over_donors=donors_first.genes(io.read_table(over_donors)) if over_donors.is_file() else [],
        )
        simulated = " (simulated data: no patient was measured)" if settings.simulated else ""
        found += [f"{sides.test} against {sides.reference}{simulated}:"]
        for finding in short:
            found += textwrap.wrap(
                finding.text,
                WIDTH,
                initial_indent="  - ",
                subsequent_indent="    ",
                break_on_hyphens=False,  # names of genes and gene sets stay whole, to be found on the page
            )
    verdicts = claims["verdict"].value_counts()
    counts = ", ".join(f"{n} {str(verdict).replace('_', ' ')}" for verdict, n in verdicts.items())
    return [*found, *textwrap.wrap(f"Claims: {counts}.", WIDTH)]
