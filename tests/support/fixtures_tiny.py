"""Tiny studies with planted cell types, for whole runs in which something is missing."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from fixtures_libraries import CAR, write_trio
from scipy import sparse

HOUSEKEEPING = [f"HK{i}" for i in range(400)]
MITO = ["MT-CO1", "MT-ND1", "MT-CYB"]
T_CELL = ["CD3D", "CD3E", "CD3G", "TRAC", "CD2", "BCL11B"]
PROGRAMMES = {
    "CD4 Tn": [*T_CELL, "CD4", "CCR7", "LEF1", "TCF7", "SELL", "MAL", "NOSIP", "IL7R"],
    "CD4 Tem": [*T_CELL, "CD4", "GZMB", "GZMK", "CCL5", "NKG7", "GNLY", "PRF1", "CST7", "LAG3"],
    "CD8 Teff": [*T_CELL, "CD8A", "CD8B", "GZMB", "GZMH", "GNLY", "PRF1", "NKG7", "FGFBP2", "CX3CR1"],
    "Monocyte": ["LYZ", "S100A8", "S100A9", "FCN1", "CD14", "VCAN", "CST3", "IFITM3"],
    "Red cell": ["HBB", "HBA1", "HBA2", "HBG1", "ALAS2", "AHSP", "CA1", "SLC4A1"],
}
GENES = [*HOUSEKEEPING, *MITO, *dict.fromkeys(g for genes in PROGRAMMES.values() for g in genes), CAR]
HIGH, LOW, DEPTH = 12.0, 0.02, 700.0


def library(cells: Mapping[str, int], *, car: float = 0.5, seed: int = 0) -> sparse.csr_matrix:
    """Raw counts of `cells` (programme: number), T cells with `car` transgene UMIs on average."""
    generator = np.random.default_rng(seed)
    base = np.random.default_rng(0).lognormal(0, 0.8, len(HOUSEKEEPING))
    rows = []
    for name, n in cells.items():
        mean = np.full(len(GENES), LOW)
        mean[: len(HOUSEKEEPING)] = DEPTH * base / base.sum()
        mean[[GENES.index(gene) for gene in MITO]] = 8.0
        mean[[GENES.index(gene) for gene in PROGRAMMES[name]]] = HIGH
        mean[GENES.index(CAR)] = car if CAR and "T" in name else 0.0
        size = generator.gamma(12, 1 / 12, (n, 1))  # depth differs between cells
        rows.append(generator.poisson(size * mean))
    return sparse.csr_matrix(np.vstack(rows).astype(np.int32))


def without(matrix: sparse.csr_matrix, gone: list[str]) -> tuple[sparse.csr_matrix, list[str]]:
    """The matrix and gene names without the genes `gone`."""
    kept = [i for i, gene in enumerate(GENES) if gene not in gone]
    return matrix[:, kept], [GENES[i] for i in kept]


def write(
    folder: Path, libraries: Mapping[str, tuple[str, sparse.csr_matrix, list[str]]], extra: str = ""
) -> Path:
    """A study of `libraries` (sample: condition, counts, genes) with gene sets of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["sample\tcondition\tdonor\tpath"]
    for seed, (name, (condition, matrix, genes)) in enumerate(libraries.items()):
        write_trio(folder / name, matrix, genes=genes, seed=seed)
        rows.append(f"{name}\t{condition}\tP1\t{name}")
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
    sets = [["killing", "na", "GZMB", "GNLY", "PRF1", "NKG7", "CST7"], ["rest", "na", *HOUSEKEEPING[:50]]]
    (folder / "sets.gmt").write_text("".join("\t".join(line) + "\n" for line in sets))
    (folder / "config.yaml").write_text(
        f"samples: samples.tsv\ntransgene: {{features: [{CAR}]}}\n"
        f"enrichment: {{gene_sets: [sets.gmt], min_size: 3}}\n{extra}"
    )
    return folder
