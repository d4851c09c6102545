"""Composition of all CAR+ T cells, where a state that shows the CAR less is not to lose its share."""

import calibration
import numpy as np
import pandas as pd
import pytest
from carpeak.car import posterior, weighted_composition
from carpeak.comparison import composition

SHEET = [{"sample": name, "condition": name, "donor": "P4"} for name in ("product", "peak")]
AMBIENT = 1e-6


def library(seed=0, *, n=3000):
    """One sample: the states a and b hold the CAR in 40 % of their cells, b expresses a quarter of a's."""
    rng = np.random.default_rng(seed)
    depth = np.round(3000 * np.exp(rng.normal(0, 0.35, 2 * n)))
    state = np.repeat(["a", "b"], n)
    car = rng.random(2 * n) < 0.4
    mean = np.where(state == "a", 2.4, 0.6) * depth / 3000
    own = np.where(car, rng.poisson(mean * rng.gamma(1.5, 1 / 1.5, 2 * n)), 0)
    umis = own + rng.poisson(AMBIENT * depth)
    cells = pd.DataFrame(
        {"cell": [f"c{i}" for i in range(2 * n)], "sample": "product", "t_state": state, "is_t": True}
        | {"t_lineage": np.where(state == "a", "CD4", "CD8"), "car_umis": umis, "n_umis": depth.astype(int)}
    )
    for name in ("cell_type", "cell_type_unintegrated"):
        cells[name] = "T cell"
    cells["t_state_unintegrated"] = cells["t_state_paper"] = cells["t_state"]
    cells["t_lineage_unintegrated"] = cells["t_lineage"]
    cells["car_call"] = np.where(umis >= 1, "positive", "undetermined")
    return cells, car


def fit_of(cells):
    ambient = posterior.ambient_prior(cell_depth=3000.0, droplets=(20_000, 60))
    found = posterior.fit(cells["car_umis"].to_numpy(), cells["n_umis"].to_numpy(float), ambient)
    return {"rule": "calibrated", "samples": {"product": posterior.describe(found)}}


@pytest.fixture(scope="module")
def known():
    cells, car = library()
    return cells, car, fit_of(cells)


def test_a_weakly_expressing_state_keeps_its_share(known):
    cells, car, fit = known
    truth = (cells["t_state"][car] == "b").mean()
    seen = (cells["t_state"][cells["car_umis"] >= 1] == "b").mean()
    assert seen < truth - 0.1  # one UMI misses it
    table = weighted_composition.composition(
        cells, fit["samples"], state="t_state", label="t_state"
    ).set_index("label")
    assert abs(table.loc["b", "fraction"] - truth) < 0.6 * abs(seen - truth)
    assert table.loc["b", "fraction_low"] < truth < table.loc["b", "fraction_high"]
    assert table["fraction"].sum() == pytest.approx(1)
    assert table["total"].unique() == pytest.approx(car.sum(), rel=0.25)
    assert table["n"].sum() == pytest.approx(table["total"].iloc[0], abs=1)


def test_the_variants_of_the_calibrated_rule(known):
    cells, _, fit = known
    table = composition.sensitivity(cells, SHEET, scheme="canonical", fit=fit)
    names = ["unintegrated", "equal_depth", "two_umis", "paper_scheme", "umi_rule", "weighted"]
    assert list(table["variant"].unique()) == names
    assert list(table.columns) == ["variant", *composition.COLUMNS]
    for name in ("umi_rule", "weighted"):
        part = table[table["variant"] == name]
        assert set(part["population"]) == {"car_t", "car_t_lineage"}
    index = table.set_index(["variant", "population", "label", "sample"])
    seen = cells["car_umis"] >= 1
    assert index.loc[("umi_rule", "car_t", "a", "product"), "n"] == (seen & (cells["t_state"] == "a")).sum()
    of_state = index.loc[("weighted", "car_t", "b", "product")]
    of_lineage = index.loc[("weighted", "car_t_lineage", "CD8", "product")]
    assert of_lineage["fraction"] == pytest.approx(of_state["fraction"])  # all of CD8 is state b here
    nobody = index.loc[("weighted", "car_t_lineage", "unassigned", "product")]
    assert (nobody["n"], nobody["fraction"], nobody["total"]) == (0, 0, of_lineage["total"])
    empty = index.loc[("weighted", "car_t", "a", "peak")]
    assert (empty["n"], empty["total"]) == (0, 0)
    assert np.isnan(empty["fraction"])
    assert table["n"].dtype.kind == "i"


def test_the_one_umi_rule_has_no_such_variants(known):
    cells, _, _ = known
    table = composition.sensitivity(
        cells, SHEET, scheme="canonical", fit={"rule": "umi", "samples": {"product": {"min_umis": 1}}}
    )
    assert not {"umi_rule", "weighted"} & set(table["variant"])


def test_too_few_t_cells_and_none(known):
    cells, _, _ = known
    few = cells.iloc[:20].reset_index(drop=True)
    table = weighted_composition.composition(few, fit_of(few)["samples"], state="t_state", label="t_state")
    assert table["fraction"].tolist() == [1.0]
    assert weighted_composition.composition(few.iloc[:0], {}, state="t_state", label="t_state").empty


def test_independent_draws_of_a_known_spread():
    """With one state per label and no uncertainty of shares the interval is that of the cells' sampling."""
    setting = calibration.Setting(0.95, 5.0, 3.0, 1e-7, 2000)
    drawn = calibration.simulate(setting, seed=3)
    cells = pd.DataFrame(
        {"sample": "product", "car_umis": drawn.umis, "n_umis": drawn.depth.astype(int)}
        | {"t_state": np.where(np.arange(2000) < 600, "a", "b")}
    )
    table = weighted_composition.composition(
        cells, fit_of(cells)["samples"], state="t_state", label="t_state"
    )
    width = (table["fraction_high"] - table["fraction_low"]).iloc[0]
    assert 2 * 1.96 * np.sqrt(0.3 * 0.7 / 2000) < width < 0.12


def test_a_study_without_t_cells_has_its_tables(known):
    cells, _, fit = known
    nobody = cells.iloc[:30].assign(is_t=False, t_state=np.nan, t_lineage=np.nan, cell_type="Monocyte/DC")
    table = composition.sensitivity(nobody, SHEET, scheme="canonical", fit=fit)
    of_car = table[(table["variant"] == "weighted") & table["population"].str.startswith("car_t")]
    assert (of_car["n"] == 0).all()
    assert (of_car["total"] == 0).all()
