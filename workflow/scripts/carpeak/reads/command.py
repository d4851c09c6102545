"""``python -m carpeak reads``: count a transgene from FASTQ pairs and add it to the library's matrix."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..construct import fasta
from ..construct.fasta import Record
from ..errors import UserError
from ..io import atomic, write_json
from . import units
from .count import STRANDS, Tally, cell_barcodes, check_barcode_size, count
from .geometry import PRESETS, parse
from .molecules import Molecule
from .scan import Scanner, lookalikes

if TYPE_CHECKING:
    from ..readers import Library


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
    parser.add_argument("--geometry", required=True, help=f"{', '.join(PRESETS)}, or parts such as B16U12")
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
    geometry, files = parse(options.geometry), units.lanes(options)
    constructs = [
        Record(r.name, r.description, r.sequence.upper()) for r in fasta.read_construct(options.construct)
    ]
    names = [record.name for record in constructs]
    library, barcodes = _cells(options.cells)
    if library is not None and (taken := sorted(set(names) & set(library.symbols))):
        msg = f"{options.cells}: the matrix has '{taken[0]}' already. Name the construct otherwise."
        raise UserError(msg)
    cells = cell_barcodes(barcodes, options.cells)
    check_barcode_size(cells, geometry, options.cells)
    similar = lookalikes(constructs, chain.from_iterable(fasta.records(path) for path in options.against))
    sys.stderr.write(f"{len(similar)} endogenous look-alikes; reading {len(files)} lane(s)\n")
    strand = options.strand or ("sense" if options.chemistry == "3p" else "antisense")
    found, tally = count(
        files,
        Scanner(constructs, similar),
        geometry=geometry,
        strand=strand,
        cells=cells,
        whitelist=options.whitelist,
    )
    _write_molecules(found, names, cells, options.out / "molecules.tsv.gz")
    if library is not None:
        add_features(library, names, found, list(cells), options.out / "matrix")
    positive = {m.barcode for m in found}
    summary = {"features": names, "strand": strand, "cells": len(cells), "cells_with_umis": len(positive)}
    write_json({**summary, **tally.summary()}, options.out / "reads.json")
    print(report(tally, len(positive), len(cells), options.out, seconds=time.perf_counter() - started))


def _cells(path: str) -> tuple[Library | None, list[str]]:
    """The library at `path` and its barcodes; no library where `path` is a list of barcodes."""
    from ..readers import open_library

    if Path(path).is_file() and Path(path).name.removesuffix(".gz").endswith((".tsv", ".txt", ".csv")):
        with fasta.open_bytes(path) as file:
            lines = file.read().decode("utf-8-sig", "replace").split()
        return None, lines
    library = open_library(path)
    return library, [str(b) for b in library.barcodes.to_pylist()]


def _write_molecules(found: list[Molecule], names: list[str], cells: dict[bytes, str], path: Path) -> None:
    import gzip

    rows = [f"{cells[m.barcode]}\t{m.umi.decode()}\t{names[m.feature]}\t{m.reads}\n" for m in found]
    with atomic(path) as temporary:
        text = "".join(["barcode\tumi\tfeature\treads\n", *rows])
        temporary.write_bytes(gzip.compress(text.encode(), 6, mtime=0))


def add_features(
    library: Library, names: list[str], found: list[Molecule], cells: list[bytes], folder: Path
) -> None:
    """Write the library as a Cell Ranger folder with one more feature for each construct."""
    import pandas as pd
    from scipy import sparse

    from ..simulate.cellranger import write_folder

    row = {barcode: i for i, barcode in enumerate(cells)}
    umis = Counter((row[m.barcode], m.feature) for m in found)
    at = np.array(sorted(umis), np.int64).reshape(-1, 2)
    values = np.array([umis[int(i), int(j)] for i, j in at], np.int32)
    added = sparse.csr_matrix((values, (at[:, 0], at[:, 1])), shape=(len(cells), len(names)), dtype=np.int32)
    features = pd.DataFrame(
        {"gene_id": [*library.gene_ids, *names], "symbol": [*library.symbols, *names]}, dtype=object
    )
    counts = sparse.hstack([library.matrix(), added], format="csr", dtype=np.int32)
    barcodes = [str(b) for b in library.barcodes.to_pylist()]
    write_folder(folder, counts, features=features, barcodes=barcodes, software="carpeak reads")


def report(tally: Tally, positive: int, cells: int, out: Path, *, seconds: float) -> str:
    """What a reader at the terminal needs."""
    lines = [
        f"{tally.pairs} read pairs in {seconds:.0f} s, {tally.candidates} resemble the construct:",
        f"  {tally.counted:>10} counted: {tally.molecules} molecules in {positive} of {cells} cells",
        f"  {tally.no_cell:>10} in barcodes that are no cells (ambient RNA, lost cells)",
        f"  {tally.shared:>10} fit an endogenous transcript (nearly) as well",
        f"  {tally.not_the_construct:>10} fit only in part",
        f"  {tally.other_strand:>10} on the other strand",
        f"  {tally.short_barcode_read + tally.bad_umi:>10} with an unusable barcode read",
        f"written to {out}",
    ]
    if tally.other_strand > tally.counted + tally.no_cell:
        lines.append("warning: most reads lie on the other strand. Check --chemistry (3p or 5p).")
    return "\n".join(lines)
