"""``carpeak reads``: count a transgene from reads and add it to the library's matrix."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from ..reads.count import STRANDS
from ..reads.standalone import count_into
from ..reads.transgene import Counted, strand_of
from ..study.geometry import PRESETS, parse
from . import read_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--construct", required=True, metavar="FASTA", help="RNA of the construct, not masked"
    )
    parser.add_argument(
        "--against",
        required=True,
        action="append",
        metavar="FASTA",
        help="transcripts of the species, so that reads of look-alikes do not count; may be repeated",
    )
    read_options.add_arguments(parser)
    parser.add_argument(
        "--cells", required=True, help="the library's count matrix, or a list of its barcodes"
    )
    parser.add_argument("--geometry", help=f"of FASTQ pairs: {', '.join(PRESETS)}, or parts such as B16U12")
    parser.add_argument(
        "--chemistry", choices=("3p", "5p"), default="3p", help="end that is read (default: 3p)"
    )
    parser.add_argument(
        "--strand", choices=STRANDS, help="strand of the cDNA read (default: 3p sense, 5p antisense)"
    )
    parser.add_argument(
        "--whitelist", metavar="LIST", help="all barcodes of the kit: others than cells stay apart"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results")


def run(options: argparse.Namespace) -> None:
    """Run the command and print the report."""
    started = time.perf_counter()
    source = read_options.chosen(options)
    sys.stderr.write(f"reading {len(source.pairs) + len(source.bams)} lane(s)\n")
    counted = count_into(
        source,
        options.out,
        construct=options.construct,
        against=options.against,
        cells=options.cells,
        geometry=parse(options.geometry) if options.geometry else None,
        strand=strand_of(options.chemistry, options.strand),
        whitelist=options.whitelist,
    )
    print(report(counted, options.out, seconds=time.perf_counter() - started))


def report(counted: Counted, out: Path, *, seconds: float) -> str:
    """What a reader at the terminal needs."""
    tally, cells = counted.tally, len(counted.barcodes.cells)
    lines = [
        f"{tally.pairs} reads in {seconds:.0f} s, {tally.candidates} resemble the construct:",
        f"  {tally.counted:>10} counted: {tally.molecules} molecules in {counted.positive} of {cells} cells",
        f"  {tally.no_cell:>10} in barcodes that are no cells (ambient RNA, lost cells)",
        f"  {tally.shared:>10} fit an endogenous transcript (nearly) as well",
        f"  {tally.not_the_construct:>10} fit only in part",
        f"  {tally.other_strand:>10} on the other strand",
        f"  {tally.no_barcode + tally.bad_umi:>10} with an unusable barcode read",
        *(f"warning: {warning}" for warning in counted.warnings),
        f"written to {out}",
    ]
    return "\n".join(lines)
