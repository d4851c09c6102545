"""Normalising and thinning sparse counts."""

import numpy as np
import pytest
from carpeak.stats import matrix
from scipy import sparse

COUNTS = sparse.csr_matrix(np.array([[4, 0, 6, 90], [0, 0, 0, 0], [1, 1, 0, 8]], dtype=np.int32))
CAR = np.array([False, False, False, True])


def test_normalise_equals_the_formula():
    dense = COUNTS.toarray()
    expected = np.log1p(dense / np.array([[100], [1], [10]]) * 1e4)
    np.testing.assert_allclose(matrix.normalise(COUNTS, dtype=np.float64).toarray(), expected)


def test_the_transgene_does_not_scale_other_genes():
    scaled = matrix.normalise(COUNTS, exclude=CAR, log=False, dtype=np.float64).toarray()
    assert scaled[0, :3].sum() == pytest.approx(1e4)
    more_car = COUNTS.copy()
    more_car.data[more_car.indices == 3] *= 50
    np.testing.assert_allclose(
        matrix.normalise(more_car, exclude=CAR, log=False).toarray()[:, :3], scaled[:, :3], rtol=1e-6
    )


def test_normalise_leaves_its_input_alone():
    before = COUNTS.toarray().copy()
    matrix.normalise(COUNTS)
    np.testing.assert_array_equal(COUNTS.toarray(), before)


def test_thinning_is_binomial_and_seeded():
    counts = sparse.csr_matrix(np.full((400, 50), 20, dtype=np.int32))
    share = np.where(np.arange(400) < 200, 0.3, 1.0)
    thinned = matrix.thin(counts, share, seed=3).toarray()
    assert (thinned[200:] == 20).all()
    sample = thinned[:200].ravel()
    assert sample.mean() == pytest.approx(6.0, abs=4 * np.sqrt(4.2 / sample.size))
    assert sample.var() == pytest.approx(4.2, rel=0.08)
    np.testing.assert_array_equal(thinned, matrix.thin(counts, share, seed=3).toarray())
    assert (thinned != matrix.thin(counts, share, seed=4).toarray()).any()
