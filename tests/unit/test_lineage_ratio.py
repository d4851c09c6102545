"""CD4 per CD8: the true ratio inside, wider than the cells' sampling, and nothing where nothing was measured."""

import numpy as np
import pandas as pd
import pytest
from carpeak.comparison import lineage_ratio
from runs import ROOT

ERRORS = pd.DataFrame(
    [
        ("a", "lineage", "CD4", 850, 1000, 100, 1000),  # of 1,000 CD8 cells 100 are called CD4 ...
        ("a", "lineage", "CD8", 750, 1000, 30, 1000),  # ... and 150 neither
    ],
    columns=["set", "scheme", "label", "hits", "true_cells", "false", "other_cells"],
)


def counted(cd4, cd8, neither=0, population="t_cells_lineage"):
    place = {"population": population, "sample": "peak", "condition": "peak", "donor": "P4"}
    counts = {"CD4": cd4, "CD8": cd8, "unassigned": neither}
    return pd.DataFrame([{**place, "label": label, "n": n} for label, n in counts.items()])


@pytest.mark.parametrize("true_share", [0.2, 0.5, 0.9])
def test_holds_the_true_ratio_where_the_cells_sampling_does_not(true_share):
    generator = np.random.default_rng(0)
    held, plain = 0, 0
    for _ in range(40):
        cd4 = generator.binomial(3000, true_share)
        from_cd4 = generator.multinomial(cd4, [0.85, 0.03, 0.12])
        from_cd8 = generator.multinomial(3000 - cd4, [0.10, 0.75, 0.15])
        called = counted(*(from_cd4 + from_cd8))
        truth = true_share / (1 - true_share)
        row = lineage_ratio.table(called, ERRORS).iloc[0]
        held += row["ratio_low"] <= truth <= row["ratio_high"]
        row = lineage_ratio.table(called, ERRORS.iloc[:0]).iloc[0]
        plain += row["ratio_low"] <= truth <= row["ratio_high"]
    assert held >= 36
    assert plain <= 20


def test_without_typing_error_the_interval_is_that_of_the_cells():
    row = lineage_ratio.table(counted(300, 100, 7), ERRORS.iloc[:0]).iloc[0]
    assert row["ratio"] == pytest.approx(3.0)
    assert 2.3 < row["ratio_low"] < 2.5
    assert 3.6 < row["ratio_high"] < 3.9
    assert not row["label_error"]
    assert row["unassigned"] == 7


def test_without_cells_nothing_is_said():
    row = lineage_ratio.table(counted(0, 0, 3), ERRORS).iloc[0]
    assert np.isnan(row["ratio"])
    assert (row["ratio_low"], row["ratio_high"]) == (0.0, np.inf)


def test_the_shipped_errors_are_used():
    errors = pd.read_csv(ROOT / "workflow/resources/label_error.tsv", sep="\t")
    both = pd.concat([counted(3000, 1000), counted(300, 300, population="car_t_lineage")])
    found = lineage_ratio.table(both, errors)
    assert found["population"].tolist() == ["t_cells", "car_t"]
    assert found["label_error"].all()
    assert (found["ratio_low"] < found["ratio"]).all()
    assert (found["ratio_high"] > found["ratio"]).all()
    assert (found["ratio_high"] < 3 * found["ratio"]).all()
