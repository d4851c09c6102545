"""Sums of UMIs over cells, and the second engine, against pandas, R's DESeq2 and planted truth."""

import numpy as np
import pandas as pd
import pytest
from carpeak.donors import pseudobulk, pydeseq2_engine
from scipy import sparse


@pytest.fixture
def cells():
    generator = np.random.default_rng(1)
    counts = sparse.csr_matrix(generator.poisson(0.7, (400, 30)))
    table = pd.DataFrame(
        {
            "donor": generator.choice(["B", "A", "C"], 400),
            "condition": generator.choice(["product", "peak"], 400),
            "library": generator.integers(0, 2, 400),
        }
    )
    return counts, table, np.asarray(counts.sum(axis=1)).ravel().astype(float)


def test_sums_equal_those_of_pandas(cells):
    counts, table, n_umis = cells
    chosen = np.arange(400) % 3 > 0
    found = pseudobulk.sums(counts, table, n_umis, chosen=chosen)
    dense = pd.DataFrame(counts.toarray())[chosen]
    groups = [table[chosen][name] for name in ("donor", "condition")]
    assert list(zip(found.units["donor"], found.units["condition"], strict=True)) == sorted(set(zip(*groups)))
    np.testing.assert_array_equal(found.umis, dense.groupby(groups).sum().to_numpy())
    np.testing.assert_array_equal(found.squares, (dense**2).groupby(groups).sum().to_numpy())
    depth = pd.Series(n_umis)[chosen]
    np.testing.assert_allclose(found.crossed, dense.mul(depth, axis=0).groupby(groups).sum().to_numpy())
    np.testing.assert_allclose(found.depth_squares, (depth**2).groupby(groups).sum().to_numpy())
    assert found.units["n_cells"].sum() == chosen.sum()


def test_libraries_of_one_donor_and_condition_are_one_unit(cells):
    counts, table, n_umis = cells
    found = pseudobulk.sums(counts, table, n_umis, chosen=np.ones(400, dtype=bool))
    assert len(found.units) == 6  # not twelve, though there are two libraries in each


def test_a_pair_needs_cells_on_both_sides():
    units = pd.DataFrame(
        {
            "donor": ["A", "A", "B", "B", "C"],
            "condition": ["peak", "product"] * 2 + ["peak"],
            "n_cells": [40, 12, 9, 300, 50],
        }
    )
    sides = {"test": "peak", "reference": "product"}
    assert pseudobulk.pairs(units, ["A", "B", "C"], **sides) == [("A", 0, 1)]
    assert pseudobulk.pairs(units, ["A", "B", "C"], least=9, **sides) == [("A", 0, 1), ("B", 2, 3)]
    assert pseudobulk.pairs(units, ["B", "C"], least=20, **sides) == []


def agreement(found, expected):
    """Pearson's r of fold changes over the genes that R tested, and how many genes are significant in one only."""
    tested = expected["padj"].notna() & found["log2_fold_change"].notna()
    r = np.corrcoef(found["log2_fold_change"][tested], expected["log2FoldChange"][tested])[0, 1]
    return (
        r,
        ((found["p_adjusted"] < 0.05) != (expected["padj"] < 0.05)).sum(),
        (expected["padj"] < 0.05).sum(),
    )


def test_second_engine_equals_the_tables_that_pydeseq2_publishes(real_data):
    folder = real_data / "pydeseq2_oracles"
    counts = pd.read_csv(folder / "datasets/synthetic/test_counts.csv", index_col=0)
    samples = pd.read_csv(folder / "datasets/synthetic/test_metadata.csv", index_col=0).loc[counts.columns]
    expected = pd.read_csv(folder / "tests_data/multi_factor/r_test_res.csv", index_col=0)
    found = pydeseq2_engine.paired(
        counts.to_numpy(float), samples["group"], samples["condition"] == "B", counts.index, shrink=False
    ).loc[expected.index]
    np.testing.assert_allclose(found["log2_fold_change"], expected["log2FoldChange"], rtol=0.02)
    np.testing.assert_allclose(found["p_value"], expected["pvalue"], rtol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "differ"), [("CD14_Mono", 0.10), ("CD4_T", 0.15)])
def test_second_engine_agrees_with_deseq2_on_real_pairs(real_data, kind, differ):
    """Found on 2026-11-21: 89 of 1,161 significant genes differ in monocytes, 22 of 208 in CD4 T cells."""
    folder = real_data / "kang_8donors"
    expected = pd.read_csv(folder / "oracle" / f"{kind}_deseq2.csv", index_col=0)
    counts = pd.read_csv(folder / f"pseudobulk_{kind}.csv.gz", index_col=0).loc[expected.index]
    donors, sides = zip(*(name.split("_") for name in counts.columns), strict=True)
    found = pydeseq2_engine.paired(
        counts.to_numpy(float), donors, [one == "stim" for one in sides], counts.index, shrink=False
    )
    r, apart, significant = agreement(found.loc[expected.index], expected)
    assert r >= 0.99
    assert apart <= differ * significant


def test_second_engine_finds_planted_genes_and_shrinks_the_unsure():
    generator = np.random.default_rng(8)
    level, donor = generator.uniform(5, 300, 150), generator.normal(0, 0.2, (150, 4))
    change = np.where(np.arange(150) < 15, 2.0, 0.0)
    mean = (
        level[:, None] * np.exp(np.repeat(donor, 2, axis=1)) * 2 ** (change[:, None] * np.array([0, 1] * 4))
    )
    counts = generator.negative_binomial(20, 20 / (20 + mean))
    donors, in_test = np.repeat(list("ABCD"), 2), [False, True] * 4
    genes = [f"g{number}" for number in range(150)]
    found = pydeseq2_engine.paired(counts, donors, in_test, genes)
    assert (found["p_adjusted"][:15] < 0.01).all()
    # Its p is too small with four pairs (7 of the 135 others are below 0.05 after adjustment), as the
    # module says: verdicts don't rest on it.
    assert 0.3 < found["p_value"][15:].median() < 0.7
    assert found["log2_fold_change"][:15].median() == pytest.approx(2, abs=0.2)
    unsure = found.iloc[15:]
    assert unsure["log2_fold_change_shrunk"].abs().mean() < unsure["log2_fold_change"].abs().mean()
    back = pydeseq2_engine.paired(counts, donors, [not one for one in in_test], genes, shrink=False)
    np.testing.assert_allclose(back["log2_fold_change"], -found["log2_fold_change"], atol=1e-3)
