"""The rank-sum test against scipy in float64 and against Seurat's published marker table."""

import numpy as np
import pandas as pd
import pytest
from carpeak.stats import intervals, matrix, ranksum
from scipy import sparse, stats
from scipy.io import mmread


def planted(seed=0, n_cells=300, n_genes=40):
    """Log counts with many zeros and many ties, and three groups of unequal size."""
    generator = np.random.default_rng(seed)
    counts = generator.poisson(generator.gamma(0.5, 2, n_genes), (n_cells, n_genes))
    counts[:100, 0] += 40
    counts[:, 1] = 0
    counts[:, 2] = 3
    groups = np.repeat(["a", "b", "c"], [100, 150, 50])
    return np.log1p(counts.astype(float)), groups, [f"g{i}" for i in range(n_genes)]


def test_one_vs_rest_equals_scipy():
    dense, groups, genes = planted()
    found = ranksum.one_vs_rest(sparse.csr_matrix(dense), groups, genes, min_pct=0)
    seen, sizes = (dense > 0).sum(axis=0), [(groups == name).sum() for name in "abc"]
    enough = [(seen * min(n, len(groups) - n) / len(groups) >= 5).sum() for n in sizes]
    assert len(found) == sum(enough) > 90  # genes that too few cells express are not tested
    for row in found.itertuples():
        column = dense[:, genes.index(row.gene)]
        inside, outside = column[groups == row.cluster], column[groups != row.cluster]
        if row.gene == "g2":
            assert (row.auc, row.p_value) == (0.5, 1.0)
            continue
        u, p = stats.mannwhitneyu(inside, outside, use_continuity=True, method="asymptotic")
        assert row.p_value == pytest.approx(p, rel=1e-10)
        assert row.auc == pytest.approx(u / (len(inside) * len(outside)), rel=1e-12)
        assert row.pct_in == pytest.approx((inside > 0).mean())
        assert row.pct_out == pytest.approx((outside > 0).mean())
        change = np.log2((np.expm1(inside).mean() + 0.25) / (np.expm1(outside).mean() + 0.25))
        assert row.log2_fold_change == pytest.approx(change, rel=1e-9, abs=1e-12)


def test_chunks_change_nothing(monkeypatch):
    dense, groups, genes = planted()
    whole = ranksum.one_vs_rest(sparse.csr_matrix(dense), groups, genes)
    monkeypatch.setattr(ranksum, "_CHUNK", 500)
    pd.testing.assert_frame_equal(ranksum.one_vs_rest(sparse.csr_matrix(dense), groups, genes), whole)


def test_two_groups_equals_one_vs_rest_and_numpy():
    dense, groups, genes = planted()
    test = groups == "a"
    (found,) = ranksum.two_groups(sparse.csr_matrix(dense), [test], genes)
    rest = ranksum.one_vs_rest(sparse.csr_matrix(dense), np.where(test, "a", "x"), genes)
    rest = rest[rest["cluster"] == "a"].set_index("gene").loc[found.table["gene"]]
    for column in ("log2_fold_change", "auc", "p_value", "p_adjusted"):
        np.testing.assert_allclose(found.table[column], rest[column], rtol=1e-10, atol=1e-14)
    normalised = np.expm1(dense)[:, [genes.index(g) for g in found.table["gene"]]]
    np.testing.assert_allclose(found.mean_test, normalised[test].mean(axis=0), rtol=1e-10)
    one = normalised.sum(axis=0) / (normalised > 0).sum(axis=0)
    half = 0.5 * one**2 / (~test).sum()  # that of half a detection
    variance = normalised[~test].var(axis=0, ddof=1) + half
    np.testing.assert_allclose(found.variance_reference, variance, rtol=1e-8, atol=1e-9)


def test_comparisons_at_once_equal_each_on_its_own_cells():
    """Cells outside a comparison must not touch its ranks, ties, means or percentages."""
    dense, groups, genes = planted()
    matrix_ = sparse.csr_matrix(dense)
    sides = [np.select([groups == a, groups == b], [1, 0], -1) for a, b in ("ab", "cb", "ac")]
    for side, found in zip(sides, ranksum.two_groups(matrix_, sides, genes), strict=True):
        (alone,) = ranksum.two_groups(matrix_[side >= 0], [side[side >= 0]], genes)
        pd.testing.assert_frame_equal(found.table, alone.table, rtol=1e-12)
        np.testing.assert_allclose(found.variance_test, alone.variance_test, rtol=1e-12)
        for row in found.table.itertuples():
            column = dense[:, genes.index(row.gene)]
            p = stats.mannwhitneyu(column[side == 1], column[side == 0], method="asymptotic").pvalue
            assert row.p_value == pytest.approx(1.0 if np.isnan(p) else p, rel=1e-10)


def test_an_empty_side_is_refused():
    dense, groups, genes = planted()
    with pytest.raises(ValueError, match="at least one cell"):
        ranksum.two_groups(sparse.csr_matrix(dense), [np.where(groups == "a", 1, -1)], genes)


def test_a_perfect_separation_has_auc_one_and_no_underflow():
    values = sparse.csr_matrix(np.r_[np.zeros(600), np.linspace(1, 2, 600)][:, None].astype(np.float32))
    table = ranksum.two_groups(values, [np.arange(1200) >= 600], ["g"])[0].table
    expected = stats.mannwhitneyu(np.linspace(1, 2, 600), np.zeros(600), method="asymptotic").pvalue
    assert table["auc"].item() == 1
    assert 0 < table["p_value"].item() == pytest.approx(expected, rel=1e-9)
    assert expected < 1e-200


def test_explicit_zeros_are_zeros_and_negatives_are_refused():
    dense, groups, genes = planted()
    stored = sparse.csr_matrix(dense + 1)
    stored.data -= 1
    pd.testing.assert_frame_equal(
        ranksum.one_vs_rest(stored, groups, genes),
        ranksum.one_vs_rest(sparse.csr_matrix(dense), groups, genes),
    )
    with pytest.raises(ValueError, match="not negative"):
        ranksum.one_vs_rest(sparse.csr_matrix(dense - 1), groups, genes)


def test_excluded_genes_are_never_tested_nor_counted():
    dense, groups, genes = planted()
    mask = np.arange(len(genes)) == 0
    found = ranksum.one_vs_rest(sparse.csr_matrix(dense), groups, genes, exclude=mask)
    assert "g0" not in set(found["gene"])
    family = found[found["cluster"] == "a"]
    np.testing.assert_allclose(
        family["p_adjusted"], stats.false_discovery_control(family["p_value"]), rtol=1e-12
    )


def test_order_is_by_cluster_number_then_from_up_to_down():
    dense, _, genes = planted()
    groups = np.repeat(["10", "2", "0"], 100)
    found = ranksum.one_vs_rest(sparse.csr_matrix(dense), groups, genes)
    assert list(found["cluster"].unique()) == ["0", "2", "10"]
    first = found[found["cluster"] == "10"]
    assert first["gene"].iloc[0] == "g0"  # raised in the first hundred cells


def test_one_group_or_no_cells_give_a_header_only_table():
    dense, _, genes = planted()
    assert list(ranksum.one_vs_rest(sparse.csr_matrix(dense), ["a"] * 300, genes)) == ranksum.MARKER_COLUMNS
    assert ranksum.one_vs_rest(sparse.csr_matrix((0, 40)), [], genes).empty


def test_fold_change_by_hand():
    assert ranksum.fold_change(3, 1, pseudocount=1) == pytest.approx(1)
    assert ranksum.fold_change(3, 1, pseudocount=1, base=np.e) == pytest.approx(np.log(2))
    assert ranksum.fold_change(0.8, 0.4) == pytest.approx(np.log2(1.05 / 0.65))
    assert np.isfinite(ranksum.fold_change(0, 5))


@pytest.fixture(scope="module")
def seurat(real_data):
    folder = real_data / "pbmc3k"
    counts = folder / "counts_13714x2700"
    genes = pd.read_csv(counts / "features.tsv.gz", sep="\t", header=None)[0].tolist()
    barcodes = pd.read_csv(counts / "barcodes.tsv.gz", header=None)[0].str.replace("-1", "")
    cells = sparse.csr_matrix(mmread(counts / "matrix.mtx.gz").T)
    meta = pd.read_csv(folder / "seurat_meta_2638.csv").set_index("barcode")
    keep = np.flatnonzero(barcodes.isin(meta.index))
    clusters = meta.loc[barcodes.iloc[keep], "seurat_clusters"].astype(str).to_numpy()
    published = pd.read_csv(folder / "seurat_FindAllMarkers_clusters_0-3.csv")
    log_counts = matrix.normalise(cells[keep], dtype=np.float64)
    found = ranksum.one_vs_rest(log_counts, clusters, genes, min_pct=0, pseudocount=1)
    published["cluster"] = published["cluster"].astype(str)
    return published.merge(found, on=["gene", "cluster"], validate="one_to_one"), len(published)


def test_seurat_table_is_reproduced(seurat):
    both, n_published = seurat
    assert len(both) == n_published == 691
    natural_log = both["log2_fold_change"] * np.log(2)
    np.testing.assert_allclose(natural_log, both["avg_logFC"], atol=1e-6)
    np.testing.assert_allclose(both["pct_in"], both["pct.1"], atol=0.0005001)
    np.testing.assert_allclose(both["pct_out"], both["pct.2"], atol=0.0005001)
    nonzero = both["p_val"] > 0
    np.testing.assert_allclose(both["p_value"][nonzero], both["p_val"][nonzero], rtol=0.005)
    assert (both["p_value"][~nonzero] < 1e-300).all()


def test_a_lone_detection_on_a_small_side_is_not_tested():
    """One detection among 13 cells against none among 600 is no finding, whatever the normal law says."""
    generator = np.random.default_rng(0)
    dense = np.zeros((613, 3))
    dense[0, 0] = 1.0  # the lone detection
    dense[:, 1] = generator.poisson(1.0, 613)
    dense[:4, 2] = 1.0
    (found,) = ranksum.two_groups(
        sparse.csr_matrix(dense), [np.where(np.arange(613) < 13, 1, 0)], ["lone", "common", "four"]
    )
    assert found.table["gene"].tolist() == ["common"]


def test_splits_of_alike_cells_find_nothing_however_small_a_side():
    """Sparse counts of one kind of cell, split at random: no gene passes p_adjusted < 0.01."""
    generator = np.random.default_rng(1)
    counts = sparse.csr_matrix(generator.poisson(generator.gamma(0.1, 1.0, 2000), (800, 2000)).astype(float))
    log = counts.copy()
    log.data = np.log1p(log.data)
    for small in (10, 20, 50):
        side = np.zeros(800, dtype=int)
        side[generator.permutation(800)[:small]] = 1
        (found,) = ranksum.two_groups(log, [side], [f"g{i}" for i in range(2000)])
        assert (found.table["p_adjusted"] < 0.01).sum() <= 1


@pytest.mark.parametrize("n", [100, 400])
def test_intervals_of_rarely_detected_genes_hold_no_change(n):
    """Halves of alike cells: genes with ten to thirty detections; without half a detection more it is 0.93."""
    generator = np.random.default_rng(5)
    rate = generator.uniform(5, 15, 3000) / n
    counts = generator.poisson(generator.gamma(2.0, rate / 2.0, (2 * n, 3000)))
    log = sparse.csr_matrix(np.log1p(counts * 6.0))  # a UMI is 6 per 10,000 of 1,700
    side = np.arange(2 * n) % 2
    (found,) = ranksum.two_groups(log, [side], [f"g{i}" for i in range(3000)], min_pct=0.0)
    low, high = intervals.log2_ratio_of_means(
        (found.mean_test, found.mean_reference),
        (found.variance_test, found.variance_reference),
        (n, n),
        pseudocount=ranksum.PSEUDOCOUNT,
    )
    assert len(low) > 2000
    assert 0.94 <= ((low <= 0) & (high >= 0)).mean() <= 0.965
