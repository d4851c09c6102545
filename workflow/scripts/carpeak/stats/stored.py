"""Counts of cells on disk (h5ad): names in memory, rows read when they are asked for.

`Counts` has the names of an AnnData that its readers use. anndata's backed mode takes rows through a general
index and writes sparse matrices whole; here rows are read in spans and written block by block. A file of at
most `HELD` non-zero values is read once and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from .. import io
from ..errors import UserError
from . import blocks

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from numpy.typing import NDArray

HELD = 2**27  # non-zero values: 1.1 GB
CHUNK = 2**16  # values of a chunk of the file
NARROW = np.uint16  # counts and places of genes nearly always fit: half the bytes to read, pass after pass
INDEX_LIMIT = int(np.iinfo(np.int32).max)  # non-zero values from which a matrix needs indices of 64 bits


class _File:
    """The matrix X of an h5ad file, which is kept once read where it has at most `held` values."""

    def __init__(self, path: Path, shape: tuple[int, int], indptr: NDArray[np.int64], held: int) -> None:
        self.path, self.shape, self.indptr, self.held = path, shape, indptr, held
        self._held: sparse.csr_matrix | None = None

    def rows(self, start: int, stop: int) -> sparse.csr_matrix:
        """Neighbouring rows."""
        if self.indptr[-1] <= self.held:
            if self._held is None:
                self._held = self._read(0, self.shape[0])
            return self._view(self._held, start, stop)
        return self._read(start, stop)

    def _view(self, held: sparse.csr_matrix, start: int, stop: int) -> sparse.csr_matrix:
        """Rows whose values are those of `held`, not copies; whoever takes rows leaves them as they are."""
        if (start, stop) == (0, self.shape[0]):
            return held
        first, last = held.indptr[start], held.indptr[stop]
        own = (held.data[first:last], held.indices[first:last], held.indptr[start : stop + 1] - first)
        return sparse.csr_matrix(own, (stop - start, self.shape[1]), copy=False)

    def _read(self, start: int, stop: int) -> sparse.csr_matrix:
        import h5py

        first, last = int(self.indptr[start]), int(self.indptr[stop])
        try:
            with h5py.File(self.path, "r") as file:
                data, indices = (_widened(file[f"X/{name}"][first:last]) for name in ("data", "indices"))
        except (OSError, KeyError) as error:
            raise _damaged(self.path, error) from error
        indptr = self.indptr[start : stop + 1] - first  # scipy takes the width that both need
        return sparse.csr_matrix((data, indices, indptr), (stop - start, self.shape[1]))


class Stored(blocks.Blocks):
    """Rows of a file's matrix, in ascending order; ``[rows]`` chooses among them without reading any."""

    def __init__(self, file: _File, chosen: NDArray[np.int64]) -> None:
        self._file, self._chosen = file, chosen
        super().__init__((len(chosen), file.shape[1]), self._spans)

    def __getitem__(self, key: Any) -> Any:
        """``[rows]`` (a mask or ascending places) as `Stored`, ``[:, places]`` as a csr matrix in memory."""
        if isinstance(key, tuple):
            return super().__getitem__(key)
        rows = np.asarray(key)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
        if (np.diff(rows) <= 0).any() or (len(rows) and rows[0] < 0):
            msg = "rows on disk are read in ascending order, each once"
            raise ValueError(msg)
        return Stored(self._file, self._chosen[rows])

    def compact(self) -> sparse.csr_matrix:
        """All rows in memory, values in the fewest bytes that hold them: 6 a value instead of 8."""
        lengths = np.diff(self._file.indptr)[self._chosen]
        n_values = int(lengths.sum())
        indices = np.empty(n_values, dtype=index_type(n_values))
        data, done = np.empty(n_values, dtype=np.uint16), 0
        for _, block in self:
            if block.nnz and block.data.max() > np.iinfo(data.dtype).max:
                data = data.astype(np.int32)
            indices[done : done + block.nnz], data[done : done + block.nnz] = block.indices, block.data
            done += block.nnz
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(indices.dtype)
        return sparse.csr_matrix((data, indices, indptr), self.shape)

    def _spans(self) -> Iterator[sparse.csr_matrix]:
        chosen, indptr, start = self._chosen, self._file.indptr, 0
        if not len(chosen):
            yield sparse.csr_matrix(self.shape, dtype=np.int32)
        while start < len(chosen):
            first = int(chosen[start])
            limit = int(np.searchsorted(indptr, indptr[first] + blocks.VALUES, side="right")) - 1
            stop = int(np.searchsorted(chosen, max(limit, first + 1)))
            span = self._file.rows(first, int(chosen[stop - 1]) + 1)
            yield span if span.shape[0] == stop - start else span[chosen[start:stop] - first]
            start = stop


@dataclass(frozen=True)
class Counts:
    """Cells x genes on disk (`X`) with their tables; ``[cells]`` chooses by mask, place or name."""

    X: blocks.Blocks
    obs: pd.DataFrame
    var: pd.DataFrame
    uns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def obs_names(self) -> pd.Index:
        """Names of the cells."""
        return self.obs.index

    @property
    def var_names(self) -> pd.Index:
        """Names of the genes."""
        return self.var.index

    @property
    def n_obs(self) -> int:
        """Number of cells."""
        return len(self.obs)

    @property
    def n_vars(self) -> int:
        """Number of genes."""
        return len(self.var)

    @property
    def shape(self) -> tuple[int, int]:
        """Cells, genes."""
        return self.n_obs, self.n_vars

    def to_memory(self) -> AnnData:
        """The same as an AnnData, all counts in memory."""
        import anndata

        return anndata.AnnData(self.X.tocsr(), obs=self.obs, var=self.var, uns=dict(self.uns))

    def frame(self) -> AnnData:
        """The tables without the counts."""
        import anndata

        return anndata.AnnData(obs=self.obs, var=self.var, uns=dict(self.uns))

    def __getitem__(self, cells: Any) -> Counts:
        """Some of the cells, in the order of the file."""
        rows = np.asarray(cells)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        elif rows.dtype.kind not in "iu":
            rows = self.obs_names.get_indexer(rows)  # type: ignore[arg-type]
        return replace(self, X=self.X[rows], obs=self.obs.iloc[rows])  # type: ignore[index]


def matrix_of(path: str | Path, *, held: int | None = None) -> Stored:
    """The matrix of an h5ad file without its tables, which need anndata (2 s)."""
    import h5py

    with h5py.File(path, "r") as file:
        group = file["X"]
        rows, columns = (int(n) for n in group.attrs["shape"])
        indptr = group["indptr"][:].astype(np.int64)
    file = _File(Path(path), (rows, columns), indptr, HELD if held is None else held)
    return Stored(file, np.arange(rows))


def in_memory(counts: sparse.csr_matrix | blocks.Blocks) -> sparse.csr_matrix:
    """What is read again and again."""
    return counts.compact() if isinstance(counts, Stored) else counts.tocsr()


def read(path: str | Path, *, held: int | None = None) -> Counts:
    """The counts in an h5ad file that the workflow wrote; UserError where it is cut short.

    At most `held` values (default: `HELD`) are kept once they are read.
    """
    import h5py
    from anndata.io import read_elem

    try:
        with h5py.File(path, "r") as file:
            obs, var, uns = (read_elem(file[name]) for name in ("obs", "var", "uns"))
        return Counts(matrix_of(path, held=held), obs, var, uns)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: str | Path, error: Exception) -> UserError:
    text = str(error).splitlines()[0]
    return UserError(f"{path}: damaged, or no h5ad file ({text}). Delete it and run again.")


def with_genes(library: AnnData | Counts, var: pd.DataFrame) -> AnnData | Counts:
    """The same counts under another table of genes."""
    if isinstance(library, Counts):
        return replace(library, var=var)
    import anndata

    return anndata.AnnData(library.X, obs=library.obs, var=var)


def write(
    frame: AnnData,
    matrices: Mapping[str, blocks.Blocks | sparse.csr_matrix],
    path: str | Path,
    *,
    narrow: bool = False,
    **compression: Any,
) -> None:
    """Write `frame`, an AnnData without counts, and the `matrices` (by place: X, layers/NAME) block by block.

    Positions of rows (indptr) are of 64 bits where a matrix holds more than `INDEX_LIMIT` non-zero values.
    `narrow` is for counts: values and places of genes take 16 bits where all of them fit.
    """
    import h5py

    with io.atomic(path) as temporary:
        frame.write_h5ad(temporary, **compression)
        with h5py.File(temporary, "r+") as file:
            for place, matrix in matrices.items():
                if place in file:
                    del file[place]
                _write(file.create_group(place), matrix, compression, narrow=narrow)


def _write(
    group: Any, matrix: blocks.Blocks | sparse.csr_matrix, compression: Mapping[str, Any], *, narrow: bool
) -> None:
    group.attrs.update(
        {"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": np.array(matrix.shape)}
    )
    lengths = [np.zeros(1, dtype=np.int64)]
    for _, block in blocks.parts(matrix):
        _append(group, "data", block.data, compression, narrow=narrow)
        _append(group, "indices", block.indices.astype(np.int32, copy=False), compression, narrow=narrow)
        lengths.append(np.diff(block.indptr).astype(np.int64))
    indptr = np.cumsum(np.concatenate(lengths))
    group.create_dataset("indptr", data=indptr.astype(index_type(int(indptr[-1]))), **compression)


def _append(group: Any, name: str, values: NDArray, compression: Mapping[str, Any], *, narrow: bool) -> None:
    """Put `values` at the end of a dataset, which is copied to wider numbers once some do not fit."""
    fits = narrow and (not len(values) or int(values.max()) <= np.iinfo(NARROW).max)
    dtype = np.dtype(NARROW) if fits else values.dtype
    options = {"maxshape": (None,), "chunks": (CHUNK,), **compression}
    if name not in group:
        group.create_dataset(name, (0,), dtype=dtype, **options)
    elif not np.can_cast(dtype, group[name].dtype):
        group.move(name, "narrow")
        wide, before = (
            group.create_dataset(name, group["narrow"].shape, dtype=dtype, **options),
            group["narrow"],
        )
        for start in range(0, len(before), blocks.VALUES):
            wide[start : start + blocks.VALUES] = before[start : start + blocks.VALUES]
        del group["narrow"]
    dataset = group[name]
    dataset.resize((len(dataset) + len(values),))
    dataset[len(dataset) - len(values) :] = values


def _widened(values: NDArray) -> NDArray:
    """Numbers of 16 bits as 32, in which sums of a few of them have room; others as they are."""
    return values.astype(np.int32) if values.dtype == NARROW else values


def index_type(n_values: int) -> type[np.signedinteger[Any]]:
    """The type of indices that a sparse matrix of so many non-zero values needs."""
    return np.int64 if n_values > INDEX_LIMIT else np.int32
