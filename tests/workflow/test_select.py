"""Two libraries in one file: the workflow takes each row's cells, and no others."""

import anndata
import numpy as np
import pandas as pd
import pytest
from carpeak import io
from runs import snakemake
from scipy import sparse

CONFIG = "samples: samples.tsv\ntransgene: {features: [CAR]}\n"
SHEET = (
    "sample\tcondition\tdonor\tpath\tselect\n"
    "ip\tproduct\tP4\tboth.h5ad\tlibrary=P4 IP\n"
    "pk\tpeak\tP4\tboth.h5ad\tlibrary=P4 PK\n"
)


@pytest.mark.workflow
def test_each_row_takes_its_own_cells(tmp_path):
    counts = np.random.default_rng(0).poisson(2, (50, 12)).astype(np.int32)
    library = np.array(["P4 IP", "P4 PK"])[np.random.default_rng(1).integers(0, 2, 50)]
    genes = ["CAR", "CD3D", "MT-CO1", *(f"G{i}" for i in range(9))]
    obs = pd.DataFrame({"library": pd.Categorical(library)}, index=[f"ACGTACGTAA{i}" for i in range(50)])
    anndata.AnnData(sparse.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=genes)).write_h5ad(
        tmp_path / "both.h5ad"
    )
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "samples.tsv").write_text(SHEET)
    targets = [f"results/ingest/{name}.{kind}" for name in ("ip", "pk") for kind in ("h5ad", "json")]
    snakemake(tmp_path, "--configfile", tmp_path / "config.yaml", "--", *targets)
    for name, value in (("ip", "P4 IP"), ("pk", "P4 PK")):
        cells = io.read_h5ad(tmp_path / f"results/ingest/{name}.h5ad")
        np.testing.assert_array_equal(cells.X.toarray(), counts[library == value])
        assert list(cells.obs_names) == [f"{name}_{b}" for b in obs.index[library == value]]
        assert f"(library={value})" in io.read_json(tmp_path / f"results/ingest/{name}.json")["layout"]
