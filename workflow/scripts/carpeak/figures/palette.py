"""One colour-blind-safe colour per label, sample and cluster, the same in every figure and on the page."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

# Okabe and Ito's colours for lineages; CD4 states in blues, CD8 states in oranges, dark = differentiated.
COLOURS = {
    "T cell": "#0072B2",
    "B cell": "#3A8FCB",
    "NK cell": "#009E73",
    "Monocyte/DC": "#B87A00",
    "Red cell": "#C8431F",
    "Platelet": "#CC79A7",
    "Plasma cell": "#8F8600",
    "HSC": "#5B4B8A",
    "CD4 Tn": "#5B8FC7",
    "CD4 Tcm": "#3E76B5",
    "CD4 Tem": "#1F4F94",
    "CD4 CTL": "#0A2550",
    "CD8 Tn": "#CC7F33",
    "CD8 Tcm": "#C4701F",
    "CD8 Tem": "#A8500F",
    "CD8 Teff": "#6E2803",
    "Treg": "#0E9A77",
    "CD4": "#1F6CB0",
    "CD8": "#DB6B1D",
    "unassigned": "#858E99",
    "not a T cell": "#8A929C",
}
SAMPLE_COLOURS = ("#3B4BA3", "#E08A00", "#4FA3A5", "#A3508B", "#7A8B3C", "#8C6D5A", "#6C7A89", "#C2607A")
CLUSTER_COLOURS = (
    "#4477AA",
    "#EE8866",
    "#44AA77",
    "#AA4499",
    "#DDCC77",
    "#77AADD",
    "#882255",
    "#BBCC33",
    "#999933",
    "#CC6677",
    "#332288",
    "#99DDFF",
    "#117733",
    "#EEDD88",
    "#AA6644",
    "#FFAABB",
    "#225555",
    "#CCBBDD",
    "#888888",
    "#663300",
)
SPARE_COLOURS = ("#7C5295", "#A77F2E", "#3F7F93", "#B56576", "#5C7F3B", "#8D99AE")


def colour(label: str) -> str:
    """The colour of a label; one that is not in the table gets a spare colour by its name."""
    return COLOURS.get(label) or SPARE_COLOURS[zlib.crc32(label.encode()) % len(SPARE_COLOURS)]


def sample_colours(samples: Sequence[str], shown: Sequence[str] | None = None) -> dict[str, str]:
    """A colour per sample by its place in the sheet, for the `shown` ones in their order (default: all)."""
    colours = {name: SAMPLE_COLOURS[i % len(SAMPLE_COLOURS)] for i, name in enumerate(samples)}
    return colours if shown is None else {name: colours[name] for name in shown}


def cluster_colour(cluster: str) -> str:
    """The colour of a cluster number."""
    return (
        CLUSTER_COLOURS[int(cluster) % len(CLUSTER_COLOURS)] if cluster.isdigit() else COLOURS["unassigned"]
    )
