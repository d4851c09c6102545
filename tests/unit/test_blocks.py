"""What is computed in blocks of rows, or from a file, is what the whole matrix gives."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from carpeak import io
from carpeak.comparison import attribution, differential_expression
from carpeak.errors import UserError
from carpeak.populations import embed, programmes
from carpeak.seurat import clusters, components, recipes, variable_genes
from carpeak.stats import blocks, columns, graph, matrix, ranksum, stored, weighted_means
from scipy import sparse

N_CELLS, N_GENES = 130, 60
GENES = [f"G{i}" for i in range(N_GENES)]
TRANSGENE = np.arange(N_GENES) == 7


def counts(seed=0, cells=N_CELLS):
    generator = np.random.default_rng(seed)
    rate = generator.gamma(0.5, 2.0, size=N_GENES) * generator.gamma(2.0, 0.5, size=(cells, 1))
    return sparse.csr_matrix(generator.poisson(rate).astype(np.int32))


@pytest.fixture
def held():
    obs = pd.DataFrame(
        {"sample": pd.Categorical(np.repeat(["a", "b"], N_CELLS // 2))},
        index=pd.Index([f"c{i}" for i in range(N_CELLS)], name="cell"),
    )
    var = pd.DataFrame({"transgene": TRANSGENE}, index=pd.Index(GENES, name="gene"))
    return anndata.AnnData(counts(), obs=obs, var=var, uns={"without_transgene": ["b"]})


@pytest.fixture
def on_disk(held, tmp_path, monkeypatch):
    """The same counts, read in blocks of at most 300 values, nothing kept."""
    io.write_h5ad(held, tmp_path / "counts.h5ad")
    monkeypatch.setattr(stored, "HELD", 0)
    monkeypatch.setattr(blocks, "VALUES", 300)
    found = stored.read(tmp_path / "counts.h5ad")
    assert len(list(found.X)) > 5, "one block would show nothing"
    return found


def same(one, other):
    assert one.shape == other.shape and (one != other).nnz == 0


ROWS = {
    "all": np.arange(N_CELLS),
    "few": np.array([3, 4, 70, 129]),
    "none": np.array([], dtype=int),
    "mask": np.arange(N_CELLS) % 3 == 0,
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_rows_and_columns_of_a_file(held, on_disk, rows):
    same(on_disk.X[rows].tocsr(), held.X[rows])
    same(on_disk.X[rows][:, [5, 2]], held.X[rows][:, [5, 2]])
    same(on_disk.X[rows].compact().astype(np.int32), held.X[rows])
    np.testing.assert_array_equal(on_disk.X[rows].sum(axis=1), np.asarray(held.X[rows].sum(axis=1)).ravel())
    part = on_disk[rows]
    assert part.shape == held[rows].shape and list(part.obs_names) == list(held[rows].obs_names)
    same(part[part.obs_names[1:].to_numpy()].X.tocsr(), held[rows].X[1:])


def test_a_file_says_what_anndata_reads(held, on_disk):
    assert list(on_disk.var_names) == GENES and on_disk.uns["without_transgene"] == ["b"]
    pd.testing.assert_frame_equal(on_disk.obs, held.obs)
    same(on_disk.to_memory().X, held.X)


def test_rows_out_of_order_are_refused(on_disk):
    with pytest.raises(ValueError, match="ascending"):
        on_disk.X[np.array([4, 2])]
    with pytest.raises(ValueError, match="ascending"):
        on_disk[np.array(["c3", "not there"])]


def test_a_damaged_file_is_named(held, tmp_path):
    path = tmp_path / "counts.h5ad"
    io.write_h5ad(held, path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"counts\.h5ad: damaged"):
        stored.read(path)


def test_values_above_two_bytes_survive_compacting(held, tmp_path):
    held.X.data[[0, -1]] = 70_000, 65_536
    io.write_h5ad(held, tmp_path / "counts.h5ad")
    same(stored.read(tmp_path / "counts.h5ad").X.compact(), held.X)


def test_what_is_computed_by_cell(held, on_disk):
    np.testing.assert_array_equal(
        matrix.size_factors(on_disk.X, exclude=TRANSGENE), matrix.size_factors(held.X, exclude=TRANSGENE)
    )
    same(
        matrix.normalise(on_disk.X, exclude=TRANSGENE).tocsr(),
        matrix.normalise(held.X, exclude=TRANSGENE),
    )
    lists = [GENES[:5], GENES[20:40]]
    np.testing.assert_array_equal(
        programmes.scores(on_disk.X, GENES, lists), programmes.scores(held.X, GENES, lists)
    )


def test_thinning_does_not_depend_on_blocks(held, on_disk):
    share = np.where(np.arange(N_CELLS) < 50, 1.0, 0.6)
    thinned = matrix.thin(on_disk.X, share, seed=3)
    whole = matrix.thin(held.X, share, seed=3)
    same(thinned.tocsr(), whole)
    same(thinned.tocsr(), whole)  # and again: every pass draws the same
    assert whole.sum() < held.X.sum()


@pytest.mark.parametrize("limit", [10**9, 200, 0], ids=["memory", "both", "file"])
def test_ranks_of_blocks_and_of_a_file(held, on_disk, monkeypatch, limit):
    monkeypatch.setattr(columns, "HELD", limit)
    codes = [(np.arange(N_CELLS) % 3, 3), (np.where(np.arange(N_CELLS) < 40, -1, 1), 2)]
    log = matrix.normalise(held.X, exclude=TRANSGENE)
    plain = ranksum.group_sums(log, codes)
    monkeypatch.setattr(ranksum, "_CHUNK", 100)
    for one, other in zip(
        ranksum.group_sums(matrix.normalise(on_disk.X, exclude=TRANSGENE), codes), plain, strict=True
    ):
        for name in ("size", "rank_sum", "detected", "total", "total_squares", "ties"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_sums_and_means_over_groups(held, on_disk):
    generator = np.random.default_rng(1)
    groups = [generator.random((3, N_CELLS)), sparse.random(4, N_CELLS, density=0.3, random_state=1)]
    levels = matrix.normalise(held.X, log=False, dtype=np.float64)
    in_blocks = matrix.normalise(on_disk.X, log=False, dtype=np.float64)
    for found, weights in zip(weighted_means.several(in_blocks, groups), groups, strict=True):
        expected = weighted_means.Sums.of(levels, weights)
        for name in expected.__dataclass_fields__:
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12)
    weight = generator.random(N_CELLS)
    (total,) = blocks.weighted_sums(on_disk.X, [weight])
    np.testing.assert_allclose(total, held.X.T @ weight, rtol=1e-12)


def test_variable_genes_and_components_in_blocks(held, on_disk, monkeypatch):
    plain = variable_genes.standardised_variance(held.X)
    np.testing.assert_allclose(variable_genes.standardised_variance(on_disk.X), plain, rtol=1e-10)
    log = matrix.normalise(held.X)
    whole = components.scaled_components(log, 5)
    monkeypatch.setattr(components, "ROWS", 7)
    np.testing.assert_allclose(components.scaled_components(log, 5), whole, atol=1e-8)


@pytest.mark.parametrize("method", ["recommended", "scanpy"])
def test_an_embedding_in_blocks_has_the_same_clusters(held, on_disk, method):
    from carpeak.settings import EmbeddingSettings

    settings = EmbeddingSettings(
        n_variable_genes=30, n_pcs=5, n_neighbors=10, min_cells=20, integration="none", method=method
    )
    found = [
        embed.embed(
            one,
            cells=held.obs_names,
            genes=GENES,
            batch=held.obs["sample"].astype(str),
            transgene=TRANSGENE,
            settings=settings,
            resolution=1.0,
            seed=1,
            steps=recipes.STEPS[method],
        )
        for one in (held.X, on_disk.X)
    ]
    assert found[0].clusters.equals(found[1].clusters) and len(set(found[0].clusters["cluster"])) > 1
    np.testing.assert_array_equal(found[0].neighbors["pc_indices"], found[1].neighbors["pc_indices"])


def test_shared_neighbours_in_blocks(monkeypatch):
    near = graph.nearest(np.random.default_rng(0).normal(size=(200, 4)), 12)[0]
    whole = clusters.shared_neighbours(near)
    monkeypatch.setattr(clusters, "ROWS", 33)
    same(clusters.shared_neighbours(near), whole)
    assert whole.nnz and whole.diagonal().sum() == 0


def test_leiden_is_scanpys():
    import scanpy as sc

    points = np.random.default_rng(2).normal(size=(300, 3))
    points[150:] += 3
    weights = graph.fuzzy_weights(*graph.nearest(points, 10))
    for seed in (0, 5):
        cells = anndata.AnnData(obs=pd.DataFrame(index=np.arange(300).astype(str)))
        sc.tl.leiden(
            cells, adjacency=weights, resolution=1.0, random_state=seed, flavor="igraph", directed=False,
            n_iterations=5,
        )  # fmt: skip
        expected = graph.by_size(cells.obs["leiden"].astype(int).to_numpy())
        np.testing.assert_array_equal(embed.leiden(weights, resolution=1.0, seed=seed), expected)
    assert len(set(expected)) > 2


def test_leiden_with_each_edge_once_is_as_good(monkeypatch):
    """Another order of edges may break ties otherwise, but finds a partition of the same modularity."""
    import igraph

    generator = np.random.default_rng(3)
    points = np.vstack([generator.normal(3 * i, 1, size=(150, 4)) for i in range(3)])
    weights = graph.fuzzy_weights(*graph.nearest(points, 10))
    upper = sparse.triu(weights, 1).tocoo()
    net = igraph.Graph(n=450, edges=np.column_stack([upper.row, upper.col]))
    twice = embed.leiden(weights, resolution=0.3, seed=0)
    monkeypatch.setattr(embed, "BOTH_WAYS", 100)
    once = embed.leiden(weights, resolution=0.3, seed=0)
    first, second = (
        net.modularity(found.astype(int), weights=upper.data, resolution=0.3) for found in (twice, once)
    )
    assert second == pytest.approx(first, rel=0.01) and len(set(once)) == 3


def t_cells():
    generator = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "sample": np.repeat(["a", "b"], 300),
            "condition": np.repeat(["before", "after"], 300),
            "donor": "D",
            "t_lineage": generator.choice(["CD4", "CD8"], 600),
            "t_lineage_unintegrated": "CD4",
            "t_state": generator.choice(["x", "y"], 600),
            "car_call": generator.choice(["positive", "undetermined"], 600),
            "car_umis": generator.integers(3, size=600),
            "car_probability": generator.random(600),
        }
    )


def test_a_contrast_in_blocks(tmp_path, monkeypatch):
    whole, cells = counts(4, cells=600), t_cells()
    io.write_h5ad(anndata.AnnData(whole), tmp_path / "counts.h5ad")
    monkeypatch.setattr(stored, "HELD", 0)
    monkeypatch.setattr(blocks, "VALUES", 700)
    on_disk = stored.read(tmp_path / "counts.h5ad").X
    common = {"transgene": TRANSGENE, "conditions": {"test": "after", "reference": "before"}, "seed": 1}
    common |= {"min_pct": 0.01}
    (one, varied, _), (other, other_varied, _) = (
        differential_expression.compare(x, cells, GENES, min_cells=10, **common) for x in (whole, on_disk)
    )
    assert len(one) and len(varied)
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    pd.testing.assert_frame_equal(varied, other_varied, check_exact=True)
    pd.testing.assert_frame_equal(
        *(attribution.attribute(x, cells, GENES, **common) for x in (whole, on_disk)), rtol=1e-9
    )


@pytest.mark.parametrize("limit", [10, 2**31 - 1], ids=["beyond", "below"])
def test_indices_are_as_wide_as_the_values_are_many(held, on_disk, tmp_path, monkeypatch, limit):
    monkeypatch.setattr(stored, "INDEX_LIMIT", limit)
    path = tmp_path / "written.h5ad"
    made = {"X": on_disk.X, "layers/counts": matrix.normalise(on_disk.X)}
    stored.write(on_disk.frame(), made, path, compression="gzip")
    with h5py.File(path) as file:
        assert file["X/indptr"].dtype == (np.int64 if limit == 10 else np.int32)
        assert file["X/indices"].dtype == np.int32
    read = anndata.read_h5ad(path)
    same(read.X, held.X)
    same(read.layers["counts"], matrix.normalise(held.X))


@pytest.mark.parametrize("large", [None, 0, -1], ids=["none", "first", "last"])
def test_counts_take_16_bits_where_all_fit(held, on_disk, tmp_path, large):
    """A value above 65,535, in the first block or in the last, makes all of them wider and loses none."""
    if large is not None:
        held.X.data[large] = 70_000
        io.write_h5ad(held, tmp_path / "counts.h5ad")
        on_disk = stored.read(tmp_path / "counts.h5ad")
        assert len(list(on_disk.X)) > 5
    path = tmp_path / "written.h5ad"
    stored.write(on_disk.frame(), {"X": on_disk.X}, path, narrow=True)
    with h5py.File(path) as file:
        assert file["X/data"].dtype == (np.uint16 if large is None else np.int32)
        assert file["X/indices"].dtype == np.uint16 and set(file["X"]) == {"data", "indices", "indptr"}
    same(anndata.read_h5ad(path).X, held.X)
    found = stored.read(path).X.tocsr()
    same(found, held.X)
    assert (found.data.dtype, found.indices.dtype) == (np.int32, np.int32)


def test_more_genes_than_16_bits_can_number(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "VALUES", 2)
    wide = sparse.csr_matrix(([3, 1, 2, 5], ([0, 0, 1, 2], [0, 9, 4, 70_000])), (3, 70_001), dtype=np.int32)
    frame = anndata.AnnData(
        obs=pd.DataFrame(index=list("abc")), var=pd.DataFrame(index=range(70_001)).rename(str)
    )
    io.write_h5ad(anndata.AnnData(wide, obs=frame.obs, var=frame.var), tmp_path / "counts.h5ad")
    path = tmp_path / "written.h5ad"
    stored.write(frame, {"X": stored.read(tmp_path / "counts.h5ad").X}, path, narrow=True)
    with h5py.File(path) as file:
        assert (file["X/data"].dtype, file["X/indices"].dtype) == (np.uint16, np.int32)
    same(stored.read(path).X.tocsr(), wide)


def test_a_matrix_of_three_thousand_million_values(tmp_path):
    """Announced, not stored: HDF5 keeps no chunk that nobody wrote, and the rows asked for lie at the end."""
    path, n_values = tmp_path / "counts.h5ad", 3 * 2**30
    with h5py.File(path, "w") as file:
        group = file.create_group("X")
        group.attrs["shape"] = np.array([4, N_GENES])
        for name, values in (("data", [5, 6, 7]), ("indices", [1, 4, 2])):
            data = group.create_dataset(name, (n_values,), dtype=np.int32, chunks=(2**16,))
            data[-3:] = values
        group["indptr"] = np.array([0, 2**31 - 5, n_values - 3, n_values - 1, n_values])
    assert path.stat().st_size < 10**6
    last = stored.matrix_of(path)[np.array([2, 3])].tocsr()
    assert last.toarray()[:, [1, 2, 4]].tolist() == [[5, 0, 6], [0, 7, 0]] and last.nnz == 3
    assert stored.index_type(n_values) is np.int64 and stored.index_type(2**31 - 1) is np.int32


def test_only_so_many_values_are_kept(tmp_path):
    """Twenty libraries that are joined are open together; each may keep its share."""
    whole = counts(5)
    io.write_h5ad(anndata.AnnData(whole), tmp_path / "counts.h5ad")
    for held, same_object in ((whole.nnz, True), (whole.nnz - 1, False)):
        file = stored.read(tmp_path / "counts.h5ad", held=held).X._file
        first, second = (file.rows(0, whole.shape[0]) for _ in range(2))
        assert (first is second) is same_object
        same(second, whole)
