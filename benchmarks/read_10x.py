"""Time reading a 10x folder against scanpy.read_10x_mtx, in turn, in one process.

usage: python benchmarks/read_10x.py [FOLDER ...] [--rounds 7]
Both give an AnnData of raw counts, cells x genes; scanpy's cache is off. Without a FOLDER a library of 4,000
cells and 8 million entries is simulated. Prints the median wall and processor seconds of each, and the
ratio. scanpy's parser takes all processors it finds; `taskset -c 0` compares on one.
"""

import argparse
import gzip
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow/scripts"))


def simulate(folder: Path, *, cells: int = 4000, genes: int = 30000, per_cell: int = 2000) -> None:
    """Write a Cell Ranger v3 folder of random counts."""
    import pyarrow as pa
    import pyarrow.csv

    generator = np.random.default_rng(0)
    gene = np.concatenate(
        [np.sort(generator.choice(genes, per_cell, replace=False)) + 1 for _ in range(cells)]
    )
    table = pa.table(
        {
            "gene": gene,
            "cell": np.repeat(np.arange(1, cells + 1), per_cell),
            "value": generator.geometric(0.5, len(gene)),
        }
    )
    with gzip.open(folder / "matrix.mtx.gz", "wb", compresslevel=4) as file:
        file.write(
            f"%%MatrixMarket matrix coordinate integer general\n{genes} {cells} {len(gene)}\n".encode()
        )
        pa.csv.write_csv(table, file, pa.csv.WriteOptions(include_header=False, delimiter=" "))
    features = "".join(f"ENSG{i:011d}\tGENE{i}\tGene Expression\n" for i in range(genes))
    (folder / "features.tsv.gz").write_bytes(gzip.compress(features.encode()))
    (folder / "barcodes.tsv.gz").write_bytes(
        gzip.compress("".join(f"BARCODE{i}-1\n" for i in range(cells)).encode())
    )


def read_here(folder: Path) -> object:
    """The folder as AnnData, by this project."""
    import anndata
    import pandas as pd
    from carpeak.readers.layouts import open_library

    library = open_library(folder)
    var = pd.DataFrame({"gene_ids": library.gene_ids}, index=library.symbols)
    cells = anndata.AnnData(library.matrix(), obs=pd.DataFrame(index=library.barcodes.to_pylist()), var=var)
    cells.var_names_make_unique()
    return cells


def read_scanpy(folder: Path) -> object:
    """The folder as AnnData, by scanpy."""
    import scanpy

    return scanpy.read_10x_mtx(folder, cache=False)


def timed(read: Callable[[Path], object], folder: Path) -> tuple[float, float]:
    """Wall and processor seconds of one reading."""
    wall, processor = time.perf_counter(), time.process_time()
    read(folder)
    return time.perf_counter() - wall, time.process_time() - processor


def compare(folder: Path, rounds: int) -> None:
    """Read `folder` in turn with both, check that they agree, and print the medians."""
    ours, theirs = read_here(folder), read_scanpy(folder)
    assert (ours.X != theirs.X).nnz == 0
    assert list(ours.var_names) == list(theirs.var_names)
    measured = [(timed(read_here, folder), timed(read_scanpy, folder)) for _ in range(rounds)]
    print(f"{folder}: {ours.n_obs:,} cells, {ours.X.nnz:,} entries")
    for name, i in (("carpeak", 0), ("scanpy", 1)):
        wall, processor = (statistics.median(m[i][j] for m in measured) for j in (0, 1))
        print(f"  {name:8} {wall:.3f} s wall, {processor:.3f} s processor")
    print(f"  ratio    {statistics.median(b[0] / a[0] for a, b in measured):.2f} (scanpy / carpeak, wall)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    for folder in options.folders:
        compare(folder, options.rounds)
    if not options.folders:
        with tempfile.TemporaryDirectory() as name:
            simulate(Path(name))
            compare(Path(name), options.rounds)


if __name__ == "__main__":
    main()
