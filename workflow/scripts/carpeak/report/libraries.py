"""What the report tells of the libraries as they came: cells called, gene lists, markers, ambient RNA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .folded import listed

if TYPE_CHECKING:
    import pandas as pd

MAX_NAMED = 12
MAX_GENES = 6


def sentences(
    samples: pd.DataFrame, ingested: Mapping[str, Mapping[str, Any]], markers: Mapping[str, Any]
) -> list[str]:
    """Plain sentences on what was done to make the libraries comparable; none where nothing was.

    `samples` is tables/samples.tsv, `ingested` the summary of rule ingest by sample, `markers`
    results/markers.json.
    """
    found = [_called(name, one["cells_called"]) for name, one in ingested.items() if one["cells_called"]]
    return found + _gene_lists(samples) + _markers(markers)


def _called(name: str, called: Mapping[str, Any]) -> str:
    tested = called["cells"] - called["outright"]
    return (
        f"{name}: only unfiltered droplets were given, and {called['cells']:,} of {called['droplets']:,} "
        f"were called cells. {called['outright']:,} hold at least {called['outright_from']:,} UMIs, a tenth "
        f"of the largest cells (Cell Ranger’s rule); {tested:,} smaller ones differ from the RNA of "
        f"{called['ambient_droplets']:,} empty droplets (EmptyDrops, FDR {100 * called['fdr']:g} %)."
    )


def _gene_lists(samples: pd.DataFrame) -> list[str]:
    if not (samples["genes_left_out"].any() or samples["genes_absent"].any()):
        return []
    parts = []
    for row in samples.to_dict("records"):
        changes = [f"{row['genes_left_out']:,} left out"] if row["genes_left_out"] else []
        changes += [f"{row['genes_absent']:,} counted as 0"] if row["genes_absent"] else []
        parts.append(f"{row['sample']} {row['genes_in']:,}" + (f" ({', '.join(changes)})" if changes else ""))
    text = "The libraries list different genes: " + "; ".join(parts) + ". "
    if samples["genes_left_out"].any():
        text += "Only genes that every library lists were compared."
    else:
        text += "A gene that a library does not list counts 0 there, so its change may be one of the list."
    return [text]


def _markers(markers: Mapping[str, Any]) -> list[str]:
    found = []
    if markers["used"]:
        pairs = [f"{', '.join(names)} as {gene}" for gene, names in markers["used"].items()]
        found.append(f"Markers that the data list under another name were taken: {listed(pairs, MAX_NAMED)}.")
    if markers["missing"]:
        found.append(f"Markers that the data lack: {listed(markers['missing'], MAX_NAMED)}.")
    return found


def ambient(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of tables/ambient.tsv, with the largest genes in words."""
    rows: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()} for row in table.to_dict("records")
    ]
    for row in rows:
        genes = str(row["genes"]).split(";") if isinstance(row["genes"], str) else []
        shares = str(row["gene_shares"]).split(";")
        named = [f"{gene} {100 * float(share):.1f} %" for gene, share in zip(genes, shares, strict=False)]
        row["largest"] = ", ".join(named[:MAX_GENES])
        row["is_stand_in"] = row["profile"] == "cells"
    return rows
