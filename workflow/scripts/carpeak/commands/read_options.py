"""Options that name the reads of one library; `reads` and `align` share them."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import UserError, nearest
from ..study import units
from ..study.units import COLUMNS, ReadFiles


def add_arguments(parser: argparse.ArgumentParser, *, bam: bool = True) -> None:
    """Options that name the reads of one library."""
    parser.add_argument(
        "--reads",
        nargs=2,
        action="append",
        default=[],
        metavar=("R1", "R2"),
        help="barcode and cDNA reads of one lane; repeat for each lane",
    )
    if bam:
        parser.add_argument(
            "--bam", action="append", default=[], metavar="BAM", help="or a BAM file with barcodes as tags"
        )
    parser.add_argument("--units", metavar="TSV", help=f"or a sheet with columns {', '.join(COLUMNS)}")
    parser.add_argument("--sample", help="the sample of the sheet")


def chosen(options: argparse.Namespace) -> ReadFiles:
    """The reads that the options name."""
    bams = getattr(options, "bam", [])
    if [bool(options.reads), bool(bams), bool(options.units)].count(True) != 1 or bool(options.units) != bool(
        options.sample
    ):
        msg = (
            "name the reads once: --reads R1 R2 for each lane, --bam BAM, or --units TSV with --sample NAME."
        )
        raise UserError(msg)
    if options.units:
        sources = units.read(options.units)
        if options.sample not in sources:
            msg = f"{options.units}: no rows for sample '{options.sample}'{nearest(options.sample, sources)}."
            raise UserError(msg)
        return sources[options.sample]
    source = ReadFiles(tuple((one, two) for one, two in options.reads), tuple(bams))
    for file in source.files:
        if sum(Path(other).resolve() == Path(file).resolve() for other in source.files) > 1:
            msg = f"{file}: the file is named twice. Name each lane once, r1 before r2."
            raise UserError(msg)
    return source
