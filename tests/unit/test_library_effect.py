"""The floor of a contrast: against planted movements of genes in cells that nothing changed."""

import numpy as np
import pandas as pd
import pytest
from carpeak.comparison import library_effect
from carpeak.stats import ranksum, weighted_means
from scipy import sparse

SIDES = {"test": "peak", "reference": "product"}
NORMAL_95 = 1.96  # 95 % quantile of |z|


@pytest.mark.parametrize("sd", [0.0, 0.1, 0.35])
def test_the_spread_of_true_changes_is_freed_of_sampling(sd):
    """3,000 genes whose errors range from 0.05 to 0.8: measured changes spread over more than twice 0.35."""
    rng = np.random.default_rng(1)
    error = rng.uniform(0.05, 0.8, 3000)
    change = rng.normal(0, sd, 3000) + rng.normal(0, error)
    assert library_effect.spread(change, error**2) == pytest.approx(NORMAL_95 * sd, abs=0.06)


def libraries(sd, *, lineages, seed=0, genes=600):
    """Counts of `lineages` (name -> cells in product and peak), whose genes move by N(0, sd) log2 at the peak."""
    rng = np.random.default_rng(seed)
    level = np.exp(rng.uniform(np.log(0.3), np.log(8), genes))
    moved = level * np.exp2(rng.normal(0, sd, genes))
    rows, labels, conditions = [], [], []
    for name, numbers in lineages.items():
        for condition, mean, n in zip(("product", "peak"), (level, moved), numbers, strict=True):
            rows.append(rng.poisson(mean * rng.gamma(5, 0.2, (n, 1)), (n, genes)))
            labels += [name] * n
            conditions += [condition] * n
    counts = sparse.csr_matrix(np.vstack(rows))
    names = [f"G{i}" for i in range(genes)]
    return library_effect.measure(
        counts, labels, conditions, names, sides=SIDES, transgene=np.zeros(genes, dtype=bool)
    )


@pytest.mark.parametrize("sd", [0.18, 0.35])
def test_the_floor_is_how_far_genes_move_between_libraries(sd):
    found = libraries(sd, lineages={"B cell": (120, 200), "T cell": (300, 300)})
    assert found["floor"] == pytest.approx(NORMAL_95 * sd, rel=0.12)
    assert found["lineage"] == "B cell"
    assert found["lineages"][0] | {"floor": 0} == {
        "lineage": "B cell", "n_test": 200, "n_reference": 120, "genes": 600, "floor": 0,
    }  # fmt: skip


def test_libraries_that_do_not_differ_have_no_floor_to_speak_of():
    assert libraries(0.0, lineages={"Monocyte/DC": (150, 150)})["floor"] < 0.05


def test_t_cells_and_fifty_cells_less_one_tell_nothing():
    found = libraries(0.35, lineages={"B cell": (49, 300), "T cell": (300, 300), "Platelet": (100, 100)})
    assert found == {"floor": None, "lineage": None, "lineages": []}


def test_weighted_means_against_numpy():
    rng = np.random.default_rng(3)
    dense = rng.poisson(0.7, (60, 5)).astype(float)
    dense[:, 4] = 0.0
    dense[:30, 3] = 0.0
    weights = np.vstack([rng.random(60), np.repeat([1.0, 0.0], 30)])
    found = weighted_means.weighted_means(sparse.csr_matrix(dense), weights)
    for group, w in enumerate(weights):
        mean = np.average(dense, axis=0, weights=w)
        np.testing.assert_allclose(found.mean[group], mean, atol=1e-12)
        np.testing.assert_allclose(found.detected[group], np.average(dense > 0, axis=0, weights=w))
        variance = (w[:, None] ** 2 * (dense - mean) ** 2).sum(axis=0) / w.sum() ** 2
        seen = (dense > 0).sum(axis=0)
        one = np.divide(dense.sum(axis=0), seen, out=np.zeros(5), where=seen > 0)
        half = 0.5 * (one * (w**2).sum() / w.sum() ** 2) ** 2  # the variance of half a detection
        np.testing.assert_allclose(found.variance[group], variance + half, atol=1e-12)
    assert found.variance[1, 3] > 0, "no detection among 30 is not a sure zero"
    assert found.variance[1, 4] == 0
    change, _ = found.log2_ratio(0, 1, pseudocount=ranksum.PSEUDOCOUNT)
    assert change[0] == pytest.approx(np.log2((found.mean[0, 0] + 0.25) / (found.mean[1, 0] + 0.25)))


def test_intervals_of_weighted_means_cover_the_truth():
    """Cells of two kinds, known by probability alone: the mean of one kind is covered in 95 % of 300 studies."""
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(300):
        p = rng.beta(0.6, 0.9, 400)
        kind = rng.random(400) < p
        values = rng.poisson(np.where(kind, 2.0, 0.8)).astype(float)
        found = weighted_means.weighted_means(sparse.csr_matrix(values[:, None]), p[None, :])
        # expected: the weighted share of each kind is that of p itself
        share = (p**2).sum() / p.sum()
        expected = share * 2.0 + (1 - share) * 0.8
        covered += abs(found.mean[0, 0] - expected) <= 1.96 * np.sqrt(found.variance[0, 0])
    assert 273 <= covered <= 297
    assert pd.notna(found.mean[0, 0])
