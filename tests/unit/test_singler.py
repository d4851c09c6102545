"""SingleR with a published reference on labelled blood."""

import gzip

import numpy as np
import pandas as pd
import pytest
from carpeak.errors import UserError
from carpeak.populations import markers, singler
from carpeak.populations.embed import principal_components
from carpeak.stats import graph
from carpeak.stats.matrix import normalise
from runs import ROOT
from scipy.io import mmread

LINEAGES = list(markers.load(ROOT / "config/markers.yaml")["lineages"])


@pytest.mark.parametrize(
    ("name", "lineage"),
    [
        ("Naive CD4+ T-cell", "T cell"),
        ("CD8+ Effector Memory RA", "T cell"),
        ("Mature NK cell_CD56- CD16+ CD3-", "NK cell"),
        ("NKT", "T cell"),
        ("Plasmacytoid Dendritic Cell", "Monocyte/DC"),
        ("Hematopoietic stem cell_CD38- CD34+", "HSC"),
        ("Granulocyte/monocyte progenitor", "HSC"),
        ("Erythroid_CD34- CD71- GlyA+", "Red cell"),
        ("Pro B-cell", "B cell"),
        ("T_cells", "T cell"),
        ("NK_cell", "NK cell"),
        ("Basophils", "Basophils"),
    ],
)
def test_names_of_references(name, lineage):
    assert singler.lineage_of(name, LINEAGES) == lineage


def test_pbmc3k_with_novershtern(real_data):
    folder = next((real_data / "pbmc3k").glob("counts_*"))
    with gzip.open(folder / "matrix.mtx.gz") as file:
        counts = mmread(file).T.tocsr()
    genes = pd.read_csv(folder / "features.tsv.gz", sep="\t", header=None)[1].astype(str).tolist()
    cells = pd.read_csv(folder / "barcodes.tsv.gz", header=None)[0].astype(str).str.replace("-1", "")
    seurat = pd.read_csv(real_data / "pbmc3k/seurat_meta_2638.csv").set_index("barcode")["classified"]
    seurat.index = seurat.index.str.replace("-1", "")
    reference = singler.read_reference(real_data / "annotation_refs/GSE24759_hema_21246x38_mean_log.csv.gz")
    log = normalise(counts)
    points = principal_components(
        log[:, np.flatnonzero(np.asarray((counts > 0).mean(axis=0)).ravel() > 0.02)], 20
    )
    weights = graph.fuzzy_weights(*graph.nearest(points, 15))
    found, _ = singler.classify(singler.scores(log, genes, reference), weights, lineages=LINEAGES)
    truth = cells.map(seurat)
    label = found["label"].to_numpy()
    for name, lineage, least in (
        ("B", "B cell", 0.9),
        ("CD14+ Mono", "Monocyte/DC", 0.85),
        ("Naive CD4 T", "T cell", 0.9),
    ):
        assert (label[(truth == name).to_numpy()] == lineage).mean() >= least


def test_reference_mistakes(tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("gene,A,B\nCD3D,1,x\n")
    with pytest.raises(UserError, match="column 'B' is not numeric"):
        singler.read_reference(bad)
    reference = pd.DataFrame({"A": [1.0], "B": [2.0]}, index=["nothing"])
    with pytest.raises(UserError, match="only 0 of its genes"):
        singler.scores(None, ["CD3D"], reference)
