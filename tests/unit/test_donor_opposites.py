"""Opposites and copies: sides swapped, more evidence, checks that change a verdict, designs of few donors."""

import dataclasses

import donor_cohort as cohort
import numpy as np
import pandas as pd
import pytest
from carpeak.claims import by_donor, donor_words
from carpeak.donors import audit, evidence, verdict
from carpeak.names import in_reading_order

UP = {"NKG7": 1.2, "GZMB": 1.2, **{f"SET{k}": 0.8 for k in range(15)}}
MIRROR = {"supported": "opposed", "opposed": "supported"}
SWAPPED = {"peak_vs_product": {"test": "product", "reference": "peak"}}


def libraries(donors, *, seed, cells=300, effect=UP):
    rng = np.random.default_rng(seed)
    found = []
    for number, donor in enumerate(donors):
        of_peak = effect[number] if isinstance(effect, list) else effect
        found += [
            cohort.library(donor, "product", cells=cells, effect={}, shares=cohort.SHARES["product"], rng=rng),
            cohort.library(donor, "peak", cells=cells, effect=of_peak, shares=cohort.SHARES["peak"], rng=rng),
        ]  # fmt: skip
    return found


def judged(found, claims=cohort.CLAIMS, **options):
    held, variants = cohort.evidence_of(found, **options)
    effects = evidence.measure(claims, held, variants)
    return effects, by_donor.judge(claims, effects)


def of_other_side(claim):
    """The same statement where test and reference change places."""
    side = {"test": "reference", "reference": "test"}
    quantity = dict(claim["quantity"])
    if "condition" in quantity:
        quantity["condition"] = side[quantity["condition"]]
    return {**claim, "quantity": quantity}


@pytest.mark.parametrize(
    ("donors", "effect"),
    [
        ("ABCDE", UP),
        ("ABC", {}),
        ("ABCD", [UP, UP, {g: -v for g, v in UP.items()}, {g: -v for g, v in UP.items()}]),
        ("AB", UP),
        ("A", UP),
    ],
)
def test_swapped_sides_mirror_every_verdict(monkeypatch, donors, effect):
    found = libraries(donors, seed=len(donors), effect=effect)
    _, there = judged(found)
    monkeypatch.setattr(cohort, "CONTRASTS", SWAPPED)
    monkeypatch.setattr(cohort, "SIDES", SWAPPED["peak_vs_product"])
    _, back = judged(found, [of_other_side(one) for one in cohort.CLAIMS])
    seen = {verdict.SEEN: verdict.UNSEEN, verdict.CONCORDANT: verdict.OPPOSITE}
    seen |= {value: key for key, value in seen.items()}
    for claim, one in there.items():
        other, sided = back[claim], claim in ("C4", "C5", "C6")
        assert other["verdict"] == (one["verdict"] if sided else MIRROR.get(one["verdict"], one["verdict"]))
        assert other["seen"] == (one["seen"] if sided else seen.get(one["seen"], one["seen"]))
        assert other["p_value"] == pytest.approx(one["p_value"], rel=1e-6, nan_ok=True)
        sign = 1 if sided else -1
        assert other["estimate"] == pytest.approx(sign * one["estimate"], rel=1e-6, nan_ok=True)
        if not sided:
            counts = (one["clearly_against"], one["clearly_for"])
            assert (other["clearly_for"], other["clearly_against"]) == counts


def test_a_claim_downwards_is_the_mirror_of_one_upwards():
    down = [{**one, "quantity": {**one["quantity"], "direction": "down"}} for one in cohort.CLAIMS[3:]]
    found = libraries("ABCD", seed=3)
    _, up = judged(found, cohort.CLAIMS[3:])
    _, turned = judged(found, down)
    for claim, one in up.items():
        assert turned[claim]["verdict"] == MIRROR[one["verdict"]]
        assert turned[claim]["estimate"] == pytest.approx(one["estimate"])


def test_more_of_the_effect_never_weakens_a_verdict():
    """Every donor's effect raised by the same amount: from opposed over indeterminate to supported."""
    rng = np.random.default_rng(1)
    order = {"opposed": 0, "heterogeneous": 1, "absent": 1, "indeterminate": 1, "supported": 2}
    for _ in range(40):
        n = int(rng.integers(3, 9))
        y, v = rng.normal(0, 0.4, n), rng.uniform(0.01, 0.2, n)
        ranks = []
        for shift in np.linspace(-4, 4, 33):
            one = verdict.one(y + shift, v, limit=0.58, decision=audit.PAIRED)
            ranks.append(order[verdict.family([one], [0.58])[0].verdict])
        assert ranks == sorted(ranks) and ranks[0] == 0 and ranks[-1] == 2


def test_holm_by_hand_and_only_over_what_was_tested():
    assert verdict.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    y, v = np.array([1.0, 1.1, 0.9, 1.05]), np.full(4, 0.05)
    tested = [verdict.one(y + 0.1 * k, v, limit=0.5, decision=audit.PAIRED) for k in range(3)]
    lost = [verdict.one([1.0], [0.1], limit=0.5, decision=audit.NOT_ESTIMABLE) for _ in range(20)]
    alone, among = (verdict.family(part, [0.5] * len(part)) for part in (tested, [*tested, *lost]))
    assert [one.p_adjusted for one in alone] == [one.p_adjusted for one in among[:3]]
    raw = [one.p_adjusted for one in tested]
    assert [one.p_adjusted for one in alone] == pytest.approx(verdict.holm(raw))


def test_one_clearly_opposed_donor_among_many_forbids_support():
    y, v = np.array([1.5] * 9 + [-1.5]), np.full(10, 0.02)
    one = verdict.family([verdict.one(y, v, limit=0.58, decision=audit.PAIRED)], [0.58])[0]
    assert one.pooled.low > 0 and one.pooled.estimate > 0.58 and one.clearly_against == 1
    assert one.verdict == verdict.HETEROGENEOUS
    mirrored = verdict.family([verdict.one(-y, v, limit=0.58, decision=audit.PAIRED)], [0.58])[0]
    assert mirrored.verdict == verdict.HETEROGENEOUS


@pytest.mark.parametrize(
    ("before", "after", "variant"),
    [("absent", "supported", [1.2] * 4), ("heterogeneous", "supported", [1.2] * 4), ("supported", "absent", [0.0] * 4)],
)  # fmt: skip
def test_every_verdict_is_hardened_by_the_checks(before, after, variant):
    """Absent and heterogeneous too: as with one donor, none stands that a check takes back."""
    main = {"absent": [0.05, -0.05, 0.02, 0.0], "heterogeneous": [2, 2, -2, -2], "supported": [1.2] * 4}[
        before
    ]
    common = {"claim": "C7", "decision": "paired", "reasons": "", "sort": "unsorted", "counts": "yes",
              "donor": list("ABCD"), "n_reference": 100, "n_test": 100, "covariates": "", "variance": 0.02}  # fmt: skip
    parts = [
        pd.DataFrame({**common, "variant": name, "effect": values})
        for name, values in (("", main), ("unintegrated", variant))
    ]
    claim = [cohort.CLAIMS[3]]
    assert by_donor.judge(claim, parts[0])["C7"]["verdict"] == before
    one = by_donor.judge(claim, pd.concat(parts))["C7"]
    assert one["verdict"] == "indeterminate" and f"changes:unintegrated:{after}" in one["reasons"]
    assert "without Harmony" in donor_words.reason(one)


def test_what_two_patients_show_is_hardened_too():
    found = libraries("AB", seed=9)
    effects, before = judged(found)
    assert before["C7"]["seen"] == "concordant"
    turned = effects["variant"].eq("unintegrated") & effects["claim"].eq("C7") & effects["donor"].eq("B")
    effects.loc[turned, "effect"] = 0.0
    one = by_donor.judge(cohort.CLAIMS, effects)["C7"]
    assert (one["seen"], one["verdict"]) == ("unclear", "not_estimable")
    assert donor_words.reason(one).startswith("Not clear in both patients. Unclear without Harmony.")
    _, plain = judged(found)
    leaked = by_donor.judge(cohort.CLAIMS, judged(found)[0], ambient=frozenset({"C7"}))["C7"]
    assert plain["C7"]["seen"] == "concordant" and leaked["seen"] == "unclear"
    assert "ambient RNA" in donor_words.reason(leaked)


def test_two_donors_with_three_times_are_told_side_by_side():
    known = [audit.Library(f"{d}_{t}", t, d) for d in "AB" for t in ("product", "peak", "remission")]
    contrasts = {
        f"{a}_{b}": {"test": a, "reference": b}
        for a, b in (("peak", "product"), ("remission", "peak"), ("remission", "product"))
    }
    assert [one.decision for one in audit.audit(known, contrasts)] == ["concordance"] * 3


def test_a_state_that_one_donor_lacks_is_a_count_of_nought():
    """No cell of the state at one donor's peak: its ratio is unsure, no number is missing."""
    found = libraries("ABC", seed=5)
    states = found[1]["states"]
    states[states == "CD8 Teff"] = "CD4 Tn"
    claim = [{"id": "S", "quantity": {**cohort.CLAIMS[1]["quantity"], "label": "CD8 Teff"}}]
    effects, one = judged(found, claim)
    row = effects[(effects["variant"] == "") & (effects["donor"] == "A")].iloc[0]
    others = effects[(effects["variant"] == "") & (effects["donor"] != "A")]
    assert np.isfinite(row[["effect", "variance"]].astype(float)).all()
    assert row["variance"] > 2 * others["variance"].max() and row["effect"] < others["effect"].min()
    assert one["S"]["verdict"] in ("opposed", "indeterminate") and one["S"]["donors"] == 3


@pytest.mark.parametrize(
    "names", [("Patient 1", "Patient 10", "Patient 2"), ("1", "2", "10"), ("Jürgen", "Łuk", "é")]
)
def test_names_of_donors_change_nothing(names):
    plain = libraries("ABC", seed=11)
    renamed = []
    for one, name in zip(plain, [n for n in names for _ in range(2)], strict=True):
        known = dataclasses.replace(one["library"], donor=name)
        renamed.append(one | {"library": known})
    _, expected = judged(plain, draws=0)
    effects, found = judged(renamed, draws=0)
    for claim, one in expected.items():
        assert found[claim]["verdict"] == one["verdict"]
        assert found[claim]["estimate"] == pytest.approx(one["estimate"], nan_ok=True)
    assert set(effects["donor"]) == set(names)


def test_names_are_read_as_people_count():
    assert in_reading_order(["D10", "D2", "D1", "D2"]) == ["D1", "D2", "D10"]
    assert in_reading_order(["10", "9", "b 2", "b"]) == ["9", "10", "b", "b 2"]
