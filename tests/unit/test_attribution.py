"""What of a change is the CAR's, any T cell's, or a change of mix: against planted effects of each kind."""

import numpy as np
import pandas as pd
import pytest
from carpeak.claims import controls, judge
from carpeak.comparison import attribution
from carpeak.report import wording
from scipy import sparse
from test_claims import CLAIMS, CONTRAST, LIMITS, de_table, study

SIDES = {"test": "peak", "reference": "product"}
N = 700  # T cells of each library
NULL = 400  # genes that nothing changes
EVERYWHERE, OF_CAR, OF_STATE = 15, 15, 15  # genes that rise in all T cells, in CAR+ ones, that mark a state


def simulated(seed=0, *, calibrated=True):
    """Two libraries: three kinds of genes change by 1 log2 (level 2 to 4); the marked state grows 20 to 60 %.

    The CAR is detected in 60 % of CAR+ cells and in no other; P(CAR+) says so.
    """
    rng = np.random.default_rng(seed)
    rows, frame = [], []
    for condition, effector in (("product", 0.2), ("peak", 0.6)):
        car, state = rng.random(N) < 0.4, rng.random(N) < effector
        seen = car & (rng.random(N) < 0.6)
        at_peak = condition == "peak"
        level = np.full((N, NULL + EVERYWHERE + OF_CAR + OF_STATE), 2.0)
        level[:, NULL : NULL + EVERYWHERE] *= 2.0 if at_peak else 1.0
        level[:, NULL + EVERYWHERE : NULL + EVERYWHERE + OF_CAR] *= np.where(car & at_peak, 2.0, 1.0)[:, None]
        level[:, -OF_STATE:] *= np.where(state, 4.0, 1.0)[:, None]
        rows.append(rng.poisson(np.hstack([level, np.full((N, 20), 400.0)])))
        p = np.where(seen, 1.0, 0.16 / 0.76) if calibrated else np.full(N, np.nan)
        frame.append(
            pd.DataFrame(
                {
                    "sample": condition,
                    "condition": condition,
                    "t_lineage": "CD4",
                    "t_state": np.where(state, "CD4 Tem", "CD4 Tn"),
                    "car_call": np.where(seen, "positive", "undetermined"),
                    "car_probability": p,
                }
            )
        )
    counts = sparse.csr_matrix(np.vstack(rows))
    genes = [f"G{i}" for i in range(counts.shape[1])]
    return attribution.attribute(
        counts,
        pd.concat(frame, ignore_index=True),
        genes,
        transgene=np.zeros(len(genes), dtype=bool),
        conditions=SIDES,
        min_pct=0.01,
        seed=0,
    )


def of_genes(table, first, number, group="CD4"):
    part = table[(table["kind"] == "gene") & (table["group"] == group)].set_index("name")
    return part.loc[[f"G{i}" for i in range(first, first + number)]]


@pytest.fixture(scope="module")
def table():
    return simulated()


def test_a_change_of_every_t_cell_is_no_work_of_the_car(table):
    part = of_genes(table, NULL, EVERYWHERE)
    assert part["car"].mean() == pytest.approx(0.92, abs=0.05)  # of 1 log2, shrunk by the pseudocount
    assert part["undetected"].mean() == pytest.approx(0.92, abs=0.05)
    assert part["difference"].mean() == pytest.approx(0, abs=0.03)


def test_a_change_of_car_cells_is_not_found_in_undetected_cells(table):
    """21 % of the cells without a CAR UMI carry it: taken as they are they show a quarter of a log2."""
    part = of_genes(table, NULL + EVERYWHERE, OF_CAR)
    assert part["car"].mean() == pytest.approx(0.92, abs=0.05)
    assert part["undetected"].mean() == pytest.approx(0, abs=0.05)
    assert (part["difference_low"] > 0.5).all()
    naive = of_genes(simulated(calibrated=False), NULL + EVERYWHERE, OF_CAR)
    assert naive["undetected"].mean() > 0.2


def test_a_gene_that_marks_a_growing_state_changes_by_mix_alone(table):
    part = of_genes(table, NULL + EVERYWHERE + OF_CAR, OF_STATE)
    assert part["car"].mean() > 0.6
    assert part["within_states"].mean() == pytest.approx(0, abs=0.03)
    np.testing.assert_allclose(part["mix"], part["car"] - part["within_states"], atol=1e-12)
    everywhere = of_genes(table, NULL, EVERYWHERE)
    assert everywhere["within_states"].mean() == pytest.approx(0.92, abs=0.05)
    assert everywhere["mix"].abs().max() < 0.2


@pytest.mark.parametrize("effect", ["car", "undetected", "difference", "within_states"])
def test_intervals_hold_nothing_where_nothing_changes(table, effect):
    part = of_genes(table, 0, NULL)
    covered = ((part[f"{effect}_low"] <= 0) & (part[f"{effect}_high"] >= 0)).mean()
    assert 0.92 <= covered <= 0.98


def test_states_by_hand(table):
    row = table[(table["kind"] == "state") & (table["group"] == "CD4") & (table["name"] == "CD4 Tem")].iloc[0]
    assert row["car"] == pytest.approx(0.4, abs=0.08)
    assert row["difference_low"] < 0 < row["difference_high"]
    part = table[(table["kind"] == "state") & (table["group"] == "all")]
    assert part["car"].sum() == pytest.approx(0, abs=1e-12), "what one state gains others lose"


def test_few_car_cells_give_no_rows():
    counts = sparse.csr_matrix(np.ones((120, 3), dtype=int))
    cells = pd.DataFrame({"sample": ["a"] * 60 + ["b"] * 60, "condition": ["peak"] * 60 + ["product"] * 60})
    cells = cells.assign(t_lineage="CD4", t_state="CD4 Tn", car_probability=np.nan, car_call="positive")
    options = {"transgene": np.zeros(3, dtype=bool), "conditions": SIDES, "min_pct": 0.01, "seed": 0}
    found = attribution.attribute(counts, cells, list("xyz"), **options)
    assert set(found["group"]) == {"all", "CD4"}
    assert found["undetected"].isna().all(), "a library sorted for the CAR holds no undetected cells"
    cells.loc[:11, "car_call"] = "undetermined"
    found = attribution.attribute(counts, cells, list("xyz"), **options)
    assert list(found.columns) == attribution.COLUMNS
    assert found.empty


def row_of(undetected, difference=0.5, gene="GZMK"):
    row = {"kind": "gene", "group": "CD4", "name": gene, "mix": 0.3}
    for name, value in (("car", 1.0), ("undetected", undetected), ("difference", difference)):
        row |= {name: value, f"{name}_low": value - 0.1, f"{name}_high": value + 0.1}
    return pd.DataFrame([row | {"within_states": 0.7, "within_states_low": 0.6, "within_states_high": 0.8}])


@pytest.mark.parametrize(
    ("change", "undetected", "control"),
    [
        (1.0, 0.9, controls.ALSO),
        (1.0, 0.0, controls.NOT),
        (1.0, -0.9, controls.NOT),
        (1.0, 0.6, controls.UNCLEAR),
        (1.0, np.nan, controls.UNCLEAR),
        (-1.0, -0.9, controls.ALSO),
        (-1.0, 0.9, controls.NOT),
        (0.0, 0.9, None),  # CAR+ cells did not change
    ],
)
def test_a_verdict_says_whether_undetected_cells_changed_as_well(change, undetected, control):
    frames = study(de=de_table(change)) | {"attribution": row_of(undetected)}
    main, others = judge.assemble(frames, contrast=CONTRAST, scheme="canonical", limits=LIMITS, seed=0)
    one, two = judge.judge([c for c in CLAIMS if c["id"] in ("C8", "C7a")], main, others)[::-1]
    assert one["claim"] == "C8"
    assert one["control"] == control
    assert one["controls"]["mix"] == 0.3
    assert one["controls"]["within_states"] == {"estimate": 0.7, "low": 0.6, "high": 0.8}
    assert (one["controls"]["undetected"] is None) == bool(np.isnan(undetected))
    assert two["controls"] is None, "no row, no control"
    assert judge.table([one])["control"].tolist() == [control]


def test_the_report_says_whether_undetected_cells_changed_as_well():
    effect = {"estimate": 0.9, "low": 0.8, "high": 1.0}
    found = {"control": controls.ALSO, "undetected": effect, "difference": effect | {"estimate": -0.1}}
    text = wording.controls(found | {"within_states": effect, "mix": 0.1})
    assert text.startswith(
        "Also in CAR-undetected T cells, so the CAR is not the only cause (0.90, 0.80 to 1.00;"
    )
    assert "CAR+ less undetected −0.10" in text
    assert text.endswith("At an equal mix of states 0.90, 0.80 to 1.00; change of mix 0.10.")
    missing = {"undetected": None, "difference": None, "within_states": None, "mix": None}
    assert (
        wording.controls(missing | {"control": controls.UNCLEAR})
        == "CAR-undetected T cells leave open whether the CAR is the cause."
    )
    assert wording.controls(missing | {"control": None}) == wording.controls(None) == ""
    assert set(wording.CONTROLS) == {controls.ALSO, controls.NOT, controls.UNCLEAR}
