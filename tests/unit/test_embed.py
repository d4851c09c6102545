"""Embedding: variable genes, components, neighbours, clusters, layout, and the awkward populations."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from carpeak.names import in_groups
from carpeak.populations import embed
from carpeak.settings import EmbeddingSettings
from carpeak.stats import graph
from scipy import sparse

SETTINGS = EmbeddingSettings(n_variable_genes=200, n_pcs=10, n_neighbors=10)


def planted(n=300, genes=400, groups=3, seed=0):
    """Counts of `groups` kinds of cells, each with 30 genes of its own, in two libraries of unequal depth."""
    generator = np.random.default_rng(seed)
    kind = generator.integers(groups, size=n)
    mean = np.tile(generator.gamma(0.5, 1.0, genes), (n, 1))
    for k in range(groups):
        mean[np.ix_(kind == k, np.arange(30 * k, 30 * (k + 1)))] += 4
    library = generator.integers(2, size=n)
    mean *= np.where(library == 0, 1.0, 0.6)[:, None]
    return sparse.csr_matrix(generator.poisson(mean).astype(np.int32)), kind, np.array(["a", "b"])[library]


def run(counts, batch, genes=None, transgene=None, threads=1, **changes):
    n, m = counts.shape
    return embed.embed(
        counts,
        cells=[f"c{i}" for i in range(n)],
        genes=genes or [f"G{i}" for i in range(m)],
        batch=batch,
        transgene=np.zeros(m, dtype=bool) if transgene is None else transgene,
        settings=replace(SETTINGS, **changes),
        resolution=0.3,
        seed=0,
        threads=threads,
    )


def test_planted_groups_are_the_clusters():
    counts, kind, batch = planted()
    result = run(counts, batch)
    for column in ("cluster", "cluster_unintegrated"):
        table = pd.crosstab(result.clusters[column], kind)
        assert (table.max(axis=1).sum()) >= 0.99 * len(kind)
        assert len(table) == 3
    sizes = result.clusters["cluster"].value_counts()
    assert sizes.loc[["0", "1", "2"]].is_monotonic_decreasing
    assert (result.points.drop(columns="cell").dtypes == np.float32).all()
    assert result.report["status"] == "ok"
    assert result.report["n_pcs"] == 10


def test_repeats_give_the_same_bytes():
    counts, _, batch = planted()
    one, two = run(counts, batch), run(counts, batch)
    assert (
        one.points.drop(columns="cell").to_numpy().tobytes()
        == two.points.drop(columns="cell").to_numpy().tobytes()
    )
    pd.testing.assert_frame_equal(one.clusters, two.clusters)
    assert one.report == two.report
    for name, found in one.neighbors.items():
        np.testing.assert_array_equal(found, two.neighbors[name])


def dispersions(values):
    """Satija 2015 by its definition: log variance over mean of each gene, as a z score within 20 bins of the mean.

    `values` is cells x genes before the logarithm; a gene alone in its bin scores 1.
    """
    mean, variance = values.mean(axis=0), values.var(axis=0, ddof=1)
    dispersion = pd.Series(np.log(variance / mean))
    bins = pd.cut(pd.Series(np.log1p(mean)), bins=20)
    scored = pd.Series(np.nan, index=dispersion.index)
    for members in bins.groupby(bins, observed=True).groups.values():
        part = dispersion[members]
        scored[members] = 1.0 if len(part) == 1 else (part - part.mean()) / part.std(ddof=1)
    return scored


def test_variable_genes_follow_their_definition():
    """Chosen in more libraries first, then by the mean score; without scanpy, gene by gene."""
    generator = np.random.default_rng(3)
    counts, _, batch = planted(seed=3)
    counts = counts + sparse.csr_matrix(generator.poisson(0.2, counts.shape))  # each gene in each library
    log = sparse.csr_matrix(np.log1p(counts.toarray().astype(np.float64)))
    candidates = generator.random(400) < 0.8
    candidates[:5] = False  # among the most variable
    columns = np.flatnonzero(candidates)
    by_library = [dispersions(counts.toarray()[batch == name][:, columns]) for name in ("a", "b")]
    votes = sum((scores.rank(ascending=False) <= 100).astype(int) for scores in by_library)
    table = pd.DataFrame({"votes": votes, "score": sum(by_library) / 2})
    expected = columns[table.sort_values(["votes", "score"], ascending=False).index[:100]]
    found = embed.variable_genes(log, batch, candidates=candidates, n_genes=100)
    assert set(np.flatnonzero(found)) == set(expected)
    assert (table["votes"] == 1).any(), "the libraries should differ, or their votes are not tested"


def test_a_tiny_library_has_no_vote():
    counts, _, batch = planted(seed=3)
    log = sparse.csr_matrix(np.log1p(counts.toarray().astype(np.float64)))
    few = np.array(["few"] * 19 + list(batch[19:]))
    everything = np.ones(400, dtype=bool)
    with_it = embed.variable_genes(log, few, candidates=everything, n_genes=100)
    without = embed.variable_genes(log[19:], batch[19:], candidates=everything, n_genes=100)
    np.testing.assert_array_equal(with_it, without)


def test_transgene_and_named_gene_groups_never_are_variable(monkeypatch):
    """A CAR and a T-cell receptor gene that vary most are taken, unless they are to be left out."""
    counts, kind, batch = planted()
    wild = counts.tolil()
    wild[:, 399] = (kind == 0).astype(int)[:, None] * 50
    wild[:, 398] = (kind == 1).astype(int)[:, None] * 50
    genes = [f"G{i}" for i in range(400)]
    genes[398] = "TRBV20-1"
    transgene = np.zeros(400, dtype=bool)
    transgene[399] = True
    chosen = []
    original = embed.variable_genes

    def watched(*arguments, **options):
        chosen.append(original(*arguments, **options))
        return chosen[-1]

    monkeypatch.setattr(embed, "variable_genes", watched)
    careful = run(wild.tocsr(), batch, genes=genes, transgene=transgene)
    assert careful.report["n_variable_genes"] == chosen[0].sum() == 200
    assert not chosen[0][[398, 399]].any()
    run(wild.tocsr(), batch, genes=genes, exclude_genes=[])
    assert chosen[1][[398, 399]].all(), "they would be chosen"


def test_the_reported_agreement_is_the_adjusted_rand_index(monkeypatch):
    """40 cells, two clusters each way: 15 + 15 stay together, 5 + 5 change sides.

    Hubert and Arabie 1985: of 780 pairs, 2 (C(15,2) + C(5,2)) = 230 are together in both, 380 in either,
    380 * 380 / 780 by chance; (230 - 144400 / 780) / (380 - 144400 / 780) = 35 / 152.
    """
    counts, _, batch = planted(n=40)
    plain = np.repeat(["0", "1"], 20)
    integrated = np.concatenate([np.repeat(["0", "1"], [15, 5]), np.repeat(["0", "1"], [5, 15])])
    answers = iter([integrated, plain])  # with Harmony first
    monkeypatch.setattr(embed, "leiden", lambda *_, **__: next(answers))
    result = run(counts, batch)
    assert result.clusters["cluster"].tolist() == integrated.tolist()
    assert result.clusters["cluster_unintegrated"].tolist() == plain.tolist()
    assert result.report["ari"] == pytest.approx(35 / 152, abs=1e-12)


@pytest.mark.parametrize(
    ("gene", "group"),
    [
        ("TRAV1-2", "tcr"),
        ("IGHG1", "ig"),
        ("XIST", "sex"),
        ("HBB", "haemoglobin"),
        ("MT-CO1", "mito"),
        ("RPL3", "ribosomal"),
    ],
)
def test_gene_groups(gene, group):
    assert in_groups([gene], [group])[0]
    assert not in_groups(["CD3D", "TRAC", "HBEGF", "IGF1", "TRADD"], [group]).any()


def test_components_equal_a_centred_svd():
    matrix = sparse.random(60, 40, density=0.3, random_state=1, format="csr")
    dense = matrix.toarray() - matrix.toarray().mean(axis=0)
    expected = np.linalg.svd(dense, full_matrices=False)
    ours = embed.principal_components(matrix, 5)
    np.testing.assert_allclose(np.abs(ours), np.abs(expected[0][:, :5] * expected[1][:5]), atol=1e-8)
    assert embed.principal_components(matrix, 100).shape == (60, 39)


def test_too_few_cells_and_a_single_library():
    counts, _, batch = planted(n=40)
    few = run(counts[:20], batch[:20])
    assert few.report["status"] == "too_few_cells"
    assert few.points.empty
    assert few.clusters["cell"].tolist() == [f"c{i}" for i in range(20)], "no cell is lost downstream"
    assert set(few.clusters["cluster"]) == {"none"}
    assert "harmony_10" in few.points.columns
    single = run(counts, np.repeat("a", 40), n_pcs=50)
    assert "single library" in single.report["message"]
    assert single.report["ari"] is None
    assert single.report["n_pcs"] == 39
    np.testing.assert_array_equal(single.points.filter(like="pc_"), single.points.filter(like="harmony_"))


def test_neighbours_are_exact_and_never_the_cell_itself():
    points = np.random.default_rng(0).normal(size=(80, 4))
    points[1] = points[0]
    indices, distances = graph.nearest(points, 5)
    every = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(every, np.inf)
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :5], atol=1e-6)
    assert (indices != np.arange(80)[:, None]).all()


def test_weights_follow_their_definition():
    from scipy.optimize import brentq

    points = np.random.default_rng(1).normal(size=(120, 5))
    indices, distances = graph.nearest(points, 9)
    one_way = np.zeros((120, 120))
    for i, (near, far) in enumerate(zip(indices, distances)):
        beyond = far - far[0]
        width = brentq(lambda w, b=beyond: np.exp(-b / w).sum() - np.log2(10), 1e-6, 1e3)
        one_way[i, near] = np.exp(-beyond / width)
    expected = one_way + one_way.T - one_way * one_way.T
    np.testing.assert_allclose(graph.fuzzy_weights(indices, distances).toarray(), expected, atol=1e-6)


def test_layout_draws_groups_apart_that_its_start_mixes():
    """The groups differ in dimensions that the start (the first two) doesn't show."""
    generator = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], 80)
    points = generator.normal(size=(240, 5))
    points[:, 2:] += 8 * np.eye(3)[kind]
    place = graph.layout(graph.fuzzy_weights(*graph.nearest(points, 10)), points, seed=0)
    assert place.shape == (240, 2)

    def own(places):
        """Share of each cell's ten nearest that are of its own group."""
        return (kind[graph.nearest(places, 10)[0]] == kind[:, None]).mean()

    assert own(points[:, :2]) < 0.4
    assert own(place) > 0.95


@pytest.mark.slow  # umap-learn is compiled
def test_weights_and_layout_are_as_good_as_umap_learns():
    """The same neighbour weights, and a layout that keeps neighbourhoods as well."""
    from sklearn.manifold import trustworthiness
    from umap.umap_ import fuzzy_simplicial_set, simplicial_set_embedding

    generator = np.random.default_rng(4)
    points = (
        generator.normal(size=(600, 8)) + 5 * generator.normal(size=(7, 8))[generator.integers(7, size=600)]
    )
    indices, distances = graph.nearest(points, 15)
    ours = graph.fuzzy_weights(indices, distances)
    theirs, *_ = fuzzy_simplicial_set(
        points,
        16,
        np.random.RandomState(0),
        "euclidean",
        knn_indices=np.column_stack([np.arange(600), indices]),
        knn_dists=np.column_stack([np.zeros(600), distances]),
    )
    assert np.corrcoef(ours.toarray().ravel(), theirs.toarray().ravel())[0, 1] > 0.99
    reference, _ = simplicial_set_embedding(
        points, theirs.tocoo(), 2, 1.0, *graph.CURVE, 1.0, 5, 200, points[:, :2].copy(), np.random.RandomState(0),
        "euclidean", {}, False, {}, False, parallel=False,
    )  # fmt: skip
    layout = graph.layout(ours, points, seed=0)
    kept, kept_by_umap = (trustworthiness(points, place, n_neighbors=15) for place in (layout, reference))
    assert kept > kept_by_umap - 0.01
