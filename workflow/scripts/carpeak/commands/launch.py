"""Running Snakemake on the installed workflow, as `carpeak run` and `carpeak demo` do."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import home
from ..errors import UserError
from .lock import remove_stale

CORES = ("-c", "--cores", "-j", "--jobs", "--profile", "--executor", "-e")
FOLDER = ("-d", "--directory")
DEPLOYMENT = ("--software-deployment-method", "--sdm", "--use-conda", "--use-singularity", "--use-apptainer")


def has(options: Sequence[str], names: Sequence[str]) -> bool:
    """Whether one of the options `names` is given, as `--cores 4`, `--cores=4` or `-c4`."""
    return any(
        word.split("=")[0] in names or (word[:1] == "-" and word[1:2] != "-" and word[:2] in names)
        for word in options
    )


def command(configuration: Path, folder: Path, options: Sequence[str]) -> list[str]:
    """The command line: all cores, results in `folder`, unless the options say otherwise."""
    words = [sys.executable, "-m", "snakemake", "--configfile", str(configuration)]
    words += ["--snakefile", str(home.snakefile())]
    words += [] if has(options, FOLDER) else ["--directory", str(folder)]
    words += [] if has(options, CORES) else ["--cores", "all"]
    return [*words, *options]


def run(configuration: Path, folder: Path, options: Sequence[str]) -> int:
    """Run Snakemake, which ends with where the report is; returns its exit status.

    Raises UserError where environments per rule are asked of an installed package: they lack the package.
    """
    if home.is_installed() and has(options, DEPLOYMENT):
        msg = (
            f"{DEPLOYMENT[0]} needs a clone of the repository: an installed carpeak runs in its own "
            "environment. Leave the option out, or run snakemake in a clone."
        )
        raise UserError(msg)
    if not has(options, FOLDER):
        remove_stale(folder)
    return _waited(command(configuration, folder, options))


def _waited(words: Sequence[str]) -> int:
    """The exit status of a command; what would end this process is left to the command to handle."""
    sys.stdout.flush()
    with subprocess.Popen(words) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # the terminal sends it to both
                return process.wait()
