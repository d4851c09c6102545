"""Everything that can be said of a study before it runs: its files and its matrices."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import home
from ..cohort import tables
from ..errors import UserError
from ..readers import paths
from ..study import config as configuration
from ..study.study import Study, gather
from . import named_files, preflight

NO_CONFIGURATION = "no configuration"
THREADS = 2


@dataclass(frozen=True)
class Checked:
    """A study, what was seen of the libraries that are there, what is wrong, and which come later."""

    study: Study
    seen: preflight.Preflight | None
    problems: list[str]
    later: list[str]
    unseen: list[str]


def check(given: Path, config: str | None) -> Checked:
    """Look at the study whose sheet or configuration is `given`; nothing is written."""
    study, problems = _study(given, config)
    libraries = [
        library
        for library in study.libraries  # what is missing is told already, or made by the run
        if all(paths.path_exists(path) for path in (library["path"], library["raw_path"]) if path)
    ]
    seen = _examined(study, libraries) if libraries else None
    names = {library["sample"] for library in libraries}
    later = [sample.sample for sample in study.samples if sample.sample not in names]
    made = study.simulates or study.downloads or any(sample.aligned for sample in study.samples)
    wrong, unseen = named_files.look(study)
    problems += _of_patients(study)
    problems += (seen.problems if seen else []) + [line for line in wrong if line not in problems]
    return Checked(study, seen, problems, later if made else [], unseen)


def _of_patients(study: Study) -> list[str]:
    """What is wrong in the tables of the cohort, where the study has one."""
    if not study.cohort:
        return []
    try:
        tables.read(study.cohort, home.workflow() / "schemas")
    except UserError as error:
        return [str(error)]
    return []


def _study(given: Path, config: str | None) -> tuple[Study, list[str]]:
    """The study of a sheet or a configuration, and what is wrong in its files."""
    is_sheet = given.suffix.lower() not in {".yaml", ".yml"}
    source = Path(config) if config else (given.parent / "config.yaml" if is_sheet else given)
    if config or not is_sheet or os.path.lexists(source):
        value = configuration.load_yaml(source)
        if is_sheet and isinstance(value, dict):
            value = {**value, "samples": str(given.absolute())}
        study, problems = gather(value, source=source, workflow=home.workflow())
        return study, [str(problem) for problem in problems]
    value = {"samples": str(given.absolute()), "transgene": {"features": ["-"]}}
    study, problems = gather(value, source=NO_CONFIGURATION, workflow=home.workflow())
    study.config["transgene"]["features"] = []
    return study, [str(problem) for problem in problems if problem.key != NO_CONFIGURATION]


def _examined(study: Study, libraries: list[dict[str, Any]]) -> preflight.Preflight:
    markers = study.config["annotation"]["markers"]
    return preflight.examine(
        libraries,
        features=study.config.get("transgene", {}).get("features", []),
        marker_file=markers if Path(markers).is_file() else None,
        gene_set_files=[path for path in study.own_gene_sets if Path(path).is_file()],
        claims=study.claims,
        min_cells=study.config["qc"]["min_cells"],
        min_genes=study.config["qc"]["min_genes"],
        threads=THREADS,
    )
