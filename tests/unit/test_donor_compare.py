"""Genes, gene sets and composition over donors: planted truth, real donors, and how many pairs allow what."""

import donor_cohort as cohort
import numpy as np
import pandas as pd
import pytest
from carpeak.comparison.gene_sets import GeneSet
from carpeak.donors import compare, effects, moderated, normalisation, pseudobulk, shifts, units
from scipy import io as matrix_io
from scipy import sparse

UP = {"NKG7": 1.5, "GZMB": -1.5, **{f"SET{k}": 0.8 for k in range(15)}}
SETS = {"TEST": [GeneSet("GO:0000001", "planted", tuple(f"SET{k}" for k in range(15))),
                 GeneSet("GO:0000002", "quiet", tuple(f"g{k}" for k in range(20))),
                 GeneSet("GO:0000003", "small", ("g1", "g2"))]}  # fmt: skip


def study(donors, *, effect=UP, cells=300, seed=1, shares=cohort.SHARES, **options):
    rng = np.random.default_rng(seed)
    libraries = []
    for donor in donors:
        for side in ("product", "peak"):
            change = effect if side == "peak" else {}
            libraries.append(
                cohort.library(donor, side, cells=cells, effect=change, shares=shares[side], rng=rng)
            )
    return cohort.evidence_of(libraries, **options)[0]


def compared(found, **options):
    transgene = found.genes == "CAR"
    settings = {"transgene": transgene, "sizes": (5, 500), "second_engine": False} | options
    return compare.compare(found, SETS, **settings)


def test_planted_genes_and_sets_are_found_over_four_pairs():
    genes, sets = compared(study("ABCD"), second_engine=True)
    assert list(genes.columns) == compare.GENE_COLUMNS and set(genes["unit"]) == {"donor"}
    cd4 = genes[(genes["population"] == "car_t") & (genes["group"] == "CD4")].set_index("gene")
    assert cd4.loc["NKG7", "log2_fold_change"] == pytest.approx(1.5, abs=0.25)
    assert cd4.loc["NKG7", "donors_up"] == 4 and cd4.loc["GZMB", "donors_up"] == 0
    assert cd4.loc["NKG7", "p_adjusted"] < 0.01 and cd4.loc["GZMB", "log2_fold_change_high"] < 0
    assert cd4.loc["NKG7", "deseq2_log2_fold_change"] == pytest.approx(
        cd4.loc["NKG7", "log2_fold_change"], abs=0.2
    )
    assert (cd4["sign_flip_floor"] == 0.125).all() and (cd4["df"] >= 3).all()
    assert "CAR" not in cd4.index
    found = sets[(sets["population"] == "car_t") & (sets["group"] == "CD4")].set_index("term_id")
    assert set(found.index) == {"GO:0000001", "GO:0000002"}
    assert found.loc["GO:0000001", "direction"] == "up" and found.loc["GO:0000001", "p_adjusted"] < 0.05
    assert found.loc["GO:0000002", "p_value"] > 0.01


def test_reversed_sides_reverse_every_gene():
    there, _ = compared(study("ABC"))
    back, _ = compared(study("ABC", effect={gene: -value for gene, value in UP.items()}))
    keys = ["population", "group", "gene"]
    both = there.merge(back, on=keys).set_index("gene")
    both = both[(both["population"] == "car_t") & (both["group"] == "all")]
    assert both.loc["NKG7", "log2_fold_change_x"] > 1 > -1 > both.loc["NKG7", "log2_fold_change_y"]


def test_two_pairs_and_one_have_effects_and_no_test():
    for donors in ("AB", "A"):
        genes, sets = compared(study(donors))
        assert genes["p_value"].isna().all() and genes["log2_fold_change"].notna().all()
        assert (genes["donors"] == len(donors)).all() and sets.empty


def test_donors_with_few_cells_leave_the_comparison_and_may_take_the_test_with_them():
    rng = np.random.default_rng(3)
    libraries = []
    for donor, cells in (("A", 300), ("B", 300), ("C", 12)):
        for side in ("product", "peak"):
            libraries.append(
                cohort.library(donor, side, cells=cells, effect={}, shares=cohort.SHARES[side], rng=rng)
            )
    genes, _ = compared(cohort.evidence_of(libraries)[0])
    cd4 = genes[(genes["population"] == "car_t") & (genes["group"] == "CD4")]
    assert (cd4["donors"] == 2).all() and (cd4["decision"] == "concordance").all()
    assert cd4["p_value"].isna().all()


def test_change_of_car_cells_against_that_of_undetected_ones():
    """What changes in all T cells alike is blood against culture; what changes in CAR+ cells alone is not."""
    rng = np.random.default_rng(6)
    libraries = []
    for donor in "ABCD":
        for side in ("product", "peak"):
            one = cohort.library(donor, side, cells=500, effect=UP if side == "peak" else {},
                                 shares=cohort.SHARES[side], rng=rng)  # fmt: skip
            if side == "peak":  # LAG3 rises in cells with the CAR alone
                carries = one["counts"][:, cohort.GENES.index("CAR")] > 0
                column = cohort.GENES.index("LAG3")
                one["counts"][carries, column] = rng.poisson(4 * (one["counts"][carries, column] + 0.3))
            libraries.append(one)
    found, _ = cohort.evidence_of(libraries)
    genes, _ = compared(found)
    both = genes[(genes["population"] == units.AGAINST_REST) & (genes["group"] == "CD4")].set_index("gene")
    assert both.loc["LAG3", "log2_fold_change"] > 1.2 and both.loc["LAG3", "p_adjusted"] < 0.05
    assert both.loc["LAG3", "donors_up"] == 4
    assert abs(both.loc["NKG7", "log2_fold_change"]) < 0.5 and both.loc["NKG7", "p_adjusted"] > 0.05
    assert both["df"].iloc[0] >= 3 and (both["donors"] == 4).all()


def test_difference_of_differences_of_one_gene_is_a_t_test_over_donors():
    """Without other genes to borrow from, the model gives scipy's t test of one difference per donor."""
    from scipy import stats

    rng = np.random.default_rng(2)
    values = rng.normal(size=(1, 24))
    design = units._interaction_design(6)
    found = moderated.moderated(moderated.linear_fit(values, design, np.eye(design.shape[1])[-1]))
    by_donor = values.reshape(6, 4) @ [1, -1, -1, 1]
    expected = stats.ttest_1samp(by_donor, 0)
    assert found.t[0] == pytest.approx(expected.statistic) and found.p_value[0] == pytest.approx(
        expected.pvalue
    )
    assert found.effect[0] == pytest.approx(by_donor.mean())


def test_other_cell_types_are_compared_too():
    rng = np.random.default_rng(8)
    libraries = []
    for donor in "ABC":
        for side in ("product", "peak"):
            change = UP if side == "peak" else {}
            libraries.append(
                cohort.library(donor, side, cells=200, effect=change, shares=cohort.SHARES[side], rng=rng)
            )
    found, _ = cohort.evidence_of(libraries)
    found.cells.loc[::2, "cell_type"] = "NK cell"
    genes, _ = compared(found)
    cells = genes[genes["population"] == "all"].set_index("gene")
    assert set(cells["group"]) == {"NK cell"} and cells.loc["NKG7", "p_adjusted"] < 0.05


def test_unpaired_donors_are_compared_from_six_a_side():
    rng = np.random.default_rng(4)
    libraries = []
    for number in range(12):
        side = "product" if number < 6 else "peak"
        change = UP if side == "peak" else {}
        libraries.append(
            cohort.library(f"D{number}", side, cells=200, effect=change, shares=cohort.SHARES[side], rng=rng)
        )
    genes, _ = compared(cohort.evidence_of(libraries)[0])
    found = genes[(genes["population"] == "t_cells") & (genes["group"] == "all")].set_index("gene")
    assert (found["decision"] == "unpaired").all() and (found["donors"] == 12).all()
    assert found.loc["NKG7", "log2_fold_change"] == pytest.approx(1.5, abs=0.3)
    assert found.loc["NKG7", "p_adjusted"] < 0.01
    genes, sets = compared(cohort.evidence_of(libraries[1:])[0])
    assert genes.empty and sets.empty


def test_shares_by_donor_and_in_the_mean():
    table = shifts.shifts(study("ABCD"))
    assert list(table.columns) == shifts.COLUMNS
    car = table[table["population"] == "car_t"]
    means = car[car["donor"] == "mean"].set_index("label")
    truth = np.log2(np.array(cohort.SHARES["peak"]) / np.array(cohort.SHARES["product"]))
    truth -= truth.mean()
    assert means.loc["CD4 Tem", "log2_change"] == pytest.approx(truth[1], abs=0.25)
    assert means.loc["CD4 Tn", "high"] < 0 < means.loc["CD4 Tem", "low"]
    assert means["uncertain_labels"].drop("CD4:CD8").between(0, 1).all()
    one = car[(car["donor"] == "A") & (car["label"] == "CD4 Tn")].iloc[0]
    assert one["share_reference"] == one["n_reference"] / one["total_reference"]
    ratio = car[car["label"] == "CD4:CD8"]
    assert list(ratio["donor"]) == ["A", "B", "C", "D", "mean"]


def test_no_change_of_shares_is_none():
    same = {side: [0.5, 0.3, 0.2] for side in ("product", "peak")}
    table = shifts.shifts(study("ABCDE", shares=same, effect={}, seed=7))
    means = table[table["donor"] == "mean"]
    assert ((means["low"] < 0) & (means["high"] > 0)).all()
    assert shifts.shifts(study("AB", shares=same))["donor"].ne("mean").all()


def test_sums_of_the_real_cells_are_the_pseudobulk_that_limma_was_given(real_data):
    """Kang's cells, summed here, give limma's own table of monocytes (8 pairs)."""
    folder = real_data / "kang_8donors"
    cells = pd.read_csv(folder / "cells.csv").astype({"donor": str})
    counts = sparse.csr_matrix(matrix_io.mmread(folder / "counts" / "matrix.mtx.gz").T)
    genes = pd.read_csv(folder / "counts" / "features.tsv.gz", sep="\t", header=None)[0].to_numpy()
    chosen = ((cells["cell_type"] == "CD14 Mono") & (cells["demuxlet"] == "SNG")).to_numpy()
    depth = np.asarray(counts.sum(axis=1), dtype=float).ravel()
    found = pseudobulk.sums(counts, cells, depth, chosen=chosen)
    expected = pd.read_csv(folder / "pseudobulk_CD14_Mono.csv.gz", index_col=0)
    names = [
        f"{donor}_{side}" for donor, side in zip(found.units["donor"], found.units["condition"], strict=True)
    ]
    summed = pd.DataFrame(found.umis.T, index=genes, columns=names)
    pd.testing.assert_frame_equal(
        summed.loc[expected.index, expected.columns], expected.astype(float), check_names=False
    )
    pairs = pseudobulk.pairs(found.units, sorted(set(found.units["donor"])), test="stim", reference="ctrl")
    assert len(pairs) == 8
    held = units.Libraries(found, [row for _, *two in pairs for row in two], effects.paired_design(8),
                             pairs, "paired", "unsorted")  # fmt: skip
    part = found.umis[held.rows].T
    kept = normalisation.enough_counts(part, held.design)
    weighted = moderated.voom(part[kept], held.design, factors=normalisation.tmm(part[kept]))
    fit = moderated.linear_fit(weighted.values, held.design, np.eye(9)[-1], weights=weighted.weights)
    limma = pd.read_csv(folder / "oracle" / "CD14_Mono_limma_voom.csv", index_col=0).loc[genes[kept]]
    tested = moderated.moderated(fit)
    np.testing.assert_allclose(tested.t, limma["t"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(tested.effect, limma["logFC"], rtol=1e-6, atol=1e-6)
