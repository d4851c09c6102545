"""Peak memory of reading a library stays below 2.5 times its sparse matrix."""

import subprocess
import sys

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest
from runs import ROOT
from scipy import sparse

GENES, CELLS, PER_CELL = 6000, 5000, 2000  # 10 million entries: 80 MB, against which a block is small

READ = """
import sys
sys.path.insert(0, sys.argv[2])
import h5py, numpy, pyarrow, pyarrow.compute, pyarrow.csv, scipy.sparse, anndata.io, zipfile, tarfile
from carpeak.libraries import ingest
from carpeak.readers import layouts
from carpeak.readers.genes import known_symbols

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024

known_symbols()
ingest.prepare(layouts.open_library(sys.argv[4]), sample="s", features=["RQR8"])  # so that all is imported
open("/proc/self/clear_refs", "w").write("5")  # peak := what is in use now
before = peak()
cells, _ = ingest.prepare(layouts.open_library(sys.argv[1]), sample="s", features=["RQR8"])
matrix = cells.X
assert matrix.nnz == int(sys.argv[3])
print((peak() - before) / (matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes))
"""


@pytest.fixture(scope="module")
def counts():
    generator = np.random.default_rng(0)
    genes = (np.arange(CELLS * PER_CELL, dtype=np.int32) % PER_CELL) * 3
    genes += generator.integers(0, 3, len(genes), dtype=np.int32)
    values = generator.geometric(0.6, len(genes)).astype(np.int32)
    return sparse.csr_matrix((values, genes, np.arange(CELLS + 1) * PER_CELL), shape=(CELLS, GENES))


def names(counts):
    return [f"GENE{i}" for i in range(GENES - 1)] + ["CD3D"], [
        f"ACGTACGT{i}-1" for i in range(counts.shape[0])
    ]


def trio(path, counts):
    path.mkdir()
    entries = counts.tocoo()
    table = pa.table({"gene": entries.col + 1, "cell": entries.row + 1, "value": entries.data})
    with (path / "matrix.mtx").open("wb") as file:
        file.write(b"%%MatrixMarket matrix coordinate integer general\n")
        file.write(f"{GENES} {counts.shape[0]} {counts.nnz}\n".encode())
        pa.csv.write_csv(table, file, pa.csv.WriteOptions(include_header=False, delimiter=" "))
    for name, words in zip(("genes.tsv", "barcodes.tsv"), names(counts)):
        (path / name).write_text("\n".join(words) + "\n")


def h5(path, counts):
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for part in ("data", "indices", "indptr"):
            group.create_dataset(
                part,
                data=getattr(counts, part),
                compression="lzf",
                chunks=(10000,) if part != "indptr" else None,
            )
        group["shape"] = np.array(counts.shape[::-1])
        genes, cells = names(counts)
        group["barcodes"] = np.array(cells, dtype="S")
        for part in ("id", "name"):
            group[f"features/{part}"] = np.array(genes, dtype="S")


def h5ad(path, counts, *, dense=False):
    genes, cells = names(counts)
    anndata.AnnData(
        counts.toarray() if dense else counts, obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=genes)
    ).write_h5ad(path)


def csv(path, counts, *, turned=False):
    genes, cells = names(counts)
    frame = pd.DataFrame(counts.toarray() if turned else counts.T.toarray())
    table = pa.Table.from_pandas(frame, preserve_index=False)
    rows, columns = (cells, genes) if turned else (genes, cells)
    table = table.add_column(0, "x", pa.array(rows)).rename_columns(["x", *columns])
    pa.csv.write_csv(table, path)


LAYOUTS = {
    "folder": trio,
    "h5": h5,
    "h5ad": h5ad,
    "dense h5ad": lambda p, c: h5ad(p, c, dense=True),
    "genes x cells csv": csv,
    "cells x genes csv": lambda p, c: csv(p, c, turned=True),
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc for the peak")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_peak_memory_is_below_two_and_a_half_matrices(tmp_path, counts, layout):
    path = tmp_path / "library"
    LAYOUTS[layout](path, counts)
    LAYOUTS[layout](tmp_path / "small", counts[:10])
    command = [sys.executable, "-c", READ, str(path), str(ROOT / "workflow/scripts"), str(counts.nnz)]
    command.append(str(tmp_path / "small"))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(layout, done.stdout)
    assert float(done.stdout) < 2.5
