"""Genes of other lineages that leak into T cells are marked, on the side that holds their source."""

import numpy as np
import pandas as pd
from carpeak.comparison import ambient_genes, ambient_marks
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
    return dict(zip(GENES, ambient_genes.sources(*library(**cells), GENES, transgene=TRANSGENE), strict=True))


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
    test, reference = np.array(["", "Platelet"]), np.array(["B cell", ""])
    leaks = {
        "test": dict.fromkeys(ambient_genes.GROUPS, test),
        "reference": dict.fromkeys(ambient_genes.GROUPS, reference),
    }
    leaks["test"]["CD8"] = np.array(["", "NK cell"])
    table = pd.DataFrame({"gene": ["b", "a", "b", "a", "b"], "log2_fold_change": [1.0, 1.0, -1.0, -1.0, 1.0]})
    table["group"] = ["all", "all", "CD4", "CD4", "CD8"]
    marked = ambient_genes.marked(table, leaks, ["a", "b"])
    assert marked["ambient_from"].tolist() == ["Platelet", "", "", "B cell", "NK cell"]
    assert ambient_marks.is_marked(marked).tolist() == [True, False, False, True, True]
    assert ambient_marks.is_marked(marked.replace("", np.nan)).tolist() == [True, False, False, True, True]
    assert not ambient_marks.is_marked(table).any(), "a table without marks has none"
    empty = ambient_genes.marked(table.iloc[:0], leaks, ["a", "b"])
    assert list(empty.columns) == ["gene", "log2_fold_change", "group", "ambient_from"]


def spilled(share, *, own_gnly):
    """Marks where CD4 cells hold `share` ambient RNA, a tenth of it NK cells' GNLY, and make GNLY or not."""
    import anndata

    genes = ["CD3E", "GNLY", "ACTB"]
    soup = np.array([0.5, 0.1, 0.4])
    rng = np.random.default_rng(0)
    kinds = {
        "CD4": [0.6, own_gnly, 0.4 - own_gnly],
        "CD8": [0.5, 0.1, 0.4],
        "NK cell": [0.0, 0.6, 0.4],
    }
    rows, lineage, own, names = [], [], {}, []
    for kind, profile in kinds.items():
        for number in range(100):
            mixed = (1 - share) * np.array(profile) + share * soup
            rows.append(rng.multinomial(1000, mixed))
            names.append(f"{kind}_{number}")
            lineage.append("NK cell" if kind == "NK cell" else "T cell")
            if kind != "NK cell":
                own[names[-1]] = kind
    obs = pd.DataFrame({"sample": "peak", "condition": "peak"}, index=names)
    var = pd.DataFrame({"transgene": [False] * 3}, index=genes)
    cells = anndata.AnnData(sparse.csr_matrix(np.array(rows)), obs=obs, var=var)
    labels = pd.DataFrame({"cell": names, "cell_type": lineage})
    marks = ambient_genes.by_side(
        cells, labels, {"test": "peak"}, t_lineages=own, ambient={"peak": share * soup}
    )
    return {group: dict(zip(genes, found, strict=True)) for group, found in marks["test"].items()}


def test_nk_rna_that_only_spills_into_cd4_cells_is_marked_there_and_not_in_cd8_cells():
    marks = spilled(0.05, own_gnly=0.0)
    assert marks["CD4"]["GNLY"] == "NK cell"
    assert marks["CD8"]["GNLY"] == ""
    assert marks["CD4"]["CD3E"] == marks["CD4"]["ACTB"] == ""


def test_a_gene_that_cd4_cells_make_themselves_is_theirs():
    """As much of their own as spills in twice over: NK cells still have 30 times more."""
    assert spilled(0.05, own_gnly=0.012)["CD4"]["GNLY"] == ""


def test_without_an_ambient_share_the_ratio_decides_alone():
    assert spilled(0.0, own_gnly=0.001)["CD4"]["GNLY"] == ""


def activated(*, measured):
    """Marks of a gene that monocytes hold 15 x as much of as T cells, whose own it is: a tenth of it spills in."""
    import anndata

    genes = ["CD3E", "HLA-DRA", "HBB", "LYZ"]
    soup = 0.02 * np.array([0.1, 0.1, 0.1, 0.7])
    kinds = {"T cell": [0.955, 0.02, 0.01, 0.015], "Monocyte/DC": [0.0, 0.3, 0.01, 0.69]}
    rng = np.random.default_rng(0)
    rows = np.vstack([rng.multinomial(1000, profile, 80) for profile in kinds.values()])
    names = [f"c{i}" for i in range(len(rows))]
    obs = pd.DataFrame({"sample": "peak", "condition": "peak"}, index=names)
    var = pd.DataFrame({"transgene": [False] * 4}, index=genes)
    cells = anndata.AnnData(sparse.csr_matrix(rows), obs=obs, var=var)
    labels = pd.DataFrame({"cell": names, "cell_type": np.repeat(list(kinds), 80)})
    ambient = {"peak": soup} if measured else {}
    marks = ambient_genes.by_side(cells, labels, {"test": "peak"}, t_lineages={}, ambient=ambient)
    return dict(zip(genes, marks["test"]["all"], strict=True))


def test_a_gene_that_another_lineage_expresses_more_is_marked_only_where_ambient_rna_explains_it():
    assert activated(measured=False) == {
        "CD3E": "", "HLA-DRA": "Monocyte/DC", "HBB": "Red cell", "LYZ": "Monocyte/DC",
    }  # fmt: skip
    assert activated(measured=True) == {
        "CD3E": "", "HLA-DRA": "", "HBB": "Red cell", "LYZ": "Monocyte/DC",
    }  # fmt: skip
