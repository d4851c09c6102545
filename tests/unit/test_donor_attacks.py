"""Cohorts that go wrong in ordinary ways: few cells, no CAR, copies, opposition, unbalanced batches, gaps."""

import dataclasses

import donor_cohort as cohort
import numpy as np
import pandas as pd
import pytest
from carpeak.claims import by_donor, donor_words
from carpeak.donors import audit, compare, evidence, meta, shifts
from carpeak.errors import UserError
from carpeak.study import design
from carpeak.study.samples import Sample

UP = {"NKG7": 1.2, "GZMB": 1.2, **{f"SET{k}": 0.8 for k in range(15)}}
DOWN = {gene: -value for gene, value in UP.items()}


def pair(donor, rng, *, cells=400, effect=UP, **options):
    return [
        cohort.library(donor, "product", cells=cells, effect={}, shares=cohort.SHARES["product"], rng=rng, **options),
        cohort.library(donor, "peak", cells=cells, effect=effect, shares=cohort.SHARES["peak"], rng=rng, **options),
    ]  # fmt: skip


def measured(libraries, **options):
    found, variants = cohort.evidence_of(libraries, draws=0, **options)
    effects = evidence.measure(cohort.CLAIMS, found, variants)
    return found, effects, by_donor.judge(cohort.CLAIMS, effects)


def without_car(libraries):
    """No cell of these libraries carries the CAR."""
    for one in libraries:
        one["counts"][:, cohort.GENES.index("CAR")] = 0
        one["probability"] = np.full(len(one["states"]), 0.01)
    return libraries


def tables(found):
    """Everything that is compared over donors: no table may fail."""
    genes, sets = compare.compare(
        found, {}, transgene=found.genes == "CAR", sizes=(5, 500), second_engine=False
    )
    return genes, sets, shifts.shifts(found)


@pytest.mark.parametrize("cells", [1, 2, 9])
def test_a_donor_with_hardly_a_cell_takes_no_part(cells):
    rng = np.random.default_rng(1)
    libraries = [one for donor in "ABCD" for one in pair(donor, rng)] + pair("E", rng, cells=cells)
    found, effects, verdicts = measured(libraries)
    _, _, without = measured(libraries[:-2])
    counted = effects[(effects["donor"] == "E") & (effects["counts"] == "yes")]
    assert counted.empty
    for claim, one in verdicts.items():
        assert one["donors"] == without[claim]["donors"] == 4
        assert one["verdict"] == without[claim]["verdict"]
    genes, _, shares = tables(found)
    assert genes["donors"].max() == 4 and "E" not in set(shares["donor"])


def test_one_cell_in_a_state_is_counted_and_unsure():
    rng = np.random.default_rng(2)
    libraries = [one for donor in "ABCD" for one in pair(donor, rng)]
    states = libraries[0]["states"]
    states[states == "CD8 Teff"] = "CD4 Tn"
    states[0] = "CD8 Teff"
    found, _, _ = measured(libraries)
    _, _, shares = tables(found)
    part = shares[(shares["population"] == "t_cells") & (shares["label"] == "CD8 Teff")].set_index("donor")
    assert part.loc["A", "n_reference"] == 1
    width = part["high"] - part["low"]
    assert width["A"] > 2 * width[["B", "C", "D"]].max() and np.isfinite(part.loc["mean", "p_value"])


def test_a_donor_without_the_car_leaves_claims_on_car_cells_alone():
    rng = np.random.default_rng(3)
    libraries = [one for donor in "ABC" for one in pair(donor, rng)] + without_car(pair("D", rng))
    found, effects, verdicts = measured(libraries)
    assert {one["donors"] for one in verdicts.values()} == {3}
    assert "D" not in set(effects["donor"])
    genes, _, _ = tables(found)
    by_population = genes.groupby("population")["donors"].max()
    assert by_population["t_cells"] == 4 and by_population["car_t"] == 3
    nobody = without_car([one for donor in "ABC" for one in pair(donor, rng)])
    found, effects, verdicts = measured(nobody)
    assert {one["verdict"] for one in verdicts.values()} == {"not_estimable"}
    assert "No patient has enough cells" in donor_words.reason(verdicts["C7"])
    assert "car_t" not in set(tables(found)[0]["population"])


def test_the_same_library_as_every_donor_is_no_certainty():
    """Copies agree perfectly; the interval still holds what one donor's cells leave open."""
    rng = np.random.default_rng(4)
    original = pair("A", rng, cells=120)
    libraries = list(original)
    for donor in "BC":
        for one in original:
            known = one["library"]
            copy = dataclasses.replace(known, sample=f"{donor}_{known.condition}", donor=donor)
            libraries.append(one | {"library": copy})
    _, effects, verdicts = measured(libraries)
    one = verdicts["C7"]
    part = effects[(effects["claim"] == "C7") & (effects["variant"] == "")]
    assert np.ptp(part["effect"]) == 0 and one["tau"] == 0
    cells_alone = 1.959964 * np.sqrt(part["variance"].iloc[0] / 3)
    assert one["high"] - one["estimate"] == pytest.approx(cells_alone, rel=1e-6)
    found, _ = cohort.evidence_of(libraries, draws=0)
    genes, _, _ = tables(found)
    assert np.isfinite(genes["log2_fold_change"]).all()


def test_three_donors_one_of_whom_is_opposed_support_nothing():
    rng = np.random.default_rng(5)
    libraries = pair("A", rng) + pair("B", rng) + pair("C", rng, effect=DOWN)
    _, _, verdicts = measured(libraries)
    for claim in ("C7", "C8", "C9"):
        one = verdicts[claim]
        assert one["verdict"] in ("heterogeneous", "indeterminate"), claim
        assert (one["clearly_for"], one["clearly_against"]) == (2, 1)


def test_two_libraries_of_a_donor_and_side_are_one_unit():
    """Splitting every library in two changes no number: technical replicates are summed."""
    rng = np.random.default_rng(6)
    libraries = [one for donor in "ABC" for one in pair(donor, rng)]
    halves = []
    for one in libraries:
        for number, part in enumerate(np.array_split(np.arange(len(one["states"])), 2)):
            known = dataclasses.replace(one["library"], sample=f"{one['library'].sample}_{number}")
            halves.append(
                {"library": known} | {key: one[key][part] for key in ("states", "counts", "probability")}
            )
    found, whole, _ = measured(libraries)
    split, parts, _ = measured(halves)
    (audited,) = split.designs
    assert {note for one in audited.sides for note in one.notes} == {"technical_replicates"}
    assert audited.decision == "paired" and len(audited.donors) == 3
    columns = ["claim", "variant", "donor", "n_reference", "n_test", "effect", "variance"]
    pd.testing.assert_frame_equal(
        whole.loc[whole["variant"] == "", columns], parts.loc[parts["variant"] == "", columns]
    )
    for one, other in zip(tables(found), tables(split), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_unbalanced_batches_are_adjusted_for_where_they_can_be():
    """Five of six donors had their peak in a second batch, which adds 1 to a gene; the last one tells how much."""
    rng = np.random.default_rng(7)
    libraries, known = [], []
    for donor in "ABCDEF":
        for side in ("product", "peak"):
            late = side == "peak" and donor in "ABCD"
            effect = {"NKG7": 1.0 + 1.5 * late} if side == "peak" else {}
            one = cohort.library(
                donor, side, cells=600, effect=effect, shares=cohort.SHARES["product"], rng=rng
            )
            one["library"] = dataclasses.replace(one["library"], batch="2" if late else "1")
            libraries.append(one)
            known.append(one["library"])
    formula = "~ donor + condition + batch"
    found, _ = cohort.evidence_of(libraries, draws=0)
    adjusted = dataclasses.replace(found, designs=audit.audit(known, cohort.CONTRASTS, formula=formula))
    for one, expected in ((found, 2.0), (adjusted, 1.0)):
        genes, _, _ = tables(one)
        part = genes[
            (genes["population"] == "t_cells") & (genes["group"] == "all") & (genes["gene"] == "NKG7")
        ]
        assert part["log2_fold_change"].iloc[0] == pytest.approx(expected, abs=0.35)
    confounded = [dataclasses.replace(one, batch="2" if one.condition == "peak" else "1") for one in known]
    lost = dataclasses.replace(found, designs=audit.audit(confounded, cohort.CONTRASTS, formula=formula))
    genes, _, _ = tables(lost)
    assert genes["p_value"].isna().all() if "p_value" in genes else True
    assert set(genes["decision"]) == {"not_estimable"}


@pytest.mark.parametrize("empty", ["NaN", "NA", "", "n/a"])
def test_gaps_in_the_patients_table_leave_donors_out_and_say_so(tmp_path, empty):
    path = tmp_path / "patients.tsv"
    path.write_text(
        "patient\tdose\n" + "".join(f"{d}\t{k}\n" for k, d in enumerate("ABCDE")) + f"F\t{empty}\n"
    )
    samples = [Sample(f"{d}_{s}", s, d) for d in "ABCDEF" for s in ("product", "peak")]
    filled, wrong = design.filled(samples, ["dose"], patients=str(path))
    assert not wrong
    (found,) = audit.audit(audit.libraries_of(filled), cohort.CONTRASTS, formula="~ donor + condition + dose")
    assert found.donors == tuple("ABCDE") and found.decision == "paired"
    left_out = next(one for one in found.sides if one.donor == "F")
    assert left_out.notes == ("missing:dose",)
    assert audit.table([found]).set_index("donor").loc["F", "used"] == "no"


@pytest.mark.parametrize("gap", [float("nan"), None, "NA", ""])
def test_gaps_in_a_graded_column_leave_the_patient_out(gap):
    rng = np.random.default_rng(8)
    libraries = [one for donor in "ABCDEF" for one in pair(donor, rng, cells=150)]
    claim = {"id": "P1", "quantity": {"kind": "patient_association", "column": "grade", "scheme": "configured",
             "direction": "up", "population": "car_t", "condition": "test", "label": "CD4", "over": "CD8"}}  # fmt: skip
    found, variants = cohort.evidence_of(libraries, draws=0)
    effects = evidence.measure([claim], found, variants)
    patients = pd.DataFrame({"patient": list("ABCDEF"), "grade": [1, 2, 3, 4, 2, gap]})
    one = by_donor.judge([claim], effects, patients=patients)["P1"]
    assert one["donors"] == 5 and np.isfinite(one["p_value"])
    nobody = by_donor.judge([claim], effects, patients=patients.assign(grade=gap))["P1"]
    assert nobody["verdict"] == "not_estimable" and "Fewer than five" in donor_words.reason(nobody)


def test_grades_in_words_are_refused():
    effects = pd.DataFrame({"claim": "P1", "variant": "", "decision": "stated", "reasons": "", "sort": "", "counts": "yes",
                            "donor": list("ABCDE"), "effect": 1.0, "n_test": 50})  # fmt: skip
    claim = {"id": "P1", "quantity": {"kind": "patient_association", "column": "grade", "direction": "up"}}
    patients = pd.DataFrame({"patient": list("ABCDE"), "grade": ["mild", "1", "2", "3", "4"]})
    with pytest.raises(UserError, match="holds text: could not convert string to float: 'mild'"):
        by_donor.judge([claim], effects, patients=patients)


def test_donors_alike_to_the_last_digit_do_not_break_the_search():
    for values in ([1.0] * 5, [0.0] * 5, [1e-300] * 3):
        found = meta.pool(values, [1e-12] * len(values))
        assert np.isfinite([found.low, found.high, found.p_value]).all() and found.tau == 0
