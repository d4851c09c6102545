"""Finished runs, read back from their folders of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import io, written
from ..errors import UserError, listed

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("claims.json", "tables/claims.tsv", "tables/car.tsv", "tables/composition.tsv", "report.html")
COLUMNS = {
    "claims": ("claim", "statement", "verdict", "estimate", "low", "high", "reason"),
    "car": (
        *("sample", "condition", "donor", "t_cells", "detected_fraction", "car_fraction"),
        *("car_fraction_low", "car_fraction_high", "n_positive"),
    ),
    "composition": (
        *("population", "label", "sample", "condition", "n", "total", "fraction"),
        *("fraction_low", "fraction_high"),
    ),
}


@dataclass(frozen=True)
class Run:
    """One finished run: `name` tells it from the others; tables are those of results/tables."""

    name: str
    folder: Path
    provenance: Mapping[str, Any]
    judged: Mapping[str, Mapping[str, Any]]  # claim -> its entry in claims.json
    claims: pd.DataFrame
    car: pd.DataFrame
    composition: pd.DataFrame

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The resolved configuration."""
        found: Mapping[str, Any] = self.provenance["configuration"]
        return found

    @property
    def version(self) -> str:
        """The version of carpeak, with the commit where it is known."""
        version, git = str(self.provenance["carpeak"]), self.provenance.get("git")
        if not git:
            return version
        return f"{version} ({git['commit'][:8]}{', changed' if git['changed'] else ''})"

    @property
    def matrices(self) -> frozenset[str]:
        """SHA-256 of the files of counts that the run read."""
        return frozenset(
            entry["sha256"]
            for entry in self.provenance["inputs"]
            if entry["role"].startswith("cells of ") and entry["sha256"]
        )


def read(folders: Sequence[str | Path]) -> list[Run]:
    """The runs whose results are in `folders`, each a folder `results` or the one that holds it.

    Raises UserError, with all that is wrong at once: fewer than two, folders that hold no results, that are
    unfinished or damaged, of a version that wrote other tables, or the same run named twice.
    """
    if len(folders) < 2:
        msg = "name the results of at least two runs: carpeak compare A/results B/results --out compare.html"
        raise UserError(msg)
    places = [_results(Path(folder)) for folder in folders]
    problems = [problem for place in places for problem in _problems(place)]
    problems += _repeated(places)
    if problems:
        raise UserError(listed("These can't be compared", problems))
    runs = [_run(place, name) for place, name in zip(places, names(places), strict=True)]
    problems = [problem for run in runs for problem in _lacking(run)] + _copied(runs)
    if problems:
        raise UserError(listed("These can't be compared", problems))
    return runs


def names(places: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell the runs apart, without the folder's own name `results`."""
    parts = [place.parent.parts if place.name == "results" else place.parts for place in places]
    for length in range(1, max(map(len, parts)) + 1):
        found = ["/".join(one[-length:]).strip("/") for one in parts]
        if len(set(found)) == len(found):
            return found
    return [str(place) for place in places]


def _results(folder: Path) -> Path:
    inner = folder / "results"
    return (inner if inner.is_dir() else folder).resolve()


def _problems(place: Path) -> list[str]:
    if not place.is_dir():
        return [f"{place}: no such folder."]
    if not (place / "provenance.json").is_file():
        here = (
            "a run that has not come far" if (place / "preflight.tsv").is_file() else "not results of carpeak"
        )
        return [f"{place}: {here} (provenance.json is missing). Name the folder `results` of a finished run."]
    if not (place / "tables/composition.tsv").is_file() and (place / "cohort").is_dir():
        return [f"{place}: results of patients without cells; only runs with libraries are compared."]
    missing = [name for name in NEEDED if not (place / name).is_file()]
    if missing:
        listing = ", ".join(missing)
        return [f"{place}: unfinished ({listing} missing). Run it again: it goes on where it stopped."]
    return written.cut_short(place)


def _repeated(places: Sequence[Path]) -> list[str]:
    return [f"{place}: named twice." for n, place in enumerate(places) if place in places[:n]]


def _copied(runs: Sequence[Run]) -> list[str]:
    """Runs that are copies of one: jobs do not start twice in the same second with the same configuration."""
    found = []
    for n, run in enumerate(runs):
        for other in runs[:n]:
            same = ("started", "finished", "configuration", "inputs")
            if all(run.provenance.get(key) == other.provenance.get(key) for key in same):
                found.append(f"{run.folder}: the same run as {other.folder}.")
    return found


def _lacking(run: Run) -> list[str]:
    """Columns that an older or newer version wrote otherwise."""
    tables = {"claims": run.claims, "car": run.car, "composition": run.composition}
    return [
        f"{run.folder}/tables/{name}.tsv: no column {', '.join(missing)}; it was written by carpeak "
        f"{run.version}. Run that study again with this version."
        for name, table in tables.items()
        if (missing := [column for column in COLUMNS[name] if column not in table])
    ]


def _run(place: Path, name: str) -> Run:
    try:
        provenance = io.read_json(place / "provenance.json")
        judged = io.read_json(place / "claims.json")["claims"]
        tables = {one: io.read_table(place / f"tables/{one}.tsv") for one in COLUMNS}
        entries = {str(one["claim"]): one for one in judged}
        run = Run(name=name, folder=place, provenance=provenance, judged=entries, **tables)
        _ = run.version, run.configuration, run.matrices
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{place}: not what carpeak writes ({type(error).__name__}: {error}). Run that study again."
        raise UserError(msg) from error
    return run
