"""Find the libraries in a folder of count matrices, for a sample sheet that does not exist yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UserError
from ..readers import paths

DEPTH = 5  # folders below the given one
ENDINGS = re.compile(r"\.(?:h5|h5ad|h5mu|loom|zip|tar|tar\.gz|tgz|(?:csv|tsv|txt)(?:\.gz)?)$", re.IGNORECASE)
# Unfiltered droplets by the names that machines give them; "raw_counts" says nothing of droplets.
DROPLETS = re.compile(
    r"(?:raw|unfiltered)[._-](?:feature|gene|bc|matri|barcode)|^raw(?:_matrix)?$", re.IGNORECASE
)
# What names of matrices have in common; the rest tells libraries apart.
GENERIC = re.compile(
    r"(?:sample[._-])?(?:raw|unfiltered|filtered|filter)?[._-]*(?:feature|cell[._-]gene|gene)?[._-]*(?:bc)?[._-]*"
    r"(?:matrix|matrices)(?:[._-]10x)?|^(?:raw|filtered|outs|output|counts?|gene|genefull|solo\.out)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Found:
    """A library: a name for it, the matrix of its cells, and that of its droplets (one may be missing)."""

    name: str
    path: str | None
    raw_path: str | None


def discover(folder: Path) -> list[Found]:
    """The libraries in `folder` and below, sorted by path; nothing is opened.

    Cells and droplets of a library are paired where their names differ in nothing else. Raises UserError
    where `folder` is no folder.
    """
    if not folder.is_dir():
        msg = f"{folder}: no such folder. Name the folder that holds the count matrices."
        raise UserError(msg)
    pairs: dict[tuple[Path, str], Found] = {}
    for path, raw in _places(folder, DEPTH):
        if raw is not None:  # the folder of a run
            pairs[path, ""] = Found(_name(path, folder), str(path), str(raw) if raw != path else None)
            continue
        key = (path.parent, _plain(path.name) or "cells")
        known = pairs.get(key, Found(_name(path, folder), None, None))
        is_droplets = bool(DROPLETS.search(path.name))
        pairs[key] = replace(known, **{"raw_path" if is_droplets else "path": str(path)})
    return _unique(list(pairs.values()))


def _places(folder: Path, depth: int) -> Iterator[tuple[Path, Path | None]]:
    """Paths of matrices; with that of a run comes its folder of droplets, or itself where it has none."""
    try:
        _, machine = paths.matrix_file(folder)
    except UserError:  # several libraries, or droplets alone: they are found one by one
        machine = ""
    if machine:
        yield folder, paths.droplets_of(folder) or folder
        return
    trios = paths.trios_in(folder)
    for prefix, trio in trios.items():
        yield (folder if len(trios) == 1 and not prefix else folder / (prefix or trio["matrix"])), None
    of_trios = {name for trio in trios.values() for name in trio.values()}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in of_trios or paths.NAME.fullmatch(path.name):
            continue
        if path.is_dir() and depth:
            yield from _places(path, depth - 1)
        elif path.is_file() and ENDINGS.search(path.name):
            yield path, None


def _plain(name: str) -> str:
    return GENERIC.sub("", ENDINGS.sub("", name)).strip("._-")


def _name(path: Path, folder: Path) -> str:
    """A name for the library: the last part of its path that says something, as sheets allow it."""
    parts = [path.name, *(parent.name for parent in path.parents if folder in (parent, *parent.parents))]
    said = next((plain for part in parts if (plain := _plain(part))), folder.resolve().name)
    return re.sub(r"[^A-Za-z0-9._-]+", "_", said).strip("._-")[:60] or "library"


def _unique(found: Sequence[Found]) -> list[Found]:
    taken: dict[str, int] = {}
    result = []
    for library in found:
        taken[library.name] = number = taken.get(library.name, 0) + 1
        result.append(replace(library, name=library.name if number == 1 else f"{library.name}-{number}"))
    return result
