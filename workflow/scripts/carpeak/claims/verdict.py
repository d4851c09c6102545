"""What a verdict on a claim is made of: tables, counts of cells, intervals and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..names import UNASSIGNED

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ..settings import ChangeLimits

SUPPORTED, OPPOSED = "supported", "opposed"
INDETERMINATE, NOT_ESTIMABLE = "indeterminate", "not_estimable"
MIN_CELLS = 20
DRAWS = 20_000
CELLS = {"all": "cells", "t_cells": "T cells", "car_t": "CAR+ T cells"}


class Finding(NamedTuple):
    """A verdict and the estimate, interval and sentence behind it."""

    verdict: str
    estimate: float | None
    low: float | None
    high: float | None
    reason: str


@dataclass(frozen=True)
class Tables:
    """What claims are judged on: the tables of one variant of the analysis.

    `composition` holds one scheme of T-cell states, `schemes` every scheme's table by name. `de` and
    `enrichment` hold one depth. `contrast` has the conditions test and reference, `limits` those of
    changed genes in the enrichment (adjusted_p, log2_fold_change). `terms` are the ids of all sets that
    any enrichment of the run lists.
    """

    samples: pd.DataFrame
    composition: pd.DataFrame
    schemes: Mapping[str, pd.DataFrame]
    de: pd.DataFrame
    enrichment: pd.DataFrame
    contrast: Mapping[str, str]
    limits: ChangeLimits
    seed: int = 0
    terms: frozenset[str] = field(default_factory=frozenset)

    def counts(self, population: str, *conditions: str, scheme: str = "configured") -> pd.Series:
        """Cells per label, summed over the samples of `conditions` (default: both of the contrast)."""
        import pandas as pd

        table = self.composition if scheme == "configured" else self.schemes.get(scheme)
        if table is None:
            return pd.Series(dtype="int64")
        wanted = conditions or tuple(self.contrast.values())
        part = table[(table["population"] == population) & table["condition"].isin(wanted)]
        return part.groupby("label", sort=True)["n"].sum()

    def donors(self) -> list[str]:
        """Donors with a sample on either side of the contrast."""
        used = self.samples["condition"].isin(list(self.contrast.values()))
        return sorted(self.samples["donor"][used].astype(str).unique())


def margin(counts: pd.Series, label: str, *, seed: int) -> tuple[float, float, float]:
    """Share of `label` less that of the largest other label, with a 95 % interval.

    Cells without a label count in the shares but do not compete. The interval is that of the shares'
    posterior under Jeffreys' prior (Dirichlet), since the largest other label is itself uncertain.
    """
    labels = [name for name in counts.index if name not in (label, UNASSIGNED)]
    n = np.array([counts.get(label, 0), *(counts[name] for name in labels), counts.get(UNASSIGNED, 0)])
    shares = draws(n, seed)
    if not labels:
        return (float(n[0] / n.sum()), *central(shares[:, 0]))
    lead = float((n[0] - n[1:-1].max()) / n.sum())
    return (lead, *central(shares[:, 0] - shares[:, 1:-1].max(axis=1)))


def draws(counts: Sequence[int] | NDArray[Any], seed: int) -> NDArray[np.float64]:
    """Draws of the shares behind `counts` under Jeffreys' prior, draws x labels."""
    return np.random.default_rng(seed).dirichlet(np.asarray(counts, dtype=float) + 0.5, size=DRAWS)


def central(values: NDArray[np.float64]) -> tuple[float, float]:
    """The central 95 % of `values`."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def by_sign(low: float, high: float) -> str:
    """The verdict on a quantity that is said to be positive."""
    return SUPPORTED if low > 0 else OPPOSED if high < 0 else INDETERMINATE


def turned(verdict: str, direction: str) -> str:
    """The verdict on the opposite statement where `direction` is down."""
    return verdict if direction == "up" else {SUPPORTED: OPPOSED, OPPOSED: SUPPORTED}.get(verdict, verdict)


def place(population: str, group: str) -> str:
    """How sentences call the cells of a group."""
    return CELLS[population] if group == "all" else f"{group} {CELLS[population]}"


def too_few(population: str, n: int, where: str) -> Finding:
    """The finding on a population with fewer than `MIN_CELLS` cells."""
    return none(f"{where}: {n} {CELLS[population]}; {MIN_CELLS} are needed.")


def none(reason: str) -> Finding:
    """A finding without an estimate."""
    return Finding(NOT_ESTIMABLE, None, None, None, reason)


def percent(share: float) -> str:
    """A share as text."""
    return f"{100 * share:.1f} %"
