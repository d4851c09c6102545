"""In what the settings, the inputs and the software of several runs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .runs import Run

NOT_A_CHOICE = ("title", "description")  # words about a study
CORE = ("snakemake", "scanpy", "anndata", "harmonypy", "gseapy", "igraph", "scipy", "numpy", "pandas")
ABSENT = "–"


@dataclass(frozen=True)
class Difference:
    """A setting, an input or a package, and what each run has."""

    name: str
    found: tuple[str, ...]  # one per run


def settings(runs: Sequence[Run]) -> list[Difference]:
    """Keys of the configuration that are not the same everywhere.

    Of files only the content counts (`inputs`), so keys that name an input are left out.
    """
    flat = [_flat(run.configuration, _files(run)) for run in runs]
    return _unequal([{k: v for k, v in one.items() if k.split(".")[0] not in NOT_A_CHOICE} for one in flat])


def inputs(runs: Sequence[Run]) -> list[Difference]:
    """Roles of input files (markers, claims, counts of a library) whose content differs."""
    return _unequal([_contents(run) for run in runs])


def software(runs: Sequence[Run]) -> list[Difference]:
    """Version of carpeak and of the packages that results rest on, where they are not the same."""
    found = []
    for run in runs:
        packages = run.provenance.get("packages", {})
        versions = {name: packages[name] for name in CORE if name in packages}
        found.append({"carpeak": run.version, "Python": run.provenance["platform"]["python"]} | versions)
    return _unequal(found)


def same_libraries(runs: Sequence[Run]) -> bool:
    """Whether all runs read the same counts: then settings are compared, else patients."""
    return bool(runs[0].matrices) and all(run.matrices == runs[0].matrices for run in runs)


def _unequal(found: Sequence[Mapping[str, str]]) -> list[Difference]:
    keys = dict.fromkeys(key for one in found for key in one)
    rows = [Difference(key, tuple(one.get(key, ABSENT) for one in found)) for key in keys]
    return [row for row in rows if len(set(row.found)) > 1]


def _files(run: Run) -> set[str]:
    return {str(entry["file"]) for entry in run.provenance["inputs"]}


def _flat(value: Any, files: set[str], prefix: str = "") -> dict[str, str]:
    """Key with dots -> its value in words; values that name an input file are left out."""
    if isinstance(value, Mapping):
        return {k: v for key, one in value.items() for k, v in _flat(one, files, f"{prefix}{key}.").items()}
    items = value if isinstance(value, list) else [value]
    if any(str(item) in files for item in items):
        return {}
    return {prefix.rstrip("."): ", ".join(map(_word, items)) or "none"}


def _word(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _contents(run: Run) -> dict[str, str]:
    """Role -> the file's name and the first digits of its checksum; several files of a role joined."""
    found: dict[str, list[str]] = {}
    for entry in run.provenance["inputs"]:
        if entry["role"] == "configuration":
            continue  # its keys are compared one by one
        name = str(entry["file"]).rsplit("/", 1)[-1]
        found.setdefault(entry["role"], []).append(f"{name} {(entry['sha256'] or 'no checksum')[:8]}")
    return {role: ", ".join(sorted(names)) for role, names in found.items()}
