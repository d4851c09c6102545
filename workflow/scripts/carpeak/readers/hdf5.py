"""What the HDF5 layouts share: opening with sentences for damage, names, compressed sparse groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from .library import Block

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

ENTRIES = 1 << 18  # of a sparse matrix in one block
# what h5py and numpy raise for bytes that are not what they should be
DAMAGE = (
    OSError,
    KeyError,
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    AssertionError,
)


class opened:
    """An HDF5 file open for reading; what a damaged one raises becomes a sentence."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Any:
        import h5py

        try:
            self.file = h5py.File(self.path, "r")
        except DAMAGE as error:
            raise self._refused(error) from error
        return self.file

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        self.file.close()
        if isinstance(error, DAMAGE):
            raise self._refused(error) from error

    def _refused(self, error: BaseException) -> UserError:
        found = next(iter(str(error).splitlines()), "") or type(error).__name__
        return UserError(
            f"{self.path}: the HDF5 file is cut short or damaged ({found}). Copy or download it again."
        )


def starts_like_one(path: Path) -> bool:
    """Whether `path` has the signature of an HDF5 file."""
    import h5py

    return bool(h5py.is_hdf5(path))


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
        for start in range(0, entries, ENTRIES):
            stop = min(start + ENTRIES, entries)
            minor = group["indices"][start:stop]
            first = int(np.searchsorted(indptr, start, side="right")) - 1
            last = int(np.searchsorted(indptr, stop, side="left"))
            runs = np.diff(np.clip(indptr[first : last + 1], start, stop))
            major = np.repeat(np.arange(first, last, dtype=np.int32), runs)
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
    """An HDF5 dataset of strings (fixed or variable length) or numbers as arrow strings."""
    import pyarrow as pa

    values = dataset[:]
    if values.dtype.kind == "S":
        return pa.array(values, pa.binary()).cast(pa.string())
    return pa.array([v.decode() if isinstance(v, bytes) else str(v) for v in values], pa.string())


def objects(dataset: Any) -> NDArray[np.object_]:
    """`text` as an array of Python strings."""
    return text(dataset).to_numpy(zero_copy_only=False)
