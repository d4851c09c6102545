"""Molecules counted from reads join a library of any layout; nothing else of it changes."""

from collections import Counter

import anndata
import numpy as np
import pandas as pd
import pytest
from carpeak.errors import UserError
from carpeak.readers import layouts
from carpeak.readers.added import add_to, without
from scipy import sparse

SIZE = 16


def write(path, *, prefix="", suffix="-1"):
    """Two libraries in one h5ad file, cells of both in turn; the bare barcodes of the second."""
    rng = np.random.default_rng(1)
    words = ["".join(rng.choice(list("ACGT"), SIZE)) for _ in range(40)]
    obs = pd.DataFrame({"lib": ["a", "b"] * 20}, index=[f"{prefix}{word}{suffix}" for word in words])
    counts = sparse.csr_matrix(rng.poisson(0.7, (40, 12)).astype(np.int32))
    var = pd.DataFrame({"gene_ids": [f"E{i}" for i in range(12)]}, index=[f"G{i}" for i in range(12)])
    anndata.AnnData(counts, obs=obs, var=var).write_h5ad(path)
    return words[1::2], counts[1::2]


@pytest.mark.parametrize("form", [{}, {"prefix": "P4_"}, {"suffix": "-1_2"}, {"suffix": ""}])
def test_the_cells_that_were_chosen_get_theirs(tmp_path, form):
    words, counts = write(tmp_path / "two.h5ad", **form)
    library = layouts.open_library(tmp_path / "two.h5ad", select="lib=b")
    planted = Counter({(words[3], "CAR"): 2, (words[19], "tag"): 5, ("A" * SIZE, "CAR"): 9})
    more = add_to(library, ["CAR", "tag"], planted)
    matrix = more.matrix()
    assert [*more.symbols[-2:]] == ["CAR", "tag"] and len(more.barcodes) == 20
    assert (matrix[:, :12] != counts).nnz == 0
    expected = np.zeros((20, 2), int)
    expected[3, 0], expected[19, 1] = 2, 5
    assert (matrix[:, 12:].toarray() == expected).all()


def test_no_molecule_is_a_feature_of_zeros(tmp_path):
    write(tmp_path / "two.h5ad")
    more = add_to(layouts.open_library(tmp_path / "two.h5ad"), ["CAR"], Counter())
    assert more.matrix()[:, 12].sum() == 0 and more.matrix().shape == (40, 13)


def test_a_feature_that_is_there_is_refused(tmp_path):
    write(tmp_path / "two.h5ad")
    with pytest.raises(UserError, match="has 'G3' already"):
        add_to(layouts.open_library(tmp_path / "two.h5ad"), ["G3"], Counter())


@pytest.mark.parametrize("select", ["", "lib=b"])
def test_features_can_be_left_out(tmp_path, select):
    write(tmp_path / "two.h5ad")
    library = layouts.open_library(tmp_path / "two.h5ad", select=select)
    less = without(library, ["G3", "G11", "G99"])
    rest = [i for i in range(12) if i not in {3, 11}]
    assert [*less.symbols] == [f"G{i}" for i in rest]
    assert (less.matrix() != library.matrix()[:, rest]).nnz == 0
    again = add_to(less, ["G3"], Counter())
    assert (again.matrix()[:, :10] != library.matrix()[:, rest]).nnz == 0 and again.matrix()[:, 10].nnz == 0
