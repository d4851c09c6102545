"""The sample sheet: one library per row, what its cells come from, and what is wrong with the rows."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..readers import paths
from . import config as configuration
from . import design, sheet
from . import downloads as downloading

if TYPE_CHECKING:
    from .downloads import Download
    from .units import ReadFiles


NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf)", re.ASCII | re.IGNORECASE)
MAX_LIBRARIES = 1000
MAX_OTHERS = 3  # rows of the same file that a row is compared with
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # Path makes one slash of two


@dataclass(frozen=True)
class Sample:
    """One library, as its row of the sheet says; paths resolved.

    Its cells come from one source: the matrix of cells at `path` or, without one, the unfiltered droplets
    at `raw_path`. Where the row names neither, both are made from `reads` by this run (`aligned`). `columns`
    are those that only the model over donors names (`design.own_columns`).
    """

    sample: str
    condition: str
    donor: str
    path: str | None = None
    raw_path: str | None = None
    select: str = ""
    batch: str = ""
    flow_car_percent: float | None = None
    lanes: float | None = None
    doublet_percent: float | None = None
    chemistry: str | None = None
    sorted: str | None = None
    reads: ReadFiles | None = None
    aligned: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def adds_transgene(self) -> bool:
        """Whether the transgene is counted from reads, and its counts added to the matrix."""
        return self.reads is not None

    @property
    def called_from_droplets(self) -> bool:
        """Whether this run decides which droplets hold a cell."""
        return not self.path and bool(self.raw_path)

    @property
    def stated_batch(self) -> str:
        """The batch that the sheet names; empty where it names none, and every library is its own."""
        return "" if self.batch == self.sample else self.batch

    @property
    def matrix(self) -> str:
        """The count matrix that ingest opens; an empty string where the row names none."""
        return self.path or self.raw_path or ""


def read_sheet(
    path: str | Path, schema: Mapping[str, Any], *, root: Path, own: Sequence[str] = ()
) -> tuple[tuple[Sample, ...], list[str]]:
    """Read the sample sheet: a sample for each row, as far as it can be understood, and what is wrong.

    Relative paths start from `root`; `own` are columns beyond the schema's that the sheet may have. Raises
    UserError for a sheet that can't be read at all.
    """
    columns, needed = schema["properties"], schema["required"]
    rows = sheet.rows(Path(path))
    if len(rows) > MAX_LIBRARIES:
        msg = (
            f"{path}: {len(rows):,} rows, more than {MAX_LIBRARIES:,}. One row is one library, not one cell."
        )
        raise UserError(msg)
    header = list(rows[0][1])
    found = sheet.wrong_columns(header, [*columns, *own], needed=needed)
    named_here = [name for name in own if name in header]
    samples = []
    for number, row in rows:
        filled = {key: text for key, text in row.items() if text != "" and key in columns}
        values: dict[str, Any] = {key: _typed(text, columns[key]) for key, text in filled.items()}
        absent = [key for key in needed if key not in values]
        wrong = [f"'{key}' is empty" for key in absent if key in header]
        wrong += map(str, configuration.problems(values, {**schema, "required": []}))
        found += [f"row {number}: {line}" for line in wrong]
        named = {"sample": f"row {number}", "condition": "", "donor": ""}
        more = {name: "" if row[name] in design.MISSING else row[name] for name in named_here}
        sound = configuration.sound(values, schema) if wrong else values
        samples.append(replace(_sample(named | filled | sound, root), columns=more))
    times = Counter(row.get("sample", "") for _, row in rows)
    twice = [name for name, n in times.items() if name and n > 1]
    found += [f"sample '{name}' occurs in more than one row; names must be unique" for name in twice]
    for column in ("sample", "condition", "donor"):
        found += _spellings(column, [row.get(column, "") for _, row in rows])
    return tuple(samples), found


def _spellings(column: str, values: list[str]) -> list[str]:
    """Sentences on values that differ by capital letters alone: a slip, and one file on some systems."""
    spelt: dict[str, list[str]] = {}
    for value in dict.fromkeys(values):
        spelt.setdefault(value.casefold(), []).append(value)
    return [
        f"column '{column}': {' and '.join(map(repr, several))} differ by capital letters alone: write one"
        + (" name or tell them apart" if column == "sample" else " way")
        for several in spelt.values()
        if len(several) > 1
    ]


def simulated(donors: int) -> tuple[Sample, ...]:
    """The libraries of the demo with several donors, which no sheet lists."""
    found = []
    for donor in (f"D{number}" for number in range(1, donors + 1)):
        for condition in ("product", "peak"):
            name = f"{donor}_{condition}"
            path, raw_path = (f"demo/{name}/{kind}_feature_bc_matrix" for kind in ("filtered", "raw"))
            found.append(Sample(name, condition, donor, path=path, raw_path=raw_path, batch=name))
    return tuple(found)


def _typed(text: str, column: Mapping[str, Any]) -> str | float:
    if column.get("type") not in {"number", "integer"}:
        return text
    if not NUMBER.fullmatch(text):
        return text
    return float(text)


def _sample(values: Mapping[str, Any], root: Path) -> Sample:
    def resolve(name: str) -> str | None:
        return str(root / str(values[name])) if name in values else None

    return Sample(
        sample=values["sample"],
        condition=values["condition"],
        donor=values["donor"],
        path=resolve("path"),
        raw_path=resolve("raw_path"),
        select=values.get("select", ""),
        batch=values.get("batch", values["sample"]),
        flow_car_percent=values.get("flow_car_percent"),
        lanes=values.get("lanes"),
        doublet_percent=values.get("doublet_percent"),
        chemistry=values.get("chemistry"),
        sorted=values.get("sorted"),
    )


def with_reads(sample: Sample, reads: ReadFiles | None) -> Sample:
    """`sample` with its reads; where its row names no matrix, one will be aligned from them."""
    if reads is None or sample.matrix:
        return replace(sample, reads=reads)
    folder = f"results/align/{sample.sample}"
    return replace(sample, reads=reads, aligned=True, path=f"{folder}/filtered", raw_path=f"{folder}/raw")


def without_cells(samples: tuple[Sample, ...]) -> list[str]:
    """Sentences on the samples that have no source of cells."""
    return [
        f"sample '{sample.sample}': neither path nor raw_path is given. Give path (the matrix of the cells), "
        "or raw_path alone (unfiltered droplets, from which the cells are called), or its reads in units."
        for sample in samples
        if not sample.matrix
    ]


def missing_files(samples: tuple[Sample, ...], downloads: tuple[Download, ...] = ()) -> list[str]:
    """Sentences on matrices that are not there and that no download makes, and on cells named twice."""
    found = []
    for sample in samples:
        for column in ("path", "raw_path"):
            path = getattr(sample, column)
            given = sample.aligned or downloading.making(downloads, path or "")
            if path and not paths.path_exists(path) and not given:
                found.append(f"sample '{sample.sample}': {column} does not exist: {path}{_elsewhere(path)}")
        if sample.path and sample.raw_path and _same_place(sample.path, sample.raw_path):
            found.append(
                f"sample '{sample.sample}': path and raw_path are the same: {sample.path}. raw_path is the "
                "unfiltered matrix; leave it out where there is none"
            )
    return found + _same_cells(samples)


def _elsewhere(path: str) -> str:
    """What to do where a path is an address."""
    is_address = any(ADDRESS.match(path[at:]) for at in (0, *(i + 1 for i, c in enumerate(path) if c == "/")))
    return ". The key download fetches files from addresses" if is_address else ""


def _same_place(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _same_cells(samples: tuple[Sample, ...]) -> list[str]:
    """Rows that name the same cells: one file, and no selectors that tell them apart."""
    found = []
    rows: dict[str, list[Sample]] = {}
    for sample in samples:
        if not sample.matrix:
            continue
        others = rows.setdefault(os.path.realpath(sample.matrix), [])
        for other in others[:MAX_OTHERS]:
            names = f"samples '{other.sample}' and '{sample.sample}' name the same path"
            if sample.select == other.select:
                how = f" and select '{sample.select}'" if sample.select else ""
                found.append(
                    f"{names}{how}: {sample.matrix}. Of several libraries in one file, column select "
                    "says which cells are whose"
                )
            elif not (sample.select and other.select):
                whole = other if not other.select else sample
                found.append(
                    f"{names}, and '{whole.sample}' takes all of its cells: {sample.matrix}. "
                    "Give each row its select"
                )
        others.append(sample)
    return found
