"""``carpeak run``: run a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import UserError
from ..study import config as configuration
from . import launch

EPILOG = """\
Results are written beside the configuration: STUDY/results/report.html. A run that was interrupted
continues where it stopped; a second run repeats only what has changed.

Useful options of Snakemake, which are passed on:
  -n                    show what would be done
  --cores 4             use four cores (default: all)
  --directory FOLDER    write the results into another folder
  qc | car | comparison stop after this stage, look, and run again
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.usage = "carpeak run STUDY [snakemake options]"
    parser.add_argument(
        "study", type=Path, metavar="STUDY", help="configuration (.yaml), or the folder with config.yaml"
    )
    parser.add_argument(
        "options", nargs=argparse.REMAINDER, metavar="snakemake options", help="passed on to Snakemake"
    )


def run_with(args: argparse.Namespace) -> int:
    """Run it; returns Snakemake's exit status. Raises UserError where there is no such configuration."""
    given = args.study / "config.yaml" if args.study.is_dir() else args.study
    if not given.is_file():
        msg = f"{given}: no such configuration. `carpeak init` writes one from a folder of matrices."
        raise UserError(msg)
    if given.suffix.lower() not in {".yaml", ".yml"}:
        msg = f"{given}: not a configuration. Name the study's config.yaml; it names the sheet."
        raise UserError(msg)
    configuration.load_yaml(given)  # Snakemake reads it before the workflow can say what is wrong
    return launch.run(given, given.parent, args.options)
