"""The files that a study fetches: the rows of downloads.tsv, and which of them a path of the sheet needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ..errors import UserError
from ..readers import paths
from . import config as configuration
from . import sheet

RECEIPTS = "results/downloads"
SCHEMES = ("https", "http", "file")


@dataclass(frozen=True)
class Download:
    """One file: fetched from `url`, or taken out of the fetched file `archive` as its one member `member`.

    `name` is its path as the table has it, `path` where it is put; `size` (bytes) and `sha256` are those
    of the file, where known. `archive` is the path of another row.
    """

    name: str
    path: str
    url: str | None = None
    archive: str | None = None
    member: str | None = None
    size: int | None = None
    sha256: str | None = None

    @property
    def receipt(self) -> str:
        """What a run writes when the file is there and checked; rules depend on it, not on the file.

        Snakemake deletes a rule's outputs before it runs the rule again: gigabytes must not be among them.
        """
        return f"{RECEIPTS}/{self.name}.json"


def read(download: Mapping[str, Any] | None, schemas: Path, *, root: Path) -> tuple[Download, ...]:
    """The rows of the table that the configuration's block `download` names.

    The files are put below `root`. Raises UserError that names file, row and column.
    """
    if not download:
        return ()
    path, schema = Path(download["files"]), configuration.load_yaml(schemas / "downloads.schema.yaml")
    rows = [(number, {k: _typed(k, v) for k, v in row.items() if v}) for number, row in sheet.rows(path)]
    downloads, found = check(rows, schema, root=root)
    if found:
        raise UserError(f"{path}:\n" + "\n".join(f"  - {line}" for line in found))
    return downloads


def _typed(column: str, text: str) -> str | int:
    return int(text) if column == "bytes" and text.isdigit() else text


def check(
    rows: Iterable[tuple[int, Mapping[str, Any]]], schema: Mapping[str, Any], *, root: Path
) -> tuple[tuple[Download, ...], list[str]]:
    """Make downloads of the table's rows, (number, values) each; files are put below `root`.

    Returns the downloads and every mistake found, as sentences; with a mistake there are no downloads.
    """
    rows = list(rows)
    found = []
    for number, row in rows:
        found += [f"row {number}: {line}" for line in configuration.problems(row, schema)]
    if found:
        return (), found
    fetched = {row["path"] for _, row in rows if "url" in row}
    for number, row in rows:
        found += [f"row {number}: {line}" for line in _mistakes(row, fetched)]
    for name, times in Counter(row["path"] for _, row in rows).items():
        if times > 1:
            found.append(f"path '{name}' occurs in {times} rows; give each file once")
    return (() if found else tuple(_download(row, root) for _, row in rows)), found


def _mistakes(row: Mapping[str, Any], fetched: set[str]) -> Iterable[str]:
    path = PurePosixPath(row["path"])
    if path.is_absolute() or ".." in path.parts or "\\" in row["path"]:
        yield f"path '{row['path']}' must lie below the study's data folder: no leading '/', no '..'"
    if ("url" in row) == ("archive" in row):
        yield "give either a url, or an archive (the path of another row) with a member"
    if ("archive" in row) != ("member" in row):
        yield "archive and member belong together"
    scheme = urlsplit(row["url"]).scheme if "url" in row else "https"
    if scheme not in SCHEMES:
        instead = "; write https:// in its place" if scheme == "ftp" else f"; use {', '.join(SCHEMES)}"
        yield f"url '{row['url']}' can't be fetched{instead}"
    if "archive" in row and row["archive"] not in fetched:
        yield f"archive '{row['archive']}' is not the path of a row with a url"


def _download(row: Mapping[str, Any], root: Path) -> Download:
    return Download(
        name=row["path"],
        path=str(root / row["path"]),
        url=row.get("url"),
        archive=str(root / row["archive"]) if "archive" in row else None,
        member=row.get("member"),
        size=row.get("bytes"),
        sha256=row["sha256"].lower() if "sha256" in row else None,
    )


def making(downloads: Sequence[Download], path: str) -> list[Download]:
    """The downloads behind a matrix path: that file, those of that folder, or the trio of that prefix."""
    return [one for one in downloads if _belongs(one.path, path)]


def _belongs(file: str, path: str) -> bool:
    """Whether `file` is what `path` means: itself, in that folder, or of the trio whose names begin so."""
    if file == path or file.startswith(f"{path.rstrip('/')}/"):
        return True
    known, named = Path(file), Path(path)
    is_part = known.parent == named.parent and known.name.startswith(named.name)
    return is_part and paths.NAME.fullmatch(known.name) is not None
