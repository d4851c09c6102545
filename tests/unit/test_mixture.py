"""The model of transgene UMIs against scipy, cell by cell, and the integrator against known distributions."""

import numpy as np
import pytest
from carpeak.car import mixture
from carpeak.stats import importance_sampling
from scipy import stats
from scipy.special import expit, logit

POINTS = np.array(
    [[logit(0.3), np.log(2.0), np.log(0.8), np.log(2e-5), 1.1, 0.3], [0.0, 0.0, 0.5, np.log(1e-4), 0.9, 1.0]]
)
CENTRE = 4000.0


def by_hand(point, x, depth):
    """P(x | CAR+) and P(x | CAR-) by summing over every split into CAR and ambient UMIs."""
    k, ambient = np.exp(point[2]), np.exp(point[3]) * CENTRE * (depth / CENTRE) ** point[5]
    mean = np.exp(point[1]) * (depth / CENTRE) ** point[4]
    j = np.arange(x + 1)
    positive = (stats.poisson.pmf(j, ambient) * stats.nbinom.pmf(x - j, k, k / (k + mean))).sum()
    return positive, stats.poisson.pmf(x, ambient)


def test_components_are_nb_convolved_with_poisson():
    depth, group, umis = np.array([3000.0, 9000.0]), np.array([0, 0, 1, 1, 0]), np.array([0, 1, 3, 12, 7])
    positive, negative = mixture.log_components(POINTS, depth, group, umis, centre=CENTRE)
    for p, point in enumerate(POINTS):
        expected = [by_hand(point, x, depth[g]) for x, g in zip(umis, group)]
        np.testing.assert_allclose(np.exp(positive[:, p]), [e[0] for e in expected], rtol=1e-10)
        np.testing.assert_allclose(np.exp(negative[:, p]), [e[1] for e in expected], rtol=1e-10)


def cells(n=3000, seed=1):
    rng = np.random.default_rng(seed)
    depth = np.round(4000 * np.exp(rng.normal(0, 0.4, n)))
    umis = rng.poisson(2e-5 * depth) + np.where(
        rng.random(n) < 0.3, rng.poisson(2 * rng.gamma(0.8, 1 / 0.8, n)), 0
    )
    return umis, depth


def test_likelihood_is_the_sum_over_cells():
    umis, depth = cells(400)
    tally = mixture.tally(umis, depth, width=1e-6, centre=CENTRE)
    found = mixture.Likelihood(tally, 10_000)(POINTS)
    for p, point in enumerate(POINTS):
        share = expit(point[0])
        each = [by_hand(point, x, d) for x, d in zip(umis, depth)]
        assert found[p] == pytest.approx(sum(np.log(share * a + (1 - share) * b) for a, b in each), rel=1e-9)


def test_bins_and_ceiling_change_the_likelihood_by_next_to_nothing():
    umis, depth = cells()
    fine = mixture.Likelihood(mixture.tally(umis, depth, width=1e-4, centre=CENTRE), 10_000)(POINTS)
    quick = mixture.Likelihood(mixture.tally(umis, depth, centre=CENTRE), 8)(POINTS)
    # log units for 3,000 cells; the two points rise with depth differently, so the bins' width tells a little
    assert np.abs(np.diff(fine) - np.diff(quick)).max() < 0.5
    assert np.abs(fine - quick).max() < 2


def test_tally_counts_every_cell_once():
    umis, depth = cells()
    tally = mixture.tally(umis, depth)
    assert tally.cells.sum() == len(umis)
    np.testing.assert_array_equal(tally.umis[tally.pair], umis)
    np.testing.assert_allclose(tally.depth[tally.group[tally.pair]], depth, rtol=0.1)


def test_prior_is_the_named_distributions():
    ambient = mixture.AmbientPrior(3.0, 2e5, "test", slope=(0.1, 0.2))
    prior = mixture.Prior(share=(2.0, 3.0))
    share, rate = expit(POINTS[:, 0]), np.exp(POINTS[:, 3])
    expected = stats.beta.logpdf(share, 2, 3) + np.log(share * (1 - share))
    expected += stats.gamma.logpdf(rate, 3.0, scale=1 / 2e5) + np.log(rate)
    for column, (mean, sd) in (
        *((1, prior.log_mean), (2, prior.log_size), (4, prior.slope)),
        (5, (0.1, 0.2)),
    ):
        expected += stats.norm.logpdf(POINTS[:, column], mean, sd)
    assert np.diff(mixture.log_prior(POINTS, prior, ambient))[0] == pytest.approx(
        np.diff(expected)[0], rel=1e-10
    )


def test_probability_is_bayes_rule_and_certain_beyond_ambient():
    umis, depth = np.array([0, 1, 2, 30]), np.array([2000.0, 4000.0, 8000.0, 3000.0])
    tally = mixture.tally(umis, depth, width=1e-6, centre=CENTRE)
    found = mixture.probability(POINTS[:1], tally, certain=20)[tally.pair]
    for x, d, p in zip(umis[:3], depth, found):
        positive, negative = by_hand(POINTS[0], x, d)
        assert p == pytest.approx(0.3 * positive / (0.3 * positive + 0.7 * negative), rel=1e-6)
    assert found[3] == 1
    np.testing.assert_allclose(
        found, mixture.probability(POINTS[:1], tally, certain=100)[tally.pair], atol=1e-9
    )


def test_silent_share_is_nb_at_zero():
    tally = mixture.tally(np.zeros(2, dtype=int), np.array([2000.0, 8000.0]), centre=CENTRE)
    k, m = 0.8, 2.0 * (np.array([2000.0, 8000.0]) / CENTRE) ** 1.1
    assert mixture.silent_share(POINTS[:1], tally)[0] == pytest.approx(
        stats.nbinom.pmf(0, k, k / (k + m)).mean(), rel=1e-6
    )


def test_ceiling_is_beyond_what_ambient_makes():
    ambient = mixture.AmbientPrior(10.0, 1e6, "test")  # 1e-5 per UMI
    least = mixture.ceiling(ambient, 10_000.0)
    assert stats.poisson.sf(least - 1, 0.1) < 1e-9
    assert least < 15


def test_sampling_integrates_a_correlated_normal():
    covariance = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 2.0]])
    normal = stats.multivariate_normal([1.0, -2.0, 0.5], covariance)
    starts = np.random.default_rng(0).normal(size=(64, 3)) * 3
    found = importance_sampling.sample(normal.logpdf, starts, scale=np.ones(3) * 2)
    np.testing.assert_allclose(found.weights @ found.points, [1.0, -2.0, 0.5], atol=0.03)
    centred = found.points - found.weights @ found.points
    np.testing.assert_allclose((centred * found.weights[:, None]).T @ centred, covariance, atol=0.12)
    np.testing.assert_allclose(found.mode, [1.0, -2.0, 0.5], atol=1e-2)


def test_sampling_finds_quantiles_of_a_skewed_distribution():
    def density(points):  # logit of Beta(3, 20) times a standard normal
        p = expit(points[:, 0])
        return stats.beta.logpdf(p, 3, 20) + np.log(p * (1 - p)) - points[:, 1] ** 2 / 2

    found = importance_sampling.sample(
        density, np.random.default_rng(0).normal(size=(64, 2)), scale=np.array([2.0, 1.0])
    )
    at = np.array([0.05, 0.5, 0.95])
    quantiles = importance_sampling.quantile(expit(found.points[:, 0]), found.weights, at)
    np.testing.assert_allclose(quantiles, stats.beta.ppf(at, 3, 20), rtol=0.03)
    np.testing.assert_allclose(np.quantile(expit(found.even(512)[:, 0]), at), quantiles, rtol=0.05)
