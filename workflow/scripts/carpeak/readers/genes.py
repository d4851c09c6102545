"""Names of genes as the rest of the project knows them: HGNC symbols, Ensembl ids without version.

What is changed is told in the library's `notes`, never done silently.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from .. import home
from .library import CountMatrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE = home.workflow() / "resources/genes.tsv.gz"  # symbol, gene_id, ... of human genes
HUMAN = re.compile(r"GRCh3[78]|hg(?:19|38)|human|Homo_sapiens", re.IGNORECASE)
OTHER_SPECIES = re.compile(
    r"mm(?:9|10|39)|GRCm3[89]|mouse|Mus_musculus|rn[4-7]|Rnor_?6.*|mRatBN.*", re.IGNORECASE
)
PREFIX = re.compile(r"(GRCh3[78]|hg19|hg38|mm9|mm10|mm39|GRCm3[89])_+(?=[^_])")
VERSION = re.compile(r"(ENS[A-Z]*G\d{11})\.\d+((?:_PAR_Y)?)")
ENSEMBL = re.compile(r"ENSG\d{11}(?:\.\d+)?")


@cache
def symbols_by_id() -> dict[str, str]:
    """HGNC symbols of human genes by Ensembl id."""
    lines = gzip.decompress(TABLE.read_bytes()).decode().splitlines()[1:]
    return {row[1]: row[0] for row in (line.split("\t") for line in lines)}


@cache
def known_symbols() -> frozenset[str]:
    """Symbols of human genes."""
    return frozenset(symbols_by_id().values())


def plain(name: str) -> str:
    """A gene's name without the prefix of a genome and the version of an Ensembl id."""
    return VERSION.sub(r"\1\2", PREFIX.sub("", name, count=1))


def rows_of(library: CountMatrix, feature: str) -> NDArray[np.bool_]:
    """Which features of `library` bear the name or id `feature`, with or without a genome's prefix."""
    return np.isin(library.symbols, [feature, plain(feature)]) | (library.gene_ids == feature)


def tidy(library: CountMatrix) -> CountMatrix:
    """The library with plain names; Ensembl ids in the symbols' place become symbols."""
    library = _one_species(library)
    symbols, ids = (_each(names) for names in (library.symbols, library.gene_ids))
    notes = list(library.notes)
    stripped = int((symbols != library.symbols).sum())
    if stripped:
        example = library.symbols[np.flatnonzero(symbols != library.symbols)[0]]
        notes.append(f"{stripped:,} gene names lost a genome's prefix or a version (such as {example})")
    is_id = np.array([name[:4] == "ENSG" and bool(ENSEMBL.fullmatch(name)) for name in symbols], dtype=bool)
    if 2 * is_id.sum() > len(symbols):
        table = symbols_by_id()
        ids = np.where(is_id, symbols, ids)
        symbols = np.array([table.get(name, name) for name in symbols], dtype=object)
        left = int((symbols[is_id] == ids[is_id]).sum())
        notes.append(
            f"{int(is_id.sum()) - left:,} genes given by Ensembl id have their symbols from the workflow's "
            f"table; {left:,} that are not in it keep their id"
        )
    return replace(library, symbols=symbols, gene_ids=ids, notes=tuple(notes))


def _each(names: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.array([plain(name) if "_" in name or "." in name else name for name in names], dtype=object)


def _one_species(library: CountMatrix) -> CountMatrix:
    """Where genes of a human and another genome are told apart by prefixes, without those of the other."""
    genomes = [m[1] if "_" in name and (m := PREFIX.match(name)) else "" for name in library.symbols]
    found = Counter(genomes)
    other = {name for name in found if OTHER_SPECIES.fullmatch(name)}
    if not other or not any(HUMAN.fullmatch(name) for name in found):
        return library
    inside = np.array([name not in other for name in genomes], dtype=bool)
    number = np.where(inside, np.cumsum(inside) - 1, -1).astype(np.int32)
    kept = number if library.kept is None else np.where(library.kept >= 0, number[library.kept], -1)
    return replace(
        library,
        symbols=library.symbols[inside],
        gene_ids=library.gene_ids[inside],
        kept=kept.astype(np.int32),
        others={**library.others, **{f"genome {name}": found[name] for name in sorted(other)}},
    )
