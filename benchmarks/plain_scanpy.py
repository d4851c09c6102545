"""The same questions answered by one plain script, as scanpy's tutorials do: what carpeak is timed against.

usage: python benchmarks/plain_scanpy.py PRODUCT PEAK GMT FEATURE[,FEATURE...] OUT
PRODUCT and PEAK are 10x folders of counts, GMT gene sets, FEATURE the CAR's names. Steps and options are
those of "Preprocessing and clustering" and "Integrating data" of scanpy 1.11 (Scrublet per library, genes
variable in both, PCA, Harmony, neighbours, UMAP, Leiden by igraph, Wilcoxon markers, dot plots); T cells are
taken out and go through them again; then the CAR by one UMI, genes between libraries by Wilcoxon, GO terms
by gseapy. Writes tables, figures and an h5ad into OUT, and the seconds of every stage to OUT/stages.json.
"""

from __future__ import annotations

import sys
import time

STARTED = time.perf_counter()

import json  # noqa: E402
import warnings  # noqa: E402
from itertools import chain  # noqa: E402
from pathlib import Path  # noqa: E402

warnings.filterwarnings("ignore")

import anndata  # noqa: E402
import gseapy  # noqa: E402
import harmonypy  # noqa: E402
import matplotlib as mpl  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import scanpy as sc  # noqa: E402

mpl.use("Agg")
MARKERS = {
    "T": ["CD3D", "CD3E", "TRAC"],
    "NK": ["KLRD1", "NCAM1", "FCGR3A"],
    "B": ["CD79A", "MS4A1"],
    "Myeloid": ["LYZ", "S100A8", "CD14"],
    "Red": ["HBB", "HBA1", "HBA2"],
    "Platelet": ["PF4", "PPBP"],
}
STATES = {
    "CD4 naive": ["CD4", "TCF7", "LEF1", "CCR7"],
    "CD4 memory": ["CD4", "GZMK", "GZMB"],
    "CD8 naive": ["CD8A", "CD8B", "TCF7", "LEF1"],
    "CD8 effector": ["CD8A", "CD8B", "GZMB", "GNLY"],
    "Treg": ["IL2RA", "FOXP3"],
}


class Stages:
    """Seconds of each stage."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}
        self.since = STARTED

    def done(self, stage: str) -> None:
        """Close a stage; a stage that comes again is added up."""
        now = time.perf_counter()
        self.found[stage] = self.found.get(stage, 0.0) + now - self.since
        self.since = now


def embed(cells: anndata.AnnData, resolution: float, stages: Stages) -> None:
    """Variable genes, PCA, Harmony, neighbours, UMAP, Leiden."""
    sc.pp.highly_variable_genes(cells, n_top_genes=2000, batch_key="sample")
    sc.tl.pca(cells, n_comps=30, random_state=0)
    stages.done("variable genes and PCA")
    corrected = harmonypy.run_harmony(cells.obsm["X_pca"].astype(float), cells.obs, "sample").Z_corr
    corrected = np.asarray(corrected)
    cells.obsm["X_harmony"] = corrected if len(corrected) == cells.n_obs else corrected.T  # 2.0 turned it
    stages.done("Harmony")
    sc.pp.neighbors(cells, use_rep="X_harmony", random_state=0)
    stages.done("neighbours")
    sc.tl.umap(cells, random_state=0)
    stages.done("UMAP")
    sc.tl.leiden(
        cells, resolution=resolution, flavor="igraph", n_iterations=2, directed=False, random_state=0
    )
    stages.done("Leiden")


def name_clusters(cells: anndata.AnnData, panels: dict[str, list[str]], column: str) -> None:
    """Name each cluster by the panel whose genes stand out most in it, as one reads a scaled dot plot."""
    known = {name: [gene for gene in genes if gene in cells.var_names] for name, genes in panels.items()}
    shown = sc.get.obs_df(cells, keys=["leiden", *dict.fromkeys(chain(*known.values()))])
    means = shown.groupby("leiden", observed=True).mean()
    scaled = ((means - means.mean()) / means.std()).fillna(0.0)
    best = {
        cluster: max(known, key=lambda name: row[known[name]].mean()) for cluster, row in scaled.iterrows()
    }
    cells.obs[column] = cells.obs["leiden"].astype(str).map(best).astype("category")


def draw(cells: anndata.AnnData, column: str, panels: dict[str, list[str]], out: Path) -> None:
    """UMAP by label and by library, and the panels as a dot plot."""
    known = {name: [gene for gene in genes if gene in cells.var_names] for name, genes in panels.items()}
    sc.pl.umap(cells, color=[column, "leiden", "sample"], show=False)
    plt.savefig(out / f"umap_{column}.png", dpi=150, bbox_inches="tight")
    sc.pl.dotplot(cells, known, groupby=column, show=False)
    plt.savefig(out / f"dotplot_{column}.png", dpi=150, bbox_inches="tight")
    plt.close("all")


def compare(cells: anndata.AnnData, name: str, gmt: str, out: Path, stages: Stages) -> None:
    """Genes between the libraries, a volcano plot, and the GO terms of genes that rose."""
    counts = cells.obs["sample"].value_counts()
    if len(counts) < 2 or counts.min() < 10:
        return
    sc.tl.rank_genes_groups(cells, "sample", groups=["peak"], reference="product", method="wilcoxon")
    genes = sc.get.rank_genes_groups_df(cells, "peak")
    genes.to_csv(out / f"genes_{name}.csv", index=False)
    stages.done("genes between libraries")
    changed = (genes["pvals_adj"] < 0.01) & (genes["logfoldchanges"].abs() > 0.5)
    plt.figure(figsize=(5, 4))
    heights = -np.log10(genes["pvals_adj"].clip(lower=1e-300))
    plt.scatter(genes["logfoldchanges"], heights, s=3, c=np.where(changed, "firebrick", "lightgrey"))
    plt.savefig(out / f"volcano_{name}.png", dpi=150)
    plt.close("all")
    stages.done("figures")
    rose = genes.loc[changed & (genes["logfoldchanges"] > 0), "names"].tolist()
    if rose:
        terms = gseapy.enrich(rose, gene_sets=gmt, background=genes["names"].tolist(), outdir=None)
        terms.results.to_csv(out / f"terms_{name}.csv", index=False)
    stages.done("GO terms")


def main() -> None:
    """Run everything."""
    product, peak, gmt, features, folder = sys.argv[1:6]
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    stages = Stages()
    stages.done("import")
    libraries = {"product": sc.read_10x_mtx(product), "peak": sc.read_10x_mtx(peak)}
    for library in libraries.values():
        library.var_names_make_unique()
    cells = anndata.concat(libraries, label="sample", index_unique="-")
    stages.done("read")
    cells.var["mt"] = cells.var_names.str.startswith("MT-")
    sc.pp.calculate_qc_metrics(cells, qc_vars=["mt"], inplace=True, percent_top=None, log1p=True)
    mito = cells.obs["pct_counts_mt"]
    spread = (mito - mito.median()).abs().median() * 1.4826
    cells = cells[(mito <= mito.median() + 3 * spread) & (cells.obs["n_genes_by_counts"] >= 100)].copy()
    sc.pp.filter_genes(cells, min_cells=3)
    stages.done("quality")
    sc.pp.scrublet(cells, batch_key="sample", random_state=0)
    cells = cells[~cells.obs["predicted_doublet"].to_numpy(bool)].copy()
    stages.done("doublets")
    cells.layers["counts"] = cells.X.copy()
    sc.pp.normalize_total(cells)
    sc.pp.log1p(cells)
    car = [name for name in features.split(",") if name in cells.var_names]
    cells.obs["car"] = (np.asarray(cells[:, car].layers["counts"].sum(axis=1)).ravel() > 0).astype(str)
    stages.done("normalise")
    embed(cells, 0.8, stages)
    name_clusters(cells, MARKERS, "kind")
    sc.tl.rank_genes_groups(cells, "leiden", method="wilcoxon")
    sc.get.rank_genes_groups_df(cells, None).to_csv(out / "markers_all.csv", index=False)
    stages.done("markers")
    draw(cells, "kind", MARKERS, out)
    stages.done("figures")
    t_cells = cells[cells.obs["kind"] == "T"].copy()
    embed(t_cells, 0.5, stages)
    name_clusters(t_cells, STATES, "state")
    sc.tl.rank_genes_groups(t_cells, "leiden", method="wilcoxon")
    sc.get.rank_genes_groups_df(t_cells, None).to_csv(out / "markers_t.csv", index=False)
    stages.done("markers")
    draw(t_cells, "state", STATES, out)
    stages.done("figures")
    positive = t_cells[t_cells.obs["car"] == "True"].copy()
    shares = positive.obs.groupby("sample", observed=True)["state"].value_counts(normalize=True)
    shares.to_csv(out / "composition.csv")
    for name, part in {
        "t_cells": t_cells,
        "car_positive": positive,
        "cd4_car_positive": positive[
            positive.obs["state"].astype(str).str.startswith(("CD4", "Treg"))
        ].copy(),
    }.items():
        compare(part, name, gmt, out, stages)
    cells.write_h5ad(out / "cells.h5ad", compression="gzip")
    stages.done("write")
    (out / "stages.json").write_text(json.dumps(stages.found, indent=1))


if __name__ == "__main__":
    main()
