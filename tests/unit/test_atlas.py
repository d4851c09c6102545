"""The atlas holds what the tables hold, cell by cell, and opens elsewhere."""

import anndata
import fixtures_results
import fixtures_scripts
import numpy as np
import pandas as pd
import pytest
from carpeak import atlas, cells, io


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("atlas")
    fixtures_results.make(where, cells=600)
    fixtures_scripts.make_atlas(where)
    return where


@pytest.fixture(scope="module")
def made(folder):
    return anndata.read_h5ad(folder / "results/atlas.h5ad")


def test_counts_are_the_raw_integers(folder, made):
    raw = io.read_h5ad(folder / "results/counts.h5ad")
    assert made.obs_names.equals(raw.obs_names) or list(made.obs_names) == list(raw.obs_names)
    assert (made.layers["counts"] != raw.X).nnz == 0
    assert np.issubdtype(made.layers["counts"].dtype, np.integer)


def test_x_is_log1p_of_counts_per_10_000_without_the_transgene(made):
    dense = made.layers["counts"].toarray().astype(float)
    total = dense[:, ~made.var["transgene"].to_numpy(bool)].sum(axis=1)
    assert np.allclose(made.X.toarray(), np.log1p(dense / total[:, None] * 1e4), rtol=1e-5)


def test_obs_is_the_contract(made):
    wanted = "sample condition donor n_umis n_genes pct_mito doublet_score cluster cell_type t_state car_umis"
    assert list(made.obs) == [*wanted.split(), "car_probability", "car_call"]
    for column in ("sample", "condition", "donor", "cluster", "cell_type", "t_state", "car_call"):
        assert isinstance(made.obs[column].dtype, pd.CategoricalDtype)
    assert made.obs["sample"].cat.categories.tolist() == ["product", "peak"]
    assert made.obs["t_state"][made.obs["cell_type"] != "T cell"].eq("not a T cell").all()
    assert not made.obs["t_state"][made.obs["cell_type"] == "T cell"].eq("not a T cell").any()


def test_every_cell_keeps_its_own_values(folder, made):
    calls = io.read_table(folder / "results/car/calls.parquet").set_index("cell").loc[made.obs_names]
    embedding, umap = (
        io.read_table(folder / f"results/populations/all/{name}.parquet")
        .set_index("cell")
        .loc[made.obs_names]
        for name in ("embedding", "umap")
    )
    assert (made.obs["car_umis"].to_numpy() == calls["car_umis"].to_numpy()).all()
    assert (made.obsm["X_umap"] == umap[["umap_1", "umap_2"]].to_numpy()).all()
    assert (made.obsm["X_harmony"][:, 29] == embedding["harmony_30"].to_numpy()).all()
    assert made.obsm["X_pca"].shape == (made.n_obs, 30)


def test_what_cellxgene_asks_for(made):
    assert made.obs_names.is_unique and made.var_names.is_unique
    assert made.obsm["X_umap"].dtype == np.float32 and np.isfinite(made.obsm["X_umap"]).all()
    assert made.X.dtype == np.float32
    assert not any(made.obs[column].isna().any() for column in made.obs if column != "car_probability")


def test_the_table_equals_the_atlas(folder, made):
    table = io.read_table(folder / "results/tables/cells.tsv.gz")
    assert list(table) == ["cell", *cells.OBS_COLUMNS, "umap_1", "umap_2"]
    assert table["cell"].tolist() == made.obs_names.tolist()
    assert (table["cell_type"].to_numpy() == made.obs["cell_type"].astype(str).to_numpy()).all()
    assert np.allclose(table["umap_1"], made.obsm["X_umap"][:, 0], rtol=1e-6)
    assert table["car_probability"].isna().all()


def test_the_table_has_the_same_bytes_twice(folder):
    path = folder / "results/tables/cells.tsv.gz"
    before = path.read_bytes()
    fixtures_scripts.make_atlas(folder)
    assert path.read_bytes() == before


def test_a_study_without_t_cells(tmp_path):
    fixtures_results.make(tmp_path, cells=200, empty=True)
    fixtures_scripts.make_atlas(tmp_path)
    made = anndata.read_h5ad(tmp_path / "results/atlas.h5ad")
    assert made.obs["t_state"].eq("not a T cell").all()
    assert "X_umap" in made.obsm


def test_a_study_too_small_to_embed(tmp_path):
    fixtures_results.make(tmp_path, cells=20, empty=True)
    fixtures_scripts.make_atlas(tmp_path)
    made = anndata.read_h5ad(tmp_path / "results/atlas.h5ad")
    assert not made.obsm
    assert made.obs["cell_type"].eq("unassigned").all()


def test_cells_of_another_study_are_refused(folder, made):
    table = io.read_table(folder / "results/tables/cells.tsv.gz")
    counts = io.read_h5ad(folder / "results/counts.h5ad")
    embedding = io.read_table(folder / "results/populations/all/embedding.parquet")
    with pytest.raises(ValueError, match="1 missing"):
        atlas.build(counts, table.iloc[1:], embedding, samples=["product", "peak"])
    with pytest.raises(ValueError, match="twice"):
        atlas.build(counts, pd.concat([table, table.iloc[:1]]), embedding, samples=["product", "peak"])
