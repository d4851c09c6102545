"""What a study names beside its matrices: opened where that is cheap, named where it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..study.cross_checks import LIBRARY_NAME

if TYPE_CHECKING:
    from ..study.study import Study

HEAD = 100_000  # bytes of a genome that are looked at
REFERENCE_BYTES = 50_000_000  # a larger annotation reference is not read here
PROTEIN_SHARE = 0.2  # of letters that no nucleotide has: a protein


def look(study: Study) -> tuple[list[str], list[str]]:
    """What is wrong with the files that are there, and what was not looked at."""
    config = study.config
    problems: list[str] = []
    for step in (_construct, _reference, _reads, _annotation, _patients):
        problems += _told(step, study)
    return list(dict.fromkeys(problems)), list(_unseen(study, config))


def _told(step: Callable[[Study], Iterator[Callable[[], object]]], study: Study) -> Iterator[str]:
    """What the looks of one step raise."""
    for one in step(study):
        try:
            one()
        except UserError as error:
            yield str(error)


def _there(*paths: str | Path | None) -> bool:
    return all(path and Path(path).is_file() for path in paths)


def _construct(study: Study) -> Iterator[Callable[[], object]]:
    from ..construct import checkup

    given = study.config.get("construct")
    if not given:
        return
    if _there(given["fasta"]) and (not given["gtf"] or _there(given["gtf"])):
        features = study.config.get("transgene", {}).get("features", [])

        def examined() -> None:
            held = checkup.load(
                given["fasta"], given["gtf"], transcript=given["transcript"], name=given["name"]
            )
            checkup.demand_configured(held, features)

        yield examined
    for path in given["against"]:
        if _there(path):
            yield partial(_demand_nucleotides, path)


def _reference(study: Study) -> Iterator[Callable[[], object]]:
    given = study.config.get("reference")
    if not given:
        return
    if _there(given["fasta"]):
        yield lambda: _demand_nucleotides(given["fasta"])
    if _there(given["gtf"]):
        yield lambda: _demand_gtf(given["gtf"])


def _demand_nucleotides(path: str) -> None:
    """Raise UserError unless the first letters of a FASTA file are nucleotides."""
    from ..construct import fasta

    found = b""
    for piece in fasta.pieces(path):
        if not piece.header:
            found += piece.data[: HEAD - len(found)]
        if len(found) >= HEAD:
            break
    letters = found.upper().translate(None, fasta.WHITESPACE)
    if not letters:
        msg = f"{path}: no sequence below its headers. Give the FASTA file of a genome or of transcripts."
        raise UserError(msg)
    if len(letters.translate(None, b"ACGTUN")) > PROTEIN_SHARE * len(letters):
        msg = f"{path}: these letters are not nucleotides (a protein?). Give DNA."
        raise UserError(msg)


def _demand_gtf(path: str) -> None:
    """Raise UserError unless the first row of a GTF file has its nine columns."""
    from ..construct import fasta

    with fasta.open_bytes(path) as file:
        rows = (line for line in islice(file, 10_000) if line.strip() and not line.startswith(b"#"))
        first = next(rows, b"")
    if first.count(b"\t") != 8:
        columns = first.count(b"\t") + 1
        msg = f"{path}: its first row has {columns} columns, a GTF file has 9. Give the genes as GTF."
        raise UserError(msg)
    if b'gene_id "' not in first:
        msg = f'{path}: its first row has no gene_id "..."; is it GFF3? Give the genes as GTF.'
        raise UserError(msg)


def _reads(study: Study) -> Iterator[Callable[[], object]]:
    from ..reads import bam, probe
    from ..study.geometry import parse

    given = study.config["reads"]["geometry"]
    for sample in study.samples:
        if not sample.reads:
            continue
        for first, second in sample.reads.pairs:
            if _there(first, second):
                yield partial(
                    _demand_pairs,
                    partial(probe.demand_lengths, geometry=parse(given)) if given else probe.head,
                    first,
                    second,
                )
        for path in sample.reads.bams:
            if _there(path):
                yield partial(bam.demand_bam, path)


def _demand_pairs(head: Callable[[str, str], object], first: str, second: str) -> None:
    try:
        head(first, second)
    except StopIteration:
        msg = f"{first}: holds no read. Give the FASTQ files of a finished run."
        raise UserError(msg) from None


def _annotation(study: Study) -> Iterator[Callable[[], object]]:
    from ..populations import markers, overrides, singler

    given = study.config["annotation"]
    path = given["reference"]
    if _there(path) and Path(path).stat().st_size <= REFERENCE_BYTES:
        yield lambda: singler.read_reference(path)
    if given["overrides"] and _there(given["markers"]):

        def labels() -> None:
            loaded = markers.load(given["markers"])
            for number, one in enumerate(given["overrides"], start=1):
                known = markers.labels(loaded, one["population"], given["scheme"])
                overrides.check_label(
                    str(one["label"]), known, f"configuration: annotation.overrides, entry {number}"
                )

        yield labels


def _patients(study: Study) -> Iterator[Callable[[], object]]:
    path = study.config["donors"]["patients"]
    if _there(path):
        yield lambda: _demand_patients(path, {sample.donor for sample in study.samples})


def _demand_patients(path: str, donors: set[str]) -> None:
    """Raise UserError unless the table of patients has one row for each, and one for a donor of the sheet."""
    from ..study import sheet

    rows = [row for _, row in sheet.rows(Path(path))]
    if "patient" not in rows[0]:
        msg = f"{path}: the column 'patient' is missing; it names the donors of the sheet."
        raise UserError(msg)
    times = Counter(row["patient"] for row in rows)
    if twice := [name for name, n in times.items() if n > 1]:
        msg = f"{path}: the patient '{twice[0]}' has {times[twice[0]]} rows. Give each patient one."
        raise UserError(msg)
    if donors and not donors & set(times):
        msg = (
            f"{path}: none of its patients ({', '.join(list(times)[:5])}) is a donor of the sheet "
            f"({', '.join(sorted(donors)[:5])}). Give both the same names."
        )
        raise UserError(msg)


def _unseen(study: Study, config: Mapping[str, Any]) -> Iterator[str]:
    """What no look before the run can see, in words."""
    if any(sample.reads for sample in study.samples):
        yield "reads beyond the first of each file"
    if config.get("construct"):
        yield "what the construct shares with endogenous transcripts (`carpeak construct` tells)"
    if config.get("reference"):
        yield "the genome beyond its first letters"
    path = config["annotation"]["reference"]
    if path and _there(path) and Path(path).stat().st_size > REFERENCE_BYTES:
        yield "the annotation reference (large)"
    if config["annotation"]["overrides"]:
        yield "whether the clusters and cells of annotation.overrides are there"
    if study.downloads:
        yield "files that the run fetches"
    if fetched := [name for name in config["enrichment"]["gene_sets"] if LIBRARY_NAME.match(name)]:
        yield f"gene sets that the run fetches from Enrichr ({', '.join(fetched)})"
    if any(library["raw_path"] for library in study.libraries):
        yield "counts of empty droplets beyond their files' ends"
