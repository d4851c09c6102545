"""Intervals against scipy's distributions, and the delta method against a bootstrap of cells."""

import numpy as np
import pytest
from carpeak.stats import intervals
from scipy import stats


@pytest.mark.parametrize(("n", "total"), [(0, 10), (1, 10), (5, 10), (10, 10), (3, 1000), (340, 1000)])
def test_jeffreys_equals_the_beta_distribution(n, total):
    low, high = intervals.jeffreys(n, total)
    beta = stats.beta(n + 0.5, total - n + 0.5)
    assert low == pytest.approx(0 if n == 0 else beta.ppf(0.025), rel=1e-8)
    assert high == pytest.approx(1 if n == total else beta.ppf(0.975), rel=1e-8)


@pytest.mark.parametrize(("n", "total"), [(0, 10), (1, 527), (0, 1778), (5, 10), (10, 10)])
def test_clopper_pearson_equals_scipy(n, total):
    low, high = intervals.clopper_pearson(n, total)
    exact = stats.binomtest(n, total).proportion_ci(0.95, method="exact")
    assert (low, high) == (pytest.approx(exact.low, rel=1e-8), pytest.approx(exact.high, rel=1e-8))


def test_shares_of_no_cells_are_missing():
    for low_high in (intervals.jeffreys([0, 1], [0, 2]), intervals.clopper_pearson([0, 1], [0, 2])):
        assert all(np.isnan(bound[0]) and np.isfinite(bound[1]) for bound in low_high)
    np.testing.assert_array_equal(intervals.share([0, 1], [0, 2]), [np.nan, 0.5])


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="n <= total"):
        intervals.jeffreys(3, 2)


def test_jeffreys_covers_what_it_says():
    generator = np.random.default_rng(1)
    for truth in (0.05, 0.3, 0.6):
        low, high = intervals.jeffreys(generator.binomial(400, truth, 4000), 400)
        assert 0.93 < ((low <= truth) & (truth <= high)).mean() < 0.97


def test_ratio_of_means_equals_a_bootstrap_of_cells():
    generator = np.random.default_rng(2)
    for means, sizes in (((0.5, 0.2), (900, 1400)), ((4, 6), (300, 200))):
        groups = [
            generator.negative_binomial(1, 1 / (1 + m), k) * 1.7 for m, k in zip(means, sizes, strict=True)
        ]
        low, high = intervals.log2_ratio_of_means(
            tuple(g.mean() for g in groups), tuple(g.var(ddof=1) for g in groups), sizes, pseudocount=0.1
        )
        drawn = [generator.choice(g, (4000, len(g))).mean(axis=1) + 0.1 for g in groups]
        expected = np.percentile(np.log2(drawn[0] / drawn[1]), [2.5, 97.5])
        np.testing.assert_allclose([low, high], expected, atol=0.12 * (high - low))
