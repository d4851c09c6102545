"""``carpeak construct``: check a CAR's sequence, compare it with transcripts, write reference files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..construct import checkup, reference
from ..construct.checkup import Checkup
from ..errors import UserError

LEVELS = ("problem", "warning", "note", "ok")


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
    constructs = checkup.load(options.fasta, options.gtf, transcript=options.transcript, name=options.name)
    against = options.against or (options.append_to or [])[:1]
    if not against:
        msg = "nothing to compare with. Give transcripts of the species: --against FASTA."
        raise UserError(msg)
    _make(options.out)
    genes = options.append_to[1] if options.append_to else None
    found = checkup.check(constructs, against, chemistry=options.chemistry, genes=genes)
    paths = checkup.write(found, options.out)
    appended = None
    if options.append_to:
        targets = (options.out / "reference" / "genome.fa", options.out / "reference" / "genes.gtf")
        appended = reference.append(found.added(options.shared), tuple(options.append_to), targets)
        paths += targets
    print(report(found, paths, appended=appended, shared=options.shared))


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{out}: the folder cannot be made ({error.strerror}). Choose another --out."
        raise UserError(msg) from None


def report(
    found: Checkup,
    paths: Sequence[Path],
    *,
    appended: reference.Appended | None,
    shared: str,
) -> str:
    """What a reader at the terminal needs: findings by weight, files, and the next step."""
    lines: list[str] = []
    for construct in found.constructs:
        of = f" ({construct.place} of {construct.source.name})" if construct.place else ""
        lines += [f"{construct.name}: {len(construct.sequence)} bases{of}"]
        own = [f for f in found.findings if f.construct == construct.name]
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
    names = ", ".join(c.name for c in found.constructs)
    lines.append(f"in the study's config.yaml: transgene: {{features: [{names}]}}")
    return "\n".join(lines)
