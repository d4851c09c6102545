"""Words that several stages share: populations, labels, calls, groups of genes; a leaf of the imports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

# The funnel of the analysis, through one chain of rules: the wildcard, and its name within a sentence.
POPULATION_NAMES = {"all": "all cells", "t_cells": "T cells", "car_t": "CAR+ T cells"}
POPULATIONS = tuple(POPULATION_NAMES)

# Why quality control removes a barcode, in the order of the checks: the key in tables, and in words.
REMOVAL_REASONS = {
    "few_genes": "too few genes",
    "many_genes": "too many genes",
    "low_umis": "too few UMIs",
    "high_umis": "too many UMIs",
    "high_mito": "high mitochondrial share",
    "doublet": "doublets",
}

T_CELL = "T cell"  # the lineage whose cells can carry the CAR
NOT_T = "not a T cell"
UNASSIGNED = "unassigned"  # no label could be given

POSITIVE, UNDETERMINED, NEGATIVE = "positive", "undetermined", "negative"  # calls of the CAR

WITHOUT_TRANSGENE = "without_transgene"  # samples whose matrix lists no feature of the construct

FEW_CELLS = 50  # below this many cells on a side, intervals are too wide for conclusions

# Symbols of genes that can be left out of the variable genes, as whole-word patterns.
GENE_GROUPS: dict[str, str] = {
    "tcr": r"TR[ABDG][VDJ]\d.*",
    "ig": r"IG[HKL][VDJ]\d.*|IGH[ADEGM]\d?|IGKC|IGLC\d|JCHAIN",
    "sex": r"XIST|TSIX|RPS4Y[12]|DDX3Y|EIF1AY|KDM5D|UTY|USP9Y|ZFY|TXLNGY|TTTY\d+.*|NLGN4Y|TMSB4Y|PRKY",
    "haemoglobin": r"HB[ABDEGMQZ][12]?",
    "mito": r"MT-.*",
    "ribosomal": r"RP[LS]\d.*|RPLP[012]|RPSA",
}


def in_groups(genes: Sequence[str], groups: Sequence[str]) -> NDArray[np.bool_]:
    """Mask of the genes whose symbol belongs to one of the named `GENE_GROUPS`."""
    pattern = re.compile("|".join(f"(?:{GENE_GROUPS[group]})" for group in groups) or r"(?!)")
    return np.fromiter((pattern.fullmatch(gene) is not None for gene in genes), dtype=bool, count=len(genes))


def in_reading_order(names: Iterable[str]) -> list[str]:
    """Different `names` as people count them: D2 before D10."""
    pieces = {name: re.split(r"(\d+)", name) for name in names}
    return sorted(
        pieces, key=lambda name: ([(int(p), "") if p.isdecimal() else (-1, p) for p in pieces[name]], name)
    )
