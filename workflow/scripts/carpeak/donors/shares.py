"""Claims on shares, donor by donor: one label's cells over those of the largest other, as log2-ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..names import UNASSIGNED
from . import effects

if TYPE_CHECKING:
    from collections.abc import Hashable

Found = dict[str, tuple[int, int, float, float]]  # donor -> cells at reference and test, effect, variance


def of_donors(
    cells: pd.DataFrame,
    quantity: Mapping[str, Any],
    sides: Mapping[str, str],
    *,
    least: int,
    levels: bool = False,
) -> Found:
    """Effects of a claim on shares in every donor with at least `least` cells where it needs them.

    `cells` (donor, condition, label) are those that the claim speaks of. ``majority`` takes the less
    favourable side (with `levels` the one that the donor has), ``lineages_present`` the weaker of its two
    statements. ``subset_count`` gives how many subsets there are beyond the number stated, without a
    variance.
    """
    counts = {donor: _by_side(part, sides) for donor, part in cells.groupby("donor", sort=True)}
    found: Found = {}
    for donor, (reference, test) in counts.items():
        n = (int(reference.sum()), int(test.sum()))
        if quantity["kind"] == "majority":
            has = [side for side in (reference, test) if len(side) or not levels]
            if min(int(side.sum()) for side in has) >= least:
                two = [_ratio(side, quantity["label"], [quantity["over"]]) for side in has]
                found[str(donor)] = (*n, *min(two))
        elif sum(n) >= least:
            found[str(donor)] = (*n, *_one_sided(reference.add(test, fill_value=0), quantity))
    return found


def _by_side(cells: pd.DataFrame, sides: Mapping[str, str]) -> tuple[pd.Series, pd.Series]:
    """Cells per label at the reference and at the test."""
    return tuple(  # type: ignore[return-value]
        cells["label"][cells["condition"] == sides[side]].value_counts() for side in ("reference", "test")
    )


def _one_sided(counts: pd.Series, quantity: Mapping[str, Any]) -> tuple[float, float]:
    """Effect and variance of a statement on one side: the weakest of what it claims."""
    labels = sorted(label for label in counts.index if label != UNASSIGNED)
    if quantity["kind"] == "subset_count":
        shares = counts[labels] / counts.sum()
        return float((shares >= quantity["min_share"]).sum() - quantity["count"]), float("nan")
    if quantity["kind"] == "patient_association":
        wanted = (
            [quantity["over"]] if "over" in quantity else [one for one in labels if one != quantity["label"]]
        )
        rest = float(counts.reindex(wanted, fill_value=0).sum())
        found = effects.of_counts(np.array([float(counts.get(quantity["label"], 0))]), np.array([rest]))
        return float(found.effect[0]), float(found.variance[0])
    named = quantity["label"] if quantity["kind"] == "largest_subset" else quantity["largest"]
    parts = [_ratio(counts, named, [label for label in labels if label != named])]
    if quantity["kind"] == "lineages_present":
        n = float(counts.reindex(quantity["labels"], fill_value=0).min()) + effects.PRIOR
        parts.append((float(np.log2(n / counts.sum() / quantity["min_share"])), 1 / n / effects.LN2_SQUARED))
    return min(parts)


def _ratio(counts: pd.Series, label: str, others: Sequence[Hashable]) -> tuple[float, float]:
    """log2 of a label's cells over those of the largest of `others`, and its variance."""
    largest = max((float(counts.get(other, 0)) for other in others), default=0.0)
    found = effects.of_counts(np.array([float(counts.get(label, 0))]), np.array([largest]))
    return float(found.effect[0]), float(found.variance[0])
