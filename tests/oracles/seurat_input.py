"""Counts for tests/oracles/seurat.R: four kinds of cells that share some genes, with unequal depth.

usage: python tests/oracles/seurat_input.py tests/oracles/seurat. Made up, no data of anybody.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

CELLS, GENES = 240, 320


def counts() -> pd.DataFrame:
    """Genes x cells, UMIs."""
    rng = np.random.default_rng(20)
    base = rng.lognormal(0, 1.6, GENES)
    kind = np.repeat(np.arange(4), [90, 70, 50, 30])
    level = np.ones((4, GENES))
    for k in range(4):
        level[k, 30 * k : 30 * (k + 1)] = rng.lognormal(1.2, 0.6, 30)
    mean = level[kind] * base
    mean = mean / mean.sum(axis=1, keepdims=True) * (900 * rng.lognormal(0, 0.4, CELLS))[:, None]
    drawn = rng.poisson(mean * rng.gamma(4, 0.25, mean.shape))
    drawn[:, -1] = 0
    drawn[5, -2] = 40  # one cell far above the rest: it is cut when genes are scaled
    return pd.DataFrame(
        drawn.T, index=[f"G{i:03d}" for i in range(GENES)], columns=[f"c{i:03d}" for i in range(CELLS)]
    )


if __name__ == "__main__":
    counts().to_csv(Path(sys.argv[1]) / "counts.tsv.gz", sep="\t", compression={"method": "gzip", "mtime": 0})
