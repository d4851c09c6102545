"""Claims: every quantity is moved across its threshold, and every verdict it can reach is seen."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from carpeak import io
from carpeak.claims import judge, quantities, verdict
from carpeak.comparison import enrichment as over_representation
from carpeak.comparison.gene_sets import GeneSet, read_gmt
from carpeak.errors import UserError
from carpeak.names import FEW_CELLS
from carpeak.settings import ChangeLimits, EnrichmentLimits
from carpeak.study import claims_file
from runs import ROOT
from scipy import stats

FILE, SCHEMA = ROOT / "config/claims.yaml", ROOT / "workflow/schemas/claims.schema.yaml"
CONTRAST = {"test": "peak", "reference": "product"}
LIMITS = ChangeLimits()
SUPPORTED, OPPOSED, ABSENT = "supported", "opposed", "absent"
OPEN, NONE = "indeterminate", "not_estimable"
CLAIMS = claims_file.read(FILE, SCHEMA)
GENES = ["NKG7", "LAG3", "PRF1", "CST7", "GZMB", "GNLY", "GZMK"]
TERMS = ["GO:0006954", "GO:0071346", "GO:0032729"]
PAPER = ["CD4 Tem", "CD4 Tn", "CD8 Teff", "CD8 Tn", "Treg"]


def composition(counts):
    """`counts`: population -> condition -> label -> cells."""
    rows = [
        {
            "population": population,
            "label": label,
            "sample": condition,
            "condition": condition,
            "donor": "P4",
            "n": n,
        }
        for population, conditions in counts.items()
        for condition, labels in conditions.items()
        for label, n in labels.items()
    ]
    return pd.DataFrame(rows, columns=["population", "label", "sample", "condition", "donor", "n"])


def good_counts():
    """Cells as the paper has them: every claim on composition holds."""
    product = {"CD4 Tn": 500, "CD4 Tem": 100, "CD8 Tn": 150, "CD8 Teff": 50, "Treg": 40, "unassigned": 30}
    peak = {"CD4 Tn": 100, "CD4 Tem": 600, "CD8 Tn": 50, "CD8 Teff": 200, "Treg": 40, "unassigned": 30}
    lineages = {"CD4": 600, "CD8": 250, "unassigned": 20}
    counts = {
        "all": {
            "product": {"T cell": 5000, "Red cell": 20, "Platelet": 20, "Monocyte/DC": 20, "unassigned": 10},
            "peak": {"T cell": 4000, "Red cell": 500, "Platelet": 300, "Monocyte/DC": 200, "unassigned": 10},
        }
    }
    for population in ("t_cells", "car_t"):
        counts[population] = {"product": dict(product), "peak": dict(peak)}
        counts[f"{population}_lineage"] = {"product": dict(lineages), "peak": dict(lineages)}
    return counts


def de_table(change=1.0, *, p=1e-6, half=0.1, genes=GENES):
    """The named genes changed alike, 40 others up, 40 down, 920 not at all; both populations, both depths."""
    others = [f"UP{i}" for i in range(40)] + [f"DOWN{i}" for i in range(40)] + [f"G{i}" for i in range(920)]
    value = np.array([change] * len(genes) + [1.0] * 40 + [-1.0] * 40 + [0.0] * 920)
    width = np.array([half] * len(genes) + [0.1] * 1000)
    frame = pd.DataFrame(
        {
            "group": "CD4",
            "gene": [*genes, *others],
            "log2_fold_change": value,
            "pct_test": 0.5,
            "pct_reference": 0.2,
        }
        | {"p_adjusted": [p] * len(genes) + [1e-6] * 80 + [1.0] * 920}
        | {"log2_fold_change_low": value - width, "log2_fold_change_high": value + width}
    )
    return pd.concat(
        [
            frame.assign(population=population, depth=depth)
            for population in ("t_cells", "car_t")
            for depth in ("full", "equal")
        ],
        ignore_index=True,
    )


def enrichment(up=(12, 1e-6), down=None, *, terms=TERMS):
    """Rows of the named terms: (overlap, adjusted p) per direction; the set has 60 genes."""
    rows = [
        {
            "population": population,
            "group": "CD4",
            "direction": direction,
            "library": "GO_BP",
            "term_id": term,
        }
        | {
            "term": term,
            "overlap": given[0],
            "set_size": 60,
            "query": 47 if direction == "up" else 40,
            "background": 1007,
            "p_value": given[1] / 100,
            "p_adjusted": given[1],
        }
        for population in ("t_cells", "car_t")
        for direction, given in (("up", up), ("down", down))
        if given
        for term in terms
    ]
    return pd.DataFrame(
        rows,
        columns=[
            name for name in over_representation.COLUMNS if name not in ("odds_ratio", "leader", "genes")
        ],
    )


SAMPLES = pd.DataFrame(
    {"sample": ["product", "peak"], "condition": ["product", "peak"], "donor": "P4", "cells_in": [7000, 8414]}
)


def study(counts=None, *, de=None, sets=None, varied=None, de_varied=None, sets_varied=None, samples=SAMPLES):
    """The tables of a run. What is not given is as the paper has it, in the main analysis and in every variant."""
    main = composition(counts or good_counts())
    de = de_table() if de is None else de
    sets = enrichment() if sets is None else sets
    variants = {"unintegrated": main, "equal_depth": main, "two_umis": main, "paper_scheme": main}
    variants |= {name: composition(value) for name, value in (varied or {}).items()}
    variant_sets = {"full_depth": sets, "unintegrated": sets} | (sets_varied or {})
    return {
        "samples": samples,
        "composition": main,
        "composition_sensitivity": pd.concat([part.assign(variant=name) for name, part in variants.items()]),
        "de": de,
        "de_sensitivity": (de if de_varied is None else de_varied).assign(variant="unintegrated"),
        "enrichment": sets,
        "enrichment_sensitivity": pd.concat(
            [part.assign(variant=name) for name, part in variant_sets.items()]
        ),
    }


def judged(frames, *only, scheme="canonical", floor=None, resolution=None):
    """The verdicts by claim id; of the claims `only` if any are named."""
    main, others = judge.assemble(
        frames,
        contrast=CONTRAST,
        scheme=scheme,
        limits=LIMITS,
        seed=0,
        floor=floor,
        resolution=resolution,
    )
    asked = [one for one in CLAIMS if not only or one["id"] in only]
    return {one["claim"]: one for one in judge.judge(asked, main, others)}


def with_counts(population, condition, **changes):
    """The paper's counts with some cells changed; `_` stands for a blank, `__` for a slash."""
    counts = good_counts()
    for label, n in changes.items():
        counts[population][condition][label.replace("__", "/").replace("_", " ")] = n
    return counts


def test_every_claim_of_the_paper_on_a_study_like_it():
    found = judged(study())
    ids = [
        "C1",
        "C2",
        "C3",
        "C4",
        "C5",
        "C6",
        *(f"C7{x}" for x in "abcdef"),
        "C8",
        "C9a",
        "C9b",
        "C9c",
        "C10",
    ]
    assert list(found) == ids
    assert {name: one["verdict"] for name, one in found.items()} == dict.fromkeys(ids, SUPPORTED) | {
        "C10": NONE
    }
    rests_on = {name: one["rests_on"] for name, one in found.items()}
    without = {name: {"donors": 1, "interval": False} for name in ("C1", "C10")}
    assert rests_on == {name: {"donors": 1, "interval": True} for name in ids} | without
    reasons = judge.table(list(found.values())).set_index("claim")["reason"]
    assert reasons.str.endswith("One patient.").tolist() == [name in without for name in ids]
    assert reasons.str.contains("sampling of cells only").tolist() == [name not in without for name in ids]


def test_a_reversed_study_opposes_them():
    counts = good_counts()
    for population in ("t_cells", "car_t"):
        counts[population] = {"product": counts[population]["peak"], "peak": counts[population]["product"]}
        flipped = {"CD8": 600, "CD4": 250, "unassigned": 20}
        counts[f"{population}_lineage"] = {"product": flipped, "peak": flipped}
    found = judged(study(counts, de=de_table(-1.0), sets=enrichment(None, (12, 1e-6))))
    unmoved = {"C1": SUPPORTED, "C2": SUPPORTED, "C3": SUPPORTED, "C10": NONE}  # they speak of no direction
    assert {name: one["verdict"] for name, one in found.items()} == dict.fromkeys(found, OPPOSED) | unmoved


def test_a_study_without_change_supports_none_of_the_changes():
    counts = good_counts()
    counts["car_t"]["peak"] = counts["car_t"]["product"]
    found = judged(study(counts, de=de_table(0.02, p=0.7), sets=enrichment((3, 0.6), (2, 0.7))))
    expected = {"C5": OPPOSED}  # the product's largest subset is still the largest
    expected |= dict.fromkeys([*(f"C7{x}" for x in "abcdef"), "C8"], ABSENT)
    expected |= dict.fromkeys(["C9a", "C9b", "C9c"], OPEN)  # 3 and 2 changed genes say little either way
    assert {name: found[name]["verdict"] for name in expected} == expected


@pytest.mark.parametrize(("second", "verdict"), [(8414, SUPPORTED), (8413, OPEN), (8415, OPEN)])
def test_c1_number_of_cells(second, verdict):
    one = judged(study(samples=SAMPLES.assign(cells_in=[7000, second])), "C1")["C1"]
    assert (one["verdict"], one["estimate"]) == (verdict, 7000 + second)


def test_c1_without_libraries():
    assert judged(study(samples=SAMPLES.iloc[:0]), "C1")["C1"]["verdict"] == NONE


@pytest.mark.parametrize(
    ("platelets", "verdict"),
    [
        ((20, 300), SUPPORTED),
        ((20, 2), SUPPORTED),
        ((0, 11), OPEN),
        ((0, 9), OPEN),
        ((0, 4), OPPOSED),
        ((0, 0), OPPOSED),
    ],
)
def test_c2_lineages(platelets, verdict):
    """0.1 % of some 9,700 cells is 9.7 cells; the interval of 4 cells ends below it."""
    counts = with_counts("all", "product", Platelet=platelets[0])
    counts["all"]["peak"]["Platelet"] = platelets[1]
    one = judged(study(counts), "C2")["C2"]
    assert one["verdict"] == verdict
    total = sum(sum(labels.values()) for labels in counts["all"].values())
    n = sum(platelets)
    if n <= 40:  # else another lineage is the rarest
        assert one["estimate"] == pytest.approx(n / total)
        bounds = stats.beta.ppf([0.025, 0.975], n + 0.5, total - n + 0.5)
        assert [one["low"], one["high"]] == pytest.approx([bounds[0] if n else 0, bounds[1]], rel=1e-6)


@pytest.mark.parametrize(("red", "verdict"), [(8000, SUPPORTED), (8960, OPEN), (12000, OPPOSED)])
def test_c2_most_numerous_lineage(red, verdict):
    counts = with_counts("all", "peak", Red_cell=red)
    assert judged(study(counts), "C2")["C2"]["verdict"] == verdict


def test_c2_without_cells():
    counts = good_counts()
    counts["all"] = {"product": {"T cell": 5}, "peak": {"T cell": 5}}
    assert judged(study(counts), "C2")["C2"]["verdict"] == NONE


@pytest.mark.parametrize(
    ("treg", "verdict"), [(40, SUPPORTED), (12, OPEN), (10, OPEN), (2, OPPOSED), (0, OPPOSED)]
)
def test_c3_five_subsets(treg, verdict):
    """1 % of some 1,800 cells is 18 cells: 20 and 24 cells have intervals on both sides of it."""
    counts = with_counts("car_t", "product", Treg=treg)
    counts["car_t"]["peak"]["Treg"] = treg
    one = judged(study(counts), "C3")["C3"]
    assert one["verdict"] == verdict
    assert one["estimate"] == 4 + (2 * treg / sum(sum(x.values()) for x in counts["car_t"].values()) >= 0.01)


def test_c3_is_judged_in_the_scheme_of_the_paper():
    canonical = good_counts()
    canonical["car_t"]["peak"]["CD8 Tem"] = 300
    one = judged(study(canonical, varied={"paper_scheme": good_counts()}), "C3")["C3"]
    assert (one["verdict"], one["estimate"]) == (SUPPORTED, 5)
    assert "Not checked without Harmony" in one["reason"]
    one = judged(study(canonical), "C3", scheme="paper")["C3"]
    assert (one["verdict"], one["estimate"]) == (OPPOSED, 6)
    six = with_counts("car_t", "peak", CD8_Tem=300)
    assert judged(study(varied={"unintegrated": six}), "C3", scheme="paper")["C3"]["verdict"] == OPEN


def told(scheme, state, sample, *, apart):
    """What populations/t_cells/resolution.json says of one state in one library."""
    row = {"sample": sample, "scheme": scheme, "state": state, "told_apart": apart}
    return {"states": [row], "coarser": {}}


@pytest.mark.parametrize(
    ("apart", "sample", "verdict"),
    [
        (False, "peak", OPEN),
        (True, "peak", SUPPORTED),
        (None, "peak", SUPPORTED),
        (False, "product", SUPPORTED),
    ],
)
def test_a_subset_that_its_library_cannot_tell_apart_is_not_judged(apart, sample, verdict):
    one = judged(study(), "C5", resolution=told("canonical", "CD4 Tem", sample, apart=apart))["C5"]
    assert one["verdict"] == verdict
    assert ("misnamed to tell apart: CD4 Tem" in one["reason"]) == (verdict == OPEN)


def test_subsets_are_not_counted_where_one_cannot_be_told_apart():
    assert (
        judged(study(), "C3", resolution=told("paper", "Treg", "peak", apart=False))["C3"]["verdict"] == OPEN
    )
    other = told("canonical", "Treg", "peak", apart=False)  # the claim speaks of the paper's scheme
    assert judged(study(), "C3", resolution=other)["C3"]["verdict"] == SUPPORTED


def test_a_coarser_name_is_no_subset_and_its_cells_have_no_state():
    counts = with_counts("car_t", "peak", CD4=300)
    assert judged(study(counts), "C3")["C3"]["estimate"] == 6
    coarser = {"states": [], "coarser": {"paper": ["CD4", "CD8"]}}
    assert judged(study(counts), "C3", resolution=coarser)["C3"]["estimate"] == 5
    counts = with_counts("car_t", "peak", CD4=2000)
    assert judged(study(counts), "C5")["C5"]["verdict"] == OPPOSED
    one = judged(study(counts), "C5", resolution=coarser)["C5"]
    assert one["verdict"] == OPEN, "cells without a state of their own could make any subset the largest"
    assert judged(study(), "C6", resolution=coarser)["C6"]["verdict"] == SUPPORTED, (
        "lineages are no coarser names"
    )


def test_c3_without_car_cells():
    counts = good_counts()
    counts["car_t"] = {"product": {"CD4 Tn": 10}, "peak": {"CD4 Tem": 9}}
    assert judged(study(counts), "C3")["C3"]["verdict"] == NONE


@pytest.mark.parametrize(
    ("claim", "condition", "label"), [("C4", "product", "CD4_Tn"), ("C5", "peak", "CD4_Tem")]
)
def test_c4_and_c5_largest_subset(claim, condition, label):
    other = {"CD4_Tn": "CD8_Tn", "CD4_Tem": "CD8_Teff"}[label]
    seen = {}
    for n in (100, 190, 200, 210, 400):
        counts = with_counts("car_t", condition, **{label: n, other: 200})
        one = judged(study(counts), claim)[claim]
        total = sum(counts["car_t"][condition].values())
        assert one["estimate"] == pytest.approx((n - 200) / total)
        assert one["low"] < one["estimate"] < one["high"]
        seen[n] = one["verdict"]
    assert seen == {100: OPPOSED, 190: OPEN, 200: OPEN, 210: OPEN, 400: SUPPORTED}
    even = with_counts("car_t", condition, **{label: 3000, other: 3000})
    assert judged(study(even), claim)[claim]["verdict"] == ABSENT, "two subsets surely as large as each other"


@pytest.mark.parametrize("claim", ["C4", "C5"])
def test_c4_and_c5_with_few_cells(claim):
    condition = {"C4": "product", "C5": "peak"}[claim]
    counts = good_counts()
    counts["car_t"][condition] = {"CD4 Tn": 25, "CD4 Tem": 24}
    assert judged(study(counts), claim)[claim]["verdict"] == NONE
    counts["car_t"][condition] = {"CD4 Tn": 25, "CD4 Tem": 25}
    assert judged(study(counts), claim)[claim]["verdict"] == OPEN, "no lead, but 50 cells can't exclude one"
    del counts["car_t"]
    assert judged(study(counts), claim)[claim]["verdict"] == NONE


def test_many_unassigned_cells_leave_the_largest_subset_open():
    counts = with_counts("car_t", "peak", unassigned=2000)
    assert judged(study(counts), "C5")["C5"]["verdict"] == OPEN
    counts = with_counts("car_t", "peak", unassigned=700, CD8_Teff=3000)
    assert (
        judged(study(counts), "C5")["C5"]["verdict"] == OPPOSED
    )  # even all of them could not make it the largest


def test_margin_interval_covers_the_truth():
    """200 samples of 300 cells from known shares: the 95 % interval of the lead covers it in about 95 %."""
    truth = np.array([0.4, 0.25, 0.2, 0.15])
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        counts = pd.Series(rng.multinomial(300, truth), index=list("abcd"))
        _, low, high, *_ = verdict.margin(counts, "a", seed=0)
        covered += low <= 0.15 <= high
    assert 182 <= covered <= 199


def test_margin_against_the_normal_approximation():
    counts = pd.Series({"a": 5000, "b": 3000, "c": 500, "unassigned": 1500})
    error = np.sqrt((0.5 + 0.3 - 0.2**2) / 10000)
    expected = 0.2 + error * np.array([0, -1.96, 1.96, -1.645, 1.645])
    assert verdict.margin(counts, "a", seed=0) == pytest.approx(expected, abs=0.0008)


@pytest.mark.parametrize("n", [3, 60, 4000])
def test_margin_of_a_single_label_lies_inside_its_interval(n):
    lead = verdict.margin(pd.Series({"a": n}), "a", seed=0)
    assert lead.low < lead.low_90 < lead.estimate < lead.high_90 < lead.high


@pytest.mark.parametrize(
    ("product", "peak", "verdict"),
    [
        ((600, 250), (600, 250), SUPPORTED),
        ((600, 250), (250, 600), OPPOSED),
        ((250, 600), (600, 250), OPPOSED),
        ((250, 600), (250, 600), OPPOSED),
        ((600, 250), (430, 420), OPEN),
        ((430, 420), (600, 250), OPEN),
        ((430, 420), (250, 600), OPPOSED),
        ((10, 5), (600, 250), NONE),
        ((600, 250), (10, 5), NONE),
    ],
)
def test_c6_majority(product, peak, verdict):
    counts = good_counts()
    for condition, (cd4, cd8) in (("product", product), ("peak", peak)):
        counts["car_t_lineage"][condition] = {"CD4": cd4, "CD8": cd8, "unassigned": 0}
    one = judged(study(counts), "C6")["C6"]
    assert one["verdict"] == verdict
    if verdict != NONE:
        worst = min((cd4 - cd8) / (cd4 + cd8) for cd4, cd8 in (product, peak))
        assert one["estimate"] == pytest.approx(worst)


@pytest.mark.parametrize(
    ("change", "p", "half", "verdict"),
    [
        (1.0, 1e-6, 0.1, SUPPORTED),
        (0.74, 1e-6, 0.1, SUPPORTED),
        (0.69, 1e-6, 0.1, OPEN),  # beyond the limit, but seven are asked together (Holm)
        (0.67, 1e-6, 0.1, OPEN),  # the interval holds 0.58, too small a change
        (1.0, 0.9, 0.1, SUPPORTED),  # p says nothing: cells of one tube are no replicates
        (1.0, 1e-6, 1.1, OPEN),  # the interval holds zero
        (0.0, 0.9, 0.1, ABSENT),
        (0.0, 1e-9, 0.1, ABSENT),
        (0.0, 0.9, 0.69, ABSENT),  # 90 %: -0.579 to 0.579
        (0.0, 0.9, 0.70, OPEN),  # 90 %: -0.587 to 0.587; no data are no absence
        (0.49, 1e-6, 0.1, ABSENT),
        (0.50, 1e-6, 0.1, OPEN),  # 90 %: up to 0.584
        (-0.49, 1e-6, 0.1, ABSENT),
        (-0.67, 1e-6, 0.1, OPEN),
        (-0.74, 1e-6, 0.1, OPPOSED),
        (-0.69, 1e-6, 0.1, OPEN),  # beyond the limit, but seven are asked together (Holm)
        (-1.0, 1e-6, 0.1, OPPOSED),
        (-1.0, 1e-6, 1.1, OPEN),
    ],
)
def test_c7_and_c8_genes(change, p, half, verdict):
    found = judged(study(de=de_table(change, p=p, half=half)), *(f"C7{x}" for x in "abcdef"), "C8")
    assert len(found) == 7
    for one in found.values():
        assert one["verdict"] == verdict
        assert [one["estimate"], one["low"], one["high"]] == pytest.approx(
            [change, change - half, change + half]
        )


@pytest.mark.parametrize(
    ("change", "floor", "verdict"),
    [
        (1.0, None, SUPPORTED),
        (1.0, 0.3, SUPPORTED),  # below the declared limit it changes nothing
        (1.0, 0.89, SUPPORTED),
        (1.0, 0.91, OPEN),  # cells that nothing changed move as far
        (-1.0, 0.91, OPEN),
        (0.3, 0.91, ABSENT),
        (0.7, 0.91, OPEN),  # noise of the libraries is no proof of absence
    ],
)
def test_a_gene_must_move_further_than_in_cells_that_nothing_changed(change, floor, verdict):
    assert judged(study(de=de_table(change)), "C8", floor=floor)["C8"]["verdict"] == verdict


def test_a_gene_is_reported_at_other_limits_too():
    one = judged(study(de=de_table(0.7)), "C8")["C8"]
    assert one["at_other_limits"] == {"0.25": SUPPORTED, "0.5": SUPPORTED, "1": ABSENT}


def test_every_limit_of_the_paper_is_declared_with_its_reason():
    for claim in CLAIMS:
        quantity = claim["quantity"]
        if quantity["kind"] in quantities.LEAST:
            assert quantity["min_effect"] == quantities.LEAST[quantity["kind"]]
            assert quantity["min_effect_reason"]


def test_a_gene_that_is_ambient_rna_supports_and_opposes_nothing():
    de = de_table().assign(ambient_from="")
    de.loc[(de["gene"] == "GNLY") & (de["population"] == "car_t"), "ambient_from"] = "NK cell"
    found = judged(study(de=de), "C7e", "C7f")
    assert found["C7e"]["verdict"] == SUPPORTED
    assert found["C7f"]["verdict"] == OPEN
    assert "ambient RNA of NK cells" in found["C7f"]["reason"]
    fallen = de_table(-1.0).assign(ambient_from="NK cell")
    assert judged(study(de=fallen), "C7f")["C7f"]["verdict"] == OPEN


def test_c7_untested_gene_and_too_few_cells():
    de = de_table()
    found = judged(study(de=de[de["gene"] != "LAG3"]))
    assert (found["C7a"]["verdict"], found["C7b"]["verdict"]) == (SUPPORTED, NONE)
    assert "LAG3 was not tested" in found["C7b"]["reason"]
    counts = good_counts()
    counts["car_t_lineage"]["product"]["CD4"] = FEW_CELLS - 1
    found = judged(study(counts))
    assert {found[name]["verdict"] for name in ("C7a", "C8", "C9a")} == {NONE}
    assert "product: 49 CD4 CAR+ T cells" in found["C8"]["reason"]
    counts["car_t_lineage"]["product"]["CD4"] = FEW_CELLS
    assert judged(study(counts), "C8")["C8"]["verdict"] == SUPPORTED


def test_c8_reports_all_t_cells_without_letting_them_decide():
    de = de_table()
    de.loc[(de["population"] == "t_cells") & (de["gene"] == "GZMK"), "log2_fold_change"] = -2.0
    one = judged(study(de=de), "C8")["C8"]
    assert one["verdict"] == SUPPORTED
    assert one["also"]["t_cells"]["estimate"] == -2.0


@pytest.mark.parametrize(
    ("up", "down", "verdict"),
    [
        ((12, 1e-6), None, SUPPORTED),
        ((12, 0.2), None, SUPPORTED),  # the interval decides, not p
        ((4, 0.001), None, OPEN),  # odds ratio 1.3 (log2 0.4): its interval holds 1
        ((2, 0.001), None, OPEN),
        (None, (12, 1e-6), OPPOSED),
        ((3, 0.8), (12, 0.049), OPPOSED),
        ((12, 1e-6), (12, 1e-3), OPEN),  # significant both ways: it speaks for neither
        ((12, 1e-3), (12, 1e-6), OPEN),
        ((20, 1e-9), (8, 1e-3), OPEN),
        ((12, 1e-3), (4, 0.2), SUPPORTED),
        ((4, 0.2), (12, 1e-3), OPPOSED),
    ],
)
def test_c9_terms(up, down, verdict):
    found = judged(study(sets=enrichment(up, down)), "C9a", "C9b", "C9c")
    assert [one["verdict"] for one in found.values()] == [verdict] * 3
    n, m = 1007, 60  # tested genes, genes of the set
    a, k = {"up": (up or (0,))[0], "down": (down or (0,))[0]}, {"up": 47, "down": 40}
    leads = a["up"] * 40 >= a["down"] * 47 if up and down else bool(up)
    a, k = (a["up"], k["up"]) if leads else (a["down"], k["down"])
    cells = np.array([a, m - a, k - a, n - m - k + a]) + 0.5
    log_odds = np.log(cells[0] * cells[3] / cells[1] / cells[2])
    expected = log_odds * (1 if leads else -1) + np.array([0, -1.96, 1.96]) * np.sqrt((1 / cells).sum())
    for one in found.values():
        assert [one["estimate"], one["low"], one["high"]] == pytest.approx(expected / np.log(2), rel=1e-3)


def test_a_term_without_excess_among_many_changed_genes_is_absent():
    sets = enrichment((30, 0.6), (30, 0.7)).assign(set_size=60, query=500, background=1007)
    assert {one["verdict"] for one in judged(study(sets=sets), "C9a", "C9b").values()} == {ABSENT}


def test_c9_estimate_is_that_of_the_enrichment_table():
    """From gene sets to claims: the odds ratio of the table."""
    de = de_table()
    members = [*GENES[:5], *(f"UP{i}" for i in range(10)), *(f"G{i}" for i in range(45))]
    rest = GeneSet("REST", "all other genes", tuple(sorted(set(de["gene"]) - set(members))))
    library = over_representation.GeneSetMatrix.of(
        [GeneSet("GO:0006954", "inflammatory response", tuple(members)), rest]
    )
    options = {"limits": EnrichmentLimits()}
    table = over_representation.over_representation(de[de["depth"] == "equal"], {"own": library}, **options)
    one = judged(study(sets=table), "C9a")["C9a"]
    row = table[(table["population"] == "car_t") & (table["direction"] == "up")]
    row = row[row["term_id"] == "GO:0006954"]
    assert one["estimate"] == pytest.approx(np.log2(row["odds_ratio"].item()))
    assert "15 of 47 changed genes" in one["reason"]


def test_what_claims_ask_of_the_enrichment():
    assert claims_file.terms(CLAIMS) == sorted(TERMS)
    assert claims_file.groups(CLAIMS) == [("car_t", "CD4"), ("t_cells", "CD4")]


def test_c9_term_that_no_library_has_and_term_without_changed_genes():
    found = judged(study(sets=enrichment(terms=TERMS[:2])))
    assert (found["C9a"]["verdict"], found["C9c"]["verdict"]) == (SUPPORTED, NONE)
    sets = enrichment()
    known = sets[(sets["population"] == "t_cells") | (sets["term_id"] != TERMS[2])]
    one = judged(study(sets=known), "C9c")["C9c"]
    assert (one["verdict"], one["estimate"]) == (OPEN, None)


def test_c9_untested_group():
    de = de_table()
    de = de[de["population"] == "t_cells"]
    assert judged(study(de=de), "C9a")["C9a"]["verdict"] == NONE


def test_c10_is_never_judged():
    assert judged(study(), "C10")["C10"]["verdict"] == NONE
    assert "at least 3 patients" in judged(study(), "C10")["C10"]["reason"]
    several = pd.concat([SAMPLES.assign(donor=donor) for donor in ("P1", "P2", "P3")])
    found = judged(study(samples=several))
    assert found["C10"]["verdict"] == NONE
    assert "clinical outcome" in found["C10"]["reason"]
    assert found["C4"]["rests_on"] == {"donors": 3, "interval": True}
    assert "3 donors pooled" in judge.table([found["C4"]])["reason"].iloc[0]


def exchanged(claim):
    """Counts under which C4, C5 or C6 is opposed."""
    return {
        "C4": with_counts("car_t", "product", CD8_Tn=900),
        "C5": with_counts("car_t", "peak", CD8_Teff=900),
        "C6": with_counts("car_t_lineage", "peak", CD8=900),
    }[claim]


@pytest.mark.parametrize("claim", ["C4", "C5", "C6"])
@pytest.mark.parametrize("variant", ["unintegrated", "equal_depth"])
def test_composition_that_flips_is_indeterminate(claim, variant):
    one = judged(study(varied={variant: exchanged(claim)}), claim)[claim]
    assert (one["verdict"], one["main"]["verdict"], one["variants"][variant]["verdict"]) == (
        OPEN,
        SUPPORTED,
        OPPOSED,
    )
    assert judge.WORDS[variant] in one["reason"]
    one = judged(study(exchanged(claim), varied={variant: good_counts()}), claim)[claim]
    assert (one["verdict"], one["main"]["verdict"]) == (OPEN, OPPOSED)


@pytest.mark.parametrize("variant", ["two_umis", "paper_scheme"])
def test_other_variants_are_told_and_do_not_decide(variant):
    one = judged(study(varied={variant: exchanged("C5")}), "C5")["C5"]
    assert (one["verdict"], one["variants"][variant]["verdict"]) == (SUPPORTED, OPPOSED)
    assert one["variants"][variant]["decides"] is False


def test_a_variant_with_too_few_cells_does_not_decide():
    few = good_counts()
    few["car_t"]["peak"] = {"CD8 Teff": 10}
    one = judged(study(varied={"equal_depth": few}), "C5")["C5"]
    assert (one["verdict"], one["variants"]["equal_depth"]["verdict"]) == (SUPPORTED, NONE)


def test_expression_that_flips_is_indeterminate():
    de = de_table()
    weak = de_table(0.6, p=0.3)
    found = judged(study(de=de, de_varied=weak))
    assert found["C8"]["verdict"] == OPEN
    assert "indeterminate without Harmony" in found["C8"]["reason"]
    mixed = pd.concat([de[de["depth"] == "equal"], weak[weak["depth"] == "full"]])
    found = judged(study(de=mixed, de_varied=de))
    assert found["C7a"]["verdict"] == OPEN
    assert "indeterminate at full depth" in found["C7a"]["reason"]
    mixed = pd.concat([de[de["depth"] == "full"], weak[weak["depth"] == "equal"]])
    found = judged(study(de=mixed, de_varied=de))
    assert found["C7a"]["main"]["verdict"] == OPEN  # equal depth is the main analysis
    assert found["C7a"]["verdict"] == OPEN


@pytest.mark.parametrize("variant", ["unintegrated", "full_depth"])
def test_terms_that_flip_are_indeterminate(variant):
    one = judged(study(sets_varied={variant: enrichment((4, 0.3))}), "C9a")["C9a"]
    assert (one["verdict"], one["main"]["verdict"], one["variants"][variant]["verdict"]) == (
        OPEN,
        SUPPORTED,
        OPEN,
    )
    one = judged(study(sets_varied={variant: enrichment().iloc[:0]}), "C9a")["C9a"]
    assert one["verdict"] == OPEN  # no gene of the term changes there


def test_a_down_claim_mirrors_an_up_claim():
    tables, _ = judge.assemble(
        study(de=de_table(-1.0), sets=enrichment(None, (12, 1e-6))),
        contrast=CONTRAST,
        scheme="canonical",
        limits=LIMITS,
        seed=0,
    )
    asked = {one["id"]: one["quantity"] for one in CLAIMS}
    for name in ("C8", "C9a"):
        kind = quantities.KINDS[asked[name]["kind"]]
        assert kind(tables, asked[name]).verdict == OPPOSED
        assert kind(tables, {**asked[name], "direction": "down"}).verdict == SUPPORTED
    swapped = dataclasses.replace(tables, contrast={"test": "product", "reference": "peak"})
    assert quantities.largest_subset(swapped, asked["C5"]).verdict == OPPOSED


def test_an_empty_study_is_not_estimable_throughout(tmp_path):
    frames = {name: frame.iloc[:0] for name, frame in study().items()} | {
        "samples": SAMPLES.assign(cells_in=0)
    }
    for name, frame in frames.items():  # as they come back from files
        io.write_table(frame, tmp_path / f"{name}.tsv")
    found = judged({name: io.read_table(tmp_path / f"{name}.tsv") for name in frames})
    assert {one["verdict"] for name, one in found.items() if name != "C1"} == {NONE}
    io.write_json({"claims": list(found.values())}, tmp_path / "claims.json")
    table = judge.table(list(found.values()))
    assert list(table.columns) == judge.COLUMNS


def test_missing_numbers_do_not_break_the_files(tmp_path):
    de = de_table()
    de[["log2_fold_change_low", "log2_fold_change_high"]] = np.nan
    found = judged(study(de=de))
    assert (found["C8"]["verdict"], found["C8"]["low"]) == (OPEN, None)
    io.write_json({"claims": list(found.values())}, tmp_path / "claims.json")


def test_same_input_same_numbers():
    assert judged(study()) == judged(study())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("claims: [{id: A, statement: s, quantity: {kind: largest}}]", "is not one of: captured_cells"),
        (
            "claims: [{id: A, statement: s, quantity: {kind: gene_change, population: car_t, group: CD4}}]",
            "'gene'",
        ),
        ("claims: [{id: A, statement: s, quantity: {kind: untestable, donors: 3}}]", "unknown key"),
        ("claims: [{id: A, statment: s, quantity: {kind: untestable}}]", "did you mean 'statement'"),
        ("claims: []", "claims"),
        ("[]", "expected keys and values"),
    ],
)
def test_a_broken_claims_file_is_told(tmp_path, text, message):
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        claims_file.read(path, SCHEMA)


def test_two_claims_of_one_name_are_refused(tmp_path):
    path = tmp_path / "claims.yaml"
    one = "{id: A, statement: s, quantity: {kind: untestable}}"
    path.write_text(f"claims: [{one}, {one}]")
    with pytest.raises(UserError, match="two claims are called 'A'"):
        claims_file.read(path, SCHEMA)


GENERAL = ROOT / "config/claims.general.yaml"


def test_the_general_list_is_judged_like_the_papers():
    """Every statement reads and every term is in the bundled file; none speaks of the paper's own numbers."""
    claims = claims_file.read(GENERAL, SCHEMA)
    kinds = {claim["quantity"]["kind"] for claim in claims}
    assert kinds == {"majority", "gene_change", "term_change", "share_change", "flow_agreement"}
    assert all(claim["quantity"]["min_effect_reason"] for claim in claims)
    known = {one.term_id for one in read_gmt(ROOT / "workflow/resources/go_bp.gmt.gz")}
    assert set(claims_file.terms(claims)) <= known
    main, others = judge.assemble(study(), contrast=CONTRAST, scheme="canonical", limits=LIMITS, seed=0)
    found = {one["claim"]: one for one in judge.judge(claims, main, others)}
    assert found["G1"]["verdict"] == SUPPORTED
    assert found["G6b"]["main"]["verdict"] == found["G6d"]["main"]["verdict"] == SUPPORTED
    assert found["G6a"]["main"]["verdict"] == ABSENT
    assert found["G7"]["verdict"] == NONE, "no flow cytometry"
    assert found["G2a"]["verdict"] == NONE, "the made-up tables hold no comparison of all CAR+ T cells"
