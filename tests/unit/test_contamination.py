"""The ambient share of a library: planted, absent, hidden by doublets and by a lineage's own RNA."""

import numpy as np
import pandas as pd
import pytest
from carpeak.libraries import ambient_share
from carpeak.libraries.ambient_share import Evidence
from scipy import sparse

GENES = ["HBB", "HBA1", "IGKC", "CD3D", "TRAC", "MALAT1", "ACTB", "CAR"]
SOUP = np.array([0.2, 0.1, 0.05, 0.03, 0.02, 0.4, 0.19, 0.01])
OWN = {
    "T cell": [0, 0, 0, 0.1, 0.1, 0.5, 0.3, 0],
    "B cell": [0, 0, 0.3, 0, 0, 0.4, 0.3, 0],
    "Monocyte/DC": [0, 0, 0, 0, 0, 0.4, 0.6, 0],
    "Red cell": [0.6, 0.4, 0, 0, 0, 0, 0, 0],
}
NUMBERS = {"T cell": 400, "B cell": 40, "Monocyte/DC": 60, "Red cell": 30}


def made(share, *, seed=0, own=OWN, umis=1500):
    """Cells x genes and their lineages; each cell takes `share` of its RNA, give or take, from the soup."""
    rng = np.random.default_rng(seed)
    lineages = np.repeat(list(NUMBERS), list(NUMBERS.values()))
    rows = []
    for lineage in lineages:
        depth, taken = rng.poisson(umis), share * rng.lognormal(-0.08, 0.4)
        rows.append(rng.multinomial(depth, (1 - taken) * np.array(own[lineage]) + taken * SOUP))
    return sparse.csr_matrix(np.array(rows)), lineages


def profile(umis=100_000):
    return pd.DataFrame({"gene": GENES, "umis": (umis * SOUP).astype(int)})


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_planted_share_is_found(share):
    found = ambient_share.library(*made(share), GENES, profile())
    assert found["ambient_share"] == pytest.approx(share, rel=0.12)
    assert found["ambient_share_high"] - found["ambient_share_low"] < 0.25 * share
    assert found["profile"] == "empty_droplets"
    assert found["genes"].split(";")[:3] == ["MALAT1", "HBB", "ACTB"]
    assert found["gene_shares"].startswith("0.4000;0.2000")


def test_intervals_cover_the_planted_share():
    """Of 60 libraries about 57 should; at least 50 do."""
    shares = [ambient_share.library(*made(0.03, seed=seed), GENES, profile()) for seed in range(60)]
    assert sum(one["ambient_share_low"] < 0.03 < one["ambient_share_high"] for one in shares) >= 50


def test_a_clean_library_has_none():
    found = ambient_share.library(*made(0.0), GENES, profile())
    assert found["ambient_share"] == 0
    assert found["ambient_share_low"] == 0
    assert found["ambient_share_high"] < 1e-4


def test_doublets_with_red_cells_do_not_count():
    counts, lineages = made(0.03, seed=1)
    with_red = counts.tolil()
    with_red[:12, 0] = 900  # T cells that share their droplet
    found = ambient_share.library(with_red.tocsr(), lineages, GENES, profile())
    assert found["ambient_share"] == pytest.approx(0.03, rel=0.15)
    plain = with_red[:400, [0, 1]].sum() / (with_red[:400].sum() * SOUP[:2].sum())
    assert plain > 0.05, "counted in, they would nearly double the share"


def test_a_hallmark_that_other_cells_make_is_left_out():
    """Here T cells have immunoglobulin RNA of their own: haemoglobin and CD3 decide."""
    own = OWN | {"T cell": [0, 0, 0.02, 0.1, 0.1, 0.5, 0.28, 0]}
    found = ambient_share.library(*made(0.03, own=own), GENES, profile())
    assert found["ambient_share"] == pytest.approx(0.03, rel=0.15)
    assert "haemoglobin" in found["evidence"]
    assert "immunoglobulin" not in found["evidence"]


def test_without_other_lineages_nothing_is_estimated():
    counts, lineages = made(0.05)
    found = ambient_share.library(counts[:400], lineages[:400], GENES, profile().assign(umis=[0] * 7 + [9]))
    assert np.isnan(found["ambient_share"])
    assert found["evidence"] == ""
    assert "too little hallmark RNA" in found["message"]


def test_estimate_by_hand():
    one = Evidence(np.array([1, 2, 3, 2]), np.full(4, 100.0))
    found = ambient_share.estimate({"a": one})
    assert found.share == pytest.approx(8 / 400)
    assert found.low == pytest.approx(3.4538 / 400, rel=1e-4)  # exact Poisson interval of 8
    assert found.high == pytest.approx(15.7632 / 400, rel=1e-4)


def test_table_of_two_samples():
    import anndata

    counts, lineages = made(0.04)
    names = [f"c{i}" for i in range(len(lineages))]
    obs = pd.DataFrame({"sample": np.where(np.arange(len(names)) % 2, "peak", "product")}, index=names)
    cells = anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=GENES))
    labels = pd.DataFrame({"cell": names[::-1], "cell_type": lineages[::-1]})
    samples = [{"sample": name, "condition": name, "donor": "P4"} for name in ("product", "peak")]
    table = ambient_share.table(cells, labels, {"peak": profile()}, samples)
    assert list(table.columns) == ambient_share.COLUMNS
    assert table["profile"].tolist() == ["cells", "empty_droplets"]
    assert table["ambient_share"].iloc[1] == pytest.approx(0.04, rel=0.15)


def test_a_library_without_cells_is_not_estimated():
    found = ambient_share.library(
        sparse.csr_matrix((0, len(GENES)), dtype=int), np.array([], str), GENES, None
    )
    assert np.isnan(found["ambient_share"])
    assert found["genes"] == ""


def test_expected_ambient_rna_by_gene():
    import anndata

    counts, lineages = made(0.04)
    names = [f"c{i}" for i in range(len(lineages))]
    cells = anndata.AnnData(
        counts, obs=pd.DataFrame({"sample": "peak"}, index=names), var=pd.DataFrame(index=GENES)
    )
    table = pd.DataFrame({"sample": ["peak", "product"], "ambient_share": [0.04, np.nan]})
    found = ambient_share.expected(cells, table, {"peak": profile()})
    assert list(found) == ["peak"]
    assert found["peak"] == pytest.approx(0.04 * SOUP)
