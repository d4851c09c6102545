"""``python -m carpeak construct``: check it, compare it with transcripts, write reference files."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..io import write_json, write_text
from . import fasta, gtf, kmers, reference
from .doctor import Construct, Finding, examine, gene_of, masked, stretches
from .fasta import Record
from .kmers import Shared

LEVELS = ("problem", "warning", "note", "ok")
INTERVAL_COLUMNS = ("construct", "start", "end", "length", "gene", "target", "target_start", "target_end")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("fasta", metavar="FASTA", help="the construct's DNA, plain or gzipped")
    parser.add_argument(
        "gtf", metavar="GTF", nargs="?", help="its annotation; exon rows say which part is RNA"
    )
    parser.add_argument(
        "--against",
        metavar="FASTA",
        action="append",
        default=[],
        help="transcripts (best) or genome to compare with; may be given several times",
    )
    parser.add_argument(
        "--chemistry", choices=("3p", "5p"), default="3p", help="end that is read (default: 3p)"
    )
    parser.add_argument("--transcript", metavar="START-END", help="part of the sequence that is RNA")
    parser.add_argument("--name", help="feature name in the matrix (default: the FASTA header's first word)")
    parser.add_argument(
        "--shared",
        choices=("mask", "flag"),
        default="mask",
        help="in the reference, write shared stretches as N (default), or keep them and only list them",
    )
    parser.add_argument(
        "--append-to", nargs=2, metavar=("FASTA", "GTF"), help="reference that is to hold the construct"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results")


def run(options: argparse.Namespace) -> None:
    """Run the command and print the report."""
    constructs = load(options.fasta, options.gtf, transcript=options.transcript, name=options.name)
    against = options.against or (options.append_to or [])[:1]
    if not against:
        msg = "nothing to compare with. Give transcripts of the species: --against FASTA."
        raise UserError(msg)
    _make(options.out)
    queries = [c.record for c in constructs]
    shared = kmers.search(queries, _targets(against))
    if options.append_to:
        shared = reference.name_genes(shared, options.append_to[1])
    findings, masks = [], []
    for construct in constructs:
        own = [h for h in shared if h.record == construct.name]
        siblings = (c.record for c in constructs if c is not construct)
        others = kmers.search([construct.record], siblings)
        findings += examine(construct, own, chemistry=options.chemistry, others=others)
        masks.append(masked(construct.sequence, own))
    genes = [gene_of(h.target, h.description) for h in shared]
    paths = reference.write(constructs, masks, shared, genes, options.out)
    appended = None
    if options.append_to:
        added = [
            Record(c.name, "", m if options.shared == "mask" else c.sequence)
            for c, m in zip(constructs, masks)
        ]
        targets = (options.out / "reference" / "genome.fa", options.out / "reference" / "genes.gtf")
        appended = reference.append(added, tuple(options.append_to), targets)
        paths += targets
    paths += _tables(options, constructs, findings, shared, genes)
    print(report(constructs, findings, paths, appended=appended, shared=options.shared))


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{out}: the folder cannot be made ({error.strerror}). Choose another --out."
        raise UserError(msg) from None


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


def _targets(paths: Sequence[str]) -> Any:
    return chain.from_iterable(_nucleotides(path) for path in paths)


def _nucleotides(path: str) -> Any:
    for number, record in enumerate(fasta.records(path)):
        if number == 0:
            head = record.sequence[:10_000].upper()
            if len(head.translate(None, b"ACGTUN")) > len(head) * 0.2:
                msg = f"{path}: '{record.name}' is not DNA. Compare with transcripts or a genome."
                raise UserError(msg)
        yield record


def _tables(
    options: argparse.Namespace,
    constructs: Sequence[Construct],
    findings: Sequence[Finding],
    shared: Sequence[Shared],
    genes: Sequence[str],
) -> list[Path]:
    out: Path = options.out
    paths = [out / "construct.tsv", out / "intervals.tsv", out / "construct.json"]
    rows = [("construct", "check", "level", "start", "end", "message")]
    rows += [(f.construct, f.check, f.level, f.start or "", f.end or "", f.message) for f in findings]  # type: ignore[misc]
    write_text(_lines(rows), paths[0])
    table: list[Sequence[Any]] = [(*INTERVAL_COLUMNS, "strand", "mismatches")]
    for h, gene in zip(shared, genes):
        place = (h.target, h.target_start, h.target_end, h.strand, h.mismatches)
        table.append((h.record, h.start, h.end, h.end - h.start + 1, gene, *place))
    write_text(_lines(table), paths[1])
    summary = {
        "chemistry": options.chemistry,
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


def report(
    constructs: Sequence[Construct],
    findings: Sequence[Finding],
    paths: Sequence[Path],
    *,
    appended: reference.Appended | None,
    shared: str,
) -> str:
    """What a reader at the terminal needs: findings by weight, files, and the next step."""
    lines: list[str] = []
    for construct in constructs:
        of = f" ({construct.place} of {construct.source.name})" if construct.place else ""
        lines += [f"{construct.name}: {len(construct.sequence)} bases{of}"]
        own = [f for f in findings if f.construct == construct.name]
        for finding in sorted(own, key=lambda f: LEVELS.index(f.level)):
            lines.append(f"  {finding.level:<8} {finding.check:<16} {finding.message}")
        lines.append("")
    if appended is not None:
        kept = "shared stretches masked" if shared == "mask" else "shared stretches kept"
        lines.append(f"added to {appended.contigs} contigs and {appended.genes} genes ({kept})")
        if appended.line_ends_mended:
            lines.append("  note: Windows or old Mac line ends of the reference were mended")
        if appended.without_sequence:
            few = ", ".join(appended.without_sequence[:5])
            lines.append(
                f"  warning: {len(appended.without_sequence)} annotated contigs have no sequence ({few})"
            )
    lines += ["written:", *(f"  {path}" for path in paths), ""]
    lines.append(
        f"in the study's config.yaml: transgene: {{features: [{', '.join(c.name for c in constructs)}]}}"
    )
    return "\n".join(lines)
