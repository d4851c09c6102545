"""Labels set by hand after review, guarded against clusters that have changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ..errors import UserError, nearest

if TYPE_CHECKING:
    from ..settings import Override


def fingerprint(cells: Iterable[str]) -> str:
    """Short hash of a set of cell names; it changes when a cell joins or leaves."""
    return hashlib.sha256("\n".join(sorted(cells)).encode()).hexdigest()[:12]


def fingerprints(labels: pd.DataFrame) -> dict[str, str]:
    """The fingerprint of every cluster in a table with the columns ``cell`` and ``cluster``."""
    return {str(name): fingerprint(group) for name, group in labels.groupby("cluster", sort=False)["cell"]}


def apply(
    labels: pd.DataFrame,
    overrides: Sequence[Override],
    *,
    population: str,
    columns: Sequence[str],
    known: Sequence[str],
) -> pd.DataFrame:
    """Set `columns` of the cells that each override of `population` names, in order.

    An override names ``cells``, or a ``cluster`` together with ``expect``, its fingerprint when it was
    reviewed. Raises UserError for a cluster that is gone or holds other cells now, for unknown cells, and
    for a label that looks like a misspelt one of `known`.
    """
    result = labels.copy()
    current = fingerprints(labels)
    for number, override in enumerate(overrides, start=1):
        if override.population != population:
            continue
        place = f"configuration: annotation.overrides, entry {number}"
        check_label(override.label, known, place)
        if override.cells is None:
            chosen = _cluster(labels, override, current, population, place)
        else:
            chosen = labels["cell"].isin(override.cells)
            missing = sorted(set(override.cells) - set(labels["cell"]))
            if missing:
                msg = (
                    f"{place}: {len(missing)} of its cells are not in {population}, for example {missing[0]}"
                )
                raise UserError(msg)
        result.loc[chosen, list(columns)] = override.label
    return result


def _cluster(
    labels: pd.DataFrame, override: Override, current: Mapping[str, str], population: str, place: str
) -> pd.Series:
    name, expected = str(override.cluster), override.expect
    if name not in current:
        msg = f"{place}: {population} has no cluster {name}. Its clusters now: {_listed(labels, current)}"
        raise UserError(msg)
    if current[name] != expected:
        moved = [cluster for cluster, value in current.items() if value == expected]
        hint = (
            f"the reviewed cells are now cluster {moved[0]}" if moved else "no cluster holds those cells now"
        )
        msg = (
            f"{place}: cluster {name} of {population} is not the one that was reviewed: its fingerprint is "
            f"{current[name]}, expected {expected}; {hint}. Look at the clusters again, then correct "
            f"`cluster` and `expect`, or take the override out. The clusters now: {_listed(labels, current)}"
        )
        raise UserError(msg)
    return labels["cluster"].astype(str) == name


def _listed(labels: pd.DataFrame, current: Mapping[str, str]) -> str:
    """Every cluster with its fingerprint, size and label: a refused job leaves no scores.tsv behind."""
    column = next((c for c in ("cell_type", "t_state") if c in labels), None)
    lines = []
    for name, mark in current.items():
        inside = labels[labels["cluster"].astype(str) == name]
        called = f", {inside[column].mode().iloc[0]}" if column else ""
        lines.append(f"\n  cluster {name}: expect: {mark} ({len(inside):,} cells{called})")
    return "".join(lines)


def check_label(label: str, known: Sequence[str], place: str) -> None:
    """Raise UserError for a label that looks like a misspelt one of `known`; `place` begins the message."""
    hint = nearest(label, known)
    if label not in known and hint:
        msg = f"{place}: unknown label '{label}'{hint}. A label of your own must not resemble a known one."
        raise UserError(msg)
