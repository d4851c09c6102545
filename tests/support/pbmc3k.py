"""10x's PBMC 3k with the clusters that Seurat's authors published of these cells."""

import gzip

import numpy as np
import pandas as pd
from scipy.io import mmread


def read(real_data):
    """Counts (cells x genes), genes, and each cell's cluster (missing where they left it out)."""
    folder = next((real_data / "pbmc3k").glob("counts_*"))
    with gzip.open(folder / "matrix.mtx.gz") as file:
        counts = mmread(file).T.tocsr().astype(np.int32)
    genes = pd.read_csv(folder / "features.tsv.gz", sep="\t", header=None)[1].astype(str).tolist()
    barcodes = pd.read_csv(folder / "barcodes.tsv.gz", header=None)[0].astype(str).str.replace("-1", "")
    seurat = pd.read_csv(real_data / "pbmc3k/seurat_meta_2638.csv").set_index("barcode")["classified"]
    seurat.index = seurat.index.str.replace("-1", "")
    return counts, genes, barcodes.map(seurat)
