"""The sheet of reads: one row per lane of a sample, FASTQ pairs or a BAM file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import home
from ..errors import UserError
from . import config as configuration
from . import sheet

SCHEMA = home.workflow() / "schemas/units.schema.yaml"
FILES = ("r1", "r2", "bam")
COLUMNS = ("sample", "lane", *FILES)


@dataclass(frozen=True)
class ReadFiles:
    """The reads of one sample: FASTQ pairs of its lanes, or BAM files."""

    pairs: tuple[tuple[str, str], ...] = ()
    bams: tuple[str, ...] = ()

    @property
    def files(self) -> list[str]:
        """All files."""
        return [*(path for pair in self.pairs for path in pair), *self.bams]


def read(path: str | Path) -> dict[str, ReadFiles]:
    """The reads of each sample, in the order of the sheet (tab-separated; `COLUMNS`).

    Relative paths are relative to the sheet. Raises UserError with every problem: columns, missing values
    and files, a duplicate lane or file.
    """
    path = Path(path)
    schema = configuration.load_yaml(SCHEMA)
    lanes: dict[str, list[tuple[str, ...]]] = {}
    owners: dict[tuple[str, ...], int] = {}
    found: list[str] = []
    for number, row in sheet.rows(path):
        values = {key: text for key, text in row.items() if text != ""}
        wrong = [str(one) for one in configuration.problems(values, schema)] or _files_problem(values)
        files = tuple(str(path.parent / values[column]) for column in FILES if column in values)
        if not wrong:
            wrong = [f"there is no such file: {file}" for file in files if not Path(file).is_file()]
            keys = [(values["sample"], "lane", values["lane"]), *((os.path.realpath(f),) for f in files)]
            for key in keys:
                other = owners.setdefault(key, number)
                if other != number or keys.count(key) > 1:
                    what = "file" if len(key) == 1 else "row"
                    wrong.append(f"duplicate {what}: {' '.join(key)} (row {other}). A row is one lane.")
            lanes.setdefault(values["sample"], []).append(files)
        found += [f"row {number}: {line}" for line in dict.fromkeys(wrong)]
    for sample, files_of in lanes.items():
        if len({len(files) for files in files_of}) > 1:
            found.append(f"sample '{sample}' has FASTQ pairs and BAM files. Give it one kind.")
    if found:
        raise UserError(f"{path}:\n" + "\n".join(f"  - {line}" for line in found))
    return {sample: _source(files_of) for sample, files_of in lanes.items()}


def _files_problem(values: Mapping[str, str]) -> list[str]:
    given = [column for column in FILES if column in values]
    return [] if given in (["r1", "r2"], ["bam"]) else ["needs r1 and r2, or bam instead of both"]


def _source(files: Iterable[tuple[str, ...]]) -> ReadFiles:
    lanes = list(files)
    if len(lanes[0]) == 1:
        return ReadFiles(bams=tuple(name for (name,) in lanes))
    return ReadFiles(pairs=tuple((one, two) for one, two in lanes))
