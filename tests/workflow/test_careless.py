"""Named careless variants of the analysis: each misses a bound that the analysis keeps."""

import numpy as np
import pandas as pd
import pytest
from acceptance import Answers
from carpeak import io
from carpeak.libraries import qc
from carpeak.populations import embed
from carpeak.settings import EmbeddingSettings, QcSettings

DAMAGED_REMOVED = 0.80
RECALL_BETWEEN = 0.60
PRECISION = 0.90
DEPTH_BIAS = 0.05


@pytest.fixture(scope="module")
def answers(full):
    return Answers(full("paper"))


def judged(answers, **changes):
    """Every barcode's verdict when the demo's QC is done with `changes`."""
    parts = []
    for path in sorted((answers.results / "ingest").glob("*.h5ad")):
        cells = io.read_h5ad(path)
        masks = {name: cells.var[name].to_numpy(dtype=bool) for name in ("mito", "transgene")}
        table, _ = qc.judge(cells.X, **masks, options=QcSettings(preset="paper", **changes))
        parts.append(table.set_index(cells.obs_names))
    return pd.concat(parts)


def test_no_doublet_step(answers):
    assert answers.doublets()["recall_between"] >= RECALL_BETWEEN
    careless = Answers(answers.folder)
    careless.barcodes = judged(answers, doublets=False)
    assert careless.doublets()["recall_between"] < RECALL_BETWEEN


def test_no_mitochondrial_limit(answers):
    assert answers.damaged() >= DAMAGED_REMOVED
    careless = judged(answers, mads=1e6, doublets=False)
    assert answers.damaged(careless["removed_by"] != "") < DAMAGED_REMOVED


def test_transgene_among_the_variable_genes(answers):
    """Taking all CAR UMIs away must leave every cluster as it is; a careless choice of genes lets it decide."""
    cells = io.read_h5ad(answers.results / "counts.h5ad")
    labels = answers.labels("t_cells").index[::4]
    cells = cells[labels]
    transgene = cells.var["transgene"].to_numpy(dtype=bool)
    without = cells.X.copy()
    without.data[transgene[without.indices]] = 0
    without.eliminate_zeros()

    def clusters(counts, mask):
        settings = EmbeddingSettings(integration="none", exclude_genes=("tcr",))
        names = {"cells": cells.obs_names, "genes": cells.var_names, "batch": cells.obs["batch"].astype(str)}
        found = embed.embed(counts, **names, transgene=mask, settings=settings, resolution=0.5, seed=0)
        return found.clusters["cluster"].to_numpy()

    assert (clusters(cells.X, transgene) == clusters(without, transgene)).all()
    careless = np.zeros_like(transgene)
    assert (clusters(cells.X, careless) != clusters(without, careless)).any()


def test_every_cluster_called_t(answers):
    assert (answers.lineages()["precision"] >= PRECISION).all()
    labels = answers.labels("all")["cell_type"]
    careless = answers.lineages(pd.Series("T cell", index=labels.index))
    assert careless.loc["T cell", "precision"] < PRECISION


@pytest.mark.parametrize("group", ["all", "CD4"])
def test_no_depth_thinning(answers, group):
    """Genes that hardly change look changed when one library is deeper."""
    assert answers.depth_bias(group, "equal") <= DEPTH_BIAS
    assert answers.depth_bias(group, "full") > DEPTH_BIAS
