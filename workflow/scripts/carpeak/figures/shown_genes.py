"""The marker genes that dot plots show, by population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MARKERS: Mapping[str, Sequence[str]] = {
    "all": (
        "CD3D",
        "CD3E",
        "CD8A",
        "CD8B",
        "CD4",
        "NKG7",
        "KLRD1",
        "CD79A",
        "MS4A1",
        "JCHAIN",
        "LYZ",
        "IFITM3",
        "S100A8",
        "HBA1",
        "HBA2",
        "HBG1",
        "HBB",
        "PF4",
        "PPBP",
        "CD34",
    ),
    "t_cells": (
        "CD3D",
        "CD4",
        "CD8A",
        "CD8B",
        "TCF7",
        "LEF1",
        "CCR7",
        "SELL",
        "IL7R",
        "GZMK",
        "CCL5",
        "GZMB",
        "GNLY",
        "NKG7",
        "PRF1",
        "CST7",
        "LAG3",
        "IL2RA",
        "FOXP3",
        "MKI67",
    ),
}


def of(population: str) -> Sequence[str]:
    """The genes of a population's dot plot."""
    return MARKERS.get(population, MARKERS["t_cells"])
