"""``carpeak init``: a configuration and a sample sheet from what a folder of matrices holds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from ..io import atomic
from ..preflight.discover import Found, discover
from ..preflight.survey import Survey, survey_library
from ..study.fill_in import FILL_IN

EPILOG = f"""\
Writes STUDY/samples.tsv (one row per library) and STUDY/config.yaml. What the matrices do not say is
marked {FILL_IN}: the condition and the donor of each library and, where it could not be recognised, the
name of the CAR among the features. Replace every {FILL_IN}, then: carpeak check STUDY; carpeak run STUDY.
"""
MOST_FEATURES = 5  # more than these without an Ensembl identifier are no CAR, but another kind of reference

CONFIG = """\
# A study of carpeak. All keys: config/README.md of carpeak.
title: My CAR-T product against peak
samples: samples.tsv

transgene:
  name: my CAR
{note}
  features: {features}

# recommended: what agrees best with real labels; paper: the steps of Zhang et al. 2025 (config/README.md).
preset: recommended
"""
CONTRASTS = """
# Which conditions of samples.tsv are compared; the fold change is test over reference. With libraries of one
# condition, remove this block: nothing is compared then.
contrasts:
  peak_vs_product: {test: peak, reference: product}
"""
SHEET_NOTE = f"""\
# One row per library. Replace {FILL_IN}: condition (product, peak; see contrasts in config.yaml) and donor.
# If one file holds several libraries, give each a row and say in a column select which cells are whose.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="folder for the study; made if needed")
    parser.add_argument("matrices", type=Path, metavar="MATRICES", help="folder of the count matrices")


def run(args: argparse.Namespace) -> None:
    """Write both files and say what is in them; UserError where one exists or no matrix is found."""
    config, sheet = args.study / "config.yaml", args.study / "samples.tsv"
    for path in (config, sheet):
        if path.exists():
            msg = f"{path} exists already. Name another folder, or remove the file."
            raise UserError(msg)
    surveyed = [(found, _looked_at(found)) for found in discover(args.matrices)]
    libraries = [(found, survey) for found, survey in surveyed if survey.layout]
    if not libraries:
        reasons = "".join(f"\n  - {line}" for _, survey in surveyed for line in survey.problems)
        msg = f"{args.matrices}: no count matrix found there.{reasons}"
        raise UserError(msg)
    args.study.mkdir(parents=True, exist_ok=True)
    features = list(dict.fromkeys(name for _, survey in libraries for name in survey.custom))
    _write(sheet, _sheet([found for found, _ in libraries], args.study))
    _write(config, _config(features) + (CONTRASTS if len(libraries) > 1 else ""))
    print(_told(libraries, [s for _, s in surveyed if not s.layout], features))
    print(
        f"Written: {config} and {sheet}.\nReplace every {FILL_IN} in them, then: carpeak check {args.study}"
    )


def _looked_at(found: Found) -> Survey:
    return survey_library(found.name, found.path, found.raw_path, features=())


def _write(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _sheet(libraries: Sequence[Found], study: Path) -> str:
    """The sample sheet; paths below the study's folder are relative to it, others absolute."""
    has_droplets = any(library.raw_path for library in libraries)
    columns = ["sample", "condition", "donor", "path", *(["raw_path"] if has_droplets else [])]
    rows = []
    for library in libraries:
        places = [_place(path, study) for path in (library.path, library.raw_path)]
        rows.append([library.name, FILL_IN, FILL_IN, *places][: len(columns)])
    return SHEET_NOTE + "".join("\t".join(row) + "\n" for row in [columns, *rows])


def _place(path: str | None, study: Path) -> str:
    if not path:
        return ""
    place, base = Path(path).absolute(), study.absolute()
    return str(place.relative_to(base) if base in place.parents else place)


def _config(features: Sequence[str]) -> str:
    """The configuration: the CAR's features where they could be recognised, else the mark."""
    if 0 < len(features) <= MOST_FEATURES:
        note = "  # Without an Ensembl identifier in the matrices: keep those of the CAR."
        return CONFIG.format(note=note, features=json.dumps(list(features)))
    note = (
        "  # The CAR's name among the features of the matrices. If it is not one of them, see\n"
        "  # docs/reads.md of carpeak: its UMIs can be counted in FASTQ or BAM files."
    )
    return CONFIG.format(note=note, features=f"[{FILL_IN}]")


def _told(
    libraries: Sequence[tuple[Found, Survey]], unread: Sequence[Survey], features: Sequence[str]
) -> str:
    """What was found, for the terminal."""
    rows = [
        (
            found.name,
            f"{survey.cells:,} cells" if survey.cells else f"{survey.droplets or 0:,} droplets",
            f"{survey.genes:,} genes",
            survey.layout + ("" if not (found.path and found.raw_path) else ", with droplets"),
        )
        for found, survey in libraries
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(n) for text, n in zip(row, widths)).rstrip() for row in rows]
    few = ", ".join(features[: 2 * MOST_FEATURES]) + (", ..." if len(features) > 2 * MOST_FEATURES else "")
    lines.append(f"\nFeatures without an Ensembl identifier: {few or 'none'}.")
    lines += [f"Left out: {line.split('. ')[0].split(' Give ')[0]}" for s in unread for line in s.problems]
    lines += [f"Note: {found.name}: {line}" for found, s in libraries for line in s.problems]
    return "\n".join(lines) + "\n"
