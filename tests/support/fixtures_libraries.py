"""Small sound studies in every layout, made to be spoilt by tests of bad inputs."""

import gzip
from pathlib import Path

import h5py
import numpy as np
from scipy import sparse

GENES = [
    *("CD3D", "CD3E", "CD3G", "TRAC", "CD2", "CD4", "CD8A", "CD8B", "CCR7", "LEF1", "TCF7", "SELL", "IL7R"),
    *(
        "GZMB",
        "GNLY",
        "NKG7",
        "PRF1",
        "CST7",
        "LAG3",
        "FOXP3",
        "IL2RA",
        "LYZ",
        "S100A8",
        "HBB",
        "HBA1",
        "PPBP",
    ),
    *("PF4", "CD79A", "MS4A1", "ACTB", "MT-CO1", "MT-ND1", "MALAT1", "B2M"),
]
CAR = "CLL1_scFv"
CELLS = 60
N_GENES = len(GENES) + 1


def ids(genes):
    """Ensembl identifiers for genes; a construct bears its own name."""
    return [g if g in (CAR, "RQR8") else f"ENSG{i:011d}" for i, g in enumerate(genes, start=1)]


def counts(cells=CELLS, genes=N_GENES, seed=1):
    """Cells x genes with some hundred UMIs per cell."""
    dense = np.random.default_rng(seed).poisson(3.0, (cells, genes))
    return sparse.csr_matrix(dense.astype(np.int32))


def barcodes(n, seed=1):
    """Names of cells that differ between libraries."""
    letters = np.random.default_rng(seed).integers(0, 4, (n, 12))
    return ["".join("ACGT"[i] for i in row) + f"{k:04d}-1" for k, row in enumerate(letters)]


def write_trio(folder, matrix=None, *, genes=None, gene_ids=None, types=None, cells=None, prefix="", seed=1):
    """A 10x v3 folder."""
    genes = [*GENES, CAR] if genes is None else genes
    gene_ids = ids(genes) if gene_ids is None else gene_ids
    types = ["Gene Expression"] * len(genes) if types is None else types
    matrix = counts(genes=len(genes), seed=seed) if matrix is None else matrix
    cells = barcodes(matrix.shape[0], seed) if cells is None else cells
    folder.mkdir(parents=True, exist_ok=True)
    entries = matrix.tocoo()
    lines = [
        "%%MatrixMarket matrix coordinate integer general",
        f"{len(genes)} {matrix.shape[0]} {entries.nnz}",
    ]
    lines += [f"{g + 1} {c + 1} {v:g}" for g, c, v in zip(entries.col, entries.row, entries.data)]
    write_gz(folder / f"{prefix}matrix.mtx.gz", "\n".join(lines) + "\n")
    rows = ["\t".join(row) + "\n" for row in zip(gene_ids, genes, types)]
    write_gz(folder / f"{prefix}features.tsv.gz", "".join(rows))
    write_gz(folder / f"{prefix}barcodes.tsv.gz", "".join(f"{b}\n" for b in cells))
    return folder


def write_gz(path, text):
    """Gzipped text without a time stamp."""
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def write_h5(path, matrix=None, *, seed=1):
    """A Cell Ranger v3 h5."""
    matrix = counts(seed=seed) if matrix is None else matrix
    genes = [*GENES, CAR]
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = np.array(barcodes(matrix.shape[0], seed), dtype="S")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
        group["shape"] = np.array(matrix.shape[::-1])
        features = group.create_group("features")
        features["id"], features["name"] = np.array(ids(genes), dtype="S"), np.array(genes, dtype="S")
        features["feature_type"] = np.array(["Gene Expression"] * len(genes), dtype="S")
    return path


def write_h5ad(path, values, *, genes=None, cells=None):
    """An h5ad with `values` in X."""
    import anndata
    import pandas as pd

    genes = [*GENES, CAR] if genes is None else genes
    obs = pd.DataFrame(index=barcodes(values.shape[0]) if cells is None else cells)
    anndata.AnnData(values, obs=obs, var=pd.DataFrame({"gene_ids": ids(genes)}, index=genes)).write_h5ad(path)
    return path


SHEET = "sample\tcondition\tdonor\tpath\nip\tproduct\tP1\tip\npk\tpeak\tP1\tpk\n"
CONFIG = f"samples: samples.tsv\ntransgene: {{features: [{CAR}]}}\n"


def write_study(folder: Path) -> Path:
    """A sound study: two 10x folders, a sheet and a configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    write_trio(folder / "ip", seed=1)
    write_trio(folder / "pk", seed=2)
    (folder / "samples.tsv").write_text(SHEET)
    (folder / "config.yaml").write_text(CONFIG)
    return folder
