"""The caller on real CAR-T cells: sorted CAR+ blood, unsorted blood and a poor product of one patient."""

import h5py
import numpy as np
import pytest
from carpeak.car import calibrated_rule, posterior
from scipy import sparse

LIBRARIES = {"sorted": "10310322", "unsorted": "10310324", "product": "11141510"}
T_GENES = ["CD3D", "CD3E", "CD3G", "TRAC"]
OTHER_GENES = ["LYZ", "CD14", "CST3", "CD79A", "MS4A1", "HBB", "PPBP"]


def read(path):
    """Transgene UMIs, depth, T cells and lineage-positive other cells that pass a plain quality filter."""
    with h5py.File(path) as file:
        m = file["matrix"]
        names = m["features/name"][:].astype(str)
        counts = sparse.csc_matrix(
            (m["data"][:], m["indices"][:], m["indptr"][:]), shape=m["shape"][:]
        ).T.tocsr()
    car = np.asarray(counts[:, names == "CAT_scFv"].sum(axis=1)).ravel().astype(np.int64)
    depth = np.asarray(counts.sum(axis=1)).ravel().astype(float) - car

    def holds(genes, least):
        return np.asarray((counts[:, np.isin(names, genes)] > 0).sum(axis=1)).ravel() >= least

    mito = np.asarray(counts[:, np.char.startswith(names, "MT-")].sum(axis=1)).ravel() / np.maximum(depth, 1)
    sound = (np.diff(counts.indptr) > 200) & (mito < 0.2)
    is_t = sound & holds(T_GENES, 1)
    return car, depth, is_t, sound & ~holds([*T_GENES, "TRBC1", "TRBC2"], 1) & holds(OTHER_GENES, 2)


@pytest.fixture(scope="module")
def libraries(real_data):
    folder = real_data / "carpall_P02/h5"
    if not folder.is_dir():
        pytest.skip("carpall_P02 is not among the real data")
    return {name: read(folder / f"CAR-T{i}.filtered_feature_bc_matrix.h5") for name, i in LIBRARIES.items()}


def called(library):
    umis, depth, is_t, control = library
    return calibrated_rule.call_library(umis, depth, is_t=is_t, control=control)


def test_sorted_cells_carry_more_than_is_detected(libraries):
    umis, _, is_t, _ = libraries["sorted"]
    detected = (umis[is_t] >= 1).mean()
    assert detected == pytest.approx(0.65, abs=0.02)
    found = called(libraries["sorted"])
    assert found.identifiable
    assert found.low > detected + 0.1
    assert found.high > 0.95  # the purity of a good sort
    assert not found.check.flagged
    assert found.false_positives[0] == 0


def test_unsorted_blood_is_nearly_empty(libraries):
    found = called(libraries["unsorted"])
    assert found.fit.share < 0.03
    assert found.fit.low_90 < 0.005
    assert found.ambient_only_p > 0.01
    assert any("no more than ambient" in line for line in found.warnings)
    assert (found.call == "positive").sum() <= 2


def test_poor_product_is_uncertain(libraries):
    umis, _, is_t, _ = libraries["product"]
    found = called(libraries["product"])
    assert found.fit.share > 2 * (umis[is_t] >= 1).mean()
    assert found.fit.high_90 > 4 * found.fit.low_90


def test_known_mixture_of_sorted_and_unsorted_cells(libraries):
    """34 % sorted cells among unsorted ones, drawn at the sorted cells' depths: raw counts show 23 %."""
    rows = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        sorted_umis, sorted_depth, is_t, _ = libraries["sorted"]
        positive = rng.choice(np.flatnonzero(is_t), 204, replace=False)
        other = rng.choice(np.flatnonzero(libraries["unsorted"][2]), 396, replace=False)
        umis = np.r_[sorted_umis[positive], libraries["unsorted"][0][other]]
        depth = np.r_[sorted_depth[positive], rng.choice(sorted_depth[is_t], 396)]
        ambient = posterior.ambient_prior(cell_depth=4000.0, non_t=(825, 1))
        found = posterior.fit(umis, depth, ambient)
        thin = posterior.fit(rng.binomial(umis, 0.15), depth, ambient)
        rows.append([(umis >= 1).mean(), found.share, found.low <= 0.34 <= found.high, thin.identifiable])
    raw, share, covered, thin_identifiable = np.array(rows).mean(axis=0)
    assert raw < 0.25
    assert abs(share - 0.34) < 0.05
    assert covered >= 0.75
    assert thin_identifiable == 0
