"""One library outside a run: its transgene counted from reads and added to its matrix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..construct import fasta
from ..io import write_json
from ..readers.added import add_to, demand_absent, read_molecules
from ..study.units import ReadFiles
from .transgene import Counted, count_library, read_constructs

if TYPE_CHECKING:
    from ..readers.library import CountMatrix


def count_into(source: ReadFiles, out: Path, *, construct: str, cells: str, **options: Any) -> Counted:
    """Count `construct` in `source` and write molecules, a summary and the matrix with it into `out`.

    `cells` is the library's matrix or a list of its barcodes (no matrix is written then); the options are
    those of `count_library`. Raises UserError where the matrix already holds the construct.
    """
    library, names = _cells(cells)
    if library is not None:
        demand_absent(library, [record.name for record in read_constructs(construct)])
    counted = count_library(source, construct=construct, cells=names, place=cells, **options)
    molecules = out / "molecules.tsv.gz"
    counted.write(molecules)
    if library is not None:
        _write_matrix(library, counted.names, molecules, out / "matrix")
    write_json(counted.summary(), out / "reads.json")
    return counted


def _cells(path: str) -> tuple[CountMatrix | None, list[str]]:
    """The library at `path` and its barcodes; no library where `path` is a list of barcodes."""
    from ..readers.layouts import open_library

    if Path(path).is_file() and Path(path).name.removesuffix(".gz").endswith((".tsv", ".txt", ".csv")):
        with fasta.open_bytes(path) as file:
            return None, file.read().decode("utf-8-sig", "replace").split()
    library = open_library(path)
    return library, [str(b) for b in library.barcodes.to_pylist()]


def _write_matrix(library: CountMatrix, names: list[str], molecules: Path, folder: Path) -> None:
    """Write the library as a Cell Ranger folder with one more feature for each construct."""
    import pandas as pd

    from ..readers.write_tenx import write_folder

    more = add_to(library, names, read_molecules(molecules))
    features = pd.DataFrame({"gene_id": more.gene_ids, "symbol": more.symbols})
    barcodes = [str(b) for b in more.barcodes.to_pylist()]
    write_folder(folder, more.matrix(), features=features, barcodes=barcodes, software="carpeak reads")
