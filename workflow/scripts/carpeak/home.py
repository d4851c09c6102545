"""Where the workflow's own files are: in a checkout around the package, in an installed one inside it."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent
INSTALLED = PACKAGE / "share"  # what envs/wheel.py puts there: Snakefile, workflow, config, envs, profiles


def is_installed() -> bool:
    """Whether the package was installed from a wheel; else it is part of a checkout."""
    return INSTALLED.is_dir()


def root() -> Path:
    """The folder that holds Snakefile, workflow/, config/, envs/ and profiles/."""
    return INSTALLED if is_installed() else PACKAGE.parents[2]


def workflow() -> Path:
    """The folder that holds rules/, scripts/, schemas/, resources/ and report/."""
    return root() / "workflow"


def snakefile() -> Path:
    """The Snakefile to run."""
    return root() / "Snakefile"
