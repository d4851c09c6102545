"""Merge: the union of genes by hand, libraries without cells, the table of samples."""

import anndata
import numpy as np
import pandas as pd
import pytest
from carpeak import io
from carpeak.errors import UserError
from carpeak.libraries import merge
from scipy import sparse

SAMPLES = pd.DataFrame(
    {
        "sample": ["product", "peak"],
        "condition": ["product", "peak"],
        "donor": ["P4", "P4"],
        "batch": ["b2", "b1"],
    }
)
LIMITS = dict.fromkeys(merge.THRESHOLDS) | {"preset": "paper", "status": "ok", "message": ""}


def library(sample, genes, dense, *, transgene=()):
    names = [f"{sample}_{i}" for i in range(len(dense))]
    var = pd.DataFrame(
        {"gene_id": [f"id_{g}" for g in genes], "transgene": np.isin(genes, transgene), "mito": False},
        index=genes,
    )
    counts = sparse.csr_matrix(np.asarray(dense, np.int32).reshape(len(names), len(genes)))
    return anndata.AnnData(counts, obs=pd.DataFrame(index=names), var=var)


def judged(cells, removed_by):
    removed = np.array(removed_by, dtype=object)
    return pd.DataFrame(
        {
            "cell": cells.obs_names,
            "n_umis": np.asarray(cells.X.sum(axis=1)).ravel(),
            "n_genes": cells.X.getnnz(axis=1),
            "removed_by": removed,
            "kept": removed == "",
        }
    )


def merged_(libraries, cells, kind="union"):
    genes = merge.gene_list(libraries, kind)
    return merge.merge(libraries, cells, samples=SAMPLES, genes=genes).to_memory()


def two_libraries():
    product = library("product", ["A", "B", "RQR8"], [[1, 0, 2], [0, 3, 0], [4, 4, 4]], transgene=["RQR8"])
    peak = library("peak", ["C", "B"], [[5, 6], [7, 0]])
    return product, peak


def test_union_of_genes_in_order_of_appearance():
    product, peak = two_libraries()
    cells = [judged(product, ["", "high_mito", ""]), judged(peak, ["", ""])]
    merged = merged_([product, peak], cells)
    assert list(merged.var_names) == ["A", "B", "RQR8", "C"]
    assert list(merged.obs_names) == ["product_0", "product_2", "peak_0", "peak_1"]
    expected = [[1, 0, 2, 0], [4, 4, 4, 0], [0, 6, 0, 5], [0, 0, 0, 7]]
    np.testing.assert_array_equal(merged.X.toarray(), expected)
    assert merged.X.has_sorted_indices
    assert merged.X.dtype == np.int32
    assert list(merged.obs["batch"]) == ["b2", "b2", "b1", "b1"]
    assert list(merged.obs["sample"].cat.categories) == ["product", "peak"]  # the order of the sheet
    assert list(merged.var["transgene"]) == [False, False, True, False]


@pytest.mark.parametrize(
    "peak_reasons", [["", ""], ["few_genes", "few_genes"]], ids=["one empty", "all empty"]
)
def test_libraries_without_kept_cells_are_carried_on(tmp_path, peak_reasons):
    product, peak = two_libraries()
    cells = [judged(product, ["few_genes"] * 3), judged(peak, peak_reasons)]
    merged = merged_([product, peak], cells)
    assert merged.shape == (peak_reasons.count(""), 4)
    assert list(merged.obs["sample"].cat.categories) == ["product", "peak"]
    io.write_h5ad(merged, tmp_path / "counts.h5ad")
    assert io.read_h5ad(tmp_path / "counts.h5ad").shape == merged.shape
    io.write_table(merge.sample_table(SAMPLES, cells, [LIMITS, LIMITS], [{}, {}]), tmp_path / "samples.tsv")
    rows = io.read_table(tmp_path / "samples.tsv")
    assert list(rows["cells_kept"]) == [0, peak_reasons.count("")]


def test_sample_table_by_hand():
    product, peak = two_libraries()
    cells = [judged(product, ["", "doublet", "high_mito"]), judged(peak, ["", ""])]
    rows = merge.sample_table(
        SAMPLES,
        cells,
        [LIMITS, {**LIMITS, "status": "poor", "message": "Mind it."}],
        [{"genes_in": 3}, {"genes_in": 2}],
    )
    assert list(rows.columns[:12]) == [
        "sample", "condition", "donor", "cells_in", "cells_kept", "removed_few_genes", "removed_many_genes",
        "removed_low_umis", "removed_high_umis", "removed_high_mito", "removed_doublet", "median_umis",
    ]  # fmt: skip
    first = rows.iloc[0]
    assert (first["cells_in"], first["cells_kept"], first["removed_high_mito"], first["removed_doublet"]) == (
        3,
        1,
        1,
        1,
    )
    assert (first["median_umis"], first["median_genes"]) == (3, 2)
    assert list(rows["status"]) == ["ok", "poor"]
    assert list(rows["genes_in"]) == [3, 2]
    removed = rows.filter(like="removed_").sum(axis=1)
    assert (rows["cells_kept"] + removed == rows["cells_in"]).all()


def test_a_table_of_other_cells_is_an_error():
    product, peak = two_libraries()
    with pytest.raises(ValueError, match="does not list the cells"):
        merged_([product, peak], [judged(peak, ["", ""]), judged(peak, ["", ""])])


def test_transgene_that_no_library_has():
    var = pd.DataFrame(
        {"transgene": False}, index=["CD3D", "CLL1-scFv", "WPRE", "CARS1", "CARD11", "AXIN1", "CIDEC"]
    )
    with pytest.raises(UserError) as caught:
        merge.check_transgene(var, ["CLL1_scFv", "RQR8"])
    message = str(caught.value)
    assert "no library has CLL1_scFv or RQR8" in message
    assert "Closest feature names: CLL1-scFv" in message
    assert "look like a transgene: CLL1-scFv, WPRE." in message


def test_a_transgene_that_one_library_has_is_enough():
    product, peak = two_libraries()
    merged = merged_([product, peak], [judged(product, [""] * 3), judged(peak, [""] * 2)])
    merge.check_transgene(merged.var, ["RQR8", "absent"])


def test_intersection_keeps_shared_genes_and_the_transgene():
    product, peak = two_libraries()
    cells = [judged(product, ["", "high_mito", ""]), judged(peak, ["", ""])]
    merged = merged_([product, peak], cells, "intersection")
    assert list(merged.var_names) == ["B", "RQR8"]
    np.testing.assert_array_equal(merged.X.toarray(), [[0, 2], [4, 4], [6, 0], [0, 0]])
    assert list(merged.var["transgene"]) == [False, True]
    assert merge.gene_counts([product, peak], merged.var) == [
        {"genes_in": 3, "genes_left_out": 1, "genes_absent": 0},
        {"genes_in": 2, "genes_left_out": 1, "genes_absent": 1},
    ]
    union = merge.gene_list([product, peak], "union")
    assert merge.gene_counts([product, peak], union) == [
        {"genes_in": 3, "genes_left_out": 0, "genes_absent": 1},
        {"genes_in": 2, "genes_left_out": 0, "genes_absent": 2},
    ]


def test_libraries_that_name_their_genes_differently_are_refused():
    product = library("product", ["CD3D", "CD3E", "LYZ"], [[1, 1, 1]])
    peak = library("peak", ["ENSG1", "ENSG2", "ENSG3", "LYZ"], [[1, 1, 1, 1]])
    with pytest.raises(UserError, match=r"only 1 genes in common, of 3 .*CD3D.*ENSG1.*genes: union"):
        merge.gene_list([product, peak], "intersection")
    assert len(merge.gene_list([product, peak], "union")) == 6


def test_a_gene_that_changed_its_symbol_is_one_gene():
    old = library("product", ["GPR56", "CD3D", "X"], [[1, 2, 3]])
    new = library("peak", ["X", "ADGRG1", "CD3D"], [[7, 8, 9]])
    old.var["gene_id"] = ["ENSG1", "ENSG2", "ENSG3"]
    new.var["gene_id"] = ["ENSG4", "ENSG1", "ENSG2"]  # X is another gene here, but bears the name of one
    libraries = merge.same_names([old, new])
    assert list(libraries[1].var_names) == ["X", "GPR56", "CD3D"]
    assert list(new.var_names) == ["X", "ADGRG1", "CD3D"], "the library given is left as it is"
    merged = merged_(libraries, [judged(one, [""]) for one in libraries], "intersection")
    assert list(merged.var_names) == ["GPR56", "CD3D", "X"]
    np.testing.assert_array_equal(merged.X.toarray(), [[1, 2, 3], [8, 9, 7]])


def test_a_name_is_never_given_twice():
    old = library("product", ["GPR56", "CD3D"], [[1, 2]])
    new = library("peak", ["GPR56", "ADGRG1"], [[7, 8]])
    new.var["gene_id"] = ["id_other", "id_GPR56"]
    assert list(merge.same_names([old, new])[1].var_names) == ["GPR56", "ADGRG1"]
