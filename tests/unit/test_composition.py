"""Composition by hand: every label in every sample, zeros and empty samples included."""

import numpy as np
import pandas as pd
import pytest
from carpeak.comparison import composition
from carpeak.stats import intervals, matrix

SHEET = [
    {"sample": "product", "condition": "product", "donor": "P4"},
    {"sample": "peak", "condition": "peak", "donor": "P4"},
    {"sample": "failed", "condition": "peak", "donor": "P5"},
]


def tables():
    """product: 6 T (4 CAR+), 2 red cells; peak: 4 T (2 CAR+)."""
    names = [f"product_{i}" for i in range(8)] + [f"peak_{i}" for i in range(4)]
    obs = pd.DataFrame({"cell": names, "sample": ["product"] * 8 + ["peak"] * 4})
    types = ["T cell"] * 6 + ["Red cell"] * 2 + ["T cell"] * 4
    labels = obs[["cell"]].assign(cell_type=types, cell_type_unintegrated=["T cell"] * 8 + ["Red cell"] * 4)
    t_cells = labels.loc[labels["cell_type"] == "T cell", ["cell"]].assign(
        t_state=["CD4 Tn"] * 4 + ["CD8 Tn", "unassigned"] + ["CD4 Tem"] * 3 + ["CD4 Tn"],
        t_state_unintegrated="CD4 Tn",
        t_state_canonical=["CD4 Tn"] * 4 + ["CD8 Tn", "unassigned"] + ["CD4 Tem"] * 3 + ["CD4 Tn"],
        t_state_paper="Treg",
        t_lineage=["CD4"] * 4 + ["CD8", "unassigned"] + ["CD4"] * 4,
        t_lineage_unintegrated="CD8",
    )
    umis = np.array([3, 1, 2, 0, 1, 0, 1, 0, 5, 1, 0, 0])
    calls = obs[["cell"]].assign(
        car_umis=umis, n_umis=[4000] * 8 + [1000] * 4, car_call=np.where(umis > 0, "positive", "undetermined")
    )
    return obs, labels, t_cells, calls


def test_counts_by_hand():
    cells = composition.gather(*tables())
    table = composition.composition(cells, SHEET)
    assert list(table.columns) == composition.COLUMNS
    index = table.set_index(["population", "label", "sample"])
    assert index.loc[("all", "Red cell"), "n"].tolist() == [2, 0, 0]
    assert index.loc[("all", "Red cell"), "total"].tolist() == [8, 4, 0]
    assert index.loc[("t_cells", "CD4 Tn"), "n"].tolist() == [4, 1, 0]
    assert index.loc[("car_t", "CD4 Tem"), "n"].tolist() == [0, 2, 0]
    assert index.loc[("car_t", "CD4 Tem"), "total"].tolist() == [4, 2, 0]  # the CAR+ red cell is no T cell
    assert index.loc[("car_t_lineage", "unassigned"), "n"].tolist() == [0, 0, 0]
    low, high = intervals.jeffreys(1, 4)
    row = index.loc[("t_cells", "CD4 Tn", "peak")]
    assert (row["fraction"], row["fraction_low"], row["fraction_high"]) == (0.25, low, high)
    assert row["donor"] == "P4"


def test_a_sample_without_cells_has_no_fraction():
    table = composition.composition(composition.gather(*tables()), SHEET)
    failed = table[table["sample"] == "failed"]
    assert len(failed) == len(table) / 3
    assert failed["fraction"].isna().all()
    assert failed[["n", "total"]].eq(0).all(axis=None)


def test_shares_of_a_population_sum_to_one():
    table = composition.composition(composition.gather(*tables()), SHEET)
    sums = table.groupby(["population", "sample"])[["fraction", "n"]].sum()
    present = sums["n"] > 0
    np.testing.assert_allclose(sums["fraction"][present], 1)
    for _, part in table.groupby("population"):
        assert (part.groupby("label").size() == 3).all()


def test_lineages_stand_even_when_nobody_has_them():
    obs, labels, t_cells, calls = tables()
    none = t_cells.iloc[:0]
    table = composition.composition(composition.gather(obs, labels, none, calls), SHEET)
    lineage = table[table["population"] == "t_cells_lineage"]
    assert list(lineage["label"].unique()) == ["CD4", "CD8", "unassigned"]
    assert "t_cells" not in set(table["population"])


def test_variants():
    cells = composition.gather(*tables())
    table = composition.sensitivity(cells, SHEET, scheme="canonical")
    assert list(table["variant"].unique()) == ["unintegrated", "equal_depth", "two_umis", "paper_scheme"]
    index = table.set_index(["variant", "population", "label", "sample"])["n"]
    assert index["two_umis", "car_t", "CD4 Tn", "product"] == 2
    assert index["two_umis", "car_t", "CD4 Tem", "peak"] == 1
    assert index["unintegrated", "t_cells", "CD4 Tn", "peak"] == 4
    assert index["unintegrated", "t_cells_lineage", "CD8", "product"] == 6
    assert index["paper_scheme", "car_t", "Treg", "product"] == 4
    populations = table.groupby("variant")["population"].agg(set)
    assert populations["two_umis"] == populations["equal_depth"] == {"car_t", "car_t_lineage"}
    swapped = composition.sensitivity(cells, SHEET, scheme="paper")
    assert "canonical_scheme" in set(swapped["variant"])


def naive_cells(n, *, deeper, **columns):
    """Product and peak of `n` naive CD4 cells each, the product `deeper` times as deep."""
    cells = pd.DataFrame(
        {
            "cell": [str(i) for i in range(2 * n)],
            "sample": ["product"] * n + ["peak"] * n,
            "cell_type": "T cell",
            "t_state": "CD4 Tn",
            "t_lineage": "CD4",
            "is_t": True,
            "n_umis": [1000 * deeper] * n + [1000] * n,
            **columns,
        }
    )
    for column in ("cell_type", "t_state", "t_lineage"):
        cells[f"{column}_unintegrated"] = cells[column]
    return cells.assign(t_state_paper="CD4 Tn")


def test_equal_depth_thins_the_transgene_like_the_rest():
    """At a quarter of the depth a cell with u UMIs stays positive with probability 1 - 0.75^u."""
    n = 6000
    cells = naive_cells(n, deeper=4, car_umis=2, car_call="positive")
    table = composition.sensitivity(cells, SHEET[:2], scheme="canonical")
    thinned = table[table["variant"].eq("equal_depth") & table["population"].eq("car_t")].set_index("sample")[
        "n"
    ]
    assert thinned["peak"] == n
    assert thinned["product"] == round(n * (1 - 0.75**2)), "the mean of all draws, not one"
    again = composition.sensitivity(cells, SHEET[:2], scheme="canonical")
    pd.testing.assert_frame_equal(table, again)


def test_equal_depth_counts_cells_under_the_names_they_get_there():
    """Thinned as a whole, half of the deep library's naive cells are named otherwise; CAR UMIs thin beside."""
    n = 100
    cells = naive_cells(n, deeper=2, car_umis=1, car_call=["positive", "undetermined"] * n)
    plain = composition.sensitivity(cells, SHEET[:2], scheme="canonical")
    assert set(plain.loc[plain["variant"] == "equal_depth", "population"]) == {"car_t", "car_t_lineage"}
    cells["t_state_equal_depth"] = ["CD4 Tn", "CD4 Tn", "CD4 Tem", "CD4 Tem"] * (n // 4) + ["CD4 Tn"] * n
    cells["t_lineage_equal_depth"] = "CD4"
    table = composition.sensitivity(cells, SHEET[:2], scheme="canonical")
    index = table[table["variant"] == "equal_depth"].set_index(["population", "label", "sample"])["n"]
    assert index["t_cells", "CD4 Tem", "product"] == index["t_cells", "CD4 Tn", "product"] == 50
    assert index["t_cells", "CD4 Tn", "peak"] == n, "the shallow library keeps its names"
    assert index["car_t", "CD4 Tem", "product"] == round(25 * 0.5), "25 CAR+ cells, half of whose UMI is left"
    assert index["car_t", "CD4 Tn", "peak"] == 50
    assert index["t_cells_lineage", "CD4", "product"] == n


def test_depth_shares_bring_medians_to_the_smallest():
    depth = np.array([100, 200, 300, 1000, 2000, 50, 60])
    names = np.array(["a", "a", "a", "b", "b", "c", "c"])
    shares = matrix.depth_shares(depth, names, min_cells=1)
    assert shares == {"a": pytest.approx(55 / 200), "b": pytest.approx(55 / 1500), "c": 1.0}
    assert matrix.depth_shares(np.zeros(0, dtype=int), np.zeros(0, dtype=str)) == {}


def test_a_tiny_library_does_not_set_the_depth_of_all():
    """Three cells of 10 UMIs say nothing of depth; cells of a library that is tiny and deep are thinned too."""
    depth = np.repeat([2000, 1000, 10, 4000], [100, 80, 3, 3])
    names = np.repeat(["deep", "shallow", "tiny", "tiny and deep"], [100, 80, 3, 3])
    shares = matrix.depth_shares(depth, names)
    assert shares == {"deep": 0.5, "shallow": 1.0, "tiny": 1.0, "tiny and deep": 0.25}
    few = names != "deep"
    few &= names != "shallow"
    only_tiny = matrix.depth_shares(depth[few], names[few])
    assert only_tiny == {"tiny": 1.0, "tiny and deep": 10 / 4000}, "where all are tiny, the smallest sets it"
