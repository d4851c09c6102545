"""What the claims name: labels that no marker gives, and genes that no library lists."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..errors import nearest
from ..names import UNASSIGNED
from ..populations import markers


def unknown_labels(claims: Sequence[Mapping[str, Any]], panels: Mapping[str, Any]) -> list[str]:
    """Sentences on labels of claims that are none of a marker file's (`panels`, as `markers.load` gives it).

    No cell would bear such a label, so that its share would be 0 and the claim opposed.
    """
    known = {*panels["lineages"], UNASSIGNED}
    for scheme in markers.SCHEMES:
        known |= set(markers.labels(panels, "t_cells", scheme))
    return [
        f"claim {claim['id']}: no cell can be called '{label}'{nearest(label, sorted(known))}: the label is "
        "not in the marker file. Correct the claim, or leave it out."
        for claim in claims
        for label in dict.fromkeys(_labels(claim["quantity"]))
        if label not in known
    ]


def unknown_genes(claims: Sequence[Mapping[str, Any]], known: Collection[str]) -> list[str]:
    """A note on the genes of claims that no library lists, if there are any."""
    absent = {
        claim["id"]: gene for claim in claims if (gene := claim["quantity"].get("gene")) and gene not in known
    }
    if not absent:
        return []
    named = ", ".join(f"{name} ({gene})" for name, gene in absent.items())
    return [f"claims on genes that no library lists, which can't be judged: {named}"]


def _labels(quantity: Mapping[str, Any]) -> Iterator[str]:
    for key in ("label", "over", "largest"):
        if quantity.get(key):
            yield quantity[key]
    yield from quantity.get("labels") or ()
