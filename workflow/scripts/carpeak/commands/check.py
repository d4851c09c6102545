"""``carpeak check``: look at a study's libraries before it runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..claims import donor_words
from ..donors import audit
from ..errors import UserError, listed
from ..preflight import preflight
from ..preflight.check import check
from ..study.study import Study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("study", help="folder, sample sheet (.tsv) or configuration (.yaml) of the study")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="configuration of the study (default: config.yaml beside the sheet, where there is one)",
    )


def run(args: argparse.Namespace) -> None:
    """Print what the libraries hold and what the run will take.

    Raises UserError with everything that is wrong in configuration, sheet, claims, gene sets and matrices.
    """
    given = Path(args.study)
    given = given / "config.yaml" if given.is_dir() else given
    checked = check(given, args.config)
    n = len(checked.study.samples)
    libraries = f"{n} {'library' if n == 1 else 'libraries'}"
    print(f"{given}: {libraries}; configuration: {checked.study.source}\n")
    if checked.seen:
        print(preflight.as_text(checked.seen))
    if checked.later:
        print(f"Note: made or fetched by the run, and looked at then: {', '.join(checked.later)}\n")
    if checked.study.samples and not checked.study.contrasts:
        print(f"{_uncompared(checked.study)}\n")
    if n > 1 and checked.study.contrasts:
        libraries_known = audit.libraries_of(checked.study.samples)
        formula = checked.study.config["donors"]["formula"]
        print(donor_words.designs(audit.audit(libraries_known, checked.study.contrasts, formula=formula)))
    if checked.problems:
        n = len(checked.problems)
        problems = "1 problem" if n == 1 else f"{n} problems"
        raise UserError(listed(f"{problems} to fix before the study can run", checked.problems))
    beyond = f" Not looked at: {'; '.join(checked.unseen)}." if checked.unseen else ""
    print(f"Nothing is wrong.{beyond}")


def _uncompared(study: Study) -> str:
    """What becomes of a study without a contrast."""
    conditions = sorted({sample.condition for sample in study.samples})
    why = f"one condition ({conditions[0]})" if len(conditions) == 1 else "no contrast is asked for"
    return (
        f"Note: {why}: nothing is compared; changed genes, gene sets and claims are left out of the report."
    )
