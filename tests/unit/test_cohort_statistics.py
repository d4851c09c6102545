"""Shares, group tests, trend, pairs, kinetics, correlation: against scipy, statsmodels, R and full enumeration."""

from itertools import combinations, permutations, product

import numpy as np
import pandas as pd
import pytest
from carpeak.cohort import adverse, correlation, grouped, kinetics, paired, rounding, shares, summaries, trend
from cohorts import r
from scipy import stats
from statsmodels.stats.proportion import proportion_confint


@pytest.mark.parametrize(("n", "total"), [(0, 6), (1, 12), (7, 12), (6, 7), (23, 67), (12, 12)])
def test_intervals_of_shares_against_scipy(n, total):
    exact = stats.binomtest(n, total)
    for method, name in (("clopper_pearson", "exact"), ("wilson", "wilson")):
        oracle = exact.proportion_ci(method=name)
        held = shares.share(n, total, method=method)
        assert (held.low, held.high) == pytest.approx((oracle.low, oracle.high), abs=1e-9)
    for method in shares.METHODS:
        held = shares.share(n, total, method=method)
        assert (held.low, held.high) == pytest.approx(
            proportion_confint(n, total, method=shares.METHODS[method])
        )


def test_a_share_of_nobody_is_missing_and_of_more_than_all_refused():
    assert np.isnan(shares.share(0, 0).low)
    with pytest.raises(ValueError, match="0 <= n <= total"):
        shares.share(3, 2)


def test_summaries_leave_missing_values_out():
    held = shares.summary([1, np.nan, 3, 10])
    assert (held.n, held.median, held.low, held.high, held.q1, held.q3) == (3, 3, 1, 10, 2, 6.5)
    assert np.isnan(shares.summary([np.nan]).median)


TABLES = [[[3, 2], [2, 5]], [[1, 9], [11, 3]], [[14, 9], [18, 26]], [[0, 5], [4, 2]]]


@pytest.mark.parametrize("table", TABLES)
def test_two_by_two_tables_against_scipy_and_r(table):
    assert grouped.fisher(table) == pytest.approx(stats.fisher_exact(table).pvalue)
    assert grouped.chi_square(table, yates=True) == pytest.approx(stats.chi2_contingency(table).pvalue)
    flat = ",".join(str(x) for line in table for x in line)
    oracle = r(
        f"m=matrix(c({flat}),2,byrow=T);cat(fisher.test(m)$p.value,"
        "suppressWarnings(chisq.test(m,correct=F)$p.value),suppressWarnings(chisq.test(m)$p.value))"
    )
    found = grouped.usual(table)
    assert [found["fisher"], found["chi_square"], found["yates"]] == pytest.approx(oracle, rel=1e-6)


@pytest.mark.parametrize(
    "table", [[[12, 8, 2, 1], [23, 20, 1, 0]], [[17, 3, 3], [35, 6, 3]], [[1, 3, 2], [0, 2, 8]]]
)
def test_exact_test_of_larger_tables_against_r(table):
    flat = ",".join(str(x) for line in table for x in line)
    oracle = r(f"cat(fisher.test(matrix(c({flat}),2,byrow=T))$p.value)")
    assert grouped.fisher(table) == pytest.approx(oracle[0], rel=1e-6)
    assert grouped.fisher(np.transpose(table)) == pytest.approx(oracle[0], rel=1e-6)


def test_the_rule_that_chose_the_test_is_kept():
    assert grouped.counted([[3, 2], [2, 5]]).rule == "expected_small"
    assert grouped.counted([[14, 9], [18, 26]]).method == "chi_square"
    assert grouped.counted([[3, 0], [2, 0]]).method == "none"
    sampled = grouped.counted([[5, 0, 1, 2], [1, 4, 0, 3], [2, 1, 5, 0]])
    assert (sampled.method, sampled.rule) == ("fisher_sampled", "too_many_tables")
    (oracle,) = r("cat(fisher.test(matrix(c(5,0,1,2,1,4,0,3,2,1,5,0),3,byrow=T))$p.value)")
    assert sampled.p == pytest.approx(oracle, abs=0.01)
    small = grouped.usual([[1, 1], [2, 3]])
    assert small["expected_counts"] == small["fisher"]


@pytest.mark.parametrize("seed", range(3))
def test_rank_sum_test_with_and_without_ties_against_enumeration(seed):
    random = np.random.default_rng(seed)
    for values in (random.normal(size=9), random.integers(0, 4, 9)):
        one, two = values[:4], values[4:]
        ranks = stats.rankdata(values)
        centre, observed = ranks.sum() * 4 / 9, ranks[:4].sum()
        every = [sum(ranks[list(chosen)]) for chosen in combinations(range(9), 4)]
        oracle = np.mean([abs(s - centre) >= abs(observed - centre) - 1e-9 for s in every])
        assert grouped.ranked([one, two]).p == pytest.approx(oracle)
    assert grouped.ranked([[1, 1], [1, 1]]).method == "none"
    large = [random.normal(size=40), random.normal(size=30)]
    assert grouped.ranked(large).p == pytest.approx(stats.mannwhitneyu(*large, method="asymptotic").pvalue)
    assert grouped.ranked([*large, [1.0]]).p == pytest.approx(stats.kruskal(*large, [1.0]).pvalue)


def test_exact_trend_against_every_choice_of_responders():
    doses = [0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1.5, 1.5, 1.5, 1.5, 1.5]
    responded = [0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1]
    observed = float(np.dot(doses, responded))
    every = np.array([sum(doses[i] for i in chosen) for chosen in combinations(range(12), sum(responded))])
    centre = sum(doses) * sum(responded) / 12
    found = trend.exact(doses, responded)
    assert found.p == pytest.approx(np.mean(abs(every - centre) >= abs(observed - centre) - 1e-9))
    assert found.p_rising == pytest.approx(np.mean(every >= observed - 1e-9))
    reversed_ = trend.exact(doses, responded[::-1])
    assert reversed_.p_rising > 0.5 > found.p_rising
    assert np.isnan(trend.exact([1, 1], [0, 1]).p)
    with pytest.raises(ValueError, match="no common unit"):
        trend.exact([0.123457, 7.654321, 9.111113], [0, 1, 1])


def test_the_trend_test_keeps_its_level_under_no_trend():
    random = np.random.default_rng(5)
    doses = np.repeat([0.5, 1, 1.5], 4)
    p = [trend.exact(doses, random.random(12) < 0.5).p for _ in range(400)]
    assert np.nanmean(np.array(p) <= 0.05) <= 0.07


@pytest.mark.parametrize("seed", range(3))
def test_signed_rank_test_against_enumeration_scipy_and_r(seed):
    random = np.random.default_rng(seed)
    one, two = random.normal(14, 2, 7), random.normal(12, 2, 7)
    found = paired.compare(one, two)
    assert found.p == pytest.approx(stats.wilcoxon(two - one, method="exact").pvalue)
    one, two = random.integers(9, 16, 7), random.integers(7, 14, 7)
    moved = (two - one)[two != one]
    ranks = stats.rankdata(abs(moved))
    sums = np.array([np.dot(signs, ranks) for signs in product((0, 1), repeat=len(moved))])
    seen = ranks[moved > 0].sum()
    oracle = np.mean(abs(sums - ranks.sum() / 2) >= abs(seen - ranks.sum() / 2) - 1e-9)
    assert paired.compare(one, two).p == pytest.approx(oracle)
    a, b = random.normal(14, 2, 40), random.normal(12, 2, 40)
    (p,) = r(
        f"cat(wilcox.test(c({','.join(map(str, b))}),c({','.join(map(str, a))}),paired=T,exact=F,correct=F)$p.value)"
    )
    assert paired.compare(a, b).p == pytest.approx(p, rel=1e-6)


def test_pairs_with_a_missing_side_are_left_out():
    found = paired.compare([1, np.nan, 3, 4], [2, 2, np.nan, 6])
    assert (found.n, found.difference, found.method) == (2, 1.5, "signed_rank_exact")
    assert paired.compare([1, 2], [1, 2]).method == "no_difference"
    assert paired.compare([np.nan], [1]).n == 0


def test_peak_day_and_area():
    series = pd.DataFrame(
        {"patient": "P1", "variable": "car", "day": [-1, 0, 7, 14, 35], "value": [99.0, 0, 10, 10, 0]}
    )
    (found,) = kinetics.findings(series).to_dict("records")
    assert (found["peak"], found["peak_day"], found["n"]) == (10, 7, 4)
    at_28 = 10 * (35 - 28) / 21
    assert found["auc"] == pytest.approx(35 + 70 + 14 * (10 + at_28) / 2)
    assert np.isnan(kinetics.area([0, 7], [1, 1]))
    assert kinetics.area([0, 28], [1, 1]) == 28


def test_adverse_events_count_each_patient_once_with_the_worst_grade():
    events = pd.DataFrame(
        {"patient": ["P1", "P1", "P2"], "event": ["Anemia"] * 3, "grade": [1, 4, 2], "day": [1, 2, 3]}
    )
    (row,) = adverse.by_grade(events, None, total=4).to_dict("records")
    assert (row["any"], row["grade_1"], row["grade_2"], row["grade_4"], row["severe"]) == (2, 0, 1, 1, 1)
    assert row["share"] == 0.5


@pytest.mark.parametrize("seed", range(3))
def test_rank_correlation_against_scipy_and_all_orders(seed):
    random = np.random.default_rng(seed)
    one, two = random.normal(size=6), random.integers(0, 4, 6)
    found = correlation.spearman(one, two)
    rho = stats.spearmanr(one, two).statistic
    every = [stats.spearmanr(one, two[list(order)]).statistic for order in permutations(range(6))]
    assert found.rho == pytest.approx(rho)
    assert found.p == pytest.approx(np.mean(np.abs(every) >= abs(rho) - 1e-9))
    one, two = random.normal(size=30), random.normal(size=30)
    found = correlation.spearman(one, two)
    assert found.method == "permutation"
    assert found.p == pytest.approx(stats.spearmanr(one, two).pvalue, abs=0.02)
    assert found == correlation.spearman(one, two)


def test_few_patients_or_a_constant_give_no_correlation():
    assert correlation.spearman([1, 2, 3], [1, 2, 3]).method == "too_few"
    assert correlation.spearman([1, 2, 3, 4], [1, 1, 1, 1]).method == "constant"


ROUNDED = [
    ("58.33", 175 / 3, "half_up"),
    ("60.8", 1400 / 23, "cut"),
    ("60.9", 1400 / 23, "half_up"),
    ("12.5", 12.5, "exact"),
    ("2.68", 2.675, "half_up"),
    ("0.2", 0.25, "half_even"),
    ("0.3", 0.25, "half_up"),
    ("61", 1400 / 23, "half_up"),
    ("62", 1400 / 23, ""),
    ("< 0.05", 0.0499, "comparison"),
    ("< 0.05", 0.05, ""),
    (">= 2", 2, "comparison"),
    ("1.000", 0.99996, "half_up"),
    ("-1.5", -1.46, "half_up"),
]


@pytest.mark.parametrize(("text", "value", "rule"), ROUNDED)
def test_rounding_rules(text, value, rule):
    assert rounding.rule(rounding.printed(text), value) == rule


def test_words_are_no_numbers():
    assert rounding.printed("grade 3") is None
    assert rounding.rule(rounding.printed("3"), float("nan")) == ""


def test_the_interval_of_a_curve_without_censoring_is_r_s():
    oracle = r(
        "s=Surv(c(70,200,300,400,500,600,700),c(1,0,0,0,0,0,0));"
        "for(k in c('log-log','log','plain')){f=summary(survfit(s~1,conf.type=k),times=100);cat(f$lower,f$upper,'')}",
        "survival",
    )
    found = summaries.interval_of({"n": 6, "total": 7})
    held = [*found["log_log"], *found["log"], *found["wald"]]
    assert held[:4] == pytest.approx([100 * x for x in oracle[:4]], rel=1e-6)
    assert held[4] == pytest.approx(100 * oracle[4], rel=1e-6)


def test_attainable_p_values_are_those_of_the_exact_test():
    every = {
        float(stats.wilcoxon(np.array(s) * np.arange(1, 6), method="exact").pvalue)
        for s in product((-1, 1), repeat=5)
    }
    assert {round(p, 12) for p in summaries.attainable_p(5)} == {round(p, 12) for p in every if p < 1} | (
        {1.0} if any(p == 1 for p in summaries.attainable_p(5)) else set()
    )
