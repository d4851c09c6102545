"""The same counts written in every layout."""

import csv
import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd

GENES = ["CD3D", "MT-CO1", "RQR8", "CD8A", "LYZ", "CD19"]
IDS = [f"ENSG{i:011d}" for i in range(len(GENES))]


def barcodes(n):
    return [f"AAAC{i:04d}-1" for i in range(n)]


def write_trio(
    folder, counts, *, zipped=True, version=3, prefix="", types=None, values="integer", unsorted=False
):
    folder.mkdir(parents=True, exist_ok=True)

    def opener(path):
        return gzip.open(f"{path}.gz", "wt") if zipped else Path(path).open("w")

    matrix = counts.T.tocoo()
    order = np.lexsort((matrix.row, matrix.col))
    if unsorted:
        order = np.random.default_rng(0).permutation(len(order))
    with opener(folder / f"{prefix}matrix.mtx") as file:
        file.write(f"%%MatrixMarket matrix coordinate {values} general\n%made by a test\n")
        file.write(f"{matrix.shape[0]} {matrix.shape[1]} {matrix.nnz}\n")
        file.writelines(f"{matrix.row[i] + 1} {matrix.col[i] + 1} {matrix.data[i]}\n" for i in order)
    types = types or ["Gene Expression"] * len(GENES)
    with opener(folder / f"{prefix}{'genes' if version == 2 else 'features'}.tsv") as file:
        rows = zip(IDS, GENES, types) if version == 3 else zip(IDS, GENES)
        file.writelines("\t".join(row) + "\n" for row in rows)
    with opener(folder / f"{prefix}barcodes.tsv") as file:
        file.writelines(b + "\n" for b in barcodes(counts.shape[0]))
    return folder


def write_h5(path, counts, *, version=3):
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix" if version == 3 else "GRCh38")
        group["barcodes"] = np.array(barcodes(counts.shape[0]), dtype="S")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(counts, name)
        group["shape"] = np.array(counts.shape[::-1])
        if version == 3:
            features = group.create_group("features")
            features["id"], features["name"] = np.array(IDS, dtype="S"), np.array(GENES, dtype="S")
            features["feature_type"] = np.array(["Gene Expression"] * len(GENES), dtype="S")
        else:
            group["genes"], group["gene_names"] = np.array(IDS, dtype="S"), np.array(GENES, dtype="S")
    return path


def write_h5ad(path, counts, *, place):
    var = pd.DataFrame({"gene_ids": IDS}, index=GENES)
    logs = counts.astype(np.float32).log1p()
    cells = anndata.AnnData(counts, obs=pd.DataFrame(index=barcodes(counts.shape[0])), var=var)
    if place == "raw/X":
        cells.raw = cells.copy()
    elif place == "layers/counts":
        cells.layers["counts"] = counts
    elif place == "csc":
        cells.X = counts.tocsc()
    elif place == "dense":
        cells.X = counts.toarray()
    if place in ("raw/X", "layers/counts", "logs"):
        cells.X = logs
    cells.write_h5ad(path)
    return path


def pack_trio(path, counts, *, kind, inside="P4/filtered_feature_bc_matrix", **options):
    """A .zip or .tar.gz of a folder, in a folder."""
    folder = write_trio(path.parent / f"{path.name}.unpacked", counts, **options)
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, f"{inside}/{file.name}")
    else:
        with tarfile.open(path, f"w:{kind}") as archive:
            for file in sorted(folder.iterdir()):
                archive.add(file, f"{inside}/{file.name}")
    return path


def write_loom(path, counts):
    with h5py.File(path, "w") as file:
        file.create_dataset("matrix", data=counts.T.toarray().astype(np.float32), chunks=(2, 2))
        genes, cells = file.create_group("row_attrs"), file.create_group("col_attrs")
        genes["Gene"], genes["Accession"] = np.array(GENES, dtype="S"), np.array(IDS, dtype="S")
        cells["CellID"] = np.array(barcodes(counts.shape[0]), dtype="S")
        cells["library"] = np.array(["IP", "PK"] * counts.shape[0], dtype="S")[: counts.shape[0]]
    return path


def write_dense(
    path, counts, *, turned=False, delimiter=",", short=False, quoted=False, end="\n", decimals=False
):
    """A table of genes x cells, or `turned`; `short`: R's header, without a field for the names."""
    dense, rows, columns = counts.T.toarray(), GENES, barcodes(counts.shape[0])
    if turned:
        dense, rows, columns = dense.T, columns, rows
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=delimiter,
        lineterminator=end,
        quoting=csv.QUOTE_NONNUMERIC if quoted else csv.QUOTE_MINIMAL,
    )
    writer.writerow(columns if short else ["", *columns])
    for name, values in zip(rows, dense):
        writer.writerow([name, *(values.astype(float) if decimals else values.tolist())])
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_h5mu(path, counts):
    """A MuData file as BD Rhapsody writes it: modalities rna and prot."""
    rna = path.with_suffix(".rna.h5ad")
    write_h5ad(rna, counts, place="X")
    with h5py.File(rna) as source, h5py.File(path, "w") as file:
        for name in ("rna", "prot"):
            group = file.create_group(f"mod/{name}")
            for item in source:
                source.copy(item, group)
    return path
