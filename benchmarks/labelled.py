"""Real T cells whose state is known from a sort gate, from proteins or from a published analysis.

The sets are public and not part of this project (a SOURCE.txt lies beside each);
`folder` says where they are.
"""

from __future__ import annotations

import gzip
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.io import mmread

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow/scripts"))

from carpeak.libraries import aliases  # noqa: E402

FACS = {  # sort gates of Zheng et al. 2017: lineage and gate
    "CD4+ T Helper2": ("CD4", "helper"),
    "CD4+/CD25 T Reg": ("CD4", "regulatory"),
    "CD4+/CD45RA+/CD25- Naive T": ("CD4", "naive"),
    "CD4+/CD45RO+ Memory": ("CD4", "memory"),
    "CD8+ Cytotoxic T": ("CD8", "cytotoxic"),
    "CD8+/CD45RA+ Naive Cytotoxic": ("CD8", "naive"),
}
SEURAT = {
    "Naive CD4 T": ("CD4", "naive"),
    "Memory CD4 T": ("CD4", "memory"),
    "CD8 T": ("CD8", "cytotoxic"),
}
KANG = {"CD4 Naive T": ("CD4", "naive"), "CD4 Memory T": ("CD4", "memory"), "CD8 T": ("CD8", "cytotoxic")}
PROTEIN = {
    "memory CD4": ("CD4", "memory"),
    "memory CD8": ("CD8", "memory"),
    "naive CD4": ("CD4", "naive"),
    "naive CD8": ("CD8", "naive"),
    "Treg": ("CD4", "regulatory"),
}


@dataclass(frozen=True)
class Labelled:
    """T cells of one set: raw UMIs (cells x genes), lineage (CD4, CD8 or "") and gate ("" where unknown)."""

    name: str
    counts: sparse.csr_matrix
    genes: list[str]
    lineage: np.ndarray
    gate: np.ndarray

    def taken(self, chosen: np.ndarray) -> Labelled:
        """The same with the `chosen` cells only."""
        return Labelled(self.name, self.counts[chosen], self.genes, self.lineage[chosen], self.gate[chosen])

    def thinned(self, share: float, *, seed: int = 0) -> Labelled:
        """The same at `share` of its depth: binomial thinning."""
        counts = self.counts.astype(np.int64)
        counts.data = np.random.default_rng(seed).binomial(counts.data, share)
        counts.eliminate_zeros()
        return Labelled(self.name, counts, self.genes, self.lineage, self.gate)


def read_mtx(folder: Path) -> tuple[sparse.csr_matrix, pd.DataFrame, list[str]]:
    """Counts (cells x genes), features and barcodes of a folder in 10x's format."""
    with gzip.open(folder / "matrix.mtx.gz") as file:
        counts = mmread(file).T.tocsr().astype(np.int32)
    features = pd.read_csv(folder / "features.tsv.gz", sep="\t", header=None, dtype=str)
    barcodes = pd.read_csv(folder / "barcodes.tsv.gz", sep="\t", header=None, dtype=str)[0]
    return counts, features, barcodes.tolist()


def current_symbols(features: pd.DataFrame, wanted: list[str]) -> list[str]:
    """Gene symbols, those `wanted` under the name that HGNC gives them now."""
    resources = ROOT / "workflow/resources"
    known = aliases.known(wanted, aliases=resources / "aliases.tsv.gz", genes=resources / "genes.tsv.gz")
    symbols = features[1].tolist()
    names = aliases.renames(symbols, features[0].tolist(), known)
    return [names.get(symbol, symbol) for symbol in symbols]


def facs(folder: Path, part: str, wanted: list[str]) -> Labelled:
    """Sorted blood cells, `part` mudan (about 1,100 genes a cell) or casi (about 550)."""
    counts, features, barcodes = read_mtx(folder / "facs_zheng_dev" / part)
    table = pd.read_csv(folder / "facs_zheng_dev" / f"{part}_facs_labels.csv").set_index("barcode")["facs"]
    symbols = current_symbols(features, wanted)
    return _labelled(f"facs_{part}", counts, symbols, table.reindex(barcodes), FACS)


def malt(folder: Path, wanted: list[str]) -> Labelled:
    """T cells of a MALT lymphoma, gated by their proteins."""
    counts, features, barcodes = read_mtx(folder / "cite_malt_gated/rna")
    table = pd.read_csv(folder / "cite_malt_gated/protein_gates.csv").set_index("barcode")
    symbols = current_symbols(features, wanted)
    return _labelled("cite_malt", counts, symbols, table["gate_l2"].reindex(barcodes), PROTEIN)


def mimitou(folder: Path, wanted: list[str]) -> Labelled:
    """T cells of blood by their proteins (ECCITE-seq); limits lie in the valleys of the counts.

    CD4: CD4 > 100, CD8 < 100; CD8: CD8 > 300, CD4 < 30, and CD5 >= 40, which NK cells lack. Naive: CD62L
    >= 55 and CD45RA >= 12; memory: CD62L < 20 and CD45RA < 12 (CD4); cytotoxic: CD62L < 20 and CD27 < 100
    (CD8). CD45RO stains too weakly to be used.
    """
    counts, features, barcodes = read_mtx(folder / "cite_pbmc_mimitou/rna")
    protein = pd.read_csv(folder / "cite_pbmc_mimitou/adt_counts.csv", index_col=0).reindex(barcodes)
    cd4 = (protein["CD4"] > 100) & (protein["CD8"] < 100) & (protein["CD5"] >= 20)
    cd8 = (protein["CD8"] > 300) & (protein["CD4"] < 30) & (protein["CD5"] >= 40)
    homing, out = protein["CD62L"] >= 55, protein["CD62L"] < 20
    naive = homing & (protein["CD45RA"] >= 12)
    gate = pd.Series("", index=protein.index)
    gate[cd4 | cd8] = "other"
    gate[(cd4 | cd8) & naive] = "naive"
    gate[cd4 & out & (protein["CD45RA"] < 12)] = "memory"
    gate[cd8 & out & (protein["CD27"] < 100)] = "cytotoxic"
    known = np.flatnonzero(cd4 | cd8)
    lineage = np.where(cd4, "CD4", "CD8")[known]
    symbols = current_symbols(features, wanted)
    return Labelled("cite_mimitou", counts[known], symbols, lineage, gate.to_numpy()[known])


def pbmc3k(folder: Path, wanted: list[str]) -> Labelled:
    """T cells of 10x's PBMC 3k; the gate is the cluster that Seurat's authors published."""
    counts, features, barcodes = read_mtx(next((folder / "pbmc3k").glob("counts_*")))
    table = pd.read_csv(folder / "pbmc3k/seurat_meta_2638.csv").set_index("barcode")["classified"]
    table.index = table.index.str.replace("-1", "")
    names = table.reindex([barcode.replace("-1", "") for barcode in barcodes])
    return _labelled("pbmc3k", counts, current_symbols(features, wanted), names, SEURAT)


def kang(folder: Path, condition: str, wanted: list[str]) -> Labelled:
    """T cells of eight patients with lupus (Kang 2018), `condition` ctrl or stim (6 h of interferon beta).

    The gate is the cluster that Seurat's authors published.
    """
    counts, features, barcodes = read_mtx(folder / "kang_8donors/counts")
    table = pd.read_csv(folder / "kang_8donors/cells.csv").set_index("barcode").reindex(barcodes)
    names = table["cell_type"].where(table["condition"] == condition)
    return _labelled(f"kang_{condition}", counts, current_symbols(features, wanted), names, KANG)


def every_set(folder: Path, wanted: list[str]) -> dict[str, Labelled]:
    """All sets by name; `STUDY` says which belong together."""
    found = [
        facs(folder, "mudan", wanted),
        facs(folder, "casi", wanted),
        malt(folder, wanted),
        mimitou(folder, wanted),
        pbmc3k(folder, wanted),
        kang(folder, "ctrl", wanted),
        kang(folder, "stim", wanted),
    ]
    return {one.name: one for one in found}


# Sets of one study share donors, kit and hands: they are left out together.
STUDY = {
    "facs_mudan": "zheng",
    "facs_casi": "zheng",
    "cite_malt": "malt",
    "cite_mimitou": "mimitou",
    "pbmc3k": "pbmc3k",
    "kang_ctrl": "kang",
    "kang_stim": "kang",
}


def _labelled(
    name: str,
    counts: sparse.csr_matrix,
    symbols: list[str],
    labels: pd.Series,
    gates: dict[str, tuple[str, str]],
) -> Labelled:
    known = labels.isin(list(gates)).to_numpy()
    pairs = [gates[label] for label in labels[known]]
    return Labelled(
        name,
        counts[np.flatnonzero(known)],
        symbols,
        np.array([lineage for lineage, _ in pairs]),
        np.array([gate for _, gate in pairs]),
    )
