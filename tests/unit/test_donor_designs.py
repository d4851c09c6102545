"""Formulas, groups of donors, more than two times and unpaired donors: against R's limma, and designs by hand."""

import dataclasses
import shutil
import subprocess
from pathlib import Path

import donor_cohort as cohort
import numpy as np
import pandas as pd
import pytest
from carpeak.claims import by_donor, donor_words
from carpeak.donors import audit, compare, evidence, meta, model, shifts, subgroups
from carpeak.donors.audit import Library
from carpeak.donors.model import Unit
from carpeak.study import design
from carpeak.study.samples import Sample
from scipy import sparse

ORACLES = Path(__file__).parents[1] / "oracles"
INPUT = ORACLES / "designs" / "input"
TIMES = ["product", "peak", "remission"]
SIDES = {"test": "peak", "reference": "product"}
CONTRASTS = {"peak_vs_product": SIDES}


@pytest.fixture(scope="module", params=["committed", "live"])
def oracle(request, tmp_path_factory):
    """The tables of limma: those committed, and those that R makes here and now."""
    if request.param == "committed":
        return ORACLES / "designs" / "limma"
    has_r = shutil.which("Rscript") is not None
    if not has_r or subprocess.run(["Rscript", "-e", "library(edgeR)"], capture_output=True).returncode:
        pytest.skip("no R with edgeR here (Debian: r-bioc-limma r-bioc-edger)")
    folder = tmp_path_factory.mktemp("designs")
    subprocess.run(["Rscript", ORACLES / "designs.R", INPUT, folder], check=True)
    return folder


def held(chosen=lambda units: slice(None), *, formula=None):
    """`Evidence` in which each unit of the oracle's input is one cell, and its libraries."""
    units = pd.read_csv(INPUT / "units.tsv", sep="\t", dtype=str)
    units = units[chosen(units)].reset_index(drop=True)
    counts = pd.read_csv(INPUT / "counts.tsv", sep="\t", index_col=0)[units["unit"]]
    libraries = [
        Library(f"{one['donor']}_{one['condition']}", one["condition"], one["donor"], batch=one["batch"],
                columns={"age": one["age"], "response": one["response"]})
        for one in units.drop_duplicates(["donor", "condition"]).to_dict("records")
    ]  # fmt: skip
    cells = units.assign(
        sort="unsorted", is_t=True, cell_type="T cell", t_lineage="CD4", car_probability=1.0,
        car_call=np.where(units["car"] == "car", "positive", "negative"),
    )  # fmt: skip
    matrix = sparse.csr_matrix(counts.to_numpy().T)
    return evidence.Evidence(
        cells=cells, counts=matrix, n_umis=np.asarray(matrix.sum(axis=1), dtype=float).ravel(),
        genes=counts.index.to_numpy(dtype=str), sides=SIDES, contrast="peak_vs_product",
        designs=audit.audit(libraries, CONTRASTS, formula=formula), sets={},
        least=1, least_verdict=1, draws=0, seed=1,
    ), libraries  # fmt: skip


def compared(found):
    """Genes compared over donors, none of them the transgene."""
    none = np.zeros(len(found.genes), dtype=bool)
    return compare.compare(found, {}, transgene=none, sizes=(5, 500), second_engine=False)[0]


def equals(table, folder, name, genes=100):
    """Whether effects, t and p of `table` are those of limma."""
    expected = pd.read_csv(folder / f"{name}.tsv", sep="\t", index_col=0)
    mine = table.set_index("gene")
    assert set(mine.index) == set(expected.index) and len(mine) > genes
    mine = mine.loc[expected.index]
    for ours, theirs in (("log2_fold_change", "effect"), ("t", "t"), ("p_value", "p_value"), ("df", "df")):
        np.testing.assert_allclose(mine[ours], expected[theirs], rtol=1e-6, atol=1e-6)


def of(table, population, **where):
    part = table[(table["population"] == population) & (table["group"] == "all")]
    for column, value in where.items():
        part = part[part[column] == value]
    return part


def test_a_covariate_beside_the_donor_equals_limma(oracle):
    found, _ = held(formula="~ donor + condition + batch")
    (one,) = found.designs
    assert (one.decision, one.rank, one.coefficients) == ("paired", 14, 14)
    equals(of(compared(found), "car_t"), oracle, "covariate")


def test_donors_with_one_side_each_and_an_age_equal_limma(oracle):
    def alone(units):
        early = units["donor"] <= "d06"
        return (early & (units["condition"] == "product")) | (~early & (units["condition"] == "peak"))

    found, _ = held(alone, formula="~ condition + age")
    assert found.designs[0].decision == "unpaired"
    equals(of(compared(found), "car_t"), oracle, "unpaired")


def test_groups_of_donors_equal_limma(oracle):
    found, _ = held()
    table = subgroups.outcomes(found, "response", transgene=np.zeros(len(found.genes), dtype=bool))
    part = of(table, "car_t")
    assert set(zip(part["level"], part["against"], strict=True)) == {("no", ""), ("yes", ""), ("yes", "no")}
    equals(part[(part["level"] == "no")], oracle, "outcome_no")
    equals(part[(part["level"] == "yes") & (part["against"] == "")], oracle, "outcome_yes")
    equals(part[part["against"] == "no"], oracle, "outcome_difference")


def test_three_times_and_their_trend_equal_limma(oracle):
    found, libraries = held()
    none = np.zeros(len(found.genes), dtype=bool)
    table = subgroups.over_times(found, libraries, TIMES, formula=None, transgene=none)
    for test, reference in (("peak", "product"), ("remission", "product"), ("remission", "peak")):
        name = f"times_{test}_{reference}"
        equals(of(table, "car_t", test=test, reference=reference), oracle, name)
    trend = of(table, "car_t", test="trend").assign(
        log2_fold_change=lambda rows: rows["log2_fold_change"] * np.sqrt(2)  # R's scores have length 1
    )
    equals(trend, oracle, "times_trend")


def test_car_cells_against_the_others_equal_limma(oracle):
    found, _ = held()
    equals(of(compared(found), "car_t_against_undetected"), oracle, "car_interaction")


def test_the_same_times_backwards_turn_every_sign():
    found, libraries = held()
    none = np.zeros(len(found.genes), dtype=bool)
    there, back = (
        of(
            subgroups.over_times(found, libraries, order, formula=None, transgene=none), "car_t", test="trend"
        ).set_index("gene")["t"]
        for order in (TIMES, TIMES[::-1])
    )
    np.testing.assert_allclose(there, -back.loc[there.index], rtol=1e-9)


def test_a_donor_without_all_times_still_counts():
    found, libraries = held(lambda units: ~((units["donor"] == "d01") & (units["condition"] == "remission")))
    none = np.zeros(len(found.genes), dtype=bool)
    table = subgroups.over_times(found, libraries, TIMES, formula=None, transgene=none)
    assert set(table["donors"]) == {12}
    one = of(table, "car_t", test="peak", reference="product")
    assert one["df"].iloc[0] > 35 - 14  # 35 units less 12 donors and 2 times, and the prior


# --- the audit on the formula -----------------------------------------------------------------------------


def pairs(donors, **columns):
    """Both libraries of each donor; a column is a function of donor and condition."""
    return [
        Library(f"{donor}_{side}", side, donor, batch=columns.get("batch", lambda *_: "")(donor, side),
                columns={name: of(donor, side) for name, of in columns.items() if name != "batch"})
        for donor in donors for side in ("product", "peak")
    ]  # fmt: skip


AUDITS = {
    # name: libraries, formula, decision, aliased, a reason
    "a batch within donors": (
        pairs("ABCDE", batch=lambda d, s: "2" if d in "AB" and s == "peak" else "1"),
        "~ donor + condition + batch", "paired", (), None,
    ),
    "a batch that is the condition": (
        pairs("ABCDE", batch=lambda _, s: s), "~ donor + condition + batch", "not_estimable", ("batch",),
        "aliased:batch",
    ),
    "what is constant within a donor": (
        pairs("ABCD", sex=lambda d, _: "FM"[d in "AB"]), "~ donor + condition + sex", "paired", (),
        "constant:sex",
    ),
    "a number that is the condition": (
        pairs("ABCD", day=lambda _, s: "14" if s == "peak" else "0"), "~ donor + condition + day",
        "not_estimable", ("day",), "aliased:day",
    ),
    "two columns that are the condition together": (
        pairs("ABCDEF", one=lambda d, s: "x" if (s == "peak") == (d in "ABC") else "y", batch=lambda d, _: "12"[d in "ABC"]),
        "~ donor + condition + batch:one", "not_estimable", ("batch:one",), "aliased:batch:one",
    ),
    "two columns that only together are the condition": (
        pairs("ABCDEF", one=lambda d, s: "1" if s == "peak" and d in "ABC" else "0",
              two=lambda d, s: "1" if s == "peak" and d in "DEF" else "0"),
        "~ donor + condition + one + two", "not_estimable", ("one+two",), "aliased:one+two",
    ),
    "too many columns for three donors": (
        pairs("ABC", a=lambda d, s: "1" if (d, s) == ("A", "peak") else "0"),
        "~ donor + condition + a", "not_estimable", (), "few_df",
    ),
    "a donor without a value": (
        pairs("ABCD", dose=lambda d, s: "" if d == "D" else str(ord(d) % 3 + (s == "peak") * (d == "A"))),
        "~ donor + condition + C(dose)", "not_estimable", (), "few_df",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AUDITS)
def test_the_audit_runs_on_the_formula(name):
    libraries, formula, decision, aliased, reason = AUDITS[name]
    (found,) = audit.audit(libraries, CONTRASTS, formula=formula)
    assert (found.decision, found.aliased) == (decision, aliased)
    assert found.rank <= found.coefficients
    assert reason is None or reason in found.reasons
    assert reason is None or donor_words.one_sentence([reason])
    if name == "a donor without a value":
        assert found.donors == ("A", "B", "C")
        assert next(one for one in found.sides if one.donor == "D").notes == ("missing:dose",)


def test_summed_libraries_with_two_batches_are_a_batch_of_their_own():
    libraries = [*pairs("ABCDE", batch=lambda d, s: "1"), Library("A_again", "peak", "A", batch="2")]
    (found,) = audit.audit(libraries, CONTRASTS, formula="~ donor + condition + batch")
    fitted = found.model([(donor, side) for donor in "ABCDE" for side in ("peak", "product")])
    assert found.decision == "paired" and fitted.rank == 7
    between = model.differences(fitted)
    assert between.shape == (5, 1) and np.flatnonzero(between[:, 0]).tolist() == [0]


def test_coefficients_are_those_of_r():
    """`~ a * x` of factors and numbers, in any order, spans what model.matrix does."""
    rng = np.random.default_rng(3)
    units = [
        Unit(f"d{k % 8}", "peak" if k < 8 else "product",
             {"a": "pqr"[rng.integers(3)], "x": str(rng.normal()), "g": "uv"[rng.integers(2)]})
        for k in range(16)
    ]  # fmt: skip
    for formula, rank in (("~ condition", 2), ("~ condition + a", 4), ("~ x * a + condition", 7),
                          ("~ a:g + condition", 7), ("~ a * g + condition", 7), ("~ C(x) + condition", 16)):  # fmt: skip
        assert model.build(units, formula, test="peak", blocked=False).rank == rank, formula


# --- claims ------------------------------------------------------------------------------------------------


def gene_claim(name="C1", gene="NKG7", **more):
    return {"id": name, "quantity": {"kind": "gene_change", "population": "t_cells", "group": "all", "gene": gene,
                                     "scheme": "configured", "direction": "up", "min_effect": None} | more}  # fmt: skip


MAJORITY = {"id": "M1", "quantity": {"kind": "majority", "population": "t_cells", "label": "CD4", "over": "CD8",
                                     "scheme": "configured", "direction": "up"}}  # fmt: skip


def one_sided(n_reference, n_test, effect, rng, cells=150):
    libraries = [
        cohort.library(f"R{k}", "product", cells=cells, effect={}, shares=cohort.SHARES["product"], rng=rng)
        for k in range(n_reference)
    ]
    return libraries + [
        cohort.library(f"T{k}", "peak", cells=cells, effect=effect, shares=cohort.SHARES["peak"], rng=rng)
        for k in range(n_test)
    ]


def judged(libraries, claims, **changes):
    found, variants = cohort.evidence_of(libraries, draws=0)
    found = dataclasses.replace(found, **changes)
    return by_donor.judge(claims, evidence.measure(claims, found, variants))


@pytest.mark.parametrize(("effect", "words"), [(1.5, "supported"), (-1.5, "opposed"), (0.0, None)])
def test_unpaired_donors_have_verdicts_from_six_a_side(effect, words):
    libraries = one_sided(7, 6, {"NKG7": effect}, np.random.default_rng(3))
    found = judged(libraries, [gene_claim(), MAJORITY])
    one = found["C1"]
    assert (one["decision"], one["donors"]) == ("unpaired", 13)
    assert one["verdict"] == words if words else one["verdict"] in ("indeterminate", "absent")
    assert one["low"] < one["estimate"] < one["high"] and abs(one["estimate"] - effect) < 0.4
    assert found["M1"]["verdict"] == "supported"
    assert donor_words.reason(one).startswith("13 patients, each with one side: difference")


def test_unpaired_difference_is_the_two_sample_t_where_donors_weigh_alike():
    from scipy import stats

    rng = np.random.default_rng(1)
    y, side = rng.normal(0, 1, 14), np.repeat([0.0, 1.0], 7)
    found = meta.pool(y, np.full(14, 1e-9), covariates=side[:, None], tested=1)
    expected = stats.ttest_ind(y[7:], y[:7])
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.df == 12 and found.estimate == pytest.approx(y[7:].mean() - y[:7].mean())


def of_t_cells(libraries):
    found, _ = cohort.evidence_of(libraries, draws=0)
    table = shifts.shifts(found)
    return found, table[table["population"] == "t_cells"]


def test_unpaired_donors_have_shares_and_a_difference_from_six_a_side():
    """States drawn at SHARES: their difference is found, and by hand the ratio of CD4 to CD8 is a two-sample t."""
    libraries = one_sided(7, 6, {}, np.random.default_rng(11), cells=400)
    found, table = of_t_cells(libraries)
    mean = table[table["donor"] == "mean"].set_index("label")
    assert mean.loc["CD4 Tn", "high"] < 0 < mean.loc["CD4 Tem", "low"]
    assert mean["share_test"].drop("CD4:CD8").sum() == pytest.approx(1, abs=0.02)
    own = table[(table["donor"] == "T0") & (table["label"] == "CD4 Tn")].iloc[0]
    held = found.cells[(found.cells["donor"] == "T0") & found.cells["is_t"]]
    assert own["n_test"] == (held["t_state"] == "CD4 Tn").sum() and np.isnan(own["n_reference"])
    t_cells = found.cells[found.cells["is_t"]]
    counts = pd.crosstab(t_cells["donor"], t_cells["t_lineage"])
    y = np.log2((counts["CD4"] + 0.5) / (counts["CD8"] + 0.5))
    v = (1 / (counts["CD4"] + 0.5) + 1 / (counts["CD8"] + 0.5)) / np.log(2) ** 2
    by_hand = meta.pool(y, v, covariates=counts.index.str.startswith("T")[:, None], tested=1)
    assert mean.loc["CD4:CD8", "log2_change"] == pytest.approx(by_hand.estimate)
    assert mean.loc["CD4:CD8", "p_value"] == pytest.approx(by_hand.p_value)


def test_unpaired_shares_turn_with_the_sides_and_need_six():
    libraries = one_sided(6, 6, {}, np.random.default_rng(12), cells=200)
    found, _ = cohort.evidence_of(libraries, draws=0)
    swapped = {"test": found.sides["reference"], "reference": found.sides["test"]}
    designs = [dataclasses.replace(one) for one in audit.audit(
        [Library(f"{d}_{c}", c, d) for d, c in found.cells[["donor", "condition"]].drop_duplicates().to_numpy()],
        {found.contrast: swapped},
    )]  # fmt: skip
    there = shifts.shifts(found)
    back = shifts.shifts(dataclasses.replace(found, sides=swapped, designs=designs))
    for one, other in zip(*(t[t["donor"] == "mean"]["log2_change"] for t in (there, back)), strict=True):
        assert one == pytest.approx(-other)
    few = of_t_cells(one_sided(6, 6, {}, np.random.default_rng(13), cells=8))[1]
    assert not len(few), "too few cells of every donor"


def test_too_few_unpaired_donors_are_not_estimable_with_the_reason():
    libraries = one_sided(5, 7, {"NKG7": 2.0}, np.random.default_rng(4))
    found = judged(libraries, [gene_claim()])["C1"]
    assert found["verdict"] == "not_estimable"
    assert "six donors a side are needed, here are 5 and 7" in donor_words.reason(found)


def test_unpaired_donors_with_few_cells_leave_too_few():
    rng = np.random.default_rng(5)
    libraries = one_sided(6, 6, {"NKG7": 2.0}, rng)
    libraries[0] = cohort.library(
        "R0", "product", cells=15, effect={}, shares=cohort.SHARES["product"], rng=rng
    )
    found = judged(libraries, [gene_claim()])["C1"]
    assert found["verdict"] == "not_estimable" and "here are 5 and 6" in donor_words.reason(found)


def test_a_claim_is_adjusted_for_the_batch_that_mimics_it():
    """All of the change is the batch's: adjusted, nothing is left; unadjusted, it seems to be there."""
    rng = np.random.default_rng(6)
    libraries = []
    for donor in "ABCDEFGH":
        shifted = donor in "ABCDE"
        for side in ("product", "peak"):
            effect = {"NKG7": 2.0} if shifted and side == "peak" else {}
            one = cohort.library(
                donor, side, cells=400, effect=effect, shares=cohort.SHARES["product"], rng=rng
            )
            batch = "b2" if shifted and side == "peak" else "b1"
            one["library"] = dataclasses.replace(one["library"], batch=batch)
            libraries.append(one)
    known = [one["library"] for one in libraries]
    claims = [gene_claim()]
    plain = judged(libraries, claims)["C1"]
    adjusted = judged(
        libraries, claims, designs=audit.audit(known, CONTRASTS, formula="~ donor + condition + batch")
    )["C1"]
    assert plain["estimate"] > 0.9 and plain["low"] > 0
    assert abs(adjusted["estimate"]) < 0.3 and adjusted["verdict"] in ("absent", "indeterminate")
    all_shifted = [dataclasses.replace(one, batch="b2" if one.condition == "peak" else "b1") for one in known]
    lost = judged(
        libraries, claims, designs=audit.audit(all_shifted, CONTRASTS, formula="~ donor + condition + batch")
    )["C1"]
    assert lost["verdict"] == "not_estimable" and "batch" in donor_words.reason(lost)


# --- what the configuration says --------------------------------------------------------------------------


def samples(*rows):
    return [Sample(f"{donor}_{side}", side, donor, columns=columns) for donor, side, columns in rows]


SETTINGS = {"formula": None, "outcome": None, "times": []}
BOTH = samples(("A", "product", {}), ("A", "peak", {}), ("B", "product", {}), ("B", "peak", {}))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"formula": "~ donor + batch"}, "lacks condition"),
        ({"formula": "~ condition + batch"}, "lacks donor, but A has libraries on both sides"),
        ({"formula": "donor + condition"}, "can't be read"),
        ({"formula": "~ donor + condition + exp(age)"}, "can't be read"),
        ({"formula": "~ donor + condition - 1"}, "can't be read"),
        ({"formula": "~ donor + condition * response"}, "donors.outcome"),
        ({"formula": "~ donor + batch:condition + condition"}, "donors.outcome"),
        ({"outcome": "donor"}, "no outcome"),
        ({"times": ["product", "remision"]}, "no sample has the condition 'remision'"),
        ({"times": ["product"]}, "one condition has no order"),
    ],
)
def test_models_that_make_no_sense_are_told(settings, words):
    found = design.problems(SETTINGS | settings, BOTH, CONTRASTS)
    assert len(found) == 1 and words in found[0]


def test_models_that_make_sense_are_silent():
    for formula in ("~ donor + condition", "~donor+condition+batch*C(age)", None):
        assert (
            design.problems(SETTINGS | {"formula": formula, "times": ["product", "peak"]}, BOTH, CONTRASTS)
            == []
        )
    alone = samples(("A", "product", {}), ("B", "peak", {}))
    assert design.problems(SETTINGS | {"formula": "~ condition + age"}, alone, CONTRASTS) == []
    twice = samples(("A", "product", {"response": "yes"}), ("A", "peak", {"response": "no"}))
    (line,) = design.problems(SETTINGS | {"outcome": "response"}, twice, CONTRASTS)
    assert "A has more than one value" in line


def test_columns_come_from_the_sheet_or_the_patients_table(tmp_path):
    assert design.own_columns({"formula": "~ donor + condition + batch + C(age)", "outcome": "response"}) == [
        "age", "response",
    ]  # fmt: skip
    table = tmp_path / "patients.tsv"
    table.write_text("patient\tage\tresponse\nA\t31\tyes\nB\tNA\tno\n")
    filled, wrong = design.filled(BOTH, ["age", "response"], patients=str(table))
    assert not wrong and [one.columns for one in filled] == [
        {"age": "31", "response": "yes"}, {"age": "31", "response": "yes"},
        {"age": "", "response": "no"}, {"age": "", "response": "no"},
    ]  # fmt: skip
    of_sheet = samples(("A", "product", {"age": "40"}), ("C", "peak", {"age": ""}))
    filled, wrong = design.filled(of_sheet, ["age", "response"], patients=str(table))
    assert [one.columns for one in filled] == [{"age": "40", "response": "yes"}, {"age": "", "response": ""}]
    assert "Add it to the sheet" in design.filled(BOTH, ["age"], patients=None)[1][0]
    assert (
        "lacks the column 'agee' (did you mean 'age'?)"
        in design.filled(BOTH, ["agee"], patients=str(table))[1][0]
    )
    table.write_text("patient\tage\nA\t31\nA\t33\n")
    assert "the patient 'A' twice" in design.filled(BOTH, ["age"], patients=str(table))[1][0]
