"""Which cells carry the CAR: a caller per rule, and what can be said of a library as a whole.

A caller sees one library and returns a probability and a call per cell plus what it fitted. A new rule
is one function in CALLERS. A cell in which no transgene was seen is `undetermined`: dropout hides the
CAR of many cells that carry it, so `negative` needs a caller that can weigh the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import intervals
from .populations import T_CELL

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

POSITIVE, UNDETERMINED, NEGATIVE = "positive", "undetermined", "negative"
# Cells that can't be CAR+ and that no clustering takes for T cells. NK cells are left out, since
# cytotoxic T cells among them would count as false positives; so are HSC, few and at times transduced.
CANNOT_BE_CAR = ("B cell", "Monocyte/DC", "Red cell", "Platelet", "Plasma cell")
TABLE_COLUMNS = [
    "sample", "condition", "donor", "t_cells", "detected_fraction", "car_fraction", "car_fraction_low",
    "car_fraction_high", "identifiable", "ambient_rate", "ambient_source", "false_positive_rate",
    "false_positive_rate_low", "false_positive_rate_high", "n_positive", "n_undetermined", "n_negative",
    "flow_car_percent",
]  # fmt: skip


@dataclass(frozen=True)
class Ambient:
    """Transgene UMIs among all UMIs where no CAR+ cell is: the evidence for the ambient rate."""

    source: str  # empty_droplets, non_t_cells or none
    umis: int = 0
    transgene_umis: int = 0

    @property
    def rate(self) -> float:
        """Transgene UMIs per UMI; missing without evidence."""
        return self.transgene_umis / self.umis if self.umis else float("nan")


@dataclass(frozen=True)
class Library:
    """What a caller sees of one library; arrays have one entry per kept cell."""

    sample: str
    umis: NDArray[np.int64]  # cells x features of the construct
    n_umis: NDArray[np.int64]  # all UMIs without the transgene: the depth of the cell
    is_t: NDArray[np.bool_]
    cannot_be_car: NDArray[np.bool_]
    ambient: Ambient

    @property
    def car_umis(self) -> NDArray[np.int64]:
        """Transgene UMIs of each cell, all features together."""
        return self.umis.sum(axis=1)


@dataclass(frozen=True)
class Called:
    """What a caller says of one library.

    `probability` is P(CAR+) per cell (NaN where the rule gives none), `call` one of the three states.
    The fraction is that of truly CAR+ T cells with its interval, missing where not `identifiable`.
    """

    probability: NDArray[np.float64]
    call: NDArray[np.str_]
    fraction: float = float("nan")
    fraction_low: float = float("nan")
    fraction_high: float = float("nan")
    identifiable: bool = False
    fit: dict[str, Any] = field(default_factory=dict)


Caller = Callable[[Library, Mapping[str, Any]], Called]


def by_umis(library: Library, options: Mapping[str, Any]) -> Called:
    """The paper's rule: at least `min_umis` transgene UMIs are positive, all else undetermined.

    It knows neither dropout nor ambient RNA, so it gives no probability and no corrected fraction.
    """
    min_umis = int(options["min_umis"])
    call = np.where(library.car_umis >= min_umis, POSITIVE, UNDETERMINED)
    return Called(np.full(len(call), np.nan), call, fit={"min_umis": min_umis})


CALLERS: dict[str, Caller] = {"umi": by_umis}


def call_samples(
    counts: AnnData,
    cell_types: pd.Series,
    samples: Sequence[Mapping[str, Any]],
    ambient: Mapping[str, Mapping[str, Any]],
    *,
    options: Mapping[str, Any],
) -> tuple[pd.DataFrame, dict[str, Any], pd.DataFrame]:
    """Call every cell of every sample.

    `counts`: kept cells x genes, raw, with obs ``sample`` and var ``transgene``; `cell_types`: lineage
    by cell, in the order of `counts`; `samples`: rows of the sheet (sample, condition, donor,
    flow_car_percent); `ambient`: by sample, what was counted in its empty droplets, where known;
    `options`: the configuration's ``car`` block. Returns calls by cell, fits by sample and the table
    by sample (TABLE_COLUMNS; also for samples without a single cell).
    """
    features = np.flatnonzero(counts.var["transgene"].to_numpy(dtype=bool))
    umis = np.asarray(counts.X[:, features].todense(), dtype=np.int64)
    total = np.asarray(counts.X.sum(axis=1), dtype=np.int64).ravel()
    names = [str(name) for name in counts.var_names[features]]
    of_sample = counts.obs["sample"].astype(str).to_numpy()
    lineage = cell_types.astype(str).to_numpy()
    probability, call = np.full(len(total), np.nan), np.full(len(total), UNDETERMINED, dtype=object)
    fits, rows = {}, []
    for row in samples:
        cells = np.flatnonzero(of_sample == row["sample"])
        library = _library(
            row["sample"], umis[cells], total[cells], lineage[cells], ambient.get(row["sample"], {})
        )
        called = CALLERS[options["rule"]](library, options)
        probability[cells], call[cells] = called.probability, called.call
        fits[row["sample"]] = called.fit
        rows.append(summarise(library, called, row))
    calls = pd.DataFrame({"cell": counts.obs_names.astype(str), "car_umis": umis.sum(axis=1)})
    for index, name in enumerate(names):
        calls[name] = umis[:, index]
    calls["n_umis"] = total - umis.sum(axis=1)
    calls["car_probability"] = probability
    calls["car_call"] = call.astype(str)
    fit = {"rule": options["rule"], "features": names, "samples": fits}
    return calls, fit, pd.DataFrame(rows, columns=TABLE_COLUMNS)


def _library(
    sample: str,
    umis: NDArray[np.int64],
    total: NDArray[np.int64],
    lineage: NDArray[Any],
    droplets: Mapping[str, Any],
) -> Library:
    n_umis = total - umis.sum(axis=1)
    cannot = np.isin(lineage, CANNOT_BE_CAR)
    ambient = Ambient("none")
    if droplets.get("umis"):
        ambient = Ambient("empty_droplets", int(droplets["umis"]), _as_total(droplets["transgene_umis"]))
    elif cannot.any():
        ambient = Ambient("non_t_cells", int(total[cannot].sum()), int(umis[cannot].sum()))
    return Library(sample, umis, n_umis, lineage == T_CELL, cannot, ambient)


def _as_total(value: int | Mapping[str, int]) -> int:
    return sum(value.values()) if isinstance(value, Mapping) else int(value)


def summarise(library: Library, called: Called, row: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the table by sample; counts and the detected fraction are of T cells.

    The false-positive rate is the share of cells that can't be CAR+ in which the transgene was seen
    (>= 1 UMI, whatever the rule), with its exact 95 % interval.
    """
    seen = library.car_umis >= 1
    t_cells = int(library.is_t.sum())
    n_controls, n_false = int(library.cannot_be_car.sum()), int((seen & library.cannot_be_car).sum())
    low, high = intervals.clopper_pearson(n_false, n_controls)
    states = {
        state: int((called.call[library.is_t] == state).sum()) for state in (POSITIVE, UNDETERMINED, NEGATIVE)
    }
    flow = row.get("flow_car_percent")
    return {
        "sample": row["sample"],
        "condition": row["condition"],
        "donor": row["donor"],
        "t_cells": t_cells,
        "detected_fraction": float(intervals.share((seen & library.is_t).sum(), t_cells)),
        "car_fraction": called.fraction,
        "car_fraction_low": called.fraction_low,
        "car_fraction_high": called.fraction_high,
        "identifiable": called.identifiable,
        "ambient_rate": library.ambient.rate,
        "ambient_source": library.ambient.source,
        "false_positive_rate": float(intervals.share(n_false, n_controls)),
        "false_positive_rate_low": float(low),
        "false_positive_rate_high": float(high),
        "n_positive": states[POSITIVE],
        "n_undetermined": states[UNDETERMINED],
        "n_negative": states[NEGATIVE],
        "flow_car_percent": float("nan") if flow is None else float(flow),
    }
