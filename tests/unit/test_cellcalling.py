"""Cells from droplets: Good-Turing against published numbers, likelihoods by hand, planted cells found."""

import numpy as np
import pytest
from carpeak.errors import UserError
from carpeak.libraries import cell_calling, ingest
from carpeak.libraries.cell_calling import AmbientProfile
from carpeak.stats import good_turing
from scipy import sparse, stats
from test_ingest import library
from test_simulate import study

N_GENES = 400
SHARES = np.random.default_rng(0).dirichlet(np.full(N_GENES, 0.5))
OTHER = SHARES[np.random.default_rng(1).permutation(N_GENES)]
NOTHING = np.zeros(N_GENES, dtype=bool)


def droplets(totals, shares, *, seed):
    """Droplets of one profile with the given numbers of UMIs."""
    generator = np.random.default_rng(seed)
    return sparse.csr_matrix(np.vstack([generator.multinomial(n, shares) for n in totals]).astype(np.int32))


def empties(number, *, seed, mean=45):
    totals = np.random.default_rng(seed).poisson(
        mean * np.random.default_rng(seed + 1).lognormal(0, 0.35, number)
    )
    return droplets(totals, SHARES, seed=seed)


# the 'prosody' counts of Gale and Sampson 1995: number of times seen, and of species seen so many times
TIMES = """1 2 3 4 5 6 7 8 9 10 12 14 15 16 17 19 20 21 23 24 25 26 27 28 31 32 33 34 36 41 43 45 46 47 50 71 84
101 105 121 124 146 162 193 199 224 226 254 257 339 421 456 481 483 1140 1256 1322 1530 2131 2395 6925 7846"""
SPECIES = "120 40 24 13 15 5 11 2 2 1 3 2 1 1 3 1 3 2 3 3 3 2 2 1 2 2 1 2 2 3 1 3"


def test_good_turing_equals_edger():
    """Shares of the species seen 1, 2, ... 6 times as edgeR 3.40.2 gives them (goodTuring); P0 = 120 / 30902."""
    times = np.array(TIMES.split(), int)
    species = np.r_[np.array(SPECIES.split(), int), np.ones(30, int)]
    seen = np.repeat(times, species)
    assert seen.sum() == 30902
    shares = good_turing.proportions(np.r_[seen, 0, 0])
    assert shares.sum() == pytest.approx(1)
    assert shares[-2:] == pytest.approx(np.full(2, 120 / 30902 / 2))
    by_times = [shares[:-2][seen == n][0] for n in range(1, 7)]
    edger = [2.46847412512e-05, 5.52212746473e-05, 8.67191736008e-05, 1.18568005287e-04, 1.50584628331e-04]
    assert by_times == pytest.approx([*edger, 1.82694579608e-04], rel=1e-10)


def test_good_turing_of_all_or_nothing():
    assert good_turing.proportions(np.zeros(4, int)) == pytest.approx(np.full(4, 0.25))
    assert good_turing.proportions(np.array([5, 5, 5, 5])) == pytest.approx(np.full(4, 0.25))


def test_a_gene_that_was_never_seen_is_not_impossible():
    """Where no gene was seen just once, Good and Turing leave nothing for the unseen."""
    shares = good_turing.proportions(np.array([0, 40, 60, 0]))
    assert shares.sum() == pytest.approx(1)
    assert shares[[0, 3]] == pytest.approx([0.005, 0.005])
    counts = sparse.csr_matrix(np.array([[1, 2, 3, 0]]))
    assert np.isfinite(cell_calling.log_likelihood(counts, AmbientProfile(shares, 50.0, 1, 1))).all()


def test_likelihood_is_scipys():
    ambient = AmbientProfile(np.array([0.5, 0.3, 0.2]), 7.0, 1, 1)
    counts = np.array([[3, 0, 1], [0, 0, 9], [2, 2, 2]])
    expected = [stats.dirichlet_multinomial.logpmf(row, 7.0 * ambient.shares, row.sum()) for row in counts]
    assert cell_calling.log_likelihood(sparse.csr_matrix(counts), ambient) == pytest.approx(expected)


@pytest.mark.parametrize("concentration", [2.0, 50.0, 10_000.0])
def test_drawn_droplets_follow_the_law(concentration):
    """Counts of a gene in the drawn droplets have the mean and variance of the Dirichlet-multinomial."""
    ambient = AmbientProfile(np.array([0.5, 0.3, 0.2]), concentration, 1, 1)
    size = 40
    drawn = cell_calling._draw(20_000, size, ambient, np.random.default_rng(3))
    counts = (drawn == 0).sum(axis=1)
    law = stats.betabinom(size, 0.5 * concentration, 0.5 * concentration)
    assert counts.mean() == pytest.approx(law.mean(), abs=5 * law.std() / np.sqrt(20_000))
    assert counts.var() == pytest.approx(law.var(), rel=0.06)
    rows = np.array([np.bincount(row, minlength=3) for row in drawn[:50]])
    filled = cell_calling._filling(drawn[:50], ambient)[:, -1]
    assert filled == pytest.approx(cell_calling.log_likelihood(sparse.csr_matrix(rows), ambient))


def test_concentration_of_droplets_that_differ_is_found():
    generator = np.random.default_rng(5)
    rows = [generator.multinomial(80, generator.dirichlet(60 * SHARES)) for _ in range(1500)]
    profile = cell_calling.ambient_profile(sparse.csr_matrix(np.array(rows)))
    assert profile.concentration == pytest.approx(60, rel=0.15)


def test_p_values_of_ambient_droplets_are_uniform():
    counts = droplets(np.full(600, 150), SHARES, seed=6)
    p = cell_calling.chance(counts, AmbientProfile(SHARES, 1e4, 1, 1), seed=0)
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert p.min() >= 1 / (cell_calling.DRAWS + 1)


def test_library_without_cells_gives_none():
    """Large droplets of ambient RNA alone: 300 of them, and hardly ever a false cell."""
    large = droplets(np.full(300, 160), SHARES, seed=7)
    counts = sparse.vstack([empties(4000, seed=8), large], format="csr")
    is_cell, found = cell_calling.call_cells(counts, exclude=NOTHING, seed=0)
    assert found["tested"] >= 300
    assert is_cell.sum() <= 1


def test_planted_cells_are_found_large_and_small():
    big = droplets(
        np.random.default_rng(9).integers(1500, 6000, 200), SHARES, seed=10
    )  # nothing but size tells
    small = droplets(np.full(60, 200), OTHER, seed=11)
    counts = sparse.vstack([empties(4000, seed=12), big, small], format="csr")
    is_cell, found = cell_calling.call_cells(counts, exclude=NOTHING, seed=0)
    assert is_cell[4000:4200].all()
    assert is_cell[4200:].mean() >= 0.95
    assert is_cell[:4000].sum() <= 2
    assert found["outright"] == 200
    assert found["cells"] == is_cell.sum()
    again, _ = cell_calling.call_cells(counts, exclude=NOTHING, seed=0)
    assert (again == is_cell).all()


def test_transgene_makes_no_cell():
    """A droplet of ambient RNA with many UMIs of the excluded gene stays empty; unexcluded it would not."""
    counts = empties(3000, seed=13).tolil()
    counts[:, 7] = 0
    full = droplets(
        np.full(20, 130), np.where(np.arange(N_GENES) == 7, 0, SHARES) / (1 - SHARES[7]), seed=14
    ).tolil()
    full[:, 7] = 30
    counts = sparse.vstack([counts, full], format="csr").astype(np.int32)
    only = np.arange(N_GENES) == 7
    assert cell_calling.call_cells(counts, exclude=only, seed=0)[0].sum() == 0
    assert cell_calling.call_cells(counts, exclude=NOTHING, seed=0)[0][3000:].all()


@pytest.mark.parametrize("number", [0, 1], ids=["product", "peak"])
def test_cells_of_the_demo_are_found_in_its_droplets(number):
    """A product is T cells in the RNA of T cells: size tells most of them, and no empty droplet gets in."""
    _, libraries, _, _ = study(cells=1500)
    truth, counts = libraries[number].barcodes.cell, libraries[number].matrix
    is_transgene = np.arange(counts.shape[1]) >= counts.shape[1] - 2
    is_cell, _ = cell_calling.call_cells(counts, exclude=is_transgene, seed=0)
    assert (is_cell & truth).sum() / truth.sum() >= 0.95
    assert (is_cell & truth).sum() / is_cell.sum() >= 0.995


def test_ingest_keeps_the_called_cells_and_says_how():
    dense = sparse.vstack([empties(500, seed=15), droplets(np.full(30, 2000), OTHER, seed=16)]).toarray()
    opened = library(dense, [f"G{i}" for i in range(N_GENES)])
    cells, summary = ingest.prepare(opened, sample="s", features=["G0"], call_seed=1)
    assert list(cells.obs_names) == [f"s_C{i}-1" for i in range(500, 530)]
    assert (cells.X.toarray() == dense[500:]).all()
    assert summary["cells"] == 30
    assert summary["cells_called"]["outright_from"] == 500
    assert "EmptyDrops" in summary["cells_called"]["method"]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (droplets(np.full(20, 2000), SHARES, seed=17), "not the unfiltered matrix"),
        (droplets(np.full(20, 50), SHARES, seed=18), "none of its 20 droplets holds a cell"),
    ],
)
def test_droplets_that_give_no_cells_are_refused(counts, words):
    opened = library(counts.toarray(), [f"G{i}" for i in range(N_GENES)])
    with pytest.raises(UserError, match=words):
        ingest.prepare(opened, sample="s", features=["G0"], call_seed=1)
