"""XIST and Y genes by library and cell type: a hand-made chimera and a library without such genes."""

import numpy as np
import pytest
from carpeak.libraries import sex_genes
from scipy import sparse, stats

SHEET = [
    {"sample": "peak", "condition": "peak", "donor": "P1"},
    {"sample": "empty", "condition": "x", "donor": "P2"},
]


def test_a_recipient_s_t_cells_show_beside_the_donor_s_b_cells():
    """40 T cells, 30 of a woman and 10 of a man; 20 B cells of a man; two doublets of the two."""
    xist = np.r_[np.repeat(3, 30), np.zeros(30)]
    y = np.r_[np.zeros(30), np.ones(30)]
    y[:2] = 1
    counts = sparse.csr_matrix(np.column_stack([xist, y, np.ones(60)]))
    types = ["T cell"] * 40 + ["B cell"] * 20
    table = sex_genes.table(counts, ["XIST", "RPS4Y1", "ACTB"], ["peak"] * 60, types, SHEET)
    assert list(table.columns) == sex_genes.COLUMNS
    assert table["cell_type"].tolist() == ["B cell", "T cell"], "a library without cells has no row"
    b_cells, t_cells = table.to_dict("records")
    assert (b_cells["cells"], b_cells["xist"], b_cells["y"]) == (20, 0, 1)
    assert (t_cells["xist"], t_cells["y"], t_cells["both"]) == (0.75, 0.3, 0.05)
    assert t_cells["expected_both"] == pytest.approx(0.225)
    low, high = stats.beta.ppf([0.025, 0.975], 30.5, 10.5)
    assert [t_cells["xist_low"], t_cells["xist_high"]] == pytest.approx([low, high])


def test_without_the_genes_nothing_is_said():
    counts = sparse.csr_matrix(np.ones((3, 2)))
    table = sex_genes.table(counts, ["XIST", "ACTB"], ["peak"] * 3, ["T cell"] * 3, SHEET)
    row = table.iloc[0]
    assert row["xist"] == 1
    assert np.isnan([row["y"], row["both"], row["expected_both"], row["y_low"]]).all()
