"""The caller against exact posteriors, planted truth, hand-made tables, and its own calibration in small."""

import time

import calibration
import numpy as np
import pytest
from carpeak.car import calibrated_rule, detection, fit_check, mixture, posterior
from scipy import stats

SETTING = calibration.Setting(0.34, 2.0, 1.5, 1e-6, 4_000)


def fitted(setting=SETTING, seed=3, **options):
    library = calibration.simulate(setting, seed=seed, **options)
    ambient = posterior.ambient_prior(cell_depth=library.depth.mean(), droplets=library.droplets)
    return library, posterior.fit(library.umis, library.depth, ambient)


@pytest.fixture(scope="module")
def usual():
    return fitted()


def test_ambient_prior_counts_droplets_and_keeps_its_uncertainty():
    ambient = posterior.ambient_prior(cell_depth=3000.0, droplets=(10_000, 150))
    assert ambient.mean == pytest.approx(150.5 / (250_000 + 10_000 * 3000), rel=1e-9)
    assert ambient.shape == pytest.approx(1 / (1 / 150.5 + posterior.TRANSFER))
    assert ambient.source == "empty_droplets"
    cells = posterior.ambient_prior(cell_depth=3000.0, droplets=(0.0, 0), non_t=(1_000, 1))
    assert (cells.source, cells.mean) == ("non_t_cells", pytest.approx(1.5005 / 3.25e6))
    negative = posterior.ambient_prior(
        cell_depth=1.0, droplets=(0, 0), non_t=(0, 0), negative=(np.array([0]), np.array([1e6]))
    )
    assert negative.source == "negative_sample"
    assert posterior.ambient_prior(cell_depth=1.0).source == "prior"


def test_umis_are_counted_in_cells_without_car_not_cells_with_a_umi():
    """At 0.4 ambient UMIs a droplet 33 % of the cells show one: as UMIs they would be 18 % too few."""
    rng = np.random.default_rng(2)
    umis = rng.poisson(0.4, 5_000)
    ambient = posterior.ambient_prior(cell_depth=3000.0, non_t=(5_000, int((umis >= 1).sum())))
    assert ambient.mean * 3000 == pytest.approx(0.4, rel=0.05)
    every = posterior.ambient_prior(cell_depth=3000.0, non_t=(10, 10))
    assert np.isfinite(every.mean), "where all cells show one, as many as ten cells can tell of"


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_cells_without_car_tell_how_ambient_umis_rise_with_depth(exponent):
    rng = np.random.default_rng(5)
    depth = 4000 * np.exp(rng.normal(0, 0.8, 20_000))
    seen = rng.poisson(0.02 * (depth / 4000) ** exponent) >= 1
    mean, sd = posterior.ambient_slope(seen, depth)
    assert mean == pytest.approx(exponent, abs=0.1)
    assert posterior.SLOPE_TRANSFER < sd < 0.2
    assert posterior.ambient_slope(seen[:200], depth[:200])[1] > 0.2, "few cells tell little"
    uneven = posterior.soup_depth(depth, (exponent, 0.0))
    assert uneven == pytest.approx(4000 * np.exp((exponent * 0.8) ** 2 / 2), rel=0.03)
    assert posterior.ambient_slope(np.zeros(9, dtype=bool), depth[:9]) == mixture.AMBIENT_SLOPE


@pytest.mark.parametrize(("generator", "before"), [("ambient_0", 0.149), ("ambient_half", 0.079)])
def test_ambient_rna_that_rises_less_than_depth_is_not_taken_for_car(generator, before):
    """0.09 ambient UMIs a droplet, true share 0.10. In proportion to depth, share 0.23 and FDR `before`."""
    setting = calibration.Setting(0.1, 1.0, 1.3, 2e-5, 4_000)
    rows = [
        calibration.score(setting, calibration.simulate(setting, seed=70 + s, generator=generator))
        for s in range(10)
    ]
    assert sum(row["covered"] for row in rows) >= 7  # of 10: fewer has a chance of 1.3 % at 90 %
    assert np.mean([row["fdr"] for row in rows]) < min(0.075, before)
    assert np.mean([row["share"] for row in rows]) < 0.16


def test_a_model_that_does_not_fit_gives_no_share():
    """CAR+ cells that hold either one UMI or six and more: no negative binomial does."""
    rng = np.random.default_rng(0)
    library = calibration.simulate(SETTING, seed=3)
    n = len(library.umis)
    umis = np.where(library.positive, np.where(rng.random(n) < 0.7, 1, 6 + rng.poisson(2, n)), 0)
    every = np.ones(n, dtype=bool)
    found = calibrated_rule.call_library(
        umis, library.depth, is_t=every, control=~every, droplets=library.droplets
    )
    assert found.check.flagged
    assert not found.identifiable
    assert np.isnan([found.share, found.low, found.high]).all()
    assert "does not fit" in found.fit.reason
    assert any(line.startswith("No transduced share: the model does not fit") for line in found.warnings)


def test_two_measurements_of_the_ambient_rate_are_weighed_by_their_errors():
    """Droplets that hold less of the soup than cells do: cells that can't carry the CAR pull the rate up."""
    measured = {"droplets": (10_000, 100), "non_t": (500, 12)}
    alone = {name: posterior.ambient_prior(cell_depth=3000.0, **{name: n}) for name, n in measured.items()}
    both = posterior.ambient_prior(cell_depth=3000.0, **measured)
    assert alone["droplets"].mean < both.mean < alone["non_t"].mean
    assert both.shape > max(one.shape for one in alone.values())
    assert both.source == "empty_droplets"
    few = posterior.ambient_prior(cell_depth=3000.0, droplets=(10_000, 100), non_t=(20, 1))
    assert few.mean - alone["droplets"].mean < 0.5 * (both.mean - alone["droplets"].mean)


def test_posterior_agrees_with_an_exact_grid(monkeypatch):
    """Two free parameters (share, mean), the others held: integrate both by brute force with scipy."""
    monkeypatch.setattr(posterior, "DISCREPANCY", 1e-9)
    library = calibration.simulate(calibration.Setting(0.3, 0.8, 1.5, 2e-5, 300), seed=5)
    depth = np.full(300, 4000.0)
    umis, k, rate = library.umis, 1.5, 2e-5
    prior = mixture.Prior(log_size=(np.log(k), 1e-3), slope=(1.0, 1e-3))
    found = posterior.fit(umis, depth, mixture.AmbientPrior(1e6, 1e6 / rate, "test"), prior=prior)
    share, mean = np.linspace(0.0005, 0.9995, 500), np.exp(np.linspace(-5, 4, 900))
    counts = np.bincount(umis)
    ambient = rate * 4000
    positive = np.zeros((len(mean), len(counts)))
    for x in range(len(counts)):
        j = np.arange(x + 1)
        parts = stats.poisson.pmf(j, ambient) * stats.nbinom.pmf(x - j, k, k / (k + mean[:, None]))
        positive[:, x] = parts.sum(axis=1)
    negative = stats.poisson.pmf(np.arange(len(counts)), ambient)
    mixed = share[:, None, None] * positive + (1 - share[:, None, None]) * negative
    logs = np.log(mixed) @ counts - 0.5 * (np.log(mean) / prior.log_mean[1]) ** 2
    marginal = np.exp(logs - logs.max()).sum(axis=1)
    cdf = (np.cumsum(marginal) - marginal / 2) / marginal.sum()
    exact = np.interp([0.025, 0.05, 0.5, 0.95, 0.975], cdf, share)
    got = [found.low, found.low_90, found.share, found.high_90, found.high]
    np.testing.assert_allclose(got, exact, atol=0.02)


def test_planted_share_is_found_where_detection_is_far_below(usual):
    library, found = usual
    assert found.identifiable
    assert found.low <= library.positive.mean() <= found.high
    assert (library.umis >= 1).mean() < found.low
    assert found.low < found.low_90 < found.share < found.high_90 < found.high


def test_probability_orders_cells_better_than_counts(usual):
    from sklearn.metrics import average_precision_score

    library, found = usual
    p = posterior.probabilities(found, library.umis, library.depth)
    precision = average_precision_score(library.positive, p)
    assert precision > average_precision_score(library.positive, library.umis) + 0.01
    assert precision > average_precision_score(library.positive, library.umis / library.depth) + 0.01
    assert p.sum() / len(p) == pytest.approx(found.share, abs=0.02)


def test_sparse_counts_are_flagged_not_answered():
    flags = [fitted(calibration.Setting(0.6, 0.1, 1.3, 1e-6, 2_000), seed=s)[1] for s in range(3)]
    assert not any(found.identifiable for found in flags)
    assert "spans" in flags[0].reason


@pytest.mark.parametrize("n", [0, 1, 49])
def test_few_cells_get_probabilities_and_no_share(n):
    ambient = posterior.ambient_prior(cell_depth=3000.0)
    umis, depth = np.arange(n) % 3, np.full(n, 3000.0)
    found = posterior.fit(umis, depth, ambient)
    assert not found.identifiable
    assert np.isnan(found.share)
    p = posterior.probabilities(found, umis, depth)
    assert len(p) == n
    assert ((p >= 0) & (p <= 1)).all()
    assert posterior.describe(found)["share"] is None
    assert set(posterior.call(p, umis)) <= {"positive", "undetermined", "negative"}


def test_library_without_a_transgene_umi_is_negative():
    depth = np.full(3000, 4000.0)
    umis = np.zeros(3000, dtype=int)
    found = posterior.fit(umis, depth, posterior.ambient_prior(cell_depth=4000.0, droplets=(20_000, 0)))
    assert found.high_90 < 0.1
    p = posterior.probabilities(found, umis, depth)
    assert set(posterior.call(p, umis)) == {"negative"}
    assert fit_check.ambient_only_p(found, umis, depth) == 1


def test_one_monstrous_count_does_no_harm(usual):
    library, found = usual
    umis = library.umis.copy()
    umis[0] = 5_000
    other = posterior.fit(umis, library.depth, found.ambient)
    assert np.isfinite(other.share)
    assert posterior.probabilities(other, umis, library.depth)[0] == 1


def test_same_input_same_bits_and_order_of_cells_is_nothing(usual):
    library, found = usual
    again = posterior.fit(library.umis, library.depth, found.ambient)
    assert again.share == found.share
    order = np.random.default_rng(0).permutation(len(library.umis))
    mixed = posterior.fit(library.umis[order], library.depth[order], found.ambient)
    assert mixed.share == pytest.approx(found.share, abs=1e-6)


def test_whole_library_with_controls_and_warnings():
    rng = np.random.default_rng(4)
    library = calibration.simulate(SETTING, seed=9)
    depth = np.r_[library.depth, np.full(500, 4000.0)]
    umis = np.r_[library.umis, rng.poisson(4e-3, 500)]
    is_t = np.arange(4_500) < 4_000
    found = calibrated_rule.call_library(umis, depth, is_t=is_t, control=~is_t, droplets=library.droplets)
    assert found.low <= 0.34 <= found.high
    assert found.warnings == []
    assert found.false_positives[1] == 500
    assert found.false_positives[0] <= (umis[4_000:] >= 1).sum()
    true = np.r_[library.positive, np.zeros(500, dtype=bool)]
    assert (~true[found.call == "positive"]).mean() < 0.06
    none = calibrated_rule.call_library(np.where(is_t, 0, umis), depth, is_t=is_t, control=~is_t)
    assert any("no more than ambient" in line for line in none.warnings)
    assert none.fit.ambient.source == "non_t_cells"
    nobody = calibrated_rule.call_library(umis[:0], depth[:0], is_t=is_t[:0], control=is_t[:0])
    assert len(nobody.call) == 0
    assert "fewer than 50" in nobody.warnings[0]


def test_calls_follow_a_hand_made_table():
    p = np.array([0.99, 0.97, 0.90, 0.90, 0.60, 0.45, 0.04, 0.02, 0.99])
    umis = np.array([3, 2, 1, 1, 1, 1, 0, 0, 0])
    # errors 0.01, 0.03, 0.10, 0.10: means 0.010, 0.020, 0.060 > 0.05; the last has no UMI
    expected = ["positive", "positive"] + ["undetermined"] * 4 + ["negative", "negative", "undetermined"]
    assert posterior.call(p, umis, fdr=0.05).tolist() == expected
    # 0.01, 0.03, 0.10, 0.10, 0.40: mean 0.06 with both ties, 0.128 with the next; negatives 0.02, 0.04: 0.03
    assert posterior.call(p, umis, fdr=0.06).tolist()[:5] == ["positive"] * 4 + ["undetermined"]
    # never against the odds, however lax the level
    assert posterior.call(p, umis, fdr=0.9).tolist()[4:6] == ["positive", "negative"]


def test_ambient_alone_is_recognised():
    none = calibration.Setting(0.0, 1.0, 1.0, 2e-5, 3_000)
    library, found = fitted(none)
    assert fit_check.ambient_only_p(found, library.umis, library.depth) > 0.01
    assert found.low_90 < 0.01
    p = posterior.probabilities(found, library.umis, library.depth)
    assert (posterior.call(p, library.umis) == "positive").sum() <= 3
    library, found = fitted(calibration.Setting(0.1, 2.0, 1.0, 2e-6, 3_000))
    assert fit_check.ambient_only_p(found, library.umis, library.depth) < 1e-6


def test_fit_check_passes_the_model_and_flags_another_shape(usual):
    library, found = usual
    sound = fit_check.check(found, library.umis, library.depth)
    assert not sound.flagged
    assert sum(row[2] for row in sound.table) == len(library.umis)
    rng = np.random.default_rng(0)
    umis = np.where(
        library.positive,
        np.where(rng.random(len(library.umis)) < 0.7, 1, 6 + rng.poisson(2, len(library.umis))),
        0,
    )
    wrong = posterior.fit(umis, library.depth, found.ambient)
    assert fit_check.check(wrong, umis, library.depth).flagged


def test_features_that_split_alike_agree():
    rng = np.random.default_rng(1)
    total = np.where(rng.random(6000) < 0.4, rng.poisson(3.0, 6000), 0)
    first = rng.binomial(total, 0.55)
    weak, strong, p = fit_check.features_agree(first, total - first)
    assert p > 0.01
    assert (weak, strong) == (pytest.approx(0.55, abs=0.05), pytest.approx(0.55, abs=0.05))
    background = first + rng.poisson(0.1, 6000)
    assert fit_check.features_agree(background, total - first)[2] < 1e-4
    names = ["RQR8", "scFv"]
    assert fit_check.disagreeing(names, np.column_stack([first, total - first])) == []
    told = fit_check.disagreeing(names, np.column_stack([background, total - first]))
    assert len(told) == 1
    assert told[0].startswith("RQR8 makes up")
    assert fit_check.disagreeing(["RQR8"], background[:, None]) == []


def test_change_of_depth_alone_is_named_so():
    library, found = fitted(calibration.Setting(0.34, 2.0, 1.5, 1e-6, 8_000), seed=1)
    shallow, other = fitted(calibration.Setting(0.34, 2.0, 1.5, 1e-6, 8_000), seed=2)
    rng = np.random.default_rng(0)
    depth, umis = rng.binomial(shallow.depth.astype(int), 0.4).astype(float), rng.binomial(shallow.umis, 0.4)
    other = posterior.fit(umis, depth, found.ambient)
    table = detection.decompose(found, library.depth, other, depth).set_index("factor")
    observed = (umis >= 1).mean() - (library.umis >= 1).mean()
    assert table.loc["total", "change"] == pytest.approx(observed, abs=0.015)
    assert table.loc["depth", "change_high"] < 0
    assert abs(table.loc["depth", "change"]) > 0.6 * abs(observed)
    assert table.loc["share", "change_low"] < 0 < table.loc["share", "change_high"]
    assert table["change"][:4].sum() == pytest.approx(table.loc["total", "change"], abs=0.01)


def test_labels_get_their_own_share():
    left, found = fitted(calibration.Setting(0.6, 2.0, 1.5, 1e-6, 3_000), seed=12)
    right = calibration.simulate(calibration.Setting(0.15, 2.0, 1.5, 1e-6, 3_000), seed=1002)
    umis, depth = np.r_[left.umis, right.umis], np.r_[left.depth, right.depth]
    labels = np.array(["a"] * 3_000 + ["b"] * 2_990 + ["c"] * 10)
    both = posterior.fit(umis, depth, found.ambient)
    table, p = detection.fit_labels(both, umis, depth, labels)
    table = table.set_index("label")
    assert table.loc["a", "car_fraction_low"] < 0.6 < table.loc["a", "car_fraction_high"]
    assert table.loc["b", "car_fraction_low"] < 0.15 < table.loc["b", "car_fraction_high"]
    assert not table.loc["c", "identifiable"]
    assert p[:3000].mean() > 2.5 * p[3000:].mean()


def test_calibration_in_small():
    """Bounds of the full calibration with the slack that so few libraries need."""
    grid = [
        calibration.Setting(0.34, 2.0, 1.3, 1e-6, 2_000),
        calibration.Setting(0.1, 1.0, 2.0, 1e-5, 2_000),
        calibration.Setting(0.6, 5.0, 0.8, 2e-5, 1_000),
    ]
    scored = calibration.run(10, grid=grid)
    shown = scored[scored["identifiable"]]
    assert len(shown) >= 27
    assert shown["covered"].sum() >= stats.binom.ppf(0.005, len(shown), 0.9)
    assert scored["fdr"].mean() <= 0.06
    errors = calibration.calibration_error(calibration.equal_bins(scored))
    assert max(errors.values()) <= 0.045
    assert (scored["detected"] < scored["true_share"] * 0.95).mean() > 0.6
    table = calibration.bounds(scored).set_index("bound")
    assert table.loc["realised FDR at nominal 5 %", "measured"] == pytest.approx(scored["fdr"].mean())
    assert len(calibration.by_setting(scored)) == 3


def test_settings_of_the_full_calibration_span_the_asked_ranges():
    settings = calibration.settings()
    assert len(settings) >= 24
    assert len({(s.share, s.mean) for s in settings[:25]}) == 25
    assert sum(s.powered for s in settings) >= 10


def test_work_grows_no_faster_than_the_cells():
    """A million cells take about ten times as long as a hundred thousand, on whatever machine."""
    took = {}
    for cells in (100_000, 1_000_000):
        library = calibration.simulate(calibration.Setting(0.34, 1.5, 1.5, 1e-6, cells), seed=1)
        ambient = posterior.ambient_prior(cell_depth=4000.0, droplets=library.droplets)
        started = time.process_time()
        found = posterior.fit(library.umis, library.depth, ambient)
        p = posterior.probabilities(found, library.umis, library.depth)
        calls = posterior.call(p, library.umis)
        took[cells] = time.process_time() - started
        assert len(calls) == cells
        assert abs(found.share - 0.34) < 0.03
    print(took)
    assert took[1_000_000] < 20 * took[100_000]
