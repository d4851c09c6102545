"""``python -m carpeak check``: everything that can be said of a study before it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import UserError, listed
from ..readers import paths
from ..study import config as configuration
from ..study.study import Study, gather
from . import preflight

WORKFLOW = Path(__file__).parents[3]
NO_CONFIGURATION = "no configuration"
THREADS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("sheet", help="sample sheet (.tsv) or configuration (.yaml) of the study")
    parser.add_argument(
        "--config",
        help="configuration of the study (default: config.yaml beside the sheet, where there is one)",
    )


def run(args: argparse.Namespace) -> None:
    """Print what the libraries hold and what the run will take.

    Raises UserError with everything that is wrong in configuration, sheet, claims, gene sets and matrices.
    """
    study, problems = _study(Path(args.sheet), args.config)
    libraries = [
        library
        for library in study.libraries  # what is missing is told already, or made by the run
        if all(paths.there(path) for path in (library["path"], library["raw_path"]) if path)
    ]
    print(f"{args.sheet}: {_counted(len(study.samples))}; configuration: {study.source}\n")
    if libraries:
        found = _examined(study, libraries)
        print(preflight.told(found))
        problems += found.problems
    seen = {library["sample"] for library in libraries}
    later = [sample.sample for sample in study.samples if sample.sample not in seen]
    if later and (study.simulates or study.downloads or any(sample.aligned for sample in study.samples)):
        print(f"Note: made or fetched by the run, and looked at then: {', '.join(later)}\n")
    if problems:
        raise UserError(
            listed(
                f"{len(problems)} problem{'s' if len(problems) > 1 else ''} to fix before the study can run",
                problems,
            )
        )
    print("Nothing is wrong.")


def _counted(n: int) -> str:
    return f"{n} {'library' if n == 1 else 'libraries'}"


def _study(given: Path, config: str | None) -> tuple[Study, list[str]]:
    """The study of a sheet or a configuration, and what is wrong in its files."""
    is_sheet = given.suffix.lower() not in {".yaml", ".yml"}
    source = Path(config) if config else (given.parent / "config.yaml" if is_sheet else given)
    if config or not is_sheet or source.is_file():
        value = configuration.load_yaml(source)
        if is_sheet and isinstance(value, dict):
            value = {**value, "samples": str(given.absolute())}
        return gather(value, source=source, workflow=WORKFLOW)
    value = {"samples": str(given.absolute()), "transgene": {"features": ["-"]}}
    study, problems = gather(value, source=NO_CONFIGURATION, workflow=WORKFLOW)
    study.config["transgene"]["features"] = []
    return study, [text for text in problems if not text.startswith(NO_CONFIGURATION)]


def _examined(study: Study, libraries: list[dict[str, Any]]) -> preflight.Preflight:
    markers = study.config["annotation"]["markers"]
    return preflight.examine(
        libraries,
        features=study.config.get("transgene", {}).get("features", []),
        marker_file=markers if Path(markers).is_file() else None,
        gene_set_files=[path for path in study.own_gene_sets if Path(path).is_file()],
        min_cells=study.config["qc"]["min_cells"],
        threads=THREADS,
    )
