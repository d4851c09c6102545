"""``carpeak align``: FASTQ pairs to a count matrix with STARsolo."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..reads import align
from ..reads.count import STRANDS
from ..reads.transgene import strand_of
from ..study.geometry import PRESETS, parse
from . import read_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--reference", required=True, type=Path, metavar="DIR", help="genome.fa and genes.gtf"
    )
    read_options.add_arguments(parser, bam=False)
    parser.add_argument("--whitelist", required=True, metavar="LIST", help="all barcodes of the kit")
    parser.add_argument("--geometry", required=True, help=f"{', '.join(PRESETS)}, or parts such as B16U12")
    parser.add_argument(
        "--chemistry", choices=("3p", "5p"), default="3p", help="end that is read (default: 3p)"
    )
    parser.add_argument(
        "--strand", choices=STRANDS, help="strand of the cDNA read (default: 3p sense, 5p antisense)"
    )
    parser.add_argument("--memory", type=float, metavar="GB", help="memory to use (default: what is free)")
    parser.add_argument("--threads", type=int, default=1, help="default: 1")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results")


def run(options: argparse.Namespace) -> None:
    """Build the index where there is none beside the reference, then count."""
    geometry = parse(options.geometry)
    align.demand_star()
    pairs = read_options.chosen(options).pairs
    for warning in align.check(pairs, geometry, options.whitelist):
        print(f"warning: {warning}")
    free = int(options.memory * 1e9) if options.memory else align.free_memory()
    index = align.build(options.reference, free=free, threads=options.threads)
    strand = strand_of(options.chemistry, options.strand)
    align.align(
        pairs,
        index,
        options.whitelist,
        options.out,
        geometry=geometry,
        strand=strand,
        threads=options.threads,
    )
    print(f"written to {options.out / 'Solo.out' / 'Gene'}: raw and filtered (the path for samples.tsv)")
