"""Studies made of real cells, whose truth is known because the changes are put in.

T cells with a sort gate or a published label, and the other cells of the same set, are shared out between a
product and a peak library, each cell to one of them, so that without a planted change the two differ by the
sampling of cells alone. Nothing here reads the workflow's simulator, gene sets or claims; its marker file
only tells under which symbol to look a gene up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import labelled  # isort: skip (puts the package on the path)
import h5py
import numpy as np
import pandas as pd
from carpeak.stats.ranksum import PSEUDOCOUNT
from scipy import sparse

DESIGNS = ("null", "mix", "genes")
SOURCES = ("facs_casi", "pbmc3k")
CAR = "CAR"
CAR_SHARE = {"null": (0.30, 0.30), "mix": (0.40, 0.15), "genes": (0.30, 0.30)}  # product, peak
AMBIENT = 2e-6  # CAR UMIs per UMI of a cell, in every cell
NAIVE = {"mix": (0.75, 0.35)}  # share of naive cells among T cells, product and peak; else as in the set
BETWEEN = 0.10  # of the T cells: half the RNA of a naive and half that of a memory cell
CHANGED = 40  # genes thinned in either library
FOLD = 2.0
SET_KEPT = 0.6  # of the UMIs of one gene set in the product
SET_SIZE = (15, 60)  # genes of that set that a tenth of the T cells show
MIN_GENES = 200
T_GENES = ("CD3D", "CD3E", "CD3G", "TRAC")


@dataclass(frozen=True)
class Source:
    """Labelled cells: counts (cells x genes), symbols, and whether a cell is a naive or any T cell."""

    counts: sparse.csr_matrix
    genes: list[str]
    naive: np.ndarray
    t_cell: np.ndarray
    lineage: np.ndarray  # CD4, CD8, or empty in other cells


@dataclass
class Library:
    """One library; `truth` holds for each cell t_cell, naive, between, lineage and car."""

    counts: sparse.csr_matrix
    truth: pd.DataFrame


@dataclass
class Study:
    """Product and peak, and what was planted.

    `changed` are true log2 changes by gene, peak over product, of mean counts per 10,000 with the workflow's
    pseudocount; `single` those genes that belong to no planted set.
    """

    product: Library
    peak: Library
    genes: list[str]
    changed: dict[str, float] = field(default_factory=dict)
    single: frozenset[str] = frozenset()
    gene_set: str = ""
    in_set: frozenset[str] = frozenset()


def read_source(folder: Path, name: str, wanted: list[str]) -> Source:
    """The set `name` of SOURCES; genes `wanted` under their current symbol."""
    if name == "facs_casi":
        counts, features, barcodes = labelled.read_mtx(folder / "facs_zheng_dev/casi")
        table = pd.read_csv(folder / "facs_zheng_dev/casi_facs_labels.csv").set_index("barcode")["facs"]
        gates = labelled.FACS
    else:
        counts, features, barcodes = labelled.read_mtx(next((folder / "pbmc3k").glob("counts_*")))
        table = pd.read_csv(folder / "pbmc3k/seurat_meta_2638.csv").set_index("barcode")["classified"]
        table.index = table.index.str.replace("-1", "")
        barcodes = [barcode.replace("-1", "") for barcode in barcodes]
        gates = labelled.SEURAT
    label = table.reindex(barcodes).fillna("").to_numpy(dtype=str)
    known = np.flatnonzero((label != "") & (counts.getnnz(axis=1) >= MIN_GENES))
    label = label[known]
    symbols = pd.Series(labelled.current_symbols(features, wanted))
    again = symbols.groupby(symbols).cumcount()
    genes = [s if not n else f"{s}-{n}" for s, n in zip(symbols, again, strict=True)]
    gate = [gates.get(one, ("", "")) for one in label]
    return Source(
        counts[known],
        genes,
        np.array([g == "naive" for _, g in gate]),
        np.array([lineage != "" for lineage, _ in gate]),
        np.array([lineage for lineage, _ in gate]),
    )


def car_cells(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """CAR UMIs and all other UMIs of the T cells of one library of blood sorted for the CAR."""
    with h5py.File(folder / "carpall_P02/h5/CAR-T10310322.filtered_feature_bc_matrix.h5") as file:
        held = file["matrix"]
        names = held["features/name"][:].astype(str)
        parts = (held["data"][:], held["indices"][:], held["indptr"][:])
        counts = sparse.csc_matrix(parts, shape=held["shape"][:]).T.tocsr()
    own = np.asarray(counts[:, names == "CAT_scFv"].sum(axis=1)).ravel().astype(np.int64)
    depth = np.asarray(counts.sum(axis=1)).ravel() - own
    t_cell = np.asarray((counts[:, np.isin(names, T_GENES)] > 0).sum(axis=1)).ravel() >= 1
    kept = t_cell & (np.diff(counts.indptr) > MIN_GENES)
    return own[kept], depth[kept].astype(np.int64)


def make(
    source: Source,
    car: tuple[np.ndarray, np.ndarray],
    sets: dict[str, frozenset[str]],
    *,
    design: str,
    seed: int,
) -> Study:
    """The study of one design; every random choice follows from `seed`."""
    rng = np.random.default_rng(seed)
    product, peak = _shared_out(source, design, rng)
    study = Study(_library(source, product, rng), _library(source, peak, rng), source.genes)
    if design == "genes":
        _plant(study, sets, rng)
    for library, share in zip((study.product, study.peak), CAR_SHARE[design], strict=True):
        _spike(library, share, car, rng)
    return study


def _shared_out(source: Source, design: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows of the product and of the peak; no cell is in both."""
    naive = rng.permutation(np.flatnonzero(source.t_cell & source.naive))
    memory = rng.permutation(np.flatnonzero(source.t_cell & ~source.naive))
    others = rng.permutation(np.flatnonzero(~source.t_cell))
    usual = len(naive) / (len(naive) + len(memory))
    shares = np.array(NAIVE.get(design, (usual, usual)))
    n = int(min(len(naive) / shares.sum(), len(memory) / (2 - shares.sum())))
    found = []
    for place, share in enumerate(shares):
        a, b = round(n * share), n - round(n * share)
        start = (round(n * shares[0]), n - round(n * shares[0])) if place else (0, 0)
        half = others[place::2]
        found.append(np.concatenate([naive[start[0] :][:a], memory[start[1] :][:b], half]))
    return found


def _library(source: Source, rows: np.ndarray, rng: np.random.Generator) -> Library:
    """The cells `rows`, some T cells joined to cells in between naive and memory.

    Two cells make one and leave, so that no two cells of a library share RNA: where the second stayed, cells
    were no independent sample, and intervals of genes held 0 in 1.5 % fewer genes than on plain halves.
    """
    counts = source.counts[rows].astype(np.int64).tolil(copy=True).tocsr()
    naive, t_cell = source.naive[rows], source.t_cell[rows]
    a, b = np.flatnonzero(t_cell & naive), np.flatnonzero(t_cell & ~naive)
    k = min(round(BETWEEN * t_cell.sum() / (1 + BETWEEN)), len(a), len(b))
    first, second = rng.choice(a, k, replace=False), rng.choice(b, k, replace=False)
    mixed = _thin(counts[first], 0.5, rng) + _thin(counts[second], 0.5, rng)
    kept = np.setdiff1d(np.arange(len(rows)), np.concatenate([first, second]))
    truth = pd.DataFrame(
        {
            "t_cell": np.append(t_cell[kept], np.ones(k, dtype=bool)),
            "naive": np.append(naive[kept], np.zeros(k, dtype=bool)),
            "between": np.append(np.zeros(len(kept), dtype=bool), np.ones(k, dtype=bool)),
            "lineage": np.append(source.lineage[rows][kept], source.lineage[rows][second]),
        }
    )
    return Library(sparse.vstack([counts[kept], mixed]).tocsr(), truth)


def _thin(counts: sparse.csr_matrix, share: float, rng: np.random.Generator) -> sparse.csr_matrix:
    result = counts.copy()
    result.data = rng.binomial(result.data, share)
    result.eliminate_zeros()
    return result


def _plant(study: Study, sets: dict[str, frozenset[str]], rng: np.random.Generator) -> None:
    """Thin CHANGED genes to 1 / FOLD in the product, as many in the peak, and one gene set in the product."""
    counts = sparse.vstack(
        [one.counts[np.flatnonzero(one.truth["t_cell"])] for one in (study.product, study.peak)]
    ).tocsr()
    shown = counts.getnnz(axis=0) >= 0.1 * counts.shape[0]
    depth = np.asarray(counts.sum(axis=1)).ravel()
    level = np.asarray(sparse.diags(1e4 / depth).dot(counts).mean(axis=0)).ravel()
    common = {gene for gene, one in zip(study.genes, shown, strict=True) if one}
    fitting = sorted(n for n, genes in sets.items() if SET_SIZE[0] <= len(genes & common) <= SET_SIZE[1])
    study.gene_set = str(rng.choice(fitting))
    study.in_set = frozenset(sets[study.gene_set] & set(study.genes))
    free = sorted(common - study.in_set)
    up, down = np.split(rng.choice(free, 2 * CHANGED, replace=False), 2)
    place = {gene: i for i, gene in enumerate(study.genes)}
    for library, genes, share in (
        (study.product, up, 1 / FOLD),
        (study.peak, down, 1 / FOLD),
        (study.product, sorted(study.in_set), SET_KEPT),
    ):
        columns = np.zeros(len(study.genes), dtype=bool)
        columns[[place[gene] for gene in genes]] = True
        hit = columns[library.counts.indices]
        library.counts.data[hit] = rng.binomial(library.counts.data[hit], share)
        library.counts.eliminate_zeros()
    before = dict.fromkeys(map(str, up), 1 / FOLD) | dict.fromkeys(sorted(study.in_set & common), SET_KEPT)
    after = dict.fromkeys(map(str, down), 1 / FOLD)
    for gene in [*before, *after]:
        low, high = level[place[gene]] * before.get(gene, 1.0), level[place[gene]] * after.get(gene, 1.0)
        study.changed[gene] = float(np.log2((high + PSEUDOCOUNT) / (low + PSEUDOCOUNT)))
    study.single = frozenset(map(str, [*up, *down]))


def _spike(
    library: Library, share: float, car: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    """Give T cells the CAR UMIs of real CAR+ cells, scaled to their depth, and every cell ambient ones.

    A real cell as deep as possible relative to its new one is thinned to it: among the real cells a random
    one that is at least as deep, else the deepest.
    """
    depth = np.asarray(library.counts.sum(axis=1)).ravel()
    positive = library.truth["t_cell"].to_numpy() & (rng.random(len(depth)) < share)
    umis = rng.poisson(AMBIENT * depth)
    order = np.argsort(car[1], kind="stable")
    own, real_depth = car[0][order], car[1][order]
    for cell in np.flatnonzero(positive):
        first = min(int(np.searchsorted(real_depth, depth[cell])), len(real_depth) - 1)
        donor = int(rng.integers(first, len(real_depth)))
        umis[cell] += rng.binomial(own[donor], min(depth[cell] / real_depth[donor], 1.0))
    library.truth["car"] = positive
    library.truth["car_umis"] = umis
