"""Shares with label error: truth inside, no interval narrower, and nothing where nothing was measured."""

import numpy as np
import pandas as pd
from carpeak.comparison import label_error
from carpeak.stats import intervals
from runs import ROOT

COLUMNS = ["set", "scheme", "label", "hits", "true_cells", "false", "other_cells"]


def table(n, total, label="CD4 Tn", population="t_cells"):
    low, high = intervals.jeffreys(n, total)
    row = {"population": population, "label": label, "n": n, "total": total, "fraction": n / total}
    return pd.DataFrame([row | {"fraction_low": float(low), "fraction_high": float(high)}])


def test_holds_the_true_share_where_the_plain_interval_does_not():
    """A state found in 80 % of its cells and in 10 % of the others; 40 simulated libraries."""
    generator = np.random.default_rng(0)
    errors = pd.DataFrame([("a", "canonical", "CD4 Tn", 800, 1000, 100, 1000)], columns=COLUMNS)
    held, plain = 0, 0
    for _ in range(40):
        true = generator.uniform(0.1, 0.7)
        n = generator.binomial(3000, true * 0.8 + (1 - true) * 0.1)
        before = table(n, 3000)
        row = label_error.widened(before, errors, scheme="canonical").iloc[0]
        held += row["fraction_low"] <= true <= row["fraction_high"]
        plain += before["fraction_low"][0] <= true <= before["fraction_high"][0]
    assert held >= 37
    assert plain <= 15


def test_sets_that_differ_widen_more_than_their_cells():
    agree = [("a", "canonical", "CD4 Tn", 80, 100, 10, 100), ("b", "canonical", "CD4 Tn", 80, 100, 10, 100)]
    differ = [("a", "canonical", "CD4 Tn", 60, 100, 2, 100), ("b", "canonical", "CD4 Tn", 95, 100, 20, 100)]
    widths = []
    for rows in (agree, differ):
        found = label_error.widened(table(900, 3000), pd.DataFrame(rows, columns=COLUMNS), scheme="canonical")
        widths.append(float(found["fraction_high"].iloc[0] - found["fraction_low"].iloc[0]))
    assert widths[1] > widths[0] > float(np.diff(np.ravel(intervals.jeffreys(900, 3000))).item())


def test_only_what_was_measured_changes():
    errors = pd.DataFrame([("a", "paper", "CD4 Tn", 80, 100, 10, 100)], columns=COLUMNS)
    for before in (table(30, 300), table(30, 300, label="CD4 Tcm"), table(30, 300, population="all")):
        after = label_error.widened(before, errors, scheme="canonical")
        assert not after["label_error"].any()
        pd.testing.assert_frame_equal(after.drop(columns="label_error"), before)


def test_the_shipped_table_has_labels_of_both_schemes():
    errors = pd.read_csv(ROOT / "workflow/resources/label_error.tsv", sep="\t")
    assert errors.columns.tolist() == COLUMNS
    for scheme, label in (("canonical", "CD4 Tn"), ("paper", "CD4 Tem"), ("lineage", "CD8")):
        population = "t_cells_lineage" if scheme == "lineage" else "t_cells"
        before = table(400, 1000, label=label, population=population)
        after = label_error.widened(before, errors, scheme=scheme if scheme != "lineage" else "paper")
        assert after["label_error"].all()
        width = [float((one["fraction_high"] - one["fraction_low"]).iloc[0]) for one in (before, after)]
        assert width[1] >= 1.5 * width[0]
        assert 0 <= after["fraction_low"].iloc[0] <= after["fraction_high"].iloc[0] <= 1
