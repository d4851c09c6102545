"""QC: metrics against Seurat, limits against hand-made numbers, and that lineages survive."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from carpeak.libraries import qc
from carpeak.readers import layouts
from carpeak.settings import QcSettings
from scipy import sparse
from scipy.stats import median_abs_deviation

PAPER = QcSettings(preset="paper")


def table(umis, genes, mito):
    return pd.DataFrame({"n_umis": umis, "n_genes": genes, "pct_mito": np.asarray(mito, float)})


def test_metrics_equal_seurat(real_data):
    library = layouts.open_library(real_data / "pbmc3k/counts_13714x2700")
    mito = np.array([s.startswith("MT-") for s in library.symbols])
    found = qc.metrics(library.matrix(), mito=mito).set_index(library.barcodes.to_pandas())
    seurat = pd.read_csv(real_data / "pbmc3k/seurat_meta_2638.csv", index_col=0)
    found = found.loc[seurat.index]
    assert len(found) == 2638
    np.testing.assert_array_equal(found["n_umis"], seurat["nCount_RNA"])
    np.testing.assert_array_equal(found["n_genes"], seurat["nFeature_RNA"])
    np.testing.assert_allclose(found["pct_mito"], seurat["percent.mt"], rtol=1e-12)


def test_mad_limits_equal_scipy():
    values = np.random.default_rng(0).gamma(2, 3, 501)
    width = 3 * median_abs_deviation(values, scale="normal")
    expected = np.median(values) - width, np.median(values) + width
    np.testing.assert_allclose(qc.mad_limits(values, mads=3, fallback=1), expected, rtol=1e-4)


def test_a_mad_of_zero_takes_the_fallback():
    assert qc.mad_limits(np.array([2.0, 2.0, 2.0, 9.0]), mads=3, fallback=0.5) == (0.5, 3.5)


def test_paper_limits_leave_empty_barcodes_out_of_the_median():
    # by hand: of 1, 2, 3, 4, 5 the median is 3 and the MAD 1; the two empty barcodes do not count
    found = qc.limits(
        table([500] * 7, [200] * 5 + [20] * 2, [1, 2, 3, 4, 5, 60, 70]), options=PAPER, has_mito=True
    )
    assert found.max_mito_percent == pytest.approx(3 + 3 * 1.4826)
    assert (found.min_genes, found.max_genes, found.min_umis, found.max_umis) == (100, 30_000, None, None)


def test_fixed_mito_limit_is_a_ceiling_and_no_mito_genes_means_no_limit():
    cells = table([500] * 5, [200] * 5, [1, 2, 3, 4, 5])
    options = replace(PAPER, max_mito_percent=4.0)
    assert qc.limits(cells, options=options, has_mito=True).max_mito_percent == 4.0
    wide = replace(PAPER, max_mito_percent=50.0)
    assert qc.limits(cells, options=wide, has_mito=True).max_mito_percent < 8
    assert qc.limits(cells, options=options, has_mito=False).max_mito_percent is None


def test_every_removed_barcode_has_the_first_reason_that_applies():
    cells = table(
        [50, 10_000, 10, 90_000, 500, 500, 400, 800],
        [9, 900, 200, 200, 200, 200, 150, 800],
        [90, 90, 1, 1, 9, 8, 8, 8],
    )
    bounds = qc.Limits("adaptive", 150, 800, 400, 80_000, 8.0)
    found = qc.reasons(cells, bounds)  # limits themselves are inside
    assert list(found) == ["few_genes", "many_genes", "low_umis", "high_umis", "high_mito", "", "", ""]


def mixture(generator, kinds):
    """Metrics of lineages: name -> (cells, median UMIs, median genes, median mito percent)."""
    parts = []
    for name, (n, umis, genes, mito) in kinds.items():
        size = np.exp(generator.normal(0, 0.35, n))
        part = table(umis * size, genes * size**0.7, mito * np.exp(generator.normal(0, 0.4, n)))
        parts.append(part.assign(kind=name))
    return pd.concat(parts, ignore_index=True)


T_RICH = {
    "T": (3000, 2500, 1200, 4),
    "red": (200, 2500, 250, 0.3),
    "platelet": (100, 700, 350, 2),
    "B": (100, 2200, 1000, 4),
}
RED_RICH = {**T_RICH, "T": (400, 2500, 1200, 4), "red": (4000, 2500, 250, 0.3)}


@pytest.mark.parametrize("kinds", [T_RICH, RED_RICH], ids=["mostly T", "mostly red"])
def test_adaptive_preset_keeps_every_lineage(kinds):
    cells = mixture(np.random.default_rng(0), kinds)
    bounds = qc.limits(cells, options=replace(PAPER, preset="adaptive"), has_mito=True)
    kept = pd.Series(qc.reasons(cells, bounds) == "").groupby(cells["kind"]).mean()
    assert kept.min() > 0.75, kept.to_dict()


def test_adaptive_preset_removes_debris_and_damaged_cells():
    cells = mixture(
        np.random.default_rng(0),
        {"T": (2000, 2500, 1200, 4), "debris": (500, 80, 60, 4), "damaged": (200, 900, 500, 40)},
    )
    bounds = qc.limits(cells, options=replace(PAPER, preset="adaptive"), has_mito=True)
    kept = pd.Series(qc.reasons(cells, bounds) == "").groupby(cells["kind"]).mean()
    assert kept["T"] > 0.9
    assert kept["debris"] < 0.02
    assert kept["damaged"] < 0.05


def counts_of(n, *, genes=300, per_gene=2.0, seed=0):
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(per_gene, (n, genes)).astype(np.int32))


def judge(counts, *, mito=0, **options):
    width = counts.shape[1]
    where = np.arange(width) < mito
    last = np.arange(width) == width - 1
    return qc.judge(counts, mito=where, transgene=last, options=replace(PAPER, **options))


def test_judge_gives_one_row_and_one_reason_per_barcode():
    counts = sparse.vstack([counts_of(200), counts_of(60, per_gene=0.05)], format="csr")
    cells, thresholds = judge(counts, mito=5)
    assert list(cells.columns) == ["n_umis", "n_genes", "pct_mito", "doublet_score", "removed_by", "kept"]
    assert len(cells) == 260
    assert (cells["removed_by"][200:] == "few_genes").all()
    assert ((cells["removed_by"] == "") == cells["kept"]).all()
    assert cells["doublet_score"].notna().equals(~cells["removed_by"].isin(["few_genes", "high_mito"]))
    json.dumps(thresholds, allow_nan=False)


@pytest.mark.parametrize(
    ("n", "empty", "status", "words"),
    [
        (0, 40, "failed", "Only 0 of 40 barcodes passed, most of the others for few genes"),
        (20, 0, "failed", "It holds only 20 barcodes"),
        (60, 3000, "failed", "Only 60 of 3060"),
        (60, 30, "poor", "33 % of the barcodes hold too few genes"),
        (60, 0, "ok", "No mitochondrial genes"),
    ],
)
def test_verdict_in_a_sentence_and_no_crash(n, empty, status, words):
    counts = sparse.vstack([counts_of(n), counts_of(empty, per_gene=0.05)], format="csr")
    cells, thresholds = judge(counts, doublets=False)
    assert cells["kept"].sum() == n
    assert thresholds["status"] == status
    assert words in thresholds["message"]
    assert thresholds["max_mito_percent"] is None
    assert thresholds["doublet_threshold_source"] == "off"


def test_the_poor_product_library_is_called_poor(real_data):
    path = real_data / "carpall_P02/h5/CAR-T11141510.filtered_feature_bc_matrix.h5"
    library = layouts.open_library(path)
    mito = np.array([s.startswith("MT-") for s in library.symbols])
    _, thresholds = qc.judge(library.matrix(), mito=mito, transgene=np.zeros(len(mito), bool), options=PAPER)
    assert thresholds["status"] == "poor"
    assert "15.9 % mitochondrial RNA" in thresholds["message"]  # the median that SOURCE.txt states
    assert "hold too few genes to be cells" in thresholds["message"]
