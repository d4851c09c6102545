"""Find the matrix that a path of the sheet means: no file is opened, nothing heavy is imported.

A path names a file, a folder with one trio (matrix, barcodes, features), one of several trios by the start
of their names (``folder/GSM123_``), or the folder of a finished run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..errors import UserError

NAME = re.compile(
    r"(?P<prefix>.*?)(?P<kind>matrix\.mtx|barcodes\.(?:tsv|txt)|(?:features|genes)\.(?:tsv|txt))(\.gz)?$"
)
KINDS = {"m": "matrix", "b": "barcodes", "f": "features", "g": "features"}

# Where the machines put the matrix of called cells below the folder of a run. The first line that is
# there is taken: for STARsolo that is Gene (exons only) before GeneFull (introns too).
RUNS = {
    "filtered_feature_bc_matrix": "Cell Ranger",
    "filtered_feature_bc_matrix.h5": "Cell Ranger",
    "sample_filtered_feature_bc_matrix": "Cell Ranger multi",
    "count/sample_filtered_feature_bc_matrix": "Cell Ranger multi",
    "per_sample_outs/*/count/sample_filtered_feature_bc_matrix": "Cell Ranger multi",
    "filtered_gene_bc_matrices": "Cell Ranger v2",
    "filtered_gene_bc_matrices/*": "Cell Ranger v2",
    "GRCh38": "Cell Ranger v2",
    "hg19": "Cell Ranger v2",
    "step3/filtered_feature_bc_matrix": "SeekSoul",
    "Gene/filtered": "STARsolo Gene",
    "GeneFull/filtered": "STARsolo GeneFull",
    "filtered": "STARsolo",
    "filter_matrix": "DNBelab C4",
    "*_matrix_10X": "CeleScope",
    "filtered_cell_gene_matrix": "MobiDrop",
}
INSIDE = ("", "outs/", "output/", "Solo.out/", "*Solo.out/", "*_outs/")
UNFILTERED = (
    "raw_feature_bc_matrix",
    "Gene/raw",
    "GeneFull/raw",
    "raw_matrix",
    "step3/raw_feature_bc_matrix",
)


def trios(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Names of matrix, barcodes and features by their common start; only where there is a matrix.

    Of a plain and a gzipped file with the same name the plain one is taken.
    """
    found: dict[str, dict[str, str]] = {}
    for name in sorted(names, reverse=True):  # the plain name comes after .gz and wins
        match = NAME.fullmatch(name)
        if match:
            found.setdefault(match["prefix"], {})[KINDS[match["kind"][0]]] = name
    return {prefix: found[prefix] for prefix in sorted(found) if "matrix" in found[prefix]}


def trios_in(folder: Path) -> dict[str, dict[str, str]]:
    """`trios` of the files in `folder`, without those that macOS leaves beside every file (._NAME)."""
    return trios(path.name for path in folder.iterdir() if path.name[:2] != "._" and path.is_file())


def trio_of(file: Path) -> dict[str, str] | None:
    """Names of the trio whose matrix is `file`, by kind; None where its name is not that of a matrix."""
    match = NAME.fullmatch(file.name)
    if not match or KINDS[match["kind"][0]] != "matrix":
        return None
    return {**trios_in(file.parent).get(match["prefix"], {}), "matrix": file.name}


def matrix_file(path: Path) -> tuple[Path, str]:
    """The file that holds the matrix that `path` means, and how it was found where that is not plain.

    For a trio this is its matrix.mtx. A folder in which nothing is found is returned as it is.
    Raises UserError where several matrices could be meant, or the path does not exist or can't be read.
    """
    try:
        return _matrix_file(path)
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}). Check the path and its permissions."
        raise UserError(msg) from error


def _matrix_file(path: Path) -> tuple[Path, str]:
    if path.is_file():
        return path, ""
    if path.is_dir():
        found = trios_in(path)
        return (_only(found, path, path), "") if found else _in_run(path)
    if path.parent.is_dir():
        named = {k: v for k, v in trios_in(path.parent).items() if k.startswith(path.name)}
        if named:
            return _only(named, path.parent, path), ""
    if path.exists():
        msg = f"{path}: a pipe or device, not a file. Save its content as a file and name that."
        raise UserError(msg)
    msg = f"{path}: no such file or folder. Correct the path in the sheet (it is relative to the sheet)."
    raise UserError(msg)


def _only(found: dict[str, dict[str, str]], folder: Path, path: Path) -> Path:
    if len(found) > 1:
        starts = list(found)
        names = ", ".join(starts[:6]) + (", ..." if len(starts) > 6 else "")
        msg = (
            f"{path}: holds several libraries ({names}). Name one by the start of its file names: "
            f"{folder / starts[0]}"
        )
        raise UserError(msg)
    return folder / next(iter(found.values()))["matrix"]


def _in_run(folder: Path) -> tuple[Path, str]:
    """The matrix of called cells of the run whose folder is `folder`."""
    for pattern, machine in RUNS.items():
        for inside in INSIDE:
            places = sorted(p for p in folder.glob(inside + pattern) if p.is_file() or trios_in(p))
            if len(places) > 1:
                names = ", ".join(str(p.relative_to(folder)) for p in places[:6])
                msg = f"{folder}: holds several libraries ({names}). Name one: {places[0]}"
                raise UserError(msg)
            if places:
                place = places[0]
                file = place if place.is_file() else _only(trios_in(place), place, place)
                return file, f"{machine}: {place.relative_to(folder)}"
    raw = droplets_of(folder)
    if raw:
        msg = (
            f"{folder}: holds no matrix of called cells, only unfiltered droplets "
            f"({raw.relative_to(folder)}). Name that folder as raw_path."
        )
        raise UserError(msg)
    return folder, ""


def droplets_of(folder: Path) -> Path | None:
    """The folder of unfiltered droplets of the run whose folder is `folder`; None where there is none."""
    names = (inside + name for inside in INSIDE[:4] for name in UNFILTERED)
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def path_exists(path: str) -> bool:
    """Whether a path of the sheet exists, if only as the start of file names."""
    place = Path(path)
    try:
        return place.exists() or (
            place.parent.is_dir() and any(k.startswith(place.name) for k in trios_in(place.parent))
        )
    except OSError:  # such as a name that is too long
        return False


def watched(path: str) -> list[str]:
    """The files behind a path of the sheet whose change matters; the path itself where none is found."""
    try:
        file, _ = matrix_file(Path(path))
    except (UserError, OSError):
        return [path]  # told when the library is opened
    return sorted(str(file.parent / name) for name in (trio_of(file) or {"": file.name}).values())
