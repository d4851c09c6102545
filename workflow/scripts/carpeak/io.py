"""Reading and writing: every file appears whole or not at all, with the same bytes each time.

Everything depends on this module, so it stays small.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CannotWriteError, UserError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from numpy.typing import NDArray

FLOAT_FORMAT = "%.8g"


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it onto `path` when the block ends well.

    The temporary name keeps all suffixes, since writers choose formats by them.
    """
    path = Path(path)
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        why = (error.strerror or str(error)).splitlines()[0]
        msg = f"{path}: cannot be written ({why}). Free space or choose another folder."
        raise CannotWriteError(msg) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_text(text: str, path: str | Path) -> None:
    """Write `text` as UTF-8."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(value: Mapping[str, Any], path: str | Path) -> None:
    """Write `value` as indented JSON in the order of its keys; NaN is refused."""
    write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", path)


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object."""
    value: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return value


def plain(value: Any) -> Any:
    """`value` for JSON: None in place of numbers that are missing or infinite, at every depth."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float):  # NumPy's float64 is one
        return float(value) if math.isfinite(value) else None
    return value


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, in lower-case hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write `frame` without its index as .tsv, .tsv.gz (no time stamp) or .parquet, by suffix."""
    name = str(path)
    with atomic(path) as temporary:
        if name.endswith(".parquet"):
            frame.to_parquet(temporary, index=False, compression="zstd")
        elif name.endswith((".tsv", ".tsv.gz")):
            text = _formatted(frame).to_csv(sep="\t", index=False, lineterminator="\n")
            data = text.encode()
            temporary.write_bytes(gzip.compress(data, 6, mtime=0) if name.endswith(".gz") else data)
        else:
            msg = f"unknown table format: {name}"
            raise ValueError(msg)


def _formatted(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with its floats as text; the float_format of pandas gives the same, but takes twice as long."""
    shown = frame.copy(deep=False)
    for place, dtype in enumerate(frame.dtypes):
        if dtype.kind == "f":
            values = frame.iloc[:, place].astype(float).tolist()
            texts = ["" if math.isnan(value) else FLOAT_FORMAT % value for value in values]
            shown.isetitem(place, texts)
    return shown


def read_table(path: str | Path, **options: Any) -> pd.DataFrame:
    """Read what `write_table` wrote; an empty field is missing, the word NA is text.

    Text is read whole (`low_memory` off): in pieces, a column would be numbers in one and text in another.
    """
    import pandas as pd

    if str(path).endswith(".parquet"):
        return pd.read_parquet(path, **options)
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=[""], low_memory=False, **options)


def write_arrays(arrays: Mapping[str, NDArray[Any]], path: str | Path) -> None:
    """Write named arrays as .npz."""
    import numpy as np

    with atomic(path) as temporary:
        np.savez(temporary, **arrays)  # type: ignore[arg-type]


def read_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """Read what `write_arrays` wrote."""
    import numpy as np

    with np.load(path, allow_pickle=False) as held:
        return dict(held)


def write_h5ad(cells: AnnData, path: str | Path, *, compression: str | None = "lzf") -> None:
    """Write `cells`; the default codec is quick and the file is only read by this workflow."""
    with atomic(path) as temporary:
        cells.write_h5ad(temporary, compression=compression)  # type: ignore[arg-type]


def read_h5ad(path: str | Path) -> AnnData:
    """Read an h5ad file that the workflow wrote into memory; UserError where it is cut short."""
    import anndata

    try:
        return anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        msg = f"{path}: damaged, or no h5ad file ({str(error).splitlines()[0]}). Delete it and run again."
        raise UserError(msg) from error


def read_cells(path: str | Path) -> list[str]:
    """The names of the cells in an h5ad file, and nothing else of it."""
    import h5py

    with h5py.File(path) as file:
        obs = file["obs"]
        return [str(name) for name in obs[obs.attrs["_index"]].asstr()[:]]


def join_cells(
    left: pd.DataFrame, right: pd.DataFrame, *, columns: Sequence[str] | None = None, subset: bool = False
) -> pd.DataFrame:
    """Join two tables keyed by the column ``cell``, in the order of `left`.

    `columns` are those taken from `right` (default: all). With `subset`, `right` may lack cells of
    `left` (their values are missing) but may still not hold cells that `left` lacks.

    Raises ValueError on a missing, an extra or a duplicated cell.
    """
    for name, table in (("left", left), ("right", right)):
        if table["cell"].duplicated().any():
            msg = f"the {name} table holds a cell twice: {table['cell'][table['cell'].duplicated()].iloc[0]}"
            raise ValueError(msg)
    extra = set(right["cell"]) - set(left["cell"])
    missing = set() if subset else set(left["cell"]) - set(right["cell"])
    if extra or missing:
        msg = f"the tables hold different cells: {len(missing)} missing, {len(extra)} extra"
        raise ValueError(msg)
    taken = right if columns is None else right[["cell", *columns]]
    return left.merge(taken, on="cell", how="left", validate="one_to_one", sort=False)
