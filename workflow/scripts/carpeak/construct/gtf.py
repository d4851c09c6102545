"""A user's annotation of a construct: GTF or GFF3 as vector editors write it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from .fasta import open_bytes

COLUMNS = 9
_ATTRIBUTE = re.compile(r"""\s*([^\s=;"]+)\s*[= ]\s*("[^"]*"|[^;]*)\s*(?:;|$)""")


@dataclass(frozen=True)
class Feature:
    """One row; coordinates 1-based, ends included, start <= end."""

    contig: str
    kind: str
    start: int
    end: int
    strand: str
    attributes: dict[str, str]


def read(path: str | Path) -> list[Feature]:
    """Read the rows of a GTF or GFF3 file, plain or gzipped.

    Start and end in the wrong order (primers on the reverse strand) are swapped. Raises UserError with
    the line where the file is no annotation.
    """
    with open_bytes(path) as file:
        text = file.read().decode("utf-8-sig", "replace")
    features: list[Feature] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(">") and features:  # a GFF3 file may end with its sequence
            break
        if line.strip() and not line.startswith("#"):
            features.append(_feature(line, f"{path}, line {number}"))
    if not features:
        msg = f"{path}: no annotation rows. Leave the file out, or export it again."
        raise UserError(msg)
    return features


def _feature(line: str, place: str) -> Feature:
    fields = line.split("\t")
    if len(fields) != COLUMNS:
        msg = (
            f"{place}: {len(fields)} columns where GTF has 9, parted by tabs. Export it again as GTF or GFF3."
        )
        raise UserError(msg)
    contig, _, kind, first, last, _, strand, _, rest = (f.strip() for f in fields)
    if not (
        first.isascii() and last.isascii() and first.isdigit() and last.isdigit() and int(first) and int(last)
    ):
        msg = f"{place}: start '{first}' and end '{last}' must be whole numbers from 1."
        raise UserError(msg)
    start, end = sorted((int(first), int(last)))
    return Feature(contig, kind, start, end, strand, attributes(rest))


def attributes(text: str) -> dict[str, str]:
    """The last column of GTF (``key "value";``) or GFF3 (``key=value;``); the first of equal keys counts."""
    found: dict[str, str] = {}
    for key, value in _ATTRIBUTE.findall(text):
        found.setdefault(key, value.strip().strip('"'))
    return found


def of_contig(features: Sequence[Feature], name: str, *, only: bool, path: str | Path) -> list[Feature]:
    """Rows of the sequence `name`; all rows if they share one contig and `only` this sequence exists."""
    contigs = sorted({f.contig for f in features})
    if name in contigs or not only:
        return [f for f in features if f.contig == name]
    if len(contigs) == 1:
        return list(features)
    msg = f"{path}: no rows for '{name}', only for {', '.join(contigs[:5])}. Use one name in both files."
    raise UserError(msg)


def exons(features: Sequence[Feature], size: int, *, path: str | Path) -> list[tuple[int, int]]:
    """Exons of the one annotated transcript, touching ones joined; empty if none is annotated.

    Raises UserError where they lie outside the `size` bases, on the reverse strand, or form several
    transcripts that do not touch.
    """
    chosen = [f for f in features if f.kind == "exon"] or [
        f for f in features if f.kind in {"transcript", "mRNA"}
    ]
    if not chosen:
        return []
    outside = [f for f in chosen if f.end > size]
    if outside:
        msg = f"{path}: {outside[0].kind} {outside[0].start}-{outside[0].end} lies outside the {size} bases."
        raise UserError(f"{msg} Annotation and sequence must be of one version.")
    if any(f.strand == "-" for f in chosen):
        msg = f"{path}: the transcript lies on the reverse strand. Turn sequence and annotation round."
        raise UserError(msg)
    joined: list[tuple[int, int]] = []
    for start, end in sorted((f.start, f.end) for f in chosen):
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    names = {f.attributes.get("transcript_id", "") for f in chosen}
    if len(joined) > 1 and len(names) > 1:
        msg = f"{path}: several transcripts are annotated ({', '.join(sorted(names))}). Keep the CAR's."
        raise UserError(msg)
    return joined
