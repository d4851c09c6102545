"""Marker genes that a library lists under another name: matched by identifier or former symbol, and told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..stats import stored

if TYPE_CHECKING:
    from anndata import AnnData

ENSEMBL = "ENSG"


class Known(NamedTuple):
    """What else a gene may be called: its Ensembl id ("" if none is known) and its other names."""

    gene_id: str
    names: frozenset[str]


def known(wanted: Collection[str], *, aliases: str | Path, genes: str | Path) -> dict[str, Known]:
    """Other names of the genes `wanted`, from the resources aliases.tsv.gz and genes.tsv.gz."""
    from .. import io

    names, ids = io.read_table(aliases, dtype=str), io.read_table(genes, dtype=str)
    names = names[names["symbol"].isin(list(wanted))]
    former = names.groupby("symbol")["alias"].agg(frozenset).to_dict()
    by_symbol = dict(zip(ids["symbol"], ids["gene_id"], strict=True))
    return {gene: Known(by_symbol.get(gene, ""), former.get(gene, frozenset())) for gene in wanted}


def renames(symbols: Sequence[str], gene_ids: Sequence[str], wanted: Mapping[str, Known]) -> dict[str, str]:
    """The names of a library (`symbols` with their `gene_ids`) that stand for a wanted gene it seems to lack.

    A gene is found by its identifier, else by another name, unless identifiers say that this name is
    another gene's here (TCF1 was HNF1A's). A name that could be two genes' is left alone.
    """
    bare = [identifier.split(".")[0] for identifier in gene_ids]
    by_id = dict(zip(bare, symbols, strict=True))
    id_of = dict(zip(symbols, bare, strict=True))
    present = set(symbols)
    found: dict[str, str] = {}
    for gene, other in wanted.items():
        if gene in present:
            continue
        if (name := by_id.get(other.gene_id, "")) and name not in wanted:
            found[name] = gene
            continue
        same = [name for name in sorted(other.names & present) if _may_be(id_of[name], other.gene_id)]
        if len(same) == 1 and same[0] not in wanted and same[0] not in found:
            found[same[0]] = gene
    return found


def _may_be(found: str, expected: str) -> bool:
    return not (found.startswith(ENSEMBL) and expected.startswith(ENSEMBL)) or found == expected


def renamed(
    libraries: Sequence[AnnData | stored.Counts], wanted: Mapping[str, Known]
) -> tuple[list[AnnData | stored.Counts], dict[str, set[str]]]:
    """The libraries with the wanted genes under their names, and the other names that such genes had."""
    result: list[AnnData | stored.Counts] = []
    used: dict[str, set[str]] = {}
    for library in libraries:
        changes = renames(list(library.var_names), library.var["gene_id"].tolist(), wanted)
        for name, gene in changes.items():
            used.setdefault(gene, set()).add(name)
        var = library.var.rename(index=changes)
        result.append(stored.with_genes(library, var) if changes else library)
    return result, used


def report(
    used: Mapping[str, Collection[str]], wanted: Collection[str], genes: Collection[str]
) -> dict[str, Any]:
    """What the report tells: markers under another name in the data, and markers that the data lack."""
    listed = set(genes)
    return {
        "used": {gene: sorted(names) for gene, names in sorted(used.items())},
        "missing": sorted(gene for gene in wanted if gene not in listed),
    }
