"""The claims' genes by group and side: shares are those of the comparison, means those of the thinned counts."""

import numpy as np
import pandas as pd
import pytest
from carpeak.comparison import claim_genes, differential_expression
from scipy import sparse

CONDITIONS = {"test": "peak", "reference": "product"}
GENES = ["A", "B", "C", "CAR"]
TRANSGENE = np.array([False, False, False, True])


def study(n=400):
    rng = np.random.default_rng(3)
    side = np.repeat(["product", "peak"], n // 2)
    rates = np.where(side[:, None] == "peak", [[3.0, 1.0, 0.5, 0.2]], [[8.0, 1.0, 2.0, 0.2]])
    counts = sparse.csr_matrix(rng.poisson(rates))
    cells = pd.DataFrame({"sample": side, "condition": side, "donor": "P"})
    cells["car_call"] = rng.choice(["positive", "undetermined"], n)
    cells["t_lineage"] = rng.choice(["CD4", "CD8"], n)
    cells["t_state"] = cells["t_lineage"] + np.where(rng.random(n) < 0.9, " Tem", " Tn")
    return counts, cells


def found(counts, cells, claimed):
    return claim_genes.by_group(
        counts, cells, GENES, claimed=claimed, transgene=TRANSGENE, conditions=CONDITIONS, seed=5
    )


def test_shares_and_means_are_those_of_the_comparison():
    counts, cells = study()
    table = found(counts, cells, ["A", "B", "no such gene"])
    more = cells.assign(t_lineage_unintegrated=cells["t_lineage"], car_umis=1, car_probability=np.nan)
    de, _, _ = differential_expression.compare(
        counts, more, GENES, transgene=TRANSGENE, conditions=CONDITIONS, min_pct=0.0, min_cells=1, seed=5
    )
    de = de[(de["population"] == "car_t") & (de["depth"] == "equal")]
    for row in de[de["gene"].isin(["A", "B"])].to_dict("records"):
        for side in ("test", "reference"):
            here = table[(table["kind"] == "car_t") & (table["group"] == row["group"])]
            one = here[(here["gene"] == row["gene"]) & (here["side"] == side)].iloc[0]
            assert one["detected"] == pytest.approx(row[f"pct_{side}"], abs=1e-6)
            assert one["mean_low"] < one["mean"] < one["mean_high"]
    assert set(table["gene"]) == {"A", "B"}


def test_groups_add_up_and_small_states_are_left_out():
    counts, cells = study()
    table = found(counts, cells, ["A"])
    sizes = table.set_index(["kind", "group", "side"])["cells"]
    for kind in ("car_t", "undetected"):
        for side in ("test", "reference"):
            assert sizes[kind, "all", side] == sizes[kind, "CD4", side] + sizes[kind, "CD8", side]
    positive = cells["car_call"] == "positive"
    counted = pd.crosstab(cells.loc[positive, "t_state"], cells.loc[positive, "condition"])
    large = sorted(counted.index[(counted >= claim_genes.MIN_CELLS).all(axis=1)])
    assert sorted(table.loc[table["kind"] == "state", "group"].unique()) == large != sorted(counted.index)


def test_without_cells_or_genes_there_are_no_rows():
    counts, cells = study()
    assert found(counts, cells, []).empty
    nobody = cells.assign(car_call="undetermined")
    assert set(found(counts, nobody, ["A"])["kind"]) == {"undetected"}
    assert found(counts[:0], cells.iloc[:0], ["A"]).empty
