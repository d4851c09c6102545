"""Survival and competing risks: against R's survival and cmprsk, live and stored, and lifelines' own example."""

import numpy as np
import pandas as pd
import pytest
from carpeak.cohort import competing, survival
from cohorts import r

DATA = {
    "ties": ([5, 5, 8, 8, 8, 12, 15, 15, 20, 22, 22, 30], [1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0]),
    "seven": ([70, 200, 300, 540, 700, 900, 1290], [1, 0, 0, 0, 0, 0, 0]),
    "all": ([1, 2, 3, 4], [1, 1, 1, 1]),
    "zero": ([0, 2, 3, 4, 9], [1, 1, 0, 1, 0]),
}


def vector(values):
    return f"c({','.join(str(x) for x in values)})"


def drawn(seed, n=60, *, causes=2, tied=True):
    random = np.random.default_rng(seed)
    days = random.exponential(300, n)
    return (
        (np.ceil(days / 20) * 20 if tied else days),
        random.integers(0, causes + 1, n),
        random.integers(0, 3, n),
    )


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(("kind", "theirs"), [("log_log", "log-log"), ("plain", "plain")])
def test_curves_and_intervals_against_r(name, kind, theirs):
    days, events = DATA[name]
    curve = survival.kaplan_meier(days, events)
    low, high = survival.bounds(curve, kind=kind)
    times = sorted(set(days))
    oracle = r(
        f"f=summary(survfit(Surv({vector(days)},{vector(events)})~1,conf.type='{theirs}'),times={vector(times)});"
        "cat(f$surv,ifelse(is.na(f$lower),-1,f$lower),ifelse(is.na(f$upper),-1,f$upper),f$n.risk)",
        "survival",
    )
    at = np.searchsorted(curve.times, times, side="right") - 1
    found = [*curve.estimate[at], *np.nan_to_num(low[at], nan=-1), *np.nan_to_num(high[at], nan=-1)]
    assert found == pytest.approx(oracle[: 3 * len(times)], abs=1e-9)
    assert [survival.at_risk(days, t) for t in times] == oracle[3 * len(times) :]


@pytest.mark.parametrize("seed", range(4))
def test_medians_and_log_rank_against_r(seed):
    days, code, group = drawn(seed)
    events = (code > 0).astype(int)
    curve = survival.kaplan_meier(days, events)
    # R takes the middle of a stretch at exactly one half; here the first time counts. They agree off such a stretch.
    oracle = r(
        f"s=Surv({vector(days)},{vector(events)});q=quantile(survfit(s~1,conf.type='log-log'),0.5);"
        f"cat(q$quantile,q$lower,q$upper,survdiff(s~{vector(group)})$pvalue)",
        "survival",
    )
    if 0.5 not in curve.estimate.round(9):
        assert survival.median(curve) == pytest.approx(oracle[:3])
    split = [group == g for g in range(3)]
    found = survival.log_rank([days[s] for s in split], [events[s] for s in split])
    assert found == pytest.approx(oracle[3], rel=1e-6)


def test_a_bound_that_the_curve_never_gives_is_missing():
    """One patient: the curve falls to 0 at once, where R gives no bounds."""
    middle, low, high = survival.median(survival.kaplan_meier([5], [1]))
    assert (middle, high) == (5, np.inf)
    assert np.isnan(low)


def test_lifelines_published_example():
    """The Waltons' two groups, as lifelines' documentation shows them: median 56 and P below 1e-25."""
    from lifelines.datasets import load_waltons

    waltons = load_waltons()
    curve = survival.kaplan_meier(waltons["T"], waltons["E"])
    assert survival.median(curve)[0] == 56
    split = [waltons["group"] == name for name in ("miR-137", "control")]
    assert survival.log_rank([waltons["T"][s] for s in split], [waltons["E"][s] for s in split]) < 1e-25


def test_rates_say_who_was_at_risk_and_what_lies_beyond_the_follow_up():
    days, events = DATA["seven"]
    curve = survival.kaplan_meier(days, events)
    rate = survival.rate(curve, 730.5, days=days)
    assert rate.estimate == pytest.approx(6 / 7)
    assert [round(100 * x, 1) for x in rate.log_log] == [33.4, 97.9]
    assert (rate.at_risk, rate.beyond) == (2, False)
    assert survival.rate(curve, 1500, days=days).beyond
    assert survival.median(curve)[0] == np.inf
    # Six at risk after the death; 200, 300 and 540 leave 3 of 6.
    assert survival.follow_up(days, events)[0] == 540


def test_those_not_at_risk_at_the_landmark_are_left_out():
    days, events, kept = survival.after_landmark([10, 28, 40, np.nan], [1, 1, 1, 0], 28)
    assert (days.tolist(), events.tolist(), kept.tolist()) == ([12], [1], [False, False, True, False])


def test_nobody_gives_no_curve_and_no_event_no_test():
    with pytest.raises(ValueError, match="at least one patient"):
        survival.kaplan_meier([np.nan], [1])
    assert np.isnan(survival.log_rank([[1, 2], [3]], [[0, 0], [0]]))
    assert np.isnan(competing.gray([[1, 2]], [[1, 0]]).p)
    with pytest.raises(ValueError, match="at least one patient"):
        competing.incidence([], [], cause=1)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_incidence_and_gray_against_cmprsk(seed, tied):
    days, code, group = drawn(seed, tied=tied)
    split = [group == g for g in range(3)]
    oracle = r(f"f=cuminc({vector(days)},{vector(code)},{vector(group)});cat(t(f$Tests[,1:2]))", "cmprsk")
    for cause in (1, 2):
        found = competing.gray([days[s] for s in split], [code[s] for s in split], cause=cause)
        assert [found.statistic, found.p] == pytest.approx(oracle[2 * cause - 2 : 2 * cause], rel=1e-6)
    times = [60, 200, 500]
    oracle = r(
        f"f=timepoints(cuminc({vector(days)},{vector(code)}),{vector(times)});cat(t(f$est),t(f$var))",
        "cmprsk",
    )
    curves = [competing.incidence(days, code, cause=cause) for cause in (1, 2)]
    places = [[np.searchsorted(c.times, t, side="right") - 1 for t in times] for c in curves]
    held = [c.estimate[p] for c, p in zip(curves, places)] + [c.variance[p] for c, p in zip(curves, places)]
    assert np.concatenate(held) == pytest.approx(oracle, rel=1e-5)


def test_a_group_that_ends_early_and_one_without_events_against_cmprsk():
    days = [1, 2, 2, 3, 4, 10, 11, 12, 13, 20, 5, 6, 7]
    code = [1, 1, 2, 2, 1, 1, 2, 1, 0, 1, 0, 0, 0]
    group = [0] * 5 + [1] * 5 + [2] * 3
    oracle = r(f"f=cuminc({vector(days)},{vector(code)},{vector(group)});cat(f$Tests[1,1:2])", "cmprsk")
    split = [[i for i, g in enumerate(group) if g == k] for k in range(3)]
    found = competing.gray([[days[i] for i in s] for s in split], [[code[i] for i in s] for s in split])
    assert [found.statistic, found.p] == pytest.approx(oracle, rel=1e-6)


def test_real_patients_against_the_stored_values_of_cmprsk(real_data):
    folder = real_data / "cif_dev"
    table = pd.read_csv(folder / "mgus2.csv")
    split = [table[table["group"] == name] for name in ("F", "M")]
    for row in pd.read_csv(folder / "oracle" / "mgus2_gray.csv").itertuples():
        found = competing.gray([s["time"] for s in split], [s["status"] for s in split], cause=row.cause)
        assert (found.statistic, found.p, found.df) == pytest.approx((row.stat, row.pv, row.df), rel=1e-9)
    for row in pd.read_csv(folder / "oracle" / "mgus2_cuminc.csv").itertuples():
        name, cause = row.curve.split()
        part = table[table["group"] == name]
        curve = competing.incidence(part["time"], part["status"], cause=int(cause))
        place = np.searchsorted(curve.times, row.time, side="right") - 1
        assert (curve.estimate[place], curve.variance[place]) == pytest.approx((row.est, row.var), rel=1e-9)


def test_lifelines_moves_tied_times_which_is_why_the_estimate_is_our_own():
    from lifelines import AalenJohansenFitter

    days, code, _ = drawn(2)
    with pytest.warns(Warning, match="Tied event times"):
        theirs = AalenJohansenFitter(seed=1).fit(days, code, event_of_interest=1).cumulative_density_
    ours = competing.incidence(days, code, cause=1)
    assert abs(theirs.iloc[-1, 0] - ours.estimate[-1]) > 1e-4
    apart = drawn(2, tied=False)
    theirs = AalenJohansenFitter().fit(apart[0], apart[1], event_of_interest=1).cumulative_density_
    assert competing.incidence(apart[0], apart[1], cause=1).estimate[-1] == pytest.approx(theirs.iloc[-1, 0])


def test_the_incidences_and_survival_add_up_to_one():
    days, code, _ = drawn(3)
    total = sum(competing.incidence(days, code, cause=cause).estimate[-1] for cause in (1, 2))
    assert total + survival.kaplan_meier(days, code > 0).estimate[-1] == pytest.approx(1)


@pytest.mark.parametrize("kind", ["log_log", "plain"])
def test_intervals_of_the_incidence(kind):
    days, code, _ = drawn(1)
    curve = competing.incidence(days, code, cause=1)
    estimate, low, high = competing.at(curve, 200, kind=kind)
    assert 0 <= low < estimate < high <= 1
    z, error = 1.959963984540054, np.sqrt(curve.variance[np.searchsorted(curve.times, 200, side="right") - 1])
    if kind == "plain":
        assert (low, high) == pytest.approx((estimate - z * error, estimate + z * error))
    else:  # the plain interval on the scale of log(-log)
        half = z * error / abs(estimate * np.log(estimate))
        assert np.log(-np.log([low, high])) == pytest.approx(
            np.log(-np.log(estimate)) + half * np.array([1, -1])
        )


def test_gray_keeps_its_level_and_finds_a_difference():
    random = np.random.default_rng(9)
    p = []
    for _ in range(200):
        days, code, group = random.exponential(100, 80), random.integers(0, 3, 80), random.integers(0, 2, 80)
        p.append(competing.gray([days[group == g] for g in (0, 1)], [code[group == g] for g in (0, 1)]).p)
    assert np.mean(np.array(p) < 0.05) < 0.1
    days = np.concatenate([random.exponential(30, 60), random.exponential(300, 60)])
    split = (slice(0, 60), slice(60, 120))
    code = np.where(random.random(120) < 0.9, np.where(days < 200, 1, 2), 0)
    assert competing.gray([days[s] for s in split], [code[s] for s in split]).p < 0.001
