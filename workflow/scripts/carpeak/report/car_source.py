"""In sentences, where the CAR's counts come from: the construct's check-up, and what reads gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .wording import joined

if TYPE_CHECKING:
    from .inputs import CarSource

MOST = 8  # genes named
SHOWN = ("problem", "warning")  # levels of findings; notes and what is well stay in construct.tsv


def sentences_and_warnings(source: CarSource, *, end_is_known: bool) -> dict[str, list[Any]]:
    """Sentences and (what, warning) pairs for the report.

    `end_is_known` says whether the sheet tells which end of the RNA is read.
    """
    constructs = source.construct["constructs"] if source.construct else []
    sentences = [sentence for one in constructs for sentence in shared(one)]
    sentences += [added(sample, summary) for sample, summary in source.counted.items()]
    sentences += [aligned(sample, summary) for sample, summary in source.aligned.items()]
    if source.construct and not end_is_known:
        sentences.append(
            "The sheet doesn’t say which end of the RNA is read; the construct was checked for 3′."
        )
    warnings = [
        (finding["construct"], finding["message"])
        for one in constructs
        for finding in one["findings"]
        if finding["level"] in SHOWN and finding["check"] != "shared"  # told in a sentence
    ]
    for sample, summary in {**source.counted, **source.aligned}.items():
        warnings += [(sample, text) for text in summary["warnings"]]
    return {"sentences": sentences, "warnings": warnings}


def shared(construct: Mapping[str, Any]) -> list[str]:
    """What a construct has in common with endogenous transcripts."""
    name = f"{construct['name']} ({construct['length']:,} bases)"
    places: dict[str, list[str]] = {}
    for stretch in construct["shared"]:
        places.setdefault(stretch["gene"], []).append(f"{stretch['start']}–{stretch['end']}")
    if not places:
        return [f"{name} shares no stretch of 30 bases with endogenous genes."]
    genes = [f"{gene} {joined(spans)}" for gene, spans in places.items()]
    if len(genes) > MOST:
        genes[MOST:] = [f"and those of {len(genes) - MOST} more genes (results/construct/intervals.tsv)"]
    return [
        f"Of {name}, these stretches are endogenous genes’ too: {'; '.join(genes)}. "
        "Reads from there can’t tell the CAR from the cell’s own RNA."
    ]


def added(sample: str, summary: Mapping[str, Any]) -> str:
    """How the transgene's UMIs of a library were counted and added."""
    cells = "all droplets"
    if summary["cells"]:
        cells = f"{summary['cells_with_umis']:,} of {summary['cells']:,} cells"
    counted = (
        f"in {summary['pairs']:,} reads: {summary['molecules']:,} UMIs in {cells}. {summary['shared']:,} "
        "reads that fit an endogenous transcript (nearly) as well were left out."
    )
    names = joined(summary["features"])
    if summary["replaces"]:
        return f"UMIs of {names} in {sample} were counted read by read, not by the aligner, {counted}"
    return (
        f"The matrix of {sample} lacks {names}; its UMIs were added, no other count was changed. They were "
        f"counted {counted}"
    )


def aligned(sample: str, summary: Mapping[str, Any]) -> str:
    """How a library was counted as a whole."""
    reads, valid = int(summary["Number of Reads"]), float(summary["Reads With Valid Barcodes"])
    return (
        f"All genes of {sample} were counted by STARsolo (STAR {summary['star']}; {reads:,} reads, "
        f"{valid:.0%} with a barcode of the kit), with the construct in the reference."
    )
