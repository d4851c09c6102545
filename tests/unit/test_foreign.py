"""Genes of other lineages that leak into T cells are marked, on the side that holds their source."""

import numpy as np
import pandas as pd
from carpeak import foreign
from scipy import sparse

GENES = ["CD3E", "PF4", "LYZ", "CD74", "HBB", "CAR"]
TRANSGENE = np.array([False] * 5 + [True])
T = [90, 1, 2, 30, 6, 50]
PLATELET = [1, 90, 0, 0, 9, 0]
MONOCYTE = [0, 0, 40, 60, 0, 0]


def library(**cells):
    kinds = {"T cell": T, "Platelet": PLATELET, "Monocyte/DC": MONOCYTE, "NK cell": PLATELET}
    rows = [kinds[name] for name, n in cells.items() for _ in range(n)]
    labels = [name for name, n in cells.items() for _ in range(n)]
    return sparse.csr_matrix(np.array(rows)), labels


def found(**cells):
    return dict(zip(GENES, foreign.sources(*library(**cells), GENES, transgene=TRANSGENE), strict=True))


def test_ten_times_the_expression_of_t_cells_marks_a_gene():
    marks = found(**{"T cell": 50, "Platelet": 20, "Monocyte/DC": 20})
    assert marks == {
        "CD3E": "", "PF4": "Platelet", "LYZ": "Monocyte/DC", "CD74": "", "HBB": "Red cell", "CAR": "",
    }  # fmt: skip


def test_too_few_cells_of_a_lineage_and_nk_cells_mark_nothing():
    marks = found(**{"T cell": 50, "Platelet": 19, "NK cell": 40})
    assert [gene for gene, mark in marks.items() if mark] == ["HBB"]


def test_no_t_cells_mark_haemoglobins_only():
    assert [gene for gene, mark in found(Platelet=30).items() if mark] == ["HBB"]


def test_the_mark_is_that_of_the_condition_in_which_the_gene_is_higher():
    leaks = {"test": np.array(["", "Platelet"]), "reference": np.array(["B cell", ""])}
    table = pd.DataFrame({"gene": ["b", "a", "b", "a"], "log2_fold_change": [1.0, 1.0, -1.0, -1.0]})
    marked = foreign.marked(table, leaks, ["a", "b"])
    assert marked["ambient_from"].tolist() == ["Platelet", "", "", "B cell"]
    assert foreign.is_marked(marked).tolist() == [True, False, False, True]
    assert foreign.is_marked(marked.replace("", np.nan)).tolist() == [True, False, False, True]
    empty = foreign.marked(table.iloc[:0], leaks, ["a", "b"])
    assert list(empty.columns) == ["gene", "log2_fold_change", "ambient_from"]
