"""Clusters by each recipe against labels of real cells, and against the demo's true types.

usage: OPENBLAS_NUM_THREADS=1 python benchmarks/clusters.py [--data FOLDER] [--demo FOLDER] [--out docs]
Writes clusters.tsv: the adjusted Rand index and the number of clusters of every recipe on every set, of all
cells at resolution 0.8 and of T cells at 0.5, the resolutions of the workflow; where R's Seurat is present,
of its own route too (seurat_clusters.R). FOLDER of --demo holds demo/ and results/ of a
finished run of the demo; of --data the labelled sets (a SOURCE.txt lies beside each).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import labelled  # isort: skip (puts the package on the path)
import numpy as np
import pandas as pd
from carpeak import io
from carpeak.names import in_groups
from carpeak.populations import embed
from carpeak.settings import EmbeddingSettings
from carpeak.seurat import clusters, components, recipes
from carpeak.stats import graph, matrix
from scipy import sparse
from scipy.io import mmwrite
from sklearn.metrics import adjusted_rand_score

RESOLUTION = {"all": 0.8, "t_cells": 0.5}
MIN_GENES = 100
R_SCRIPT = Path(__file__).with_name("seurat_clusters.R")
CANDIDATES = (  # variable genes, components, graph, algorithm; three of them are recipes of the workflow
    ("dispersion", "unscaled", "umap", "Leiden"),  # scanpy
    ("dispersion", "unscaled", "shared", "Leiden"),
    ("dispersion", "scaled", "umap", "Leiden"),
    ("dispersion", "scaled", "shared", "Leiden"),
    ("vst", "unscaled", "umap", "Leiden"),
    ("vst", "unscaled", "shared", "Leiden"),
    ("vst", "scaled", "umap", "Leiden"),
    ("vst", "scaled", "shared", "Leiden"),  # recommended
    ("vst, all cells", "scaled", "shared", "Louvain"),  # paper
)


@dataclass(frozen=True)
class Cells:
    """One set: raw counts (cells x genes), genes, the label of each cell ("" where unknown), its library."""

    name: str
    counts: sparse.csr_matrix
    genes: list[str]
    label: np.ndarray
    batch: np.ndarray

    def taken(self, chosen: np.ndarray) -> Cells:
        """The same with the `chosen` cells only."""
        rows = np.flatnonzero(chosen)
        return Cells(self.name, self.counts[rows], self.genes, self.label[rows], self.batch[rows])


def real(folder: Path) -> Iterator[tuple[str, Cells, np.ndarray]]:
    """Every labelled set, whole and with the mask of its T cells."""
    for part in ("mudan", "casi"):
        counts, features, barcodes = labelled.read_mtx(folder / "facs_zheng_dev" / part)
        table = pd.read_csv(folder / "facs_zheng_dev" / f"{part}_facs_labels.csv").set_index("barcode")[
            "facs"
        ]
        yield _set(f"facs_{part}", counts, features, table.reindex(barcodes))
    counts, features, barcodes = labelled.read_mtx(folder / "cite_malt_gated/rna")
    table = pd.read_csv(folder / "cite_malt_gated/protein_gates.csv").set_index("barcode")["gate_l2"]
    yield _set("cite_malt", counts, features, table.reindex(barcodes))
    gates = labelled.mimitou(folder, [])
    gates = gates.taken(np.flatnonzero(gates.gate != "other"))
    names = np.array([f"{a} {b}" for a, b in zip(gates.lineage, gates.gate, strict=True)])
    cells = Cells("cite_mimitou", gates.counts, gates.genes, names, np.full(len(names), "a"))
    yield "t_cells", cells, np.ones(len(names), dtype=bool)
    counts, features, barcodes = labelled.read_mtx(next((folder / "pbmc3k").glob("counts_*")))
    table = pd.read_csv(folder / "pbmc3k/seurat_meta_2638.csv").set_index("barcode")["classified"]
    table.index = table.index.str.replace("-1", "")
    yield _set("pbmc3k", counts, features, table.reindex([b.replace("-1", "") for b in barcodes]))


def _set(
    name: str, counts: sparse.csr_matrix, features: pd.DataFrame, labels: pd.Series
) -> tuple[str, Cells, np.ndarray]:
    label = labels.fillna("").to_numpy(dtype=str)
    kept = counts.getnnz(axis=1) >= MIN_GENES
    cells = Cells(name, counts, features[1].tolist(), label, np.full(len(label), "a")).taken(kept)
    return "all", cells, np.array([_is_t(one) for one in cells.label])


def _is_t(label: str) -> bool:
    return any(part in label for part in ("CD4", "CD8", "Treg")) or label.endswith(" T")


def demo(folder: Path) -> tuple[str, Cells, np.ndarray]:
    """The kept cells of a run of the demo with their true types; doublets and debris have no label."""
    counts = io.read_h5ad(folder / "results/counts.h5ad")
    truth = pd.read_csv(folder / "demo/truth.cells.tsv.gz", sep="\t").set_index("cell")
    truth = truth.reindex(counts.obs_names)
    single = truth["kind"].eq("singlet").to_numpy()
    names = truth["cell_type"].where(truth["state"].isna(), truth["state"]).fillna("")
    label = np.where(single, names, "").astype(str)
    own = ~counts.var["transgene"].to_numpy(dtype=bool)
    cells = Cells(
        "demo (simulated)",
        counts.X.tocsr()[:, np.flatnonzero(own)],
        counts.var_names[own].tolist(),
        label,
        counts.obs["batch"].to_numpy(dtype=str),
    )
    return "all", cells, truth["cell_type"].eq("T cell").to_numpy()


def scored(cells: Cells, population: str) -> list[dict[str, object]]:
    """A row per candidate."""
    settings = EmbeddingSettings()
    candidates = ~in_groups(cells.genes, settings.exclude_genes)
    log = matrix.normalise(cells.counts, exclude=np.zeros(len(cells.genes), dtype=bool))
    variable = {
        "dispersion": embed.variable_genes(log, cells.batch, candidates=candidates, n_genes=2000),
        "vst": recipes.within(cells.counts, log, list(cells.batch), candidates, 2000),
    }
    variable["vst, all cells"] = recipes.together(cells.counts, log, list(cells.batch), candidates, 2000)
    rows: list[dict[str, object]] = []
    for genes, scale, kind, algorithm in CANDIDATES:
        part = log[:, np.flatnonzero(variable[genes])]
        make = components.scaled_components if scale == "scaled" else embed.principal_components
        near = graph.nearest(_corrected(make(part, settings.n_pcs), cells.batch), recipes.NEIGHBOURS - 1)
        weights = (
            clusters.shared_neighbours(near[0])
            if kind == "shared"
            else graph.fuzzy_weights(*(one[:, : settings.n_neighbors] for one in near))
        )
        run = clusters.louvain if algorithm == "Louvain" else embed.leiden
        names = run(weights, resolution=RESOLUTION[population], seed=0)
        rows.append(_row(cells, population, (genes, scale, kind, algorithm), names))
    if seurat_is_present():
        names = seurat(cells, RESOLUTION[population], ~candidates)
        rows.append(_row(cells, population, ("Seurat in R", "scaled", "shared", "Louvain"), names))
    return rows


def _row(cells: Cells, population: str, recipe: tuple[str, ...], names: np.ndarray) -> dict[str, object]:
    known = cells.label != ""
    return {
        "set": cells.name,
        "population": population,
        **dict(zip(("variable_genes", "components", "graph", "algorithm"), recipe, strict=True)),
        "labelled_cells": int(known.sum()),
        "types": len(set(cells.label[known])),
        "clusters": len(set(names)),
        "ari": round(float(adjusted_rand_score(cells.label[known], names[known])), 4),
    }


def seurat_is_present() -> bool:
    """Whether R with Seurat can be run here."""
    if not shutil.which("Rscript"):
        return False
    asked = subprocess.run(["Rscript", "-e", "library(Seurat)"], capture_output=True, check=False)
    return asked.returncode == 0


def seurat(cells: Cells, resolution: float, left_out: np.ndarray) -> np.ndarray:
    """Clusters by R's Seurat; several libraries' components are corrected as everywhere else here.

    `left_out` masks genes that no recipe takes as variable (those of clones among them).
    """
    n = EmbeddingSettings().n_pcs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mmwrite(folder / "counts.mtx", cells.counts.T.tocoo())
        (folder / "left_out.txt").write_text("\n".join(map(str, np.flatnonzero(left_out) + 1)))
        run = ["Rscript", str(R_SCRIPT)]
        subprocess.run([*run, "pca", name, str(n)], check=True, capture_output=True)
        points = pd.read_csv(folder / "components.tsv", sep="\t", header=None, index_col=0)
        points[:] = _corrected(points.to_numpy(), cells.batch)
        points.to_csv(folder / "components.tsv", sep="\t", header=False)
        subprocess.run([*run, "cluster", name, str(n), str(resolution)], check=True, capture_output=True)
        return np.array((folder / "clusters.tsv").read_text().split())


def _corrected(points: np.ndarray, batch: np.ndarray) -> np.ndarray:
    from carpeak.populations import integration

    if len(set(batch)) < 2:
        return points
    return integration.harmonise(points, batch, preset="paper")[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--demo", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    sets = list(real(options.data)) + ([demo(options.demo)] if options.demo else [])
    rows = []
    for population, cells, t_cells in sets:
        if population == "all":
            rows += scored(cells, "all")
        rows += scored(cells.taken(t_cells), "t_cells")
    table = pd.DataFrame(rows)
    io.write_table(table, options.out / "clusters.tsv")
    keys = ["population", "variable_genes", "components", "graph", "algorithm"]
    wide = table.pivot_table(index=keys, columns="set", values="ari", sort=False)
    print(wide.round(2).to_string())


if __name__ == "__main__":
    main()
