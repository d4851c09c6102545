"""Whether a matrix holds what it is taken for: counts of human genes, a transgene that is none of them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ..libraries.absent_transgene import LOOKS_LIKE
from ..readers.genes import TABLE, known_symbols, symbols_by_id

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..readers.library import CountMatrix

MOUSE_ID = re.compile(r"(mm\w+_+)?ENSMUSG")
MOUSE_SYMBOL = re.compile(r"[A-Z][a-z][a-z0-9]+$")  # Cd3e, Actb; human symbols are in capitals
MIXED = 0.05  # share of the genes that are a mouse's; a construct has a few features
# Counts of a gene vary at least as much from cell to cell as its mean (Poisson), and more where cells differ.
SEEN_OFTEN = 1.0  # mean from which a gene is asked
MIN_GENES, MIN_CELLS = 5, 30
TOO_LITTLE = 0.5  # variance over mean, of the median gene, or of the cells' sums
TWOS = 10.0  # counts of 2 that are expected where the highest is 1: none by chance in 1 of 20,000 matrices
# Columns that tables of counts bear beside the genes, and what HTSeq adds to them; no gene is called so.
SUMMARIES = re.compile(
    r"(grand ?)?totals?|sum|n_?counts?(_?rna)?|n_?features?(_?rna)?|n_?genes?|n_?umis?|library_?size|"
    r"(pct|percent)[._]?(mt|mito|ribo)\w*|(seurat_|leiden_)?clusters?|leiden|louvain|orig\.ident|cell_?types?|"
    r"__?(no_feature|ambiguous|too_low_aqual|not_aligned|alignment_not_unique)",
    re.IGNORECASE,
)
SPREADSHEET_DATE = re.compile(r"\d{1,2}-(Mar|Sep|Sept|Dec)", re.IGNORECASE)
OTHER_ID = re.compile(r"ENS(?!G\d)[A-Z]{3,4}G\d{11}")  # Ensembl's for species but man (ENSG)
ALIASES = TABLE.with_name("aliases.tsv.gz")


def mouse_share(library: CountMatrix) -> float:
    """Share of the library's genes that bear a mouse's identifier or symbol."""
    ids = sum(bool(MOUSE_ID.match(name)) for name in library.gene_ids)
    symbols = sum(bool(MOUSE_SYMBOL.match(name)) for name in library.symbols)
    return max(ids, symbols) / max(len(library.symbols), 1)


def of_one_species(library: CountMatrix) -> list[str]:
    """Sentences on mouse genes, alone or among human ones; those with a genome's prefix are gone by now."""
    share = mouse_share(library)
    examples = [str(s) for s in library.symbols if MOUSE_SYMBOL.match(s) or MOUSE_ID.match(s)]
    examples += [str(s) for s in library.gene_ids if MOUSE_ID.match(s)]
    named = ", ".join(examples[:3])
    if share > 1 - MIXED or (share > 1 / 2 and not _human(library)):
        return [
            f"{library.path}: these are mouse genes ({named}, ...). Markers, gene sets and claims are "
            "human: give a matrix of human genes."
        ]
    others = [str(name) for name in library.gene_ids if OTHER_ID.match(name)]
    if len(others) > len(library.gene_ids) / 2:
        return [
            f"{library.path}: these are genes of another species than man ({', '.join(others[:3])}, ...). "
            "Markers, gene sets and claims are human: give a matrix of human genes."
        ]
    if share >= MIXED:
        return [
            f"{library.path}: {100 * share:.0f} % of the genes are a mouse's ({named}, ...), mixed with "
            "human ones: cells of both species would be compared as one. Give the human cells and genes "
            "alone, or a reference whose genes bear their genome's prefix (GRCh38_, mm10_)."
        ]
    return []


def _human(library: CountMatrix) -> bool:
    return bool(known_symbols() & set(library.symbols))


@cache
def _aliases() -> Mapping[str, str]:
    lines = gzip.decompress(ALIASES.read_bytes()).decode().splitlines()[1:]
    return dict(line.split("\t")[:2] for line in lines)


def endogenous(library: CountMatrix, rows: Mapping[str, NDArray[np.bool_]]) -> list[str]:
    """Sentences on features of the transgene (`rows` of the library by name) that are genes of the cells."""
    found = []
    for feature, where in rows.items():
        for symbol, identifier in zip(library.symbols[where], library.gene_ids[where], strict=True):
            gene = _endogenous(str(symbol), str(identifier).split(".")[0])
            if gene:
                found.append(
                    f"the transgene's feature {feature} is the human gene {gene}, which cells hold without a "
                    "CAR: what is counted is theirs. Name the construct's own feature in transgene.features"
                )
    return list(dict.fromkeys(found))


def _endogenous(symbol: str, identifier: str) -> str:
    """The human gene behind a feature; empty where it is none.

    A name that looks like a construct's (CAR, which is an alias of two genes) is no alias here.
    """
    if identifier in symbols_by_id():
        return symbols_by_id()[identifier]
    if symbol in known_symbols():
        return symbol
    return "" if LOOKS_LIKE.search(symbol) else _aliases().get(symbol, "")


def vary_too_little(sums: NDArray[np.float64], squares: NDArray[np.float64], cells: int) -> str:
    """What is wrong with values that vary less from cell to cell than counts can; else an empty string.

    `sums` and `squares` are, for each gene, the sums of its values and of their squares over `cells` cells.
    """
    if cells < MIN_CELLS:
        return ""
    mean = sums / cells
    often = mean >= SEEN_OFTEN
    if (squares == sums).all() and cells * float((mean**2).sum()) / 2 > TWOS:
        return "every value is 1, though some genes are in many cells: detected or not, but no counts."
    if often.sum() < MIN_GENES:
        return ""
    ratio = float(np.median((squares[often] / cells - mean[often] ** 2) / mean[often]))
    if ratio >= TOO_LITTLE:
        return ""
    return (
        f"the values vary too little from cell to cell for counts (variance over mean {ratio:.2f}; counts "
        "have 1 or more): rounded log values, or copies of one cell?"
    )


def of_one_depth(umis: NDArray[np.int64]) -> str:
    """What is wrong where all cells hold nearly the same sum of counts; else an empty string.

    The sum of a cell's counts varies at least as much as its mean, like each of them.
    """
    held = umis[umis > 0].astype(float)
    if len(held) < MIN_CELLS or held.var() >= TOO_LITTLE * held.mean():
        return ""
    return (
        f"all cells hold nearly the same sum ({held.min():,.0f} to {held.max():,.0f}): values that were "
        "normalised (counts per 10,000 or per million) and rounded, or thinned to one depth?"
    )


def no_genes(library: CountMatrix) -> list[str]:
    """Sentences on rows of a table that are no genes, such as sums: they would be taken for counts."""
    named = [str(s) for s in library.symbols if SUMMARIES.fullmatch(s)]
    if not named:
        return []
    listed = ", ".join(named[:5])
    return [
        f"{library.path}: {listed}: no gene is called so; sums or notes among the counts would be taken for "
        "UMIs of a gene. Remove them from the table."
    ]


def spoilt_names(library: CountMatrix) -> tuple[str, ...]:
    """Notes on gene names that a spreadsheet made dates of (MARCH1, SEPTIN2, DEC1)."""
    dates = [str(s) for s in library.symbols if SPREADSHEET_DATE.fullmatch(s)]
    if not dates:
        return ()
    return (
        f"{len(dates)} gene names are dates ({', '.join(dates[:3])}), as spreadsheets make of MARCH1 or "
        "SEPT2: these genes are lost",
    )
