"""``carpeak demo``: run the demo study."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import home
from . import launch

EPILOG = """\
The demo study is simulated: two libraries (15,414 cells) drawn to the description of patient 4 of
Zhang et al. 2025. It takes a few minutes, needs no network, and writes FOLDER/results/report.html.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.usage = "carpeak demo [FOLDER [snakemake options]]"
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("carpeak_demo"),
        metavar="FOLDER",
        help="where to work; made if needed (default: carpeak_demo)",
    )
    parser.add_argument(
        "options",
        nargs=argparse.REMAINDER,
        metavar="snakemake options",
        help="passed on, e.g. --cores 2 (default: all cores)",
    )


def run_with(args: argparse.Namespace) -> int:
    """Run it; returns Snakemake's exit status."""
    args.folder.mkdir(parents=True, exist_ok=True)
    return launch.run(home.root() / "config/config.yaml", args.folder, args.options)
