"""The audit of designs against designs made by hand."""

import pytest
from carpeak.claims import donor_words
from carpeak.donors import audit
from carpeak.donors.audit import Library

CONTRAST = {"peak_vs_product": {"test": "peak", "reference": "product"}}


def pairs(*donors, **factors):
    """Both libraries of each donor; a factor is a function of donor and condition."""
    return [
        Library(f"{donor}_{side}", side, donor, **{name: of(donor, side) for name, of in factors.items()})
        for donor in donors
        for side in ("product", "peak")
    ]


def alone(side, *donors):
    return [Library(f"{donor}_{side}", side, donor) for donor in donors]


def names(prefix, n):
    return [f"{prefix}{number}" for number in range(n)]


DESIGNS = {
    # name: libraries, decision, donors that count, aliased factors, a reason that must be named
    "three pairs": (pairs("A", "B", "C"), "paired", "ABC", (), None),
    "two pairs": (pairs("A", "B"), "concordance", "AB", (), "two_pairs"),
    "one pair": (pairs("A"), "single", "A", (), "one_pair"),
    "A in the product, B at the peak": (
        alone("product", "A") + alone("peak", "B"), "not_estimable", "", ("donor",), "no_pairs",
    ),
    "three donors there, three others here": (
        alone("product", "A", "B", "C") + alone("peak", "D", "E", "F"), "not_estimable", "", ("donor",), "no_pairs",
    ),
    "three pairs and one donor without a peak": (
        pairs("A", "B", "C") + alone("product", "D"), "paired", "ABC", (), "one_sided:D",
    ),
    "one pair and a stranger": (pairs("A") + alone("peak", "B"), "single", "A", (), "one_sided:B"),
    "all products 3p, all peaks 5p": (
        pairs("A", "B", "C", chemistry=lambda _, side: {"product": "3p", "peak": "5p"}[side]),
        "not_estimable", "ABC", ("chemistry",), "aliased:chemistry",
    ),
    "all products in batch 1, all peaks in batch 2": (
        pairs("A", "B", "C", batch=lambda _, side: {"product": "1", "peak": "2"}[side]),
        "not_estimable", "ABC", ("batch",), "aliased:batch",
    ),
    "batches of donors": (pairs("A", "B", "C", batch=lambda donor, _: donor), "paired", "ABC", (), None),
    "batch crossed with condition in one pair only": (
        pairs("A", "B", "C", batch=lambda donor, side: "1" if donor != "C" or side == "product" else "2"),
        "paired", "ABC", (), None,
    ),
    "every product of 3p and 5p libraries, every peak 3p": (
        pairs("A", "B", "C", chemistry=lambda *_: "3p")
        + [Library(f"{d}_again", "product", d, chemistry="5p") for d in "ABC"],
        "not_estimable", "ABC", ("chemistry",), "aliased:chemistry",
    ),
    "3p and 5p on both sides": (
        pairs("A", "B", "C", chemistry=lambda *_: "3p")
        + [Library(f"{d}_{side}_5", side, d, chemistry="5p") for d in "ABC" for side in ("product", "peak")],
        "paired", "ABC", (), None,
    ),
    "one product of 3p and 5p libraries": (
        [*pairs("A", "B", "C", chemistry=lambda *_: "3p"), Library("A_5", "product", "A", chemistry="5p")],
        "paired", "ABC", (), None,
    ),
    "donors nested in batches, two of whom have one side": (
        pairs("A", "B", "C", batch=lambda donor, _: donor) + alone("product", "D") + alone("peak", "E"),
        "paired", "ABC", (), "one_sided:D",
    ),
    "names with spaces, numbers and umlauts": (
        pairs("Patient 1", "2", "Jürgen Ä"), "paired", "2Jürgen ÄPatient 1", (), None,
    ),
    "chemistry unknown for some": (
        pairs("A", "B", "C", chemistry=lambda donor, side: "" if donor == "A" else {"product": "3p", "peak": "5p"}[side]),
        "paired", "ABC", (), None,
    ),
    "two pairs whose batches are their sides": (
        pairs("A", "B", batch=lambda _, side: side), "concordance", "AB", ("batch",), "aliased:batch",
    ),
    "six a side, nobody twice": (
        alone("product", *names("a", 6)) + alone("peak", *names("b", 6)), "unpaired", None, (), None,
    ),
    "five against six, nobody twice": (
        alone("product", *names("a", 5)) + alone("peak", *names("b", 6)), "not_estimable", "", ("donor",), "no_pairs",
    ),
    "six a side in a batch each": (
        [Library(f"{d}1", "product", d, batch="1") for d in names("a", 6)]
        + [Library(f"{d}2", "peak", d, batch="2") for d in names("b", 6)],
        "not_estimable", None, ("batch",), "aliased:batch",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DESIGNS)
def test_designs_made_by_hand(name):
    libraries, decision, donors, aliased, reason = DESIGNS[name]
    (found,) = audit.audit(libraries, CONTRAST)
    assert found.decision == decision
    assert found.aliased == aliased
    if donors is not None:
        assert "".join(found.donors) == donors
    if reason:
        assert reason in found.reasons
    table = audit.table([found])
    assert list(table.columns) == audit.COLUMNS
    assert set(table["donor"]) == {one.donor for one in libraries}
    assert set(table["donor"][table["used"] == "yes"]) == set(found.donors)


def test_rank_is_full_only_where_the_contrast_is_free():
    free = audit.audit(pairs("A", "B", "C"), CONTRAST)[0]
    assert (free.rank, free.coefficients) == (4, 4)
    lost = audit.audit(pairs("A", "B", "C", batch=lambda _, side: side), CONTRAST)[0]
    assert (lost.rank, lost.coefficients) == (4, 5)


def test_sorts_are_judged_apart():
    libraries = [
        Library(f"{donor}_{side}_{sort}", side, donor, sort=sort)
        for donor in "ABC"
        for side in ("product", "peak")
        for sort in ("CAR+", "CAR-")
    ]
    found = audit.audit(libraries, CONTRAST)
    assert [(one.sort, one.decision) for one in found] == [("CAR+", "paired"), ("CAR-", "paired")]
    for one in found:
        assert {library.sort for side in one.sides for library in side.reference + side.test} == {one.sort}
    assert audit.choose(found, "peak_vs_product", "car_t").sort == "CAR+"
    # both sorts together are what was sequenced, not what was in the blood
    assert audit.choose(found, "peak_vs_product", "t_cells") is None


def test_unsorted_product_against_sorted_peak_is_the_sort():
    libraries = alone("product", "A", "B", "C")
    libraries += [Library(f"{d}_peak", "peak", d, sort="CAR+") for d in "ABC"]
    found, of_car = audit.audit(libraries, CONTRAST)
    assert (found.decision, found.aliased, found.donors) == ("not_estimable", ("sort",), ())
    for population in ("all", "t_cells", "car_t_against_undetected"):
        assert audit.choose([found, of_car], "peak_vs_product", population) is found
    # what CAR+ cells are and express needs no common denominator
    assert audit.choose([found, of_car], "peak_vs_product", "car_t") is of_car
    assert (of_car.decision, of_car.donors) == ("paired", ("A", "B", "C"))
    assert "never their share" in donor_words.one_sentence(list(of_car.reasons))
    against = [Library(f"{d}_peak", "peak", d, sort="CAR-") for d in "ABC"]
    (alone_,) = audit.audit([*libraries[:3], *against], CONTRAST)
    assert alone_.decision == "not_estimable"


def test_replicates_of_one_donor_are_one_donor():
    libraries = [*pairs("A"), Library("A_peak_again", "peak", "A"), Library("A_third", "peak", "A")]
    (found,) = audit.audit(libraries, CONTRAST)
    assert found.decision == "single"
    assert "technical_replicates" in found.sides[0].notes


def test_a_third_time_has_its_own_contrast():
    libraries = pairs("A", "B", "C") + alone("remission", "A", "B")
    contrasts = CONTRAST | {"late": {"test": "remission", "reference": "product"}}
    found = {one.contrast: one for one in audit.audit(libraries, contrasts)}
    assert found["peak_vs_product"].decision == "paired"
    assert found["late"].decision == "concordance"
    assert "one_sided:C" in found["late"].reasons
