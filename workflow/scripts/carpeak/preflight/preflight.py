"""Before the run: every library looked at, all that is wrong told at once, and what the run will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from ..comparison import gene_sets
from ..errors import UserError, listed
from ..libraries import absent_transgene
from ..populations import markers
from . import claimed, same_cells
from .survey import MIN_CELLS, Survey, survey_library

COLUMNS = (
    "sample", "condition", "donor", "layout", "cells", "droplets", "genes", "looked_at", "median_umis",
    "transgene_umis", "missing_features", "limits",
)  # fmt: skip
# Measured on two cores: 2,000 cells (2 million stored values) took 30 s and 0.8 GB, 15,414 cells (17 million)
# 85 s and 1.8 GB, a million (1.2 billion) 73 minutes and 16 GB, all jobs that ran at a time together. Large
# studies need what two libraries need while their doublets are sought, or what the donors' counts take.
SECONDS, SECONDS_PER_CELL = 20.0, 0.0048
GIGABYTES, BYTES_PER_ENTRY, BYTES_TOGETHER = 0.6, 70.0, 14.0
MIN_SHARED = 0.1  # of the genes of the smaller library


@dataclass(frozen=True)
class Preflight:
    """What was seen of a study: one survey for each of `libraries`, what is wrong, and what to mind."""

    libraries: Sequence[Mapping[str, Any]]
    surveys: Sequence[Survey]
    features: Sequence[str]
    problems: list[str]
    limits: dict[str, list[str]]  # per sample, what limits the answer; the report says it
    asides: list[str]  # what is good to know

    def check(self) -> None:
        """Raise UserError with all problems, where there are any."""
        if self.problems:
            plural = "s" if len(self.problems) > 1 else ""
            found = f"{len(self.problems)} problem{plural} to fix before the run can start"
            raise UserError(listed(found, self.problems))


def examine(
    libraries: Sequence[Mapping[str, Any]],
    *,
    features: Sequence[str],
    marker_file: str | None = None,
    gene_set_files: Sequence[str] = (),
    claims: Sequence[Mapping[str, Any]] = (),
    min_cells: int = 0,
    min_genes: int = 0,
    threads: int = 1,
) -> Preflight:
    """Look at `libraries` (sample, condition, donor, path, raw_path, select, adds_transgene).

    `features` are the transgene's (none: not looked for), `marker_file` and `gene_set_files` what the run
    will read later, `claims` what it will judge, `min_cells` the number of cells below which a library fails,
    `min_genes` that of genes below which a cell does. The result is the same for any number of `threads`.
    """
    first = {_files(row): row for row in reversed(libraries)}  # files that several rows name are read once
    with ThreadPoolExecutor(threads) as pool:
        found_in = dict(
            zip(
                first,
                pool.map(
                    lambda row: survey_library(
                        row["sample"],
                        row["path"],
                        row["raw_path"],
                        select=row["select"],
                        features=() if row["adds_transgene"] else features,
                    ),
                    first.values(),
                ),
                strict=True,
            )
        )
    surveys = [replace(found_in[_files(row)], sample=row["sample"]) for row in libraries]
    own = [row["sample"] for row in libraries if not row["adds_transgene"]]
    whole = [found for found in surveys if found.layout]
    problems = [f"sample '{found.sample}': {line}" for found in surveys for line in found.problems]
    if whole:
        mapped = [found for found in surveys if found.sample in own]  # the others count it from reads
        if len(own) == len(libraries):  # else the others' reads show the feature
            problems += _of_transgene(mapped, features)
        problems += _of_names(whole, marker_file, gene_set_files, claims)
    limits = {found.sample: list(found.limits) for found in surveys}
    mapped = [found for found in whole if found.sample in own]
    _limit_by_transgene(mapped, features, limits, elsewhere=len(own) < len(libraries))
    _limit_copies(whole, limits)
    asides = [f"{found.sample}: {line}" for found in surveys for line in found.asides]
    listed = frozenset().union(*(survey.symbols for survey in whole))
    asides += claimed.unknown_genes(claims, listed) if whole else []
    asides += _asides(whole, min_cells, min_genes)
    return Preflight(libraries, surveys, features, problems, limits, asides)


def _files(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What a library is read from, and how."""
    return tuple(str(row[name]) for name in ("path", "raw_path", "select", "adds_transgene"))


def _of_transgene(surveys: Sequence[Survey], features: Sequence[str]) -> list[str]:
    """Features that no library has; a library that can't be read might have them."""
    missing = [f for f in features if not any(f in found.transgene_umis for found in surveys)]
    if not missing or not all(found.layout for found in surveys) or not surveys:
        return []
    names = dict.fromkeys(name for found in surveys for name in sorted(found.symbols))
    custom = dict.fromkeys(name for found in surveys for name in found.custom)
    return [absent_transgene.absent(missing, names, custom=[name for name in custom if name not in features])]


def _of_names(
    surveys: Sequence[Survey],
    marker_file: str | None,
    gene_set_files: Sequence[str],
    claims: Sequence[Mapping[str, Any]],
) -> list[str]:
    found = []
    first, *others = surveys
    for other in others:
        fewer = min(len(first.symbols), len(other.symbols))
        shared = len(first.symbols & other.symbols)
        if shared < MIN_SHARED * fewer:
            found.append(
                f"samples '{first.sample}' and '{other.sample}' share {shared} of {fewer} gene names: one "
                "has other names (identifiers in place of symbols, another species?). Give both the same."
            )
    known = frozenset().union(*(survey.symbols for survey in surveys))
    for path in filter(None, [marker_file, *gene_set_files]):
        try:
            if path == marker_file:
                panels = markers.load(path)
                found += _unknown_markers(path, panels, surveys)
                found += claimed.unknown_labels(claims, panels)
            else:
                gene_sets.check_known(gene_sets.read_gmt(path), known, source=gene_sets.label(path))
        except UserError as error:
            found.append(str(error))
    return found


def _unknown_markers(path: str, loaded: Mapping[str, Any], surveys: Sequence[Survey]) -> list[str]:
    panels = loaded["lineages"].values()
    named = {gene for label in panels for panel in label for gene in panel["genes"]}
    return [
        f"sample '{found.sample}': none of the {len(named)} marker genes of {path} is among its genes "
        f"({', '.join(sorted(found.symbols)[:3])}, ...), so no cell could be named. Give a matrix with gene "
        "symbols, or name a marker file for these genes in annotation.markers."
        for found in surveys
        if not named & found.symbols
    ]


def _limit_by_transgene(
    surveys: Sequence[Survey], features: Sequence[str], limits: dict[str, list[str]], *, elsewhere: bool
) -> None:
    """Say what follows for libraries without a feature that others have, or without any of its UMIs.

    `elsewhere`: the transgene of further libraries is counted from their reads.
    """
    for survey in surveys:
        absent = [
            feature
            for feature in features
            if feature not in survey.transgene_umis
            and (elsewhere or any(feature in s.transgene_umis for s in surveys))
        ]
        if absent:
            limits[survey.sample].append(
                f"without the feature {' and '.join(absent)}, which other libraries have: its UMIs can't be "
                "seen here, so CAR+ cells of this library are missed, not absent"
            )
        elif survey.transgene_umis and all(n == 0 for n in survey.transgene_umis.values()):
            limits[survey.sample].append(f"no UMI of the transgene in {survey.looked_at:,} cells")


def _limit_copies(surveys: Sequence[Survey], limits: dict[str, list[str]]) -> None:
    """Say which libraries share cells, or may be copies: between them, nothing changes."""
    for place, survey in enumerate(surveys):
        for other in surveys[:place]:
            if both := same_cells.shared(survey.marks, other.marks):
                limits[survey.sample].append(
                    f"{both:,} of {len(survey.marks):,} cells hold exactly the counts of a cell of "
                    f"{other.sample}: is one a copy of the other? Between copies nothing changes"
                )
                break
            if _size(survey) == _size(other):
                limits[survey.sample].append(
                    f"the same size and depth as {other.sample}: is one a copy of the other? Between copies "
                    "nothing changes"
                )
                break


def _size(survey: Survey) -> tuple[Any, ...]:
    umis = survey.transgene_umis.values()
    return (survey.cells, survey.droplets, survey.genes, survey.entries, survey.median_umis, *umis)


def _asides(surveys: Sequence[Survey], min_cells: int, min_genes: int) -> list[str]:
    found = []
    for survey in surveys:
        if survey.genes < min_genes:
            found.append(
                f"{survey.sample}: lists {survey.genes} genes, and qc.min_genes is {min_genes}: every cell "
                "will be removed. Lower it for a matrix of few genes"
            )
        if MIN_CELLS <= (survey.cells or 0) < min_cells:
            found.append(
                f"{survey.sample}: {survey.cells} cells, below qc.min_cells ({min_cells}): it will be "
                "reported as failed; the other libraries are analysed"
            )
    return found


def as_text(found: Preflight) -> str:
    """The same for a reader: an aligned table, what the run will take, and what to mind."""
    rows = [("sample", "condition", "layout", "cells", "genes", "median UMIs", "transgene UMIs")]
    for sample, survey in zip(found.libraries, found.surveys, strict=True):
        features = () if sample["adds_transgene"] else found.features
        seen = _seen(survey, features) if survey.layout else ["can't be read", "", "", "", ""]
        if sample["adds_transgene"]:
            seen[-1] = "from reads"
        rows.append((sample["sample"], sample["condition"], *seen))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    if any(survey.layout for survey in found.surveys):
        lines += ["", needs(found.surveys)]
    notes = [f"{sample}: {line}" for sample, limits in found.limits.items() for line in limits]
    if notes or found.asides:
        lines += ["", *(f"Note: {line}." for line in (*notes, *(a.rstrip(".") for a in found.asides)))]
    return "\n".join(lines) + "\n"


def _seen(survey: Survey, features: Sequence[str]) -> list[str]:
    """Layout, cells, genes, depth and transgene of one library in words."""
    about = "about " if survey.sampled else ""
    umis = [
        f"{name} (not counted)" if n is None else f"{name} {about}{n:,}"
        for name, n in survey.transgene_umis.items()
    ]
    absent = [f"no {name}" for name in features if name not in survey.transgene_umis]
    return [
        survey.layout,
        f"from {survey.droplets:,} droplets" if survey.cells is None else f"{survey.cells:,}",
        f"{survey.genes:,}",
        "" if survey.median_umis is None else f"{about}{survey.median_umis:,.0f}",
        ", ".join(umis + absent),
    ]


def needs(surveys: Sequence[Survey]) -> str:
    """What the whole run will take, from the demo study's runs: a sentence."""
    cells = sum(survey.cells or 0 for survey in surveys)
    entries = sorted((survey.entries for survey in surveys), reverse=True)
    minutes = max(round((SECONDS + SECONDS_PER_CELL * cells) / 60), 1)
    gigabytes = GIGABYTES + max(BYTES_PER_ENTRY * sum(entries[:2]), BYTES_TOGETHER * sum(entries)) / 1e9
    return (
        f"The whole run will take about {minutes} minute{'s' if minutes > 1 else ''} on two cores and "
        f"{gigabytes:.1f} GB of memory."
    )


def table(found: Preflight) -> str:
    """results/preflight.tsv: one row per library, numbers as they were seen (`looked_at` cells)."""
    lines = ["\t".join(COLUMNS)]
    for sample, survey in zip(found.libraries, found.surveys, strict=True):
        row = {
            **{name: sample[name] for name in COLUMNS[:3]},
            "layout": survey.layout,
            "cells": survey.cells,
            "droplets": survey.droplets,
            "genes": survey.genes,
            "looked_at": survey.looked_at,
            "median_umis": None if survey.median_umis is None else f"{survey.median_umis:g}",
            "transgene_umis": "; ".join(
                f"{name}={'' if n is None else n}" for name, n in survey.transgene_umis.items()
            ),
            "missing_features": "; ".join(f for f in found.features if f not in survey.transgene_umis),
            "limits": "; ".join(found.limits[survey.sample]),
        }
        lines.append("\t".join("" if row.get(name) is None else str(row[name]) for name in COLUMNS))
    return "\n".join(lines) + "\n"
