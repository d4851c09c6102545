"""Doublets: the score against scanpy's Scrublet and the paper's formula, calls against planted doublets."""

import numpy as np
import pandas as pd
import pytest
from carpeak.libraries import cell_cycle, doublets
from carpeak.readers import layouts
from scipy import sparse
from scipy.spatial import cKDTree
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score

RATE = 0.06


def kinds_of_cells(generator, sizes, *, genes=1500, marked=60, depth=1500):
    """Counts of cell types that differ in `marked` genes each."""
    base = generator.gamma(0.5, 1, genes)
    blocks = []
    for number, n in enumerate(sizes):
        profile = base.copy()
        profile[number * marked : (number + 1) * marked] += 8
        depths = depth * np.exp(generator.normal(0, 0.3, n))
        blocks.append(generator.poisson(np.outer(depths, profile / profile.sum())))
    return sparse.csr_matrix(np.vstack(blocks).astype(np.int32)), np.repeat(np.arange(len(sizes)), sizes)


def plant(counts, labels, n, generator):
    """Replace 2 n cells by n doublets; returns counts, which are doublets, and which of those mix labels."""
    order = generator.permutation(counts.shape[0])
    first, second, rest = order[:n], order[n : 2 * n], order[2 * n :]
    planted = sparse.vstack([counts[rest], counts[first] + counts[second]], format="csr")
    is_doublet = np.repeat([False, True], [len(rest), n])
    between = is_doublet.copy()
    between[len(rest) :] = labels[first] != labels[second]
    return planted, is_doublet, between


def test_planted_doublets_of_a_clear_mixture_are_found():
    generator = np.random.default_rng(0)
    counts, labels = kinds_of_cells(generator, [700, 400, 200])
    planted, is_doublet, between = plant(counts, labels, 60, generator)
    found = doublets.find_doublets(planted, rate=60 / planted.shape[0], seed=0)
    assert is_doublet[found.called].mean() >= 0.8
    assert found.called[between].mean() >= 0.8
    assert found.called[is_doublet & ~between].mean() < 0.5  # two cells of one kind look like one


@pytest.fixture(scope="module")
def pbmc(real_data):
    library = layouts.open_library(real_data / "pbmc3k/counts_13714x2700")
    labels = pd.read_csv(real_data / "pbmc3k/seurat_meta_2638.csv", index_col=0)["classified"]
    labels = labels.reindex(library.barcodes.to_pylist())
    lineage = labels.where(~labels.str.contains("T", na=False), "T cell").to_numpy(object)
    known = labels.notna().to_numpy()
    return library.matrix()[np.flatnonzero(known)], lineage[known]


@pytest.mark.parametrize("seed", [10, 11])
def test_doublets_planted_among_real_cells_are_found(pbmc, seed):
    planted, is_doublet, between = plant(*pbmc, 105, np.random.default_rng(seed))
    found = doublets.find_doublets(planted, rate=0.04, seed=0)
    assert is_doublet[found.called].mean() >= 0.5
    assert found.called[between].mean() >= 0.6


def test_score_equals_the_formula_over_neighbours_found_otherwise():
    n, ratio = 400, 2
    points = np.random.default_rng(0).normal(size=((1 + ratio) * n, 6))
    points[n:, 0] += 1.0
    shares, simulated = doublets.count_simulated(points, n=n, seed=0)
    k = round(round(0.5 * np.sqrt(n)) * (1 + ratio))
    assert k == doublets.neighbours(n)
    nearest = cKDTree(points).query(points[: 2 * n], k=k + 1)[1][:, 1:]
    q = ((nearest >= n).sum(axis=1) + 1) / (k + 2)
    np.testing.assert_allclose(np.concatenate([shares, simulated]), q)
    # Wolock 2019: L = q rho / r / (1 - rho - q (1 - rho - rho / r))
    expected = q[:n] * RATE / ratio / (1 - RATE - q[:n] * (1 - RATE - RATE / ratio))
    np.testing.assert_allclose(doublets.likelihood(shares, rate=RATE), expected)


def test_neighbours_counted_are_those_of_scanpys_scrublet_in_the_same_components():
    """Ours differs from scanpy's in genes and components; what is counted in them is the same.

    With exact neighbours scanpy counts a cell among its own 33 nearest: those are our 32, and no doublet.
    """
    from scanpy.preprocessing._scrublet.core import Scrublet

    n, generator = 455, np.random.default_rng(1)
    points = generator.normal(size=(3 * n, 6))
    points[n:, 0] += 1.0
    cells = sparse.csr_matrix(generator.poisson(1.0, (n, 5)))
    theirs = Scrublet(cells, sim_doublet_ratio=2.0, expected_doublet_rate=RATE)
    theirs.set_manifold(points[:n], points[n:])
    theirs.calculate_doublet_scores(use_approx_neighbors=False)
    score = theirs.doublet_scores_obs_
    q = score * (1 - RATE) / (RATE / 2 + score * (1 - RATE - RATE / 2))  # the formula solved for q
    shares, _ = doublets.count_simulated(points, n=n, seed=0)
    assert doublets.neighbours(n) == 32
    np.testing.assert_allclose(shares * (32 + 2) - 1, q * (33 + 2) - 1, atol=1e-6)


def test_components_equal_dense_pca():
    counts, _ = kinds_of_cells(np.random.default_rng(0), [60, 60, 60], genes=300)
    expression = counts.astype(float).log1p()
    found = doublets.components(expression, fit=120, n=2)
    dense = PCA(n_components=2, svd_solver="full").fit(expression[:120].toarray())
    expected = dense.transform(expression.toarray())
    for axis in range(2):  # order and sign are free
        best = max(abs(np.corrcoef(found[:, other], expected[:, axis])[0, 1]) for other in range(2))
        assert best > 0.9999


def test_finds_planted_doublets_at_least_as_well_as_scanpy(pbmc):
    import anndata
    import scanpy

    planted, is_doublet, _ = plant(*pbmc, 105, np.random.default_rng(12))
    cells = anndata.AnnData(planted.astype(np.float32))
    scanpy.pp.scrublet(cells, expected_doublet_rate=RATE, threshold=0.25, log_transform=True, verbose=False)
    theirs = cells.obs["doublet_score"].to_numpy()
    shares, _ = doublets.neighbour_shares(planted, seed=0)
    assert average_precision_score(is_doublet, shares) >= average_precision_score(is_doublet, theirs)


def test_same_seed_same_scores():
    counts, _ = kinds_of_cells(np.random.default_rng(0), [150, 100])
    once, again = (doublets.find_doublets(counts, rate=RATE, seed=3) for _ in range(2))
    np.testing.assert_array_equal(once.scores, again.scores)


def test_clear_valley_is_the_threshold_and_a_single_mode_is_none():
    generator = np.random.default_rng(0)
    low, high = generator.normal(0.4, 0.05, 500), generator.normal(0.9, 0.03, 500)
    valley = doublets.find_valley(np.concatenate([low, high]), k=130)
    assert 0.55 < valley < 0.82
    assert doublets.find_valley(np.clip(generator.normal(0.7, 0.08, 1000), 0, 1), k=130) is None
    shares = np.concatenate([generator.normal(0.35, 0.04, 940), generator.normal(0.9, 0.03, 60)])
    simulated = np.concatenate([low, high])
    threshold, source = doublets.choose_threshold(shares, simulated, rate=0.12)
    assert source == "valley"
    assert (shares >= threshold).sum() == 60


def test_implied_rate_by_hand():
    # 2 of 8 cells and 3 of 4 simulated doublets are at or above 0.5: (2/8) / (3/4) = 1/3
    shares = np.array([0.1, 0.1, 0.2, 0.2, 0.3, 0.4, 0.5, 0.9])
    implied = doublets.implied_rate(np.array([0.5]), shares, np.array([0.2, 0.5, 0.8, 0.9]))
    assert implied == pytest.approx(1 / 3)


def test_expected_rate_where_there_is_no_valley():
    generator = np.random.default_rng(0)
    simulated = generator.beta(9, 3, 4000)
    shares = np.concatenate([generator.beta(5, 9, 3800), generator.choice(simulated, 200)])
    threshold, source = doublets.choose_threshold(shares, simulated, rate=0.05)
    assert source == "expected_rate"
    assert doublets.implied_rate(np.array([threshold]), shares, simulated)[0] == pytest.approx(0.05, rel=0.02)
    called = shares >= threshold
    assert called[3800:].sum() > 0.9 * called.sum()


def test_expected_share_is_called_where_no_threshold_implies_it():
    generator = np.random.default_rng(0)
    shares, simulated = generator.beta(9, 3, 4000), generator.beta(5, 9, 4000)
    threshold, source = doublets.choose_threshold(shares, simulated, rate=0.05)
    assert source == "expected_rate"
    assert (shares >= threshold).mean() == pytest.approx(0.05, abs=0.001)


def test_too_few_cells_or_no_rate_means_off():
    counts, _ = kinds_of_cells(np.random.default_rng(0), [30])
    assert doublets.find_doublets(counts, rate=RATE, seed=0).source == "off"
    assert "fewer than 50 cells" in doublets.find_doublets(counts, rate=RATE, seed=0).message
    counts, _ = kinds_of_cells(np.random.default_rng(0), [90])
    assert doublets.find_doublets(counts, rate=0.0, seed=0).source == "off"


def test_genes_of_the_cell_cycle_are_not_scored():
    """Where half of a kind's cells cycle, the score is blind to it: those genes are never among the variable."""
    symbols = ["MKI67", "TOP2A", "HIST1H4C", "PCNA", "CD3E", "GZMB", "NKG7"]
    cycle = cell_cycle.mask(symbols)
    assert cycle.tolist() == [True] * 4 + [False] * 3
    generator = np.random.default_rng(0)
    counts = generator.poisson(1.0, (60, 7))
    counts[::2, :4] += 50  # nothing varies as much
    expression = sparse.csr_matrix(np.log1p(counts))
    assert set(doublets.variable_genes(expression, n=3)) <= {0, 1, 2, 3}
    assert doublets.variable_genes(expression, n=7, ignored=cycle).tolist() == [4, 5, 6]
