"""All that can be said of a construct: findings, shared stretches, and the files that aligners need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import UserError, nearest
from ..io import write_json, write_text
from . import fasta, gtf, kmers, reference
from .doctor import CheckResult, Construct, examine, gene_of, masked, stretches
from .fasta import Record
from .kmers import Shared

INTERVAL_COLUMNS = ("construct", "start", "end", "length", "gene", "target", "target_start", "target_end")
TABLES = ("construct.tsv", "intervals.tsv", "construct.json")
FILES = (*reference.FILES, *TABLES)  # what `write` leaves behind


@dataclass(frozen=True)
class Checkup:
    """Constructs with what was found; `masks` are their sequences with shared stretches as N."""

    constructs: list[Construct]
    chemistry: str
    findings: list[CheckResult]
    shared: list[Shared]
    masks: list[bytes]

    @property
    def genes(self) -> list[str]:
        """The gene of each shared stretch."""
        return [gene_of(h.target, h.description) for h in self.shared]

    def added(self, shared: str) -> list[Record]:
        """The contigs for a reference, shared stretches masked or flagged (kept)."""
        return [
            Record(c.name, "", mask if shared == "mask" else c.sequence)
            for c, mask in zip(self.constructs, self.masks)
        ]


def check(
    constructs: list[Construct], against: Sequence[str], *, chemistry: str, genes: str | None = None
) -> Checkup:
    """Examine constructs and compare them with FASTA files of transcripts (or a genome).

    `chemistry` is the end that is read (3p or 5p); `genes` a GTF file that names the genes of a genome.
    """
    shared = kmers.search([c.record for c in constructs], _targets(against))
    if genes:
        shared = reference.name_genes(shared, genes)
    findings: list[CheckResult] = []
    masks = []
    for construct in constructs:
        own = [h for h in shared if h.record == construct.name]
        siblings = (c.record for c in constructs if c is not construct)
        others = kmers.search([construct.record], siblings)
        findings += examine(construct, own, chemistry=chemistry, others=others)
        masks.append(masked(construct.sequence, own))
    return Checkup(constructs, chemistry, findings, shared, masks)


def load(path: str, annotation: str | None, *, transcript: str | None, name: str | None) -> list[Construct]:
    """The RNA of each sequence of a FASTA file: as annotated, as given by START-END, or all of it."""
    found = fasta.read_construct(path)
    if len(found) > 1 and (transcript or name):
        msg = f"{path}: --transcript and --name are for one sequence, here are {len(found)}. Split the file."
        raise UserError(msg)
    features = gtf.read(annotation) if annotation else []
    constructs = []
    for record in found:
        own = (
            gtf.of_contig(features, record.name, only=len(found) == 1, path=annotation or "")
            if features
            else []
        )
        exons = gtf.exons(own, len(record), path=annotation or "")
        if transcript:
            exons = [_range(transcript, len(record))]
        sequence = b"".join(record.sequence[a - 1 : b] for a, b in exons or [(1, len(record))]).upper()
        feature = name or record.name
        clean = reference.clean_name(feature)
        if not clean or (name and clean != name):
            msg = f"'{feature}' cannot be a feature name. Use letters, digits, '_', '.' and '-', "
            msg += f"for instance --name {clean or 'CAR'}"
            raise UserError(msg)
        place = ", ".join(f"{a}-{b}" for a, b in exons)
        constructs.append(Construct(clean, sequence, record, place))
    return constructs


def _range(text: str, size: int) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,9})-(\d{1,9})", text)
    start, end = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= start < end <= size:
        msg = f"--transcript {text}: give START-END within 1-{size}, for instance --transcript 1-{size}."
        raise UserError(msg)
    return start, end


def _targets(paths: Sequence[str]) -> Iterator[Record]:
    return chain.from_iterable(_nucleotides(path) for path in paths)


def _nucleotides(path: str) -> Iterator[Record]:
    for number, record in enumerate(fasta.records(path)):
        if number == 0:
            head = record.sequence[:10_000].upper()
            if len(head.translate(None, b"ACGTUN")) > len(head) * 0.2:
                msg = f"{path}: '{record.name}' is not DNA. Compare with transcripts or a genome."
                raise UserError(msg)
        yield record


def demand_configured(constructs: Sequence[Construct], features: Sequence[str]) -> None:
    """Raise UserError unless the configured features of the transgene hold every construct."""
    for construct in constructs:
        if construct.name not in features:
            msg = f"construct.fasta: '{construct.name}' is not among transgene.features "
            msg += f"({', '.join(features)}){nearest(construct.name, features)}. Add it there, or set "
            msg += "construct.name."
            raise UserError(msg)


def write(found: Checkup, out: Path) -> list[Path]:
    """Write tables, sequences and annotation into a folder; the paths, `FILES` in order."""
    constructs, genes = found.constructs, found.genes
    paths = reference.write(constructs, found.masks, found.shared, genes, out)
    return paths + _tables(found, genes, out)


def _tables(found: Checkup, genes: Sequence[str], out: Path) -> list[Path]:
    constructs, findings, shared = found.constructs, found.findings, found.shared
    paths = [out / name for name in TABLES]
    rows = [("construct", "check", "level", "start", "end", "message")]
    rows += [(f.construct, f.check, f.level, f.start or "", f.end or "", f.message) for f in findings]  # type: ignore[misc]
    write_text(_lines(rows), paths[0])
    table: list[Sequence[Any]] = [(*INTERVAL_COLUMNS, "strand", "mismatches")]
    for h, gene in zip(shared, genes):
        place = (h.target, h.target_start, h.target_end, h.strand, h.mismatches)
        table.append((h.record, h.start, h.end, h.end - h.start + 1, gene, *place))
    write_text(_lines(table), paths[1])
    summary = {
        "chemistry": found.chemistry,
        "constructs": [
            {
                "name": c.name,
                "length": len(c.sequence),
                "source": c.source.name,
                "source_length": len(c.source),
                "transcript": c.place or f"1-{len(c.source)}",
                "findings": [asdict(f) for f in findings if f.construct == c.name],
                "shared": [
                    {**s.best._asdict(), "gene": s.gene, "targets": s.targets}
                    for s in stretches([h for h in shared if h.record == c.name])
                ],
            }
            for c in constructs
        ],
    }
    write_json(summary, paths[2])
    return paths


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    return "".join("\t".join(str(v) for v in row) + "\n" for row in rows)
