"""Cell Ranger's HDF5 matrices: v3 (group ``matrix``) and the older one with a group per genome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from .genes import HUMAN, OTHER_SPECIES
from .hdf5 import check_lengths, objects, opened, starts_like_one, stream, text
from .library import Block, CountMatrix, left_out, pick_expression

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

    if not starts_like_one(path):
        return []
    with opened(path) as file:
        return [name for name, item in file.items() if isinstance(item, h5py.Group) and set(item) >= PARTS]


@dataclass(frozen=True)
class Group:
    """The names in one group: features, their types (v3 only), cells."""

    name: str
    ids: NDArray[np.object_]
    symbols: NDArray[np.object_]
    types: NDArray[np.object_] | None
    barcodes: pa.Array
    entries: int


def open_library(path: Path) -> CountMatrix:
    """Open the HDF5 file `path`."""
    names = _groups(path)
    if len(names) > 1:
        return _several_genomes(path, names)
    group = _read_group(path, names[0])
    kept, others = pick_expression(group.types, path)
    inside = slice(None) if kept is None else kept >= 0
    return CountMatrix(
        path=path,
        layout="10x h5, " + ("v3" if group.types is not None else "v2"),
        symbols=group.symbols[inside],
        gene_ids=group.ids[inside],
        barcodes=group.barcodes,
        entries=group.entries,
        stream=lambda: stream(path, group.name, by_cell=True),
        kept=kept,
        others=others,
        left_out=left_out(group.types, kept, group.ids, group.symbols),
    )


def _read_group(path: Path, name: str) -> Group:
    with opened(path) as file:
        group: Any = file[name]
        barcodes = text(group["barcodes"])
        if "features" in group:
            features = group["features"]
            ids, symbols = objects(features["id"]), objects(features["name"])
            types = objects(features["feature_type"]) if "feature_type" in features else None
        else:
            ids, symbols, types = objects(group["genes"]), objects(group["gene_names"]), None
        check_lengths(path, group["shape"][:], (len(symbols), len(barcodes)))
        if len(ids) != len(symbols) or (types is not None and len(types) != len(ids)):
            msg = f"{path}: '{name}' has {len(symbols)} gene names and {len(ids)} identifiers. Copy it again."
            raise UserError(msg)
        return Group(name, ids, symbols, types, barcodes, int(group["data"].shape[0]))


def _several_genomes(path: Path, names: list[str]) -> CountMatrix:
    """The genomes of a v2 file side by side as genes of the human genome's cells.

    A construct may have been a genome of its own; the genes of other species (a xenograft's mouse) are
    left out and named. UserError where no genome, or more than one, is human.
    """
    human = [name for name in names if HUMAN.fullmatch(name)]
    if len(human) != 1:
        msg = (
            f"{path}: holds matrices of several genomes ({', '.join(names)}), of which not exactly one is "
            "known to be human. Give a file with one of them."
        )
        raise UserError(msg)
    groups = [_read_group(path, n) for n in names]
    first = next(g for g in groups if g.name == human[0])
    taken = [first, *(g for g in groups if g is not first and not OTHER_SPECIES.fullmatch(g.name))]
    return CountMatrix(
        path=path,
        layout=f"10x h5, v2, genomes {' and '.join(g.name for g in taken)}",
        symbols=np.concatenate([g.symbols for g in taken]),
        gene_ids=np.concatenate([g.ids for g in taken]),
        barcodes=first.barcodes,
        entries=sum(g.entries for g in taken),
        stream=lambda: _side_by_side(path, taken),
        others={f"genome {g.name}": len(g.symbols) for g in groups if g not in taken},
    )


def _side_by_side(path: Path, groups: list[Group]) -> Iterator[Block]:
    """Blocks of several groups; cells by the first one's barcodes, those that it lacks left out."""
    import pyarrow.compute as pc

    offset = 0
    for group in groups:
        place = pc.index_in(group.barcodes, value_set=groups[0].barcodes).fill_null(-1)
        cell = place.to_numpy(zero_copy_only=False)
        for genes, cells, values in stream(path, group.name, by_cell=True):
            if genes.min() < 0 or genes.max() >= len(group.symbols) or cells.max() >= len(cell):
                msg = f"{path}: the matrix '{group.name}' points to a gene or cell that is not listed."
                raise UserError(msg)
            known = cell[cells] >= 0
            yield genes[known] + offset, cell[cells[known]], values[known]
        offset += len(group.symbols)
