"""The sheet of FASTQ pairs: one row per lane of a sample."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from ..construct.fasta import open_bytes
from ..errors import UserError, nearest

COLUMNS = ("sample", "lane", "r1", "r2")
Lanes = list[tuple[str, str]]


def read(path: str | Path) -> dict[str, Lanes]:
    """FASTQ pairs of each sample in the order of the sheet (tab-separated; sample, lane, r1, r2).

    Relative paths are relative to the sheet. Raises UserError on missing columns, values or files, and
    where a lane or a file stands twice.
    """
    with open_bytes(path) as file:
        text = file.read().decode("utf-8-sig", "replace")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", restval="")
    header = [name.strip() for name in rows.fieldnames or []]
    rows.fieldnames = header
    for column in COLUMNS:
        if column not in header:
            msg = f"{path}: no column '{column}'{nearest(column, header)}. "
            msg += f"It needs {', '.join(COLUMNS)}, parted by tabs."
            raise UserError(msg)
    found: dict[str, Lanes] = {}
    seen: set[tuple[str, ...]] = set()
    for number, row in enumerate(rows, 2):
        values = [(row[column] or "").strip() for column in COLUMNS]
        if not any(values):
            continue
        place = f"{path}, line {number}"
        if not all(values):
            msg = f"{place}: no {COLUMNS[values.index('')]}. Fill in sample, lane, r1 and r2."
            raise UserError(msg)
        sample, lane, *reads = values
        files = [str(Path(path).parent / name) for name in reads]
        for key in ((sample, lane), *((name,) for name in files)):
            if key in seen:
                msg = f"{place}: {' lane '.join(key)} stands there twice. A row is one lane."
                raise UserError(msg)
            seen.add(key)
        for name in files:
            if not Path(name).is_file():
                msg = f"{place}: {name}: there is no such file. Paths are relative to the sheet."
                raise UserError(msg)
        found.setdefault(sample, []).append((files[0], files[1]))
    if not found:
        msg = f"{path}: no rows. Each lane of a sample is one."
        raise UserError(msg)
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that name the FASTQ files of one library."""
    parser.add_argument(
        "--reads",
        nargs=2,
        action="append",
        default=[],
        metavar=("R1", "R2"),
        help="barcode and cDNA reads of one lane; repeat for each lane",
    )
    parser.add_argument("--units", metavar="TSV", help="or a sheet with columns sample, lane, r1, r2")
    parser.add_argument("--sample", help="the sample of the sheet")


def lanes(options: argparse.Namespace) -> Lanes:
    """The FASTQ pairs that the options name."""
    if bool(options.reads) == bool(options.units) or bool(options.units) != bool(options.sample):
        msg = "name the FASTQ files once: --reads R1 R2 for each lane, or --units TSV with --sample NAME."
        raise UserError(msg)
    if options.reads:
        return [(one, two) for one, two in options.reads]
    sheet = read(options.units)
    if options.sample not in sheet:
        msg = f"{options.units}: no rows for sample '{options.sample}'{nearest(options.sample, sheet)}."
        raise UserError(msg)
    return sheet[options.sample]
