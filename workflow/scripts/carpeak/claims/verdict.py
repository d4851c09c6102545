"""What a verdict on a claim is made of: tables, counts of cells, intervals and words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from ..names import FEW_CELLS, UNASSIGNED

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ..settings import ChangeLimits

SUPPORTED, OPPOSED, ABSENT = "supported", "opposed", "absent"
INDETERMINATE, NOT_ESTIMABLE = "indeterminate", "not_estimable"
MIN_CELLS = FEW_CELLS  # of a side; what the report calls too few for conclusions gets no verdict
DRAWS = 20_000
CELLS = {"all": "cells", "t_cells": "T cells", "car_t": "CAR+ T cells"}


class Finding(NamedTuple):
    """A verdict and the estimate, interval and sentence behind it."""

    verdict: str
    estimate: float | None
    low: float | None
    high: float | None
    reason: str


STATE_POPULATIONS = ("t_cells", "car_t")  # whose labels are states


@dataclass(frozen=True)
class Tables:
    """What claims are judged on: the tables of one variant of the analysis.

    `composition` holds one scheme of T-cell states, `schemes` every scheme's table by name. `de` and
    `enrichment` hold one depth. `contrast` has the conditions test and reference, `limits` those of
    changed genes in the enrichment (adjusted_p, log2_fold_change). `terms` are the ids of all sets that
    any enrichment of the run lists, `floor` how far genes move in cells that nothing changed
    (`library_effect`; None where the study can't tell), `attribution` what CAR-undetected cells and an equal
    mix of states show of each change (`attribution`). `scheme` is the configured one; `coarser` are names
    that join several states, `blurred` the (condition, scheme, state) that a library can't tell apart. `car`
    is tables/car.tsv.
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
    floor: float | None = None
    attribution: pd.DataFrame | None = None
    scheme: str = "canonical"
    coarser: frozenset[str] = frozenset()
    blurred: frozenset[tuple[str, str, str]] = frozenset()
    car: pd.DataFrame | None = None

    @cached_property
    def de_of(self) -> Mapping[tuple[str, str], pd.DataFrame]:
        """Rows of `de` by population and group: claims ask for the same ones again and again."""
        return _by_group(self.de)

    @cached_property
    def enrichment_of(self) -> Mapping[tuple[str, str], pd.DataFrame]:
        """Rows of `enrichment` by population and group."""
        return _by_group(self.enrichment)

    def counts(self, population: str, *conditions: str, scheme: str = "configured") -> pd.Series:
        """Cells per label, summed over the samples of `conditions` (default: both of the contrast)."""
        import pandas as pd

        table = self.composition if scheme == "configured" else self.schemes.get(scheme)
        if table is None:
            return pd.Series(dtype="int64")
        wanted = conditions or tuple(self.contrast.values())
        part = table[(table["population"] == population) & table["condition"].isin(wanted)]
        names = part["label"]
        if population in STATE_POPULATIONS:  # a coarser name is no subset of its own
            names = names.where(~names.isin(self.coarser), UNASSIGNED)
        return part["n"].groupby(names, sort=True).sum()

    def not_told_apart(self, *conditions: str, scheme: str, states: Collection[str]) -> list[str]:
        """Which of the `states` a library of the `conditions` could not tell apart, sorted."""
        named = self.scheme if scheme == "configured" else scheme
        return sorted(
            state for state in states if any((side, named, state) in self.blurred for side in conditions)
        )

    def donors(self) -> list[str]:
        """Donors with a sample on either side of the contrast."""
        used = self.samples["condition"].isin(list(self.contrast.values()))
        return sorted(self.samples["donor"][used].astype(str).unique())


def _by_group(table: pd.DataFrame) -> Mapping[tuple[str, str], pd.DataFrame]:
    found: dict[tuple[str, str], pd.DataFrame] = defaultdict(lambda: table.iloc[:0])
    for (population, group), rows in table.groupby(["population", "group"], sort=False):
        found[str(population), str(group)] = rows
    return found


def margin(counts: pd.Series, label: str, *, seed: int) -> Interval:
    """Share of `label` less that of the largest other label.

    Cells without a label count in the shares but do not compete. The intervals are those of the shares'
    posterior under Jeffreys' prior (Dirichlet), since the largest other label is itself uncertain. A single
    label leads by its whole share, whose estimate is then the posterior's median: a share of 1 would lie
    outside its own interval.
    """
    labels = [name for name in counts.index if name not in (label, UNASSIGNED)]
    n = np.array([counts.get(label, 0), *(counts[name] for name in labels), counts.get(UNASSIGNED, 0)])
    shares = draws(n, seed)
    if not labels:
        return Interval.of(float(np.median(shares[:, 0])), shares[:, 0])
    lead = float((n[0] - n[1:-1].max()) / n.sum())
    return Interval.of(lead, shares[:, 0] - shares[:, 1:-1].max(axis=1))


def draws(counts: Sequence[int] | NDArray[Any], seed: int) -> NDArray[np.float64]:
    """Draws of the shares behind `counts` under Jeffreys' prior, draws x labels."""
    return np.random.default_rng(seed).dirichlet(np.asarray(counts, dtype=float) + 0.5, size=DRAWS)


class Interval(NamedTuple):
    """An estimate with the bounds of its 95 % and its 90 % interval."""

    estimate: float
    low: float
    high: float
    low_90: float
    high_90: float

    @classmethod
    def of(cls, estimate: float, values: NDArray[np.float64]) -> Interval:
        """The central parts of the draws `values`."""
        low, low_90, high_90, high = np.quantile(values, [0.025, 0.05, 0.95, 0.975])
        return cls(estimate, float(low), float(high), float(low_90), float(high_90))

    @classmethod
    def normal(cls, estimate: float, error: float) -> Interval:
        """Of a normal estimate with standard error `error`."""
        wide, narrow = ndtri(0.975) * error, ndtri(0.95) * error
        return cls(estimate, estimate - wide, estimate + wide, estimate - narrow, estimate + narrow)

    @classmethod
    def between(cls, low: float, high: float) -> Interval:
        """Of a normal estimate whose 95 % interval is `low` to `high`."""
        return cls.normal((low + high) / 2, (high - low) / 2 / float(ndtri(0.975)))

    def within(self, limit: float) -> bool:
        """Whether the 90 % interval lies within `limit` of none: two one-sided tests at 5 % (equivalence)."""
        return -limit < self.low_90 and self.high_90 < limit


def beyond(found: Interval, limit: float) -> str:
    """The verdict on a quantity that is said to exceed `limit`, by its 95 % interval."""
    return SUPPORTED if found.low > limit else OPPOSED if found.high < -limit else INDETERMINATE


def for_direction(verdict: str, direction: str) -> str:
    """The verdict on the opposite statement where `direction` is down."""
    return verdict if direction == "up" else {SUPPORTED: OPPOSED, OPPOSED: SUPPORTED}.get(verdict, verdict)


def group_name(population: str, group: str) -> str:
    """How sentences call the cells of a group."""
    return CELLS[population] if group == "all" else f"{group} {CELLS[population]}"


def too_few(population: str, n: int, where: str) -> Finding:
    """The finding on a population with fewer than `MIN_CELLS` cells."""
    return not_estimable(f"{where}: {n} {CELLS[population]}; {MIN_CELLS} are needed.")


def not_estimable(reason: str) -> Finding:
    """A finding without an estimate."""
    return Finding(NOT_ESTIMABLE, None, None, None, reason)


def percent(share: float) -> str:
    """A share as text."""
    return f"{100 * share:.1f} %"
