"""The atlas: everything known about every kept cell, in one file that other tools open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import io
from .cells import OBS_COLUMNS
from .stats import matrix, stored

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

# Level 1 writes several times faster than 9 for a few per cent more bytes; lzf is not read by all tools.
GZIP_LEVEL = 1
CATEGORIES = ("sample", "condition", "donor", "cluster", "cell_type", "t_state", "car_call")
INTEGERS = ("n_umis", "n_genes", "car_umis")


def build(
    counts: AnnData | stored.Counts, cells: pd.DataFrame, embedding: pd.DataFrame, *, samples: Sequence[str]
) -> AnnData:
    """All of the atlas but its matrices: `cells` (`carpeak.cells.joined`) as obs, the genes of `counts`.

    obsm X_pca, X_harmony and X_umap come from `embedding` and are left out where the study
    was too small to be embedded. Raises ValueError when the tables and the matrix hold different cells.
    """
    import anndata
    import pandas as pd

    cells = io.join_cells(pd.DataFrame({"cell": counts.obs_names.to_numpy(str)}), cells)
    var = counts.var[[name for name in ("gene_id", "transgene", "mito") if name in counts.var]].copy()
    atlas = anndata.AnnData(obs=_obs(cells, samples), var=var)
    if len(embedding):
        points = embedding.set_index("cell").loc[cells["cell"]]
        for key, prefix in (("X_pca", "pc_"), ("X_harmony", "harmony_"), ("X_umap", "umap_")):
            columns = [name for name in map(str, points) if name.startswith(prefix)]
            atlas.obsm[key] = np.ascontiguousarray(points[columns].to_numpy(np.float32))
    return atlas


def _obs(cells: pd.DataFrame, samples: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    obs = cells.set_index("cell")[OBS_COLUMNS].copy()
    obs.index.name = None  # cellxgene takes the index whatever its name, older readers don't
    for column in CATEGORIES:
        values = obs[column].astype(str)
        obs[column] = pd.Categorical(values, categories=_order(column, values, samples))
    for column in INTEGERS:
        obs[column] = obs[column].astype(np.int32)
    for column in ("pct_mito", "doublet_score", "car_probability"):
        obs[column] = obs[column].astype(np.float32)
    return obs


def _order(column: str, values: pd.Series, samples: Sequence[str]) -> list[str]:
    """Samples as in the sheet, clusters by number, the rest by alphabet."""
    found = sorted(values.unique())
    if column == "sample":
        return [name for name in samples if name in found]
    if column == "cluster":
        return sorted(found, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))
    return found


def write(atlas: AnnData, counts: AnnData | stored.Counts, path: str | Path) -> None:
    """Write `atlas` and the matrices of `counts` (raw, the same cells) with quick gzip, block by block.

    ``layers["counts"]`` are the raw integers, ``X`` log1p of counts per 10,000 with the transgene left out
    of the total.
    """
    transgene = atlas.var["transgene"].to_numpy(dtype=bool)
    matrices = {"X": matrix.normalise(counts.X, exclude=transgene), "layers/counts": counts.X}
    stored.write(atlas, matrices, path, compression="gzip", compression_opts=GZIP_LEVEL)
