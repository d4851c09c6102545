"""Seurat's steps against R's Seurat 4.3.0 (tests/oracles/seurat.R), and what the recipes must not do."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from carpeak.errors import UserError
from carpeak.names import UNASSIGNED
from carpeak.populations import embed
from carpeak.settings import EmbeddingSettings
from carpeak.seurat import cluster_states, clusters, components, markers, recipes
from carpeak.seurat import variable_genes as variable
from carpeak.stats import graph, matrix
from carpeak.study import presets, study
from scipy import sparse
from scipy.stats import mannwhitneyu
from sklearn.metrics import adjusted_rand_score

ROOT = Path(__file__).resolve().parents[2]
ORACLE = ROOT / "tests/oracles/seurat"


def oracle(name):
    return pd.read_csv(ORACLE / f"{name}.tsv", sep="\t")


@pytest.fixture(scope="module")
def counts():
    """Cells x genes, and the names of the genes."""
    table = pd.read_csv(ORACLE / "counts.tsv.gz", sep="\t", index_col=0)
    return sparse.csr_matrix(table.T.to_numpy()), table.index.tolist()


@pytest.fixture(scope="module")
def log(counts):
    return matrix.normalise(counts[0], exclude=np.zeros(counts[0].shape[1], dtype=bool))


def chosen_by_r():
    return oracle("vst")["variable"].to_numpy(dtype=bool)


def test_variable_genes_are_rs(counts):
    theirs = oracle("vst")["variance.standardized"].to_numpy()
    ours = variable.standardised_variance(counts[0])
    np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=1e-9)
    everything = np.ones(counts[0].shape[1], dtype=bool)
    mask = recipes.together(counts[0], None, ["a"] * counts[0].shape[0], everything, 150)
    assert (mask == chosen_by_r()).all()


def test_scaled_components_are_rs(log):
    theirs = oracle("pca").iloc[:, 1:].to_numpy()
    ours = components.scaled_components(log[:, np.flatnonzero(chosen_by_r())], 10)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=2e-5)
    signs = np.sign(ours[0] * theirs[0])
    np.testing.assert_allclose(ours * signs, theirs, atol=2e-5)


def test_components_are_those_of_the_dense_matrix(log):
    """Cut at 3 deviations, so that the cut matters; a plain dense SVD is the oracle."""
    dense = log.toarray().astype(float)
    dense = dense[:, dense.std(axis=0) > 0]
    z = np.minimum((dense - dense.mean(axis=0)) / dense.std(axis=0, ddof=1), 3.0)
    left, sizes, _ = np.linalg.svd(z, full_matrices=False)
    ours = components.scaled_components(sparse.csr_matrix(dense), 6, clip=3.0)
    np.testing.assert_allclose(np.abs(ours), np.abs(left[:, :6] * sizes[:6]), atol=1e-6)
    assert np.abs(ours - components.scaled_components(sparse.csr_matrix(dense), 6)).max() > 0.1
    again = components.scaled_components(sparse.csr_matrix(dense), 6, clip=3.0)
    assert again.tobytes() == ours.tobytes()


def test_lone_cells_join_their_neighbours():
    """Cell 6 has two neighbours in "1" of three; 7's nearest decides; 8's only neighbours are alone, too."""
    labels = np.array(["0", "0", "0", "1", "1", "1", "2", "3", "4", "5"])
    indices = np.array([[1, 2, 3]] * 6 + [[0, 4, 3], [3, 8, 0], [9, 9, 9], [8, 8, 8]])
    found = clusters.without_singletons(labels, indices)
    assert found[6] == found[3] == found[4] and found[7] == found[3]
    assert found[0] == found[1] == found[2] != found[3]
    assert len({found[8], found[9], found[0], found[3]}) == 4
    assert found[3] == "0", "five cells now, the largest"


def test_without_lone_cells_names_stay():
    labels = np.array(["b", "b", "a", "a"])
    assert clusters.without_singletons(labels, np.array([[1], [0], [3], [2]])) is labels


@pytest.mark.parametrize("method", ["recommended", "paper"])
def test_a_cell_without_edges_is_no_cluster(method):
    """A chain of 1,000, and one whose neighbours lie 50 apart: none shares another, pruning leaves it alone."""
    indices, distances = graph.nearest(np.arange(1000.0)[:, None], 19)
    lone = np.vstack([indices, np.arange(20, 970, 50)])
    near = lone, np.vstack([distances, np.full(19, 500.0)])
    assert not clusters.shared_neighbours(lone)[-1].nnz
    found = recipes.STEPS[method].clusters(near, 0.1, 0)
    assert 1 < len(set(found)) < 50 and min(np.unique(found, return_counts=True)[1]) > 1
    assert (found[lone[-1]] == found[-1]).any()


def test_shared_neighbours_are_rs():
    points = oracle("pca").iloc[:, 1:].to_numpy()
    ours = clusters.shared_neighbours(graph.nearest(points, 19)[0])
    assert (ours != ours.T).nnz == 0
    theirs = oracle("snn")
    n = len(points)
    theirs = sparse.csr_matrix((theirs["x"], (theirs["i"] - 1, theirs["j"] - 1)), shape=(n, n))
    difference = abs(sparse.triu(ours, 1) - theirs)
    assert sparse.triu(ours, 1).nnz == theirs.nnz
    assert difference.max() < 1e-6


@pytest.mark.parametrize(("resolution", "column"), [(0.5, "low"), (0.8, "high")])
def test_clusters_are_rs(resolution, column):
    points = oracle("pca").iloc[:, 1:].to_numpy()
    weights = clusters.shared_neighbours(graph.nearest(points, 19)[0])
    found = clusters.louvain(weights, resolution=resolution, seed=0)
    assert adjusted_rand_score(found, oracle("clusters")[column]) == 1
    assert (found == clusters.louvain(weights, resolution=resolution, seed=0)).all()


def test_markers_are_those_of_find_all_markers(log, counts):
    """All of R's but those with so few expected cells that the normal law does not hold."""
    labels = oracle("clusters")["high"].astype(str).tolist()
    none = np.zeros(len(counts[1]), dtype=bool)
    ours = markers.find_all(log, labels, counts[1], exclude=none)
    theirs = oracle("markers").astype({"cluster": str})
    both = ours.merge(theirs, on=["cluster", "gene"], how="outer", indicator=True)
    assert not (both["_merge"] == "left_only").any()
    missing = both[both["_merge"] == "right_only"]
    assert len(missing) < 0.04 * len(theirs)
    both = both[both["_merge"] == "both"]
    np.testing.assert_allclose(both["log2_fold_change"], both["avg_log2FC"], atol=1e-6)
    np.testing.assert_allclose(np.log10(both["p_value"]), np.log10(both["p_val"]), atol=0.01)
    np.testing.assert_allclose(both["p_adjusted"], np.minimum(both["p_value"] * len(counts[1]), 1))
    one = ours[ours["cluster"] == "1"].iloc[0]
    inside = np.array(labels) == "1"
    values = log[:, counts[1].index(one["gene"])].toarray().ravel()
    p = mannwhitneyu(values[inside], values[~inside], method="asymptotic").pvalue
    assert one["p_value"] == pytest.approx(p, rel=1e-6)


def test_genes_that_tell_libraries_apart_are_not_chosen_within_them():
    """A gene that one library has ten times is chosen over all cells together, and not within libraries."""
    rng = np.random.default_rng(0)
    level = rng.lognormal(0, 1, 200)
    counts = rng.poisson(level * rng.gamma(3, 1 / 3, (300, 1)), (300, 200))
    batch = np.repeat(["a", "b"], 150)
    kind = np.tile([0, 1], 150)
    counts[:, 0] = rng.poisson(np.where(batch == "a", 1.0, 12.0))
    counts[:, 1] = rng.poisson(np.where(kind == 0, 1.0, 12.0))
    everything = np.ones(200, dtype=bool)
    apart = recipes.within(sparse.csr_matrix(counts), None, batch, everything, 10)
    together = recipes.together(sparse.csr_matrix(counts), None, batch, everything, 10)
    assert together[0] and together[1]
    assert apart[1] and not apart[0]
    forbidden = everything.copy()
    forbidden[1] = False
    assert not recipes.within(sparse.csr_matrix(counts), None, batch, forbidden, 10)[1]


@pytest.mark.parametrize("name", recipes.STEPS)
def test_every_recipe_embeds(counts, name):
    """Planted kinds are found; the stored neighbours are as many as were asked for."""
    n = counts[0].shape[0]
    found = embed.embed(
        counts[0],
        cells=[f"c{i}" for i in range(n)],
        genes=counts[1],
        batch=["a"] * n,
        transgene=np.zeros(len(counts[1]), dtype=bool),
        settings=EmbeddingSettings(n_variable_genes=150, n_pcs=10, exclude_genes=()),
        resolution=0.5,
        seed=0,
        steps=recipes.STEPS[name],
    )
    planted = np.repeat(np.arange(4), [90, 70, 50, 30])
    assert adjusted_rand_score(found.clusters["cluster"], planted) > 0.95
    assert found.neighbors["pc_indices"].shape == (n, 15)


def t_cells(kinds, seed=0):
    """Counts of T cells whose clusters express the genes `kinds` names, and their clusters."""
    rng = np.random.default_rng(seed)
    genes = sorted({gene for panel in cluster_states.PANELS.values() for gene in panel} | {"ACTB"})
    rows, names = [], []
    for number, expressed in enumerate(kinds):
        mean = np.array([4.0 if gene in expressed else 20.0 if gene == "ACTB" else 0.1 for gene in genes])
        rows.append(rng.poisson(mean, (40, len(genes))))
        names += [str(number)] * 40
    counts = sparse.csr_matrix(np.vstack(rows))
    return matrix.normalise(counts, exclude=np.zeros(len(genes), dtype=bool)), genes, names


def test_clusters_get_the_papers_names():
    panels = cluster_states.PANELS
    log, genes, names = t_cells(panels.values())
    found = cluster_states.of_clusters(cluster_states.scores(log, genes, names))
    assert found["label"].tolist() == list(panels)
    assert (found["margin"] > 0).all()
    reverse = cluster_states.of_clusters(cluster_states.scores(log, genes, names[::-1]))
    assert reverse["label"].tolist() == list(panels)[::-1], "names follow the genes, not the numbers"


def test_a_cluster_without_any_of_the_genes_and_a_single_one_are_unassigned():
    panels = cluster_states.PANELS
    log, genes, names = t_cells([*panels.values(), ()])
    found = cluster_states.of_clusters(cluster_states.scores(log, genes, names))
    assert found["label"].tolist() == [*panels, UNASSIGNED]
    alone = cluster_states.of_clusters(cluster_states.scores(log, genes, ["0"] * len(names)))
    assert alone["label"].tolist() == [UNASSIGNED]


STUDY = {"samples": "samples.tsv", "transgene": {"features": ["CAR"]}}


def test_the_preset_gives_defaults_and_keys_win():
    filled = presets.filled({**STUDY, "preset": "paper", "qc": {"min_genes": 5}, "car": {"rule": "sorted"}})
    assert filled["qc"] == {"preset": "paper", "doublets": False, "min_genes": 5}
    assert filled["car"] == {"rule": "sorted"}
    assert filled["annotation"] == {"scheme": "paper", "states": "clusters"}
    assert filled["embedding"] == {"method": "paper"}
    with_reference = presets.filled({**STUDY, "preset": "paper", "annotation": {"reference": "hpca.csv"}})
    assert with_reference["annotation"]["method"] == "singler"
    for value in (STUDY, {**STUDY, "preset": "recommended"}, None, [1]):
        assert presets.filled(value) == value


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, ("adaptive", True, "recommended", "cells", "calibrated")),
        ({"preset": "paper"}, ("paper", False, "paper", "clusters", "umi")),
    ],
)
def test_a_study_resolves_its_preset(given, wanted):
    loaded, _ = study.gather({**STUDY, **given}, source=ROOT / "config.yaml", workflow=ROOT / "workflow")
    config = loaded.config
    found = (
        config["qc"]["preset"], config["qc"]["doublets"], config["embedding"]["method"],
        config["annotation"]["states"], config["car"]["rule"],
    )  # fmt: skip
    assert found == wanted


def test_states_of_clusters_need_the_papers_scheme():
    value = {**STUDY, "annotation": {"states": "clusters"}}
    with pytest.raises(UserError, match=r"set annotation.scheme to paper"):
        study.load(value, source=ROOT / "config.yaml", workflow=ROOT / "workflow")
