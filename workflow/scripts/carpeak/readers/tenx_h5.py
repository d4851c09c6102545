"""Cell Ranger's HDF5 matrices: v3 (group ``matrix``) and the older one with a group per genome."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from .library import BLOCK, Block, Library, pick_expression

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

PARTS = {"barcodes", "data", "indices", "indptr", "shape"}


def recognise(path: Path) -> bool:
    """Whether `path` is an HDF5 file with a Cell Ranger matrix in it."""
    return bool(_groups(path))


def _groups(path: Path) -> list[str]:
    """Names of the groups of an HDF5 file that hold a Cell Ranger matrix."""
    import h5py

    if not path.is_file():
        return []
    if not h5py.is_hdf5(path):
        return []
    with opened(path) as file:
        return [name for name, item in file.items() if isinstance(item, h5py.Group) and set(item) >= PARTS]


def open_library(path: Path) -> Library:
    """Open the HDF5 file `path`."""
    groups = _groups(path)
    if len(groups) > 1:
        msg = (
            f"{path}: holds matrices of several genomes ({', '.join(groups)}). Give a file with one of them."
        )
        raise UserError(msg)
    name = groups[0]
    with opened(path) as file:
        group = file[name]
        barcodes = text(group["barcodes"])
        entries = int(group["data"].shape[0])
        if "features" in group:
            features = group["features"]
            ids, symbols = _objects(features["id"]), _objects(features["name"])
            types = _objects(features["feature_type"]) if "feature_type" in features else None
        else:
            ids, symbols, types = _objects(group["genes"]), _objects(group["gene_names"]), None
        check_lengths(path, group["shape"][:], (len(symbols), len(barcodes)))
    kept, others = pick_expression(types)
    inside = slice(None) if kept is None else kept >= 0
    return Library(
        path=path,
        layout="10x h5, " + ("v3" if types is not None else "v2"),
        symbols=symbols[inside],
        gene_ids=ids[inside],
        barcodes=barcodes,
        entries=entries,
        stream=lambda: stream(path, name, by_cell=True),
        kept=kept,
        others=others,
    )


def stream(path: Path, name: str, *, by_cell: bool) -> Iterator[Block]:
    """Yield blocks of a compressed sparse group; `by_cell`: each run of indptr is one cell's genes."""
    with opened(path) as file:
        group = file[name]
        indptr = group["indptr"][:].astype(np.int64)
        entries = int(group["data"].shape[0])
        if (
            len(group["indices"]) != entries
            or indptr[0] != 0
            or indptr[-1] != entries
            or (np.diff(indptr) < 0).any()
        ):
            msg = f"{path}: the sparse matrix '{name}' is inconsistent: the file is damaged. Copy it again."
            raise UserError(msg)
        for start in range(0, entries, BLOCK):
            stop = min(start + BLOCK, entries)
            minor = group["indices"][start:stop]
            major = np.searchsorted(indptr, np.arange(start, stop), side="right") - 1
            values = group["data"][start:stop]
            yield (minor, major, values) if by_cell else (major, minor, values)


def check_lengths(path: Path, announced: Any, named: tuple[int, int]) -> None:
    """Raise UserError unless the matrix's shape (genes, cells) is the number of the names."""
    if tuple(int(n) for n in announced) != named:
        msg = (
            f"{path}: the matrix has {announced[0]} genes x {announced[1]} cells, but {named[0]} genes and "
            f"{named[1]} barcodes are named: the file is damaged. Copy or download it again."
        )
        raise UserError(msg)


def text(dataset: Any) -> pa.Array:
    """An HDF5 dataset of strings (fixed or variable length) as arrow strings."""
    import pyarrow as pa

    values = dataset[:]
    if values.dtype.kind == "S":
        return pa.array(values, pa.binary()).cast(pa.string())
    return pa.array([v.decode() if isinstance(v, bytes) else str(v) for v in values], pa.string())


def _objects(dataset: Any) -> NDArray[np.object_]:
    return text(dataset).to_numpy(zero_copy_only=False)


class opened:
    """An HDF5 file open for reading; what a damaged one raises becomes a sentence."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Any:
        import h5py

        try:
            self.file = h5py.File(self.path, "r")
        except OSError as error:
            raise self._refused(error) from error
        return self.file

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        self.file.close()
        if isinstance(error, OSError | KeyError | RuntimeError):
            raise self._refused(error) from error

    def _refused(self, error: BaseException) -> UserError:
        return UserError(
            f"{self.path}: the HDF5 file is cut short or damaged ({error}). Copy or download it again."
        )
