"""What a change of the detected share is made of: pairs of libraries, and the sentence."""

import calibration
import numpy as np
import pytest
from carpeak.car import decomposition, posterior
from carpeak.report import car_change

CONTRASTS = {"peak_vs_product": {"test": "peak", "reference": "product"}}
SHEET = [
    {"sample": "ip", "condition": "product", "donor": "P1"},
    {"sample": "pk", "condition": "peak", "donor": "P1"},
    {"sample": "only", "condition": "product", "donor": "P2"},
]


def side(share, seed, *, thin=1.0, n=4000):
    library = calibration.simulate(calibration.Setting(share, 2.0, 1.5, 1e-6, n), seed=seed)
    rng = np.random.default_rng(seed)
    umis, depth = (
        rng.binomial(library.umis, thin),
        rng.binomial(library.depth.astype(int), thin).astype(float),
    )
    ambient = posterior.ambient_prior(cell_depth=float(depth.mean()), droplets=library.droplets)
    return decomposition.Side(posterior.fit(umis, depth, ambient), umis, depth)


@pytest.fixture(scope="module")
def sides():
    return {"ip": side(0.3, 1), "pk": side(0.7, 2, thin=0.4), "only": side(0.3, 3, n=200)}


def test_one_entry_per_donor_with_both_sides(sides):
    found = decomposition.between(CONTRASTS, SHEET, sides)
    assert [(e["donor"], e["reference"], e["test"]) for e in found] == [("P1", "ip", "pk")]
    entry = found[0]
    assert entry["detected"] == [sides["ip"].detected, sides["pk"].detected]
    parts = {part["factor"]: part["change"] for part in entry["parts"]}
    assert list(parts) == ["depth", "expression", "ambient", "share", "total"]
    assert parts["share"] > 0.1
    assert parts["depth"] < -0.03
    observed = entry["detected"][1] - entry["detected"][0]
    assert parts["total"] == pytest.approx(observed, abs=0.03)
    assert decomposition.between({}, SHEET, sides) == []
    twice = [*SHEET, {"sample": "pk2", "condition": "peak", "donor": "P1"}]
    assert decomposition.between(CONTRASTS, twice, {**sides, "pk2": sides["pk"]}) == []


def test_too_few_t_cells_are_not_compared(sides):
    few = {**sides, "pk": side(0.7, 4, n=30)}
    assert decomposition.between(CONTRASTS, SHEET, few) == []


def entry(low, high):
    parts = [
        {"factor": "depth", "change": -0.05, "change_low": -0.06, "change_high": -0.04},
        {"factor": "expression", "change": 0.01, "change_low": -0.02, "change_high": 0.03},
        {"factor": "ambient", "change": 0.0, "change_low": 0.0, "change_high": 0.0},
        {"factor": "share", "change": (low + high) / 2, "change_low": low, "change_high": high},
        {"factor": "total", "change": 0.05, "change_low": 0.04, "change_high": 0.06},
    ]
    return {"reference": "ip", "test": "pk", "detected": [0.25, 0.21], "parts": parts}


@pytest.mark.parametrize(
    ("low", "high", "end"),
    [
        (0.02, 0.2, "The true share rose."),
        (-0.2, -0.02, "The true share fell."),
        (-0.1, 0.3, "Whether the true share changed, these counts can't tell."),
    ],
)
def test_the_sentence_says_only_what_the_interval_allows(low, high, end):
    text = car_change.sentence(entry(low, high))
    assert text.startswith("From ip to pk the detected share changed by −4.0 points.")
    assert text.endswith(end)
    assert "sequencing depth −5.0 (−6.0 to −4.0)" in text
