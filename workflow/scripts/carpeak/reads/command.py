"""``python -m carpeak reads``: count a transgene from reads and add it to the library's matrix."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..construct import fasta
from ..io import write_json
from ..readers.added import add_to, demand_absent, read_molecules
from ..study import units
from ..study.geometry import PRESETS, parse
from .count import STRANDS
from .transgene import Counted, count_library, read_constructs, strand_of

if TYPE_CHECKING:
    from ..readers.library import CountMatrix


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
    units.add_arguments(parser)
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
    source = units.chosen(options)
    library, names = _cells(options.cells)
    if library is not None:
        demand_absent(library, [record.name for record in read_constructs(options.construct)])
    sys.stderr.write(f"reading {len(source.pairs) + len(source.bams)} lane(s)\n")
    counted = count_library(
        source,
        construct=options.construct,
        against=options.against,
        cells=names,
        place=options.cells,
        geometry=parse(options.geometry) if options.geometry else None,
        strand=strand_of(options.chemistry, options.strand),
        whitelist=options.whitelist,
    )
    molecules = options.out / "molecules.tsv.gz"
    counted.write(molecules)
    if library is not None:
        _write_matrix(library, counted.names, molecules, options.out / "matrix")
    write_json(counted.summary(), options.out / "reads.json")
    print(report(counted, options.out, seconds=time.perf_counter() - started))


def _cells(path: str) -> tuple[CountMatrix | None, list[str]]:
    """The library at `path` and its barcodes; no library where `path` is a list of barcodes."""
    from ..readers.layouts import open_library

    if Path(path).is_file() and Path(path).name.removesuffix(".gz").endswith((".tsv", ".txt", ".csv")):
        with fasta.open_bytes(path) as file:
            return None, file.read().decode("utf-8-sig", "replace").split()
    library = open_library(path)
    return library, [str(b) for b in library.barcodes.to_pylist()]


def _write_matrix(library: CountMatrix, names: list[str], molecules: Path, folder: Path) -> None:
    """Write the library as a Cell Ranger folder with one more feature for each construct."""
    import pandas as pd

    from ..readers.write_tenx import write_folder

    more = add_to(library, names, read_molecules(molecules))
    features = pd.DataFrame({"gene_id": more.gene_ids, "symbol": more.symbols})
    barcodes = [str(b) for b in more.barcodes.to_pylist()]
    write_folder(folder, more.matrix(), features=features, barcodes=barcodes, software="carpeak reads")


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
