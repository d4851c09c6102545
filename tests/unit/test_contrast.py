"""The comparison on planted changes of expression and of depth, and on interferon-stimulated blood."""

import numpy as np
import pandas as pd
import pytest
from carpeak.comparison import differential_expression
from carpeak.stats import intervals, matrix, ranksum
from scipy import sparse
from scipy.io import mmread

CONDITIONS = {"test": "peak", "reference": "product"}
N_GENES = 400


def simulated(seed=1, n=500, depth=(1.0, 0.5), n_planted=30):
    """Two libraries; the peak is shallower and its first genes are up four times, the next ones down.

    Returns counts, cells, genes, the transgene's mask, and the true log2 ratio of normalised means.
    """
    generator = np.random.default_rng(seed)
    share = generator.gamma(0.6, 1, N_GENES) + 0.05
    share[: 2 * n_planted] = generator.uniform(0.5, 3, 2 * n_planted)
    changed = share.copy()
    changed[:n_planted] *= 4
    changed[n_planted : 2 * n_planted] /= 4
    share, changed = share / share.sum(), changed / changed.sum()
    rows = []
    for profile, scale in ((share, depth[0]), (changed, depth[1])):
        size = 1000 * scale * generator.lognormal(0, 0.3, (n, 1))
        rows.append(generator.poisson(generator.gamma(3, 1 / 3, (n, N_GENES)) * profile * size))
    car = generator.binomial(40, 0.02, (2 * n, 1))
    counts = sparse.csr_matrix(np.hstack([np.vstack(rows), car]).astype(np.int32))
    sample = np.repeat(["product", "peak"], n)
    cells = pd.DataFrame(
        {
            "cell": [f"c{i}" for i in range(2 * n)],
            "sample": sample,
            "condition": sample,
            "donor": "P4",
            "t_lineage": np.tile(["CD4", "CD4", "CD8", "unassigned"], n // 2),
            "t_lineage_unintegrated": np.tile(["CD4", "CD8", "CD8", "CD4"], n // 2),
            "car_call": np.where(car.ravel() > 0, "positive", "undetermined"),
            "car_umis": car.ravel(),
            "car_probability": np.nan,
        }
    )
    genes = [f"g{i}" for i in range(N_GENES)] + ["CAR"]
    return counts, cells, genes, np.arange(N_GENES + 1) == N_GENES, np.log2(changed / share)


def run(data, *, min_cells=10, seed=0):
    counts, cells, genes, transgene, _ = data
    return differential_expression.compare(
        counts, cells, genes, transgene=transgene, conditions=CONDITIONS,
        min_pct=0.01, min_cells=min_cells, seed=seed,
    )  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return simulated()


@pytest.fixture(scope="module")
def results(data):
    return run(data)


def test_planted_changes_are_found_and_little_else(data, results):
    truth = pd.Series(data[4], index=data[2][:-1])
    table = (
        results[0].query("population == 't_cells' and group == 'all' and depth == 'equal'").set_index("gene")
    )
    found = table.index[(table["p_adjusted"] < 0.01) & (table["log2_fold_change"].abs() >= 0.5)]
    expressed = table.index[table[["pct_test", "pct_reference"]].max(axis=1) >= 0.1]
    strong = truth.index[truth.abs() >= 1].intersection(expressed)
    assert len(strong) >= 50
    assert len(strong.intersection(found)) >= 0.9 * len(strong)
    assert (truth[found].abs() < 0.25).mean() <= 0.05
    assert (np.sign(truth[strong]) == np.sign(table.loc[strong, "log2_fold_change"])).all()


def test_intervals_cover_the_truth(data, results):
    truth = pd.Series(data[4], index=data[2][:-1])
    table = (
        results[0].query("population == 't_cells' and group == 'all' and depth == 'equal'").set_index("gene")
    )
    table = table[
        (table[["pct_test", "pct_reference"]].min(axis=1) >= 0.4)
    ]  # where the pseudocount is nothing
    true = truth[table.index]
    covered = (table["log2_fold_change_low"] <= true) & (true <= table["log2_fold_change_high"])
    assert len(table) > 100
    assert 0.85 <= covered.mean() <= 1


def test_intervals_equal_a_bootstrap_of_cells(data, results):
    counts, cells, genes, transgene, _ = data
    normalised = matrix.normalise(counts, exclude=transgene, log=False).toarray()
    table = (
        results[0].query("population == 't_cells' and group == 'all' and depth == 'full'").set_index("gene")
    )
    generator = np.random.default_rng(0)
    peak = (cells["condition"] == "peak").to_numpy()
    for gene in ("g0", "g31", "g200"):
        column = normalised[:, genes.index(gene)]
        means = [generator.choice(column[side], (2000, side.sum())).mean(axis=1) for side in (peak, ~peak)]
        drawn = ranksum.fold_change(*means)
        row = table.loc[gene]
        width = row["log2_fold_change_high"] - row["log2_fold_change_low"]
        bounds = [row["log2_fold_change_low"], row["log2_fold_change_high"]]
        np.testing.assert_allclose(bounds, np.percentile(drawn, [2.5, 97.5]), atol=0.15 * width)


def test_a_gene_missing_from_one_side_has_no_certain_fold():
    """Not one of 20 cells shows the gene: the interval must admit that the next one might."""
    counts = sparse.csr_matrix(np.r_[np.zeros(20), np.ones(20)][:, None] * [[1, 0]] + [[0, 9]])
    log_counts = matrix.normalise(counts.astype(np.int32))
    (found,) = ranksum.two_groups(log_counts, [np.repeat([1, 0], 20)], ["g", "rest"])
    assert found.mean_test[0] == 0
    assert found.variance_test[0] == pytest.approx(0.5 * 1000**2 / 20)  # half a UMI; one in ten is 1,000
    low, high = intervals.log2_ratio_of_means(
        (found.mean_test, found.mean_reference), (found.variance_test, found.variance_reference), (20, 20),
        pseudocount=ranksum.PSEUDOCOUNT,
    )  # fmt: skip
    assert high[0] - low[0] > 1


def test_depth_alone_changes_nothing_after_thinning():
    """The same cells at half the depth: detection differs before thinning and not after."""
    results = run(simulated(seed=5, depth=(1.0, 0.4), n_planted=0))[0]
    table = results.query("population == 't_cells' and group == 'all'")
    gap = (table["pct_test"] - table["pct_reference"]).groupby(table["depth"]).median()
    assert gap["full"] < -0.05
    assert abs(gap["equal"]) < 0.01
    found = table["p_adjusted"] < 0.01
    assert found[table["depth"] == "full"].sum() > 10 * max(found[table["depth"] == "equal"].sum(), 1)


def test_transgene_is_neither_tested_nor_part_of_depth(data, results):
    assert "CAR" not in set(results[0]["gene"])
    counts = data[0].tolil()
    counts[:, -1] = counts[:, -1].toarray() * 50
    many = run((counts.tocsr(), *data[1:]))
    full = "depth == 'full'"  # thinning draws other numbers for other counts
    pd.testing.assert_frame_equal(many[0].query(full), results[0].query(full))
    assert many[2]["depth_share"] == results[2]["depth_share"]


def test_layout(results):
    table, sensitivity, status = results
    assert list(table.columns) == differential_expression.COLUMNS
    assert list(sensitivity.columns) == ["variant", *differential_expression.COLUMNS]
    blocks = table[["population", "group", "depth"]].drop_duplicates().to_numpy().tolist()
    assert blocks == [
        [p, g, d] for p in ("t_cells", "car_t") for g in ("all", "CD4", "CD8") for d in ("full", "equal")
    ]
    assert set(sensitivity["group"]) == {"CD4", "CD8"}
    assert set(sensitivity["depth"]) == {"equal"}
    assert set(table["unit"]) == {"cell"}
    group = status["groups"]["t_cells/CD4"]
    assert (group["n_test"], group["n_reference"], group["status"]) == (250, 250, "ok")
    assert group["donors"] == {"test": ["P4"], "reference": ["P4"]}
    assert status["depth_share"]["peak"] == 1
    assert 0.45 < status["depth_share"]["product"] < 0.55


def test_same_seed_same_table(data, results):
    again = run(data)
    pd.testing.assert_frame_equal(again[0], results[0])
    pd.testing.assert_frame_equal(again[1], results[1])


def test_too_few_cells_have_no_rows_and_a_reason(data):
    counts, cells, *rest = data
    few = cells.copy()
    product = (few["condition"] == "product") & (few["car_call"] == "positive")
    few.loc[few.index[product][9:], "car_call"] = "undetermined"
    table, sensitivity, status = run((counts, few, *rest))
    assert set(table["population"]) == set(sensitivity["population"]) == {"t_cells"}
    group = status["groups"]["car_t/all"]
    assert group["status"] == "too_few_cells"
    assert group["n_reference"] == 9
    assert "product holds 9 such cells; 10 are needed" in group["message"]


def test_the_one_umi_rule_stands_beside_where_it_calls_other_cells(data, results):
    counts, cells, *rest = data
    assert "umi_rule" not in set(results[1]["variant"])  # without probabilities there is one rule only
    called = cells.assign(car_probability=np.where(cells["car_umis"] > 0, 0.9, 0.2))
    assert "umi_rule" not in set(run((counts, called, *rest))[1]["variant"])  # the same cells by both
    called.loc[called["car_umis"] == 1, "car_call"] = "undetermined"
    table, varied, status = run((counts, called, *rest))
    beside = varied[varied["variant"] == "umi_rule"]
    assert set(beside["population"]) == {"car_t"}
    main = results[0]
    main = main[(main["population"] == "car_t") & (main["depth"] == "equal") & (main["group"] == "CD4")]
    beside = beside[beside["group"] == "CD4"]
    np.testing.assert_allclose(beside["log2_fold_change"], main["log2_fold_change"], rtol=1e-9)
    fewer = status["groups"]["car_t/CD4"]["n_test"]
    assert fewer < status["groups"]["car_t/CD4/umi_rule"]["n_test"]
    assert len(table)


@pytest.mark.parametrize("keep", ["nobody", "one condition"])
def test_nothing_to_compare_gives_header_only_tables(data, keep):
    counts, cells, *rest = data
    rows = np.flatnonzero((cells["condition"] == "peak").to_numpy() & (keep != "nobody"))
    table, sensitivity, status = run((counts[rows], cells.iloc[rows], *rest))
    assert table.empty
    assert list(table.columns) == differential_expression.COLUMNS
    assert list(sensitivity.columns) == ["variant", *differential_expression.COLUMNS]
    assert {group["status"] for group in status["groups"].values()} == {"too_few_cells"}


def test_interferon_genes_top_stimulated_blood(real_data):
    folder = real_data / "kang_ifnb"
    blocks, genes = [], []
    for name in ("ctrl", "stim"):
        part = folder / f"{name}_9015x1000"
        blocks.append(sparse.csr_matrix(mmread(part / "matrix.mtx.gz").T).astype(np.int32))
        genes.append(pd.read_csv(part / "features.tsv.gz", sep="\t", header=None)[0].tolist())
    assert genes[0] == genes[1]
    sample = np.repeat(["ctrl", "stim"], 1000)
    cells = pd.DataFrame({"sample": sample, "condition": sample, "donor": "pool", "car_call": "undetermined"})
    cells[["t_lineage", "t_lineage_unintegrated"]] = "unassigned"
    cells["car_umis"], cells["car_probability"] = 0, np.nan
    table, _, _ = differential_expression.compare(
        sparse.vstack(blocks).tocsr(), cells, genes[0], transgene=np.zeros(len(genes[0]), dtype=bool),
        conditions={"test": "stim", "reference": "ctrl"}, min_pct=0.01, min_cells=10, seed=0,
    )  # fmt: skip
    in_every_cell = {"ISG15", "IFI6", "IFIT1", "IFIT2", "IFIT3", "ISG20", "LY6E", "MX1"}
    for depth in ("full", "equal"):
        up = table[(table["depth"] == depth) & (table["log2_fold_change"] > 0)]
        assert set(up["gene"].head(8)) == in_every_cell
        assert up["gene"].iloc[0] == "ISG15"
        assert "CXCL10" in set(up["gene"].head(20))  # of monocytes above all, so in fewer cells
