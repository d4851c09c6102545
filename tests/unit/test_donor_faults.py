"""The faults that pooled cells commit, each now answered rightly, and claims judged donor by donor."""

import donor_cohort as cohort
import numpy as np
import pandas as pd
import pytest
from carpeak.claims import by_donor
from carpeak.donors import evidence
from carpeak.errors import UserError
from scipy import stats

UP = {"NKG7": 1.2, "GZMB": 1.2, **{f"SET{k}": 0.8 for k in range(15)}}
DOWN = {gene: -value for gene, value in UP.items()}


def pair(donor, rng, *, cells, effect, shares=cohort.SHARES, depth=1.0, **options):
    """Both libraries of a donor; the peak shows `effect`."""
    return [
        cohort.library(
            donor, "product", cells=cells, effect={}, shares=shares["product"], rng=rng, **options
        ),
        cohort.library(
            donor, "peak", cells=cells, effect=effect, shares=shares["peak"], rng=rng, depth=depth, **options
        ),
    ]


def judged(libraries, **options):
    found, variants = cohort.evidence_of(libraries, **options)
    effects = evidence.measure(cohort.CLAIMS, found, variants)
    return effects, by_donor.judge(cohort.CLAIMS, effects)


def test_one_large_donor_against_four_small_ones_supports_nothing():
    rng = np.random.default_rng(1)
    libraries = pair("A", rng, cells=4000, effect=UP)
    for donor in "BCDE":
        libraries += pair(donor, rng, cells=300, effect=DOWN, shares=cohort.OPPOSITE)
    effects, found = judged(libraries)
    pooled = effects[effects["variant"] == ""].assign(n=lambda t: t["n_test"])
    for claim in ("C7", "C8", "C9"):  # by cells, donor A outweighs the four
        rows = pooled[pooled["claim"] == claim]
        assert np.average(rows["effect"], weights=rows["n"]) > 0
    for claim in ("C4", "C5", "C7", "C8", "C9"):
        assert found[claim]["verdict"] != "supported", claim
        assert (found[claim]["clearly_for"], found[claim]["clearly_against"]) == (1, 4)
        assert found[claim]["verdict"] == "heterogeneous"


def test_five_alike_donors_support_and_reversed_ones_oppose():
    for effect, shares, word in ((UP, cohort.SHARES, "supported"), (DOWN, cohort.OPPOSITE, "opposed")):
        rng = np.random.default_rng(2)
        libraries = [
            one for donor in "ABCDE" for one in pair(donor, rng, cells=400, effect=effect, shares=shares)
        ]
        _, found = judged(libraries)
        assert {claim: found[claim]["verdict"] for claim in ("C4", "C5", "C7", "C8", "C9")} == dict.fromkeys(
            ("C4", "C5", "C7", "C8", "C9"), word
        )
        assert found["C6"]["verdict"] == "supported"
        sign = 1 if word == "supported" else -1
        assert found["C7"]["estimate"] == pytest.approx(sign * 1.2, abs=0.25)


def test_donors_that_vary_at_random_get_no_verdict():
    """Four pairs, donor-by-condition sd 0.35 log2 on every gene, no effect: what cells call significant."""
    said = tests = 0
    for seed in range(25):
        rng = np.random.default_rng([3, seed])
        libraries = []
        for donor in "ABCD":
            effect = dict(zip(cohort.GENES, rng.normal(0, 0.35, len(cohort.GENES)), strict=True))
            share = rng.dirichlet([30, 30, 20])
            shares = {"product": share, "peak": share}
            libraries += pair(
                donor, rng, cells=250, effect=effect, shares=shares, depth=rng.uniform(0.4, 1.5)
            )
        _, found = judged(libraries, draws=0)
        for claim in ("C7", "C8", "C9"):
            said += found[claim]["verdict"] in ("supported", "opposed")
            tests += 1
    # 5 % of 75 statements would be 3.75; 9 is the 99.5 % quantile
    assert said <= stats.binom(tests, 0.05).ppf(0.995)


def test_donor_a_before_and_donor_b_after_is_not_estimable():
    rng = np.random.default_rng(4)
    libraries = [pair("A", rng, cells=500, effect=UP)[0], pair("B", rng, cells=500, effect=UP)[1]]
    _, found = judged(libraries)
    for claim in ("C6", "C7", "C8", "C9"):
        assert found[claim]["verdict"] == "not_estimable"
        assert "no_pairs" in found[claim]["reasons"] and "aliased:donor" in found[claim]["reasons"]
        assert found[claim]["donors"] == 0
    # what is said of one side needs no pair, and stays a statement on the donor who has it
    assert found["C4"]["seen"] == "seen_in_this_patient" and found["C4"]["verdict"] == "not_estimable"


def test_sorted_libraries_are_never_poured_together():
    """As in GSE235760: CAR+ and CAR- libraries of each time, in amounts that say nothing of the blood."""
    rng = np.random.default_rng(5)
    libraries = []
    for donor in "ABC":
        libraries += pair(donor, rng, cells=300, effect=UP, sort="CAR+")
        other = pair(donor, rng, cells=2000, effect=DOWN, shares=cohort.OPPOSITE)
        for one in other:
            known = one["library"]
            one["library"] = type(known)(known.sample + "_neg", known.condition, known.donor, sort="CAR-")
        libraries += other
    effects, found = judged(libraries, rule="sorted")
    assert set(effects["sort"]) == {"CAR+"}
    assert found["C7"]["verdict"] == "supported" and found["C5"]["verdict"] == "supported"
    assert effects["n_test"].max() <= 300
    of_t_cells = [{"id": "T", "quantity": {**cohort.CLAIMS[3]["quantity"], "population": "t_cells"}}]
    held, variants = cohort.evidence_of(libraries, rule="sorted")
    table = evidence.measure(of_t_cells, held, variants)
    assert set(table["decision"]) == {"not_estimable"} and set(table["donor"]) == {""}


def test_two_donors_are_concordant_or_discordant():
    rng = np.random.default_rng(6)
    alike = [one for donor in "AB" for one in pair(donor, rng, cells=400, effect=UP)]
    _, found = judged(alike)
    assert found["C7"]["seen"] == "concordant" and found["C7"]["verdict"] == "not_estimable"
    apart = alike[:2] + pair("B", rng, cells=400, effect=DOWN)
    _, found = judged(apart)
    assert found["C7"]["seen"] == "discordant"


def test_a_donor_with_few_cells_is_shown_and_does_not_count():
    rng = np.random.default_rng(7)
    libraries = [one for donor in "ABC" for one in pair(donor, rng, cells=400, effect=UP)]
    libraries += pair("D", rng, cells=44, effect=DOWN)
    effects, found = judged(libraries)
    row = effects[(effects["claim"] == "C7") & (effects["variant"] == "") & (effects["donor"] == "D")].iloc[0]
    assert row["counts"] == "no" and 10 <= min(row["n_test"], row["n_reference"]) < 20
    assert found["C7"]["donors"] == 3


def test_effects_and_variances_are_those_of_a_bootstrap_of_cells():
    rng = np.random.default_rng(8)
    found, variants = cohort.evidence_of(pair("A", rng, cells=600, effect=UP), draws=0)
    effects = evidence.measure(cohort.CLAIMS[3:], found, variants[:1]).set_index("claim")
    chosen = variants[0].car & (found.cells["t_lineage"] == "CD4").to_numpy()
    dense, depth = found.counts.toarray(), found.n_umis
    side = found.cells["condition"].eq("peak").to_numpy()
    column = cohort.GENES.index("NKG7")
    drawn = []
    for _ in range(600):
        rate = []
        for at_peak in (True, False):
            rows = rng.choice(np.flatnonzero(chosen & (side == at_peak)), (chosen & (side == at_peak)).sum())
            rate.append(dense[rows, column].sum() / depth[rows].sum())
        drawn.append(np.log2(rate[0] / rate[1]))
    assert effects.loc["C7", "effect"] == pytest.approx(np.mean(drawn), abs=0.05)
    assert effects.loc["C7", "variance"] == pytest.approx(np.var(drawn), rel=0.25)
    assert effects.loc["C9", "effect"] == pytest.approx(0.8, abs=0.1)


def test_doubtful_calls_widen_the_interval():
    rng = np.random.default_rng(9)
    libraries = pair("A", rng, cells=500, effect=UP)
    sure, variants = cohort.evidence_of(libraries)
    doubtful, same = cohort.evidence_of(
        [{**one, "probability": one["probability"] * 0.6} for one in libraries]
    )
    first, second = (
        evidence.measure(cohort.CLAIMS[3:4], one, kinds[:1])["variance"].iloc[0]
        for one, kinds in ((sure, variants), (doubtful, same))
    )
    assert second > 1.1 * first


def test_a_verdict_that_hangs_on_harmony_is_indeterminate():
    rng = np.random.default_rng(10)
    libraries = [one for donor in "ABCD" for one in pair(donor, rng, cells=400, effect=UP)]
    effects, before = judged(libraries)
    assert before["C7"]["verdict"] == "supported"
    turned = effects["variant"].eq("unintegrated") & effects["claim"].eq("C7")
    effects.loc[turned, "effect"] = [0.1, -0.1, 0.05, 0.0]
    after = by_donor.judge(cohort.CLAIMS, effects)["C7"]
    assert after["verdict"] == "indeterminate" and "changes:unintegrated:absent" in after["reasons"]


def test_tables_come_back_as_they_were_written(tmp_path):
    from carpeak import io

    rng = np.random.default_rng(11)
    libraries = [one for donor in ("101", "107", "108") for one in pair(donor, rng, cells=200, effect=UP)]
    effects, found = judged(libraries, draws=2)
    io.write_table(effects, tmp_path / "effects.tsv")
    again = by_donor.judge(cohort.CLAIMS, by_donor.read(io.read_table(tmp_path / "effects.tsv")))
    assert {name: one["verdict"] for name, one in again.items()} == {
        n: o["verdict"] for n, o in found.items()
    }
    assert again["C7"]["estimate"] == pytest.approx(found["C7"]["estimate"], rel=1e-6)


def test_merged_entries_keep_what_cells_said_beside_the_verdict():
    rng = np.random.default_rng(12)
    libraries = [one for donor in "ABCD" for one in pair(donor, rng, cells=300, effect=UP)]
    effects, _ = judged(libraries, draws=0)
    entries = [
        {"claim": one["id"], "statement": "", "verdict": "supported", "estimate": 9.0, "low": 8.0, "high": 10.0,
         "reason": "", "unit": "x"} for one in cohort.CLAIMS
    ]  # fmt: skip
    entries.append({**entries[0], "claim": "C1"})
    marked = pd.DataFrame(
        {"population": ["car_t"], "group": ["CD4"], "gene": ["GZMB"], "ambient_from": ["NK cell"]}
    )
    found = {one["claim"]: one for one in by_donor.judged(entries, cohort.CLAIMS, effects, marked)}
    assert found["C1"] == entries[-1]
    assert found["C7"]["cells"]["estimate"] == 9.0 and found["C7"]["estimate"] < 2
    assert [row["donor"] for row in found["C7"]["effects"]] == list("ABCD")
    assert found["C8"]["verdict"] == "indeterminate" and "ambient" in found["C8"]["donors"]["reasons"]
    assert "4 patients" in found["C7"]["reason"]


def test_a_claim_on_patients_is_tested_against_their_table():
    """CD4 over CD8 at the peak rises with the grade in eight patients; the reverse, too few, and no table."""
    rng = np.random.default_rng(13)
    libraries, grades = [], []
    for number in range(8):
        cd8 = 0.1 + 0.08 * number
        shares = {side: [0.5 * (1 - cd8), 0.5 * (1 - cd8), cd8] for side in ("product", "peak")}
        libraries += pair(f"P{number}", rng, cells=300, effect={}, shares=shares)
        grades.append(8 - number)
    patients = pd.DataFrame({"patient": [f"P{k}" for k in range(8)], "crs": grades,
                             "severe": ["yes" if grade > 4 else "no" for grade in grades]})  # fmt: skip
    quantity = {"kind": "patient_association", "scheme": "configured", "direction": "up", "also": [],
                "population": "car_t", "condition": "test", "label": "CD4", "over": "CD8"}  # fmt: skip
    claims = [
        {"id": "R", "quantity": {**quantity, "column": "crs"}},
        {"id": "F", "quantity": {**quantity, "column": "severe", "value": "yes"}},
        {"id": "D", "quantity": {**quantity, "column": "crs", "direction": "down"}},
    ]
    held, variants = cohort.evidence_of(libraries, draws=0)
    effects = evidence.measure(claims, held, variants)
    found = by_donor.judge(claims, effects, patients=patients)
    assert found["R"]["verdict"] == "supported" and found["R"]["estimate"] > 0.9
    assert found["F"]["verdict"] == "supported" and found["F"]["p_value"] == pytest.approx(2 / 70)
    assert found["D"]["verdict"] == "opposed" and found["D"]["estimate"] > 0.9
    assert found["R"]["p_adjusted"] > found["R"]["p_value"]
    few = by_donor.judge(claims, effects, patients=patients.iloc[:4])["R"]
    assert few["verdict"] == "not_estimable" and "few_patients" in few["reasons"]
    none = by_donor.judge(claims, effects)["R"]
    assert none["verdict"] == "not_estimable" and "no_patients" in none["reasons"]
    with pytest.raises(UserError, match="lacks the column 'crs'"):
        by_donor.judge(claims, effects, patients=patients[["patient", "severe"]])
