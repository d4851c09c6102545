"""The columns of a matrix that is read in blocks of rows, a few at a time; beyond `HELD` values from a file.

Ranks need all values of a gene together. Turning a matrix of 1.5e9 values around in memory takes 24 GB; here
each block is turned by itself, and its pieces wait in a temporary file (``TMPDIR``) that goes with the job.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np
from scipy import sparse

from . import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

HELD = 2**27  # values: 1.1 GB in single precision


@dataclass(frozen=True)
class _Piece:
    """The columns of one block: where each begins, its values, their rows; or where both are in the file."""

    indptr: NDArray[np.int64]
    data: NDArray | int
    rows: NDArray[np.int32] | int


class Columns:
    """Columns of positive values (no stored zeros); ``indptr`` says where each begins, as of a csc matrix."""

    def __init__(self, matrix: sparse.spmatrix | blocks.Blocks) -> None:
        self.shape: tuple[int, int] = matrix.shape
        self.indptr = np.zeros(self.shape[1] + 1, dtype=np.int64)
        self._pieces: list[_Piece] = []
        self._file: IO[bytes] | None = None
        self._dtype = np.dtype(np.float32)
        for rows, block in blocks.parts(matrix):
            self._add(positive(block), rows.start)

    def _add(self, block: sparse.csc_matrix, first_row: int) -> None:
        self._dtype = block.data.dtype
        rows = block.indices.astype(np.int32, copy=False)
        if first_row:
            rows = rows + np.int32(first_row)
        self._pieces.append(_Piece(block.indptr.astype(np.int64), block.data, rows))
        self.indptr += self._pieces[-1].indptr
        if self.indptr[-1] > HELD:
            self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as this)
            self._pieces = [_written(piece, self._file) for piece in self._pieces]

    def part(self, start: int, stop: int) -> sparse.csc_matrix:
        """The columns from `start` to before `stop`."""
        indptr = self.indptr[start : stop + 1] - self.indptr[start]
        shape = (self.shape[0], stop - start)
        if len(self._pieces) == 1:
            return sparse.csc_matrix((*self._values(self._pieces[0], start, stop), indptr), shape)
        data = np.empty(indptr[-1], dtype=self._dtype)
        rows = np.empty(indptr[-1], dtype=np.int32)
        begin = indptr[:-1].copy()
        for piece in self._pieces:
            own = piece.indptr[start : stop + 1] - piece.indptr[start]
            place = np.repeat(begin - own[:-1], np.diff(own)) + np.arange(own[-1])
            data[place], rows[place] = self._values(piece, start, stop)
            begin += np.diff(own)
        return sparse.csc_matrix((data, rows, indptr), shape)

    def _values(self, piece: _Piece, start: int, stop: int) -> tuple[NDArray, NDArray[np.int32]]:
        first, last = int(piece.indptr[start]), int(piece.indptr[stop])
        if not isinstance(piece.data, int):
            return piece.data[first:last], piece.rows[first:last]  # type: ignore[index]
        return (
            self._read(piece.data, first, last, self._dtype),
            self._read(int(piece.rows), first, last, np.dtype(np.int32)),  # type: ignore[arg-type]
        )

    def _read(self, begin: int, first: int, last: int, dtype: np.dtype) -> NDArray:
        assert self._file is not None
        self._file.seek(begin + first * dtype.itemsize)
        return np.frombuffer(self._file.read((last - first) * dtype.itemsize), dtype=dtype)


def _written(piece: _Piece, file: IO[bytes]) -> _Piece:
    if isinstance(piece.data, int):
        return piece
    places = []
    for values in (piece.data, piece.rows):
        places.append(file.seek(0, 2))
        file.write(np.ascontiguousarray(values).data)
    return _Piece(piece.indptr, *places)


def positive(matrix: sparse.spmatrix) -> sparse.csc_matrix:
    """The columns of `matrix` without stored zeros; ValueError where a value is negative."""
    columns = sparse.csc_matrix(matrix)
    if columns.nnz and columns.data.min() <= 0:
        if columns.data.min() < 0:
            msg = "ranks over sparse columns need values that are not negative"
            raise ValueError(msg)
        columns = columns.copy()
        columns.eliminate_zeros()
    return columns
