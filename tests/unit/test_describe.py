"""What figures show of a population: places and cluster markers."""

import anndata
import numpy as np
import pandas as pd
from carpeak.populations import describe
from carpeak.stats import graph, ranksum
from scipy import sparse


def population(n=60):
    """Two groups of cells, each with a gene of its own, and a transgene that only the first carries."""
    generator = np.random.default_rng(0)
    group = np.arange(n) % 2
    counts = generator.poisson(1.0, size=(n, 4))
    counts[:, 0] += 5 * (group == 0)
    counts[:, 1] += 5 * (group == 1)
    counts[:, 3] = 9 * (group == 0)
    names = [f"cell{i}" for i in range(n)]
    points = generator.normal(size=(n, 5)) + 20 * group[:, None]
    embedding = pd.DataFrame(points, columns=[f"harmony_{i + 1}" for i in range(5)])
    embedding.insert(0, "cell", names)
    indices, distances = graph.nearest(points, 10)
    cells = anndata.AnnData(
        sparse.csr_matrix(counts.astype(np.int32)),
        obs=pd.DataFrame(index=names),
        var=pd.DataFrame({"transgene": [False] * 3 + [True]}, index=["G0", "G1", "G2", "CAR"]),
    )
    clusters = pd.DataFrame({"cell": names, "cluster": group.astype(str)})
    return cells, embedding, clusters, {"harmony_indices": indices, "harmony_distances": distances}


def test_umap_keeps_the_cells_and_draws_their_groups_apart():
    """The first two components, from which the layout starts, don't tell the groups; the neighbours do."""
    _, embedding, clusters, neighbors = population()
    start = ["harmony_1", "harmony_2"]
    embedding[start] = np.random.default_rng(1).normal(size=(len(embedding), 2))
    found = describe.umap(embedding, neighbors, seed=0)
    assert found["cell"].tolist() == embedding["cell"].tolist()
    assert found["umap_1"].dtype == np.float32
    group = clusters["cluster"].to_numpy()

    def own(places):
        """Share of each cell's five nearest that are of its own group."""
        return (group[graph.nearest(places.to_numpy(dtype=float), 5)[0]] == group[:, None]).mean()

    assert own(embedding[start]) < 0.65
    assert own(found[["umap_1", "umap_2"]]) > 0.95
    pd.testing.assert_frame_equal(found, describe.umap(embedding, neighbors, seed=0))


def test_cluster_markers_are_those_of_the_embedded_cells():
    cells, embedding, clusters, _ = population()
    found = describe.cluster_markers(cells, embedding.iloc[:40], clusters.iloc[:40], min_pct=0.01)
    best = found.sort_values("auc").groupby("cluster")["gene"].last()
    assert best.to_dict() == {"0": "G0", "1": "G1"}
    assert "CAR" not in set(found["gene"])


def test_a_population_too_small_to_embed():
    cells, embedding, clusters, neighbors = population()
    nobody = embedding.iloc[:0]
    assert describe.umap(nobody, neighbors, seed=0).columns.tolist() == ["cell", "umap_1", "umap_2"]
    found = describe.cluster_markers(cells, nobody, clusters.iloc[:0], min_pct=0.01)
    assert found.empty and found.columns.tolist() == ranksum.MARKER_COLUMNS
