"""``carpeak demo``: run the demo study."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .. import home
from ..errors import UserError
from . import launch

CELLS_PER_DONOR = 5_000  # captured, of both libraries together: enough CAR+ cells for most statements

EPILOG = """\
The demo study is simulated: two libraries (15,414 cells) drawn to the description of patient 4 of
Zhang et al. 2025. It takes a few minutes, needs no network, and writes FOLDER/results/report.html.
With --donors N it has N patients with both libraries (5,000 cells each), and takes longer
accordingly; from four on, one has few cells and one a failed library.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.usage = "carpeak demo [--donors N] [FOLDER [snakemake options]]"
    parser.add_argument("--donors", metavar="N", default="1", help="patients to simulate (default: 1)")
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
    options = command_options(args.donors, args.options)
    args.folder.mkdir(parents=True, exist_ok=True)
    return launch.run(home.root() / "config/config.yaml", args.folder, options)


def command_options(donors: str, options: Sequence[str]) -> list[str]:
    """The options for Snakemake; `--donors N` may stand among `options` too, behind the folder.

    Raises UserError for a number of donors that is none.
    """
    left, rest = [], iter(options)
    for word in rest:
        if word.split("=")[0] == "--donors":
            donors = word.partition("=")[2] or next(rest, "")
        else:
            left.append(word)
    if not donors.isascii() or not donors.isdigit() or not int(donors):
        msg = f"--donors {donors}: give the number of patients to simulate, such as --donors 6."
        raise UserError(msg)
    if int(donors) == 1:
        return left
    own = f"demo={{donors: {int(donors)}, cells: {CELLS_PER_DONOR * int(donors)}}}"
    if "--config" in left:  # of several, Snakemake takes the last one alone
        place = left.index("--config") + 1
        return [*left[:place], own, *left[place:]]
    return [*left, "--config", own]
