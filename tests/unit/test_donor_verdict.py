"""Meta-analysis against metafor and statsmodels, verdicts against planted effects and their opposites."""

import numpy as np
import pandas as pd
import pytest
from carpeak.donors import meta, patients, verdict
from scipy import stats

SURE = 0.15**2


def test_pooling_equals_metafor(real_data):
    folder = real_data / "meta_dev"
    expected = pd.read_csv(folder / "oracle" / "paule_mandel_hartung_knapp.csv", index_col=0)
    columns = {"estimate": "mu", "error": "se_hk", "low": "lo_hk", "high": "hi_hk", "p_value": "p_hk",
               "new_low": "pi_lo_hk", "new_high": "pi_hi_hk"}  # fmt: skip
    assert (expected["tau2_pm"] > 0).all()  # elsewhere ours may be wider: the next test but one
    for name, row in expected.iterrows():
        data = pd.read_csv(folder / f"{name}.csv")
        found = meta.pool(data["yi"], data["vi"])
        assert found.n == row["k"]
        # metafor stops its search for tau^2 at about 1e-4 of it
        assert found.tau**2 == pytest.approx(row["tau2_pm"], rel=5e-4)
        assert 100 * found.i2 == pytest.approx(row["I2"], rel=5e-4)
        for ours, theirs in columns.items():
            assert getattr(found, ours) == pytest.approx(row[theirs], rel=3e-4), (name, ours)


@pytest.mark.filterwarnings("ignore::statsmodels.tools.sm_exceptions.InvalidTestWarning")
def test_pooling_equals_statsmodels():
    from statsmodels.stats.meta_analysis import combine_effects

    generator = np.random.default_rng(1)
    for n in (2, 3, 5, 12):
        y, v = generator.normal(1, 0.6, n), generator.uniform(0.01, 0.1, n)
        result = combine_effects(y, v, method_re="iterated", use_t=True)
        row = result.summary_frame().loc["random effect wls"]
        found = meta.pool(y, v)
        assert found.estimate == pytest.approx(row["eff"], rel=1e-4)
        assert found.low == pytest.approx(row["ci_low"], rel=1e-4)
        assert found.high == pytest.approx(row["ci_upp"], rel=1e-4)


def test_alike_donors_have_no_spread():
    found = meta.pool([1.0, 1.01, 0.99], [1.0, 1.0, 1.0])
    assert found.tau == 0 and found.i2 == 0
    assert found.low < 1 < found.high
    for wrong in (([1.0], [1.0]), ([1.0, 2.0], [1.0, 0.0]), ([1.0, np.nan], [1.0, 1.0])):
        with pytest.raises(ValueError, match="more donors"):
            meta.pool(*wrong)


def test_an_interval_is_never_narrower_than_the_donors_own_allow():
    """Donors who agree by chance (the same one thrice, say) are no certainty."""
    found = meta.pool([1.0, 1.0, 1.0], [0.3, 0.3, 0.3])
    assert found.error == 0 and found.tau == 0
    assert found.low == pytest.approx(1 - 1.959964 * np.sqrt(0.1), rel=1e-6)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(1 / np.sqrt(0.1)), rel=1e-6)
    apart = meta.pool([0.0, 1.0, 2.0], [0.01, 0.01, 0.01])  # elsewhere it is Hartung and Knapp's
    assert apart.high - apart.estimate == pytest.approx(stats.t.ppf(0.975, 2) * apart.error, rel=1e-9)


def test_regression_on_a_covariate_equals_metafor():
    """rma(y, v, mods = ~ x, method = "PM", test = "knha") of metafor 3.8."""
    y, v = [0.1, 1.2, 0.9, 1.1, 0.4, 2.4], [0.04, 0.05, 0.03, 0.08, 0.05, 0.06]
    x = np.array([[0.0], [1], [0], [2], [1], [3]])
    metafor = (
        (0, [0.369562995, 0.294128490, -0.4470686118, 1.18619460, 0.2773202156]),
        (1, [0.563975020, 0.190807482, 0.0342085213, 1.09374152, 0.0417311017]),
    )
    for tested, expected in metafor:
        found = meta.pool(y, v, covariates=x, tested=tested)
        ours = [found.estimate, found.error, found.low, found.high, found.p_value]
        assert ours == pytest.approx(expected, rel=1e-6)
        assert found.df == 4 and found.tau**2 == pytest.approx(0.197144108, rel=1e-6)
        assert 100 * found.i2 == pytest.approx(80.437788960, rel=1e-6)


@pytest.mark.parametrize("n", [3, 5, 8])
def test_intervals_cover_the_mean_and_the_new_patient(n):
    generator = np.random.default_rng(n)
    mean_in, new_in = [], []
    for _ in range(2000):
        v = generator.uniform(0.5, 2, n) * SURE
        y = generator.normal(1, 0.5, n) + generator.normal(0, np.sqrt(v))
        found = meta.pool(y, v)
        mean_in.append(found.low <= 1 <= found.high)
        new_in.append(found.new_low <= generator.normal(1, 0.5) <= found.new_high)
    assert 0.93 <= np.mean(mean_in) <= 0.97
    # with three donors tau rests on two degrees of freedom: 91 % were found, and the docs say so
    assert (0.90 if n == 3 else 0.92) <= np.mean(new_in) <= 0.99


def judged(effects, variances=SURE, *, limit=0.5, decision="paired"):
    effects = np.asarray(effects, dtype=float)
    return verdict.one(effects, np.broadcast_to(variances, effects.shape), limit=limit, decision=decision)


CASES = {
    "all for it": ([1.5, 1.2, 1.8, 1.4], "supported"),
    "all against it": ([-1.5, -1.2, -1.8, -1.4], "opposed"),
    "one far ahead, four against": ([3.0, -1.0, -1.1, -0.9, -1.2], "heterogeneous"),
    "one far ahead, four at nothing": ([3.0, 0.05, -0.1, 0.1, 0.0], "indeterminate"),
    "none": ([0.05, -0.04, 0.02, 0.0, 0.03], "absent"),
    "sure but too small": ([0.3, 0.31, 0.29, 0.3], "absent"),
    "for it on average, one clearly against": (
        [2.0, 2.1, 1.9, 2.0, 2.1, 1.9, 2.0, 2.0, -0.9],
        "heterogeneous",
    ),
    "wide": ([2.0, 0.1, 1.0], "indeterminate"),
}


@pytest.mark.parametrize("name", CASES)
def test_verdicts_on_planted_effects(name):
    effects, expected = CASES[name]
    assert judged(effects).verdict == expected


def test_verdicts_turn_with_the_sign():
    turned = {"supported": "opposed", "opposed": "supported"}
    for effects, expected in CASES.values():
        assert judged([-one for one in effects]).verdict == turned.get(expected, expected)


def test_one_and_two_donors_say_nothing_of_patients():
    for effects, word in (
        ([1.5], "seen_in_this_patient"), ([-1.5], "opposite_in_this_patient"), ([0.1], "unclear"),
        ([1.5, 1.4], "concordant"), ([-1.5, -1.4], "opposite_in_both"), ([1.5, -1.4], "discordant"),
        ([1.5, 0.1], "unclear"),
    ):  # fmt: skip
        found = judged(effects, decision="concordance" if len(effects) == 2 else "single")
        assert (found.verdict, found.seen, found.pooled) == ("not_estimable", word, None)


def test_what_the_audit_refuses_has_no_verdict():
    found = verdict.one([2.0] * 5, [SURE] * 5, limit=0.5, decision="not_estimable", reasons=["aliased:batch"])
    assert (found.verdict, found.pooled, found.reasons) == ("not_estimable", None, ("aliased:batch",))


def test_floor_of_the_sign_flip_test():
    assert [judged([1.0] * n).floor for n in (3, 4, 6)] == [0.25, 0.125, 0.03125]


def test_holm_by_hand_and_on_the_family():
    assert verdict.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert verdict.holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    alone = judged([1.0, 1.5, 0.8, 1.3], limit=0.5)
    assert alone.verdict == "supported" and 0.001 < alone.p_adjusted < 0.05
    nothing = [judged([0.3, -0.4, 0.6, -0.7])] * 60
    found = verdict.family([alone, *nothing, judged([1.0])], [0.5] * 62)
    assert found[0].verdict == "indeterminate"
    assert found[0].p_adjusted == pytest.approx(61 * alone.p_adjusted)
    assert verdict.family([alone], [0.5])[0].verdict == "supported"


def test_null_families_rarely_get_a_verdict():
    generator = np.random.default_rng(4)
    said = 0
    for _ in range(400):
        found = [judged(generator.normal(0, 0.5, 5) + generator.normal(0, 0.15, 5)) for _ in range(12)]
        after = verdict.family(found, [0.5] * 12)
        said += any(one.verdict in ("supported", "opposed") for one in after)
    assert said / 400 <= 0.05


@pytest.mark.parametrize("n", [5, 7, 8])
def test_spearman_equals_scipys_exact_permutation(n):
    generator = np.random.default_rng(n)
    x, y = generator.normal(size=n), generator.integers(0, 4, n)
    found = patients.spearman(x, y, seed=1)
    assert found.exact
    assert found.estimate == pytest.approx(stats.spearmanr(x, y).statistic)
    exact = stats.permutation_test(
        (x,), lambda one: stats.spearmanr(one, y).statistic, permutation_type="pairings", n_resamples=np.inf
    )
    assert found.p_value == pytest.approx(exact.pvalue)
    assert found.low <= found.estimate <= found.high


def test_spearman_of_many_patients_is_drawn_and_repeats():
    generator = np.random.default_rng(2)
    x = generator.normal(size=20)
    found = [patients.spearman(x, x + generator.normal(0, 0.5, 20), seed=3)]
    assert not found[0].exact and found[0].p_value < 1e-3
    assert patients.spearman(x, -x, seed=3).estimate == pytest.approx(-1)


def test_fisher_equals_scipy():
    found = patients.fisher([5, 6, 7, 8, 1, 2, 3, 4], [True, True, True, True, False, False, False, False])
    assert found.p_value == pytest.approx(stats.fisher_exact([[4, 0], [0, 4]]).pvalue)
    assert found.high == np.inf and found.low > 0
    mixed = patients.fisher([5, 6, 7, 1, 2, 3], [True, False, True, False, True, False])
    assert mixed.p_value == 1.0 and mixed.low < 0 < mixed.high


def test_four_patients_are_too_few():
    with pytest.raises(ValueError, match="5 patients"):
        patients.spearman([1, 2, 3, 4], [1, 2, 3, 4], seed=1)
    with pytest.raises(ValueError, match="5 patients"):
        patients.fisher([1, 2, 3, 4], [True, False, True, False])
