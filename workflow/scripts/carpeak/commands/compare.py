"""``carpeak compare``: several finished runs on one page."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import home, io
from ..compare import runs
from ..report import compare_page

EPILOG = """\
The page shows every claim's verdict in every run, the share of CAR+ T cells and of their subsets with
intervals, and the settings, inputs and versions that differ. Runs may be of other patients, or of the
same libraries under other settings:

  carpeak run my_study --config car='{rule: umi}' --directory umi_rule
  carpeak compare my_study umi_rule --out compare.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.usage = "carpeak compare RESULTS RESULTS [...] [--out compare.html]"
    parser.add_argument(
        "results", nargs="+", type=Path, metavar="RESULTS", help="folder of results of a finished run"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("compare.html"),
        metavar="FILE",
        help="the page to write (default: compare.html)",
    )


def run(args: argparse.Namespace) -> None:
    """Write the page and say where it is. Raises UserError where the runs can't be compared."""
    found = runs.read(args.results)
    io.write_text(compare_page.html(found, resources=home.workflow() / "resources/report"), args.out)
    print(f"The comparison: {args.out.resolve().as_uri()}")
