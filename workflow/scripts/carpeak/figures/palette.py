"""One colour-blind-safe colour per label, sample and cluster, the same in every figure and on the page."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

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
    "other": "#8A7A8F",
    "unassigned": "#858E99",
    "not a T cell": "#8A929C",
}
SAMPLE_COLOURS = ("#3B4BA3", "#CF7A00", "#3D9395", "#A3508B", "#7A8B3C", "#8C6D5A", "#6C7A89", "#C2607A")
SIDE_COLOURS = {"reference": SAMPLE_COLOURS[0], "test": SAMPLE_COLOURS[1]}
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
SPARE_COLOURS = ("#7C5295", "#A77F2E", "#3F7F93", "#B56576", "#5C7F3B", "#7B88A0")


LINEAGES = ("T cell", "NK cell", "B cell", "Plasma cell", "Monocyte/DC", "Red cell", "Platelet", "HSC")
STATES = {
    "CD4": ("CD4 Tn", "CD4 Tcm", "CD4 Tem", "CD4 CTL"),
    "Treg": ("Treg",),
    "CD8": ("CD8 Tn", "CD8 Tcm", "CD8 Tem", "CD8 Teff"),
}
LAST = ("other", "unassigned", "not a T cell")
MEMORY = {
    "CD4 memory": ("CD4 Tcm", "CD4 Tem", "CD4 CTL"),
    "CD8 memory": ("CD8 Tcm", "CD8 Tem", "CD8 Teff"),
}
MIN_CONTRAST = 3.0  # of a label's colour with white (WCAG 1.4.11)


def ordered(labels: Iterable[str]) -> list[str]:
    """Labels in the one order of all figures.

    Lineages; then CD4 from naive to cytotoxic, Treg, and CD8; a coarse name (CD4 Tn/Tcm) after the first
    state it may be, a bare lineage (CD4) after its states; names that are not known here; what has no name.
    """
    return sorted(dict.fromkeys(labels), key=_place)


def _place(label: str) -> tuple[float, float, int, str]:
    if label in LAST:
        return (9, LAST.index(label), 0, label)
    if label in LINEAGES:
        return (0, LINEAGES.index(label), 0, label)
    for number, (lineage, states) in enumerate(STATES.items(), start=1):
        if label == lineage and lineage != "Treg":
            return (number, len(states), 0, label)
        parts = members(label)
        if parts and parts[0] in states:
            return (number, states.index(parts[0]), len(parts), label)
    return (8, 0, 0, label)


def members(label: str) -> tuple[str, ...]:
    """The states that a label stands for: `CD4 Tn/Tcm` for two, a state for itself; none where not known."""
    known = {state for states in STATES.values() for state in states}
    if label in known:
        return (label,)
    if label in MEMORY:
        return MEMORY[label]
    lineage, _, rest = label.partition(" ")
    parts = tuple(f"{lineage} {part}" for part in rest.split("/"))
    return parts if len(parts) > 1 and known.issuperset(parts) else ()


def colour(label: str) -> str:
    """The colour of a label; a coarse name has the mean of its states', an unknown one a spare colour."""
    if label in COLOURS:
        return COLOURS[label]
    parts = members(label)
    if parts:
        return mixed([COLOURS[part] for part in parts])
    return SPARE_COLOURS[zlib.crc32(label.encode()) % len(SPARE_COLOURS)]


def mixed(colours: Sequence[str]) -> str:
    """The mean of colours, made grayer by a quarter so that it is told from its parts, 3:1 with white."""
    red, green, blue = (sum(_bytes(one)[i] for one in colours) / len(colours) for i in range(3))
    gray = (red + green + blue) / 3
    mix = [0.75 * part + 0.25 * gray for part in (red, green, blue)]
    while contrast(_hex(mix)) < MIN_CONTRAST:
        mix = [0.95 * part for part in mix]
    return _hex(mix)


def contrast(colour: str) -> float:
    """The contrast ratio of a colour with white, by WCAG 2."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in _bytes(colour))
    ]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def _bytes(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def _hex(parts: Sequence[float]) -> str:
    return "#" + "".join(f"{round(part):02X}" for part in parts)


def sample_colours(samples: Sequence[str], shown: Sequence[str] | None = None) -> dict[str, str]:
    """A colour per sample by its place in the sheet, for the `shown` ones in their order (default: all)."""
    colours = {name: SAMPLE_COLOURS[i % len(SAMPLE_COLOURS)] for i, name in enumerate(samples)}
    return colours if shown is None else {name: colours[name] for name in shown}


def cluster_colour(cluster: str) -> str:
    """The colour of a cluster number."""
    return (
        CLUSTER_COLOURS[int(cluster) % len(CLUSTER_COLOURS)] if cluster.isdigit() else COLOURS["unassigned"]
    )
