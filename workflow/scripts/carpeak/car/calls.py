"""Which cells carry the CAR: a caller per rule, and what can be said of a library as a whole.

A caller sees one library and returns a probability and a call per cell plus what it fitted. A new rule
is one function in CALLERS. A cell in which no transgene was seen is `undetermined`: dropout hides the
CAR of many cells that carry it, so `negative` needs a caller that can weigh the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .. import io
from ..names import NEGATIVE, POSITIVE, T_CELL, UNDETERMINED, WITHOUT_TRANSGENE
from ..stats import intervals
from . import calibrated_rule, carriers, decomposition, fit_check, posterior

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from ..settings import CarSettings

# Cells that can't be CAR+ and that no clustering takes for T cells. NK cells are left out, since
# cytotoxic T cells among them would count as false positives; so are HSC, few and at times transduced.
CANNOT_BE_CAR = ("B cell", "Monocyte/DC", "Red cell", "Platelet", "Plasma cell")
NOT_IN_REFERENCE = "its reference lacks the transgene"
TABLE_COLUMNS = [
    "sample", "condition", "donor", "t_cells", "detected_fraction", "car_fraction", "car_fraction_low",
    "car_fraction_high", "identifiable", "ambient_rate", "ambient_transgene_share", "ambient_source",
    "false_positive_rate", "false_positive_rate_low", "false_positive_rate_high", "n_positive",
    "n_undetermined", "n_negative", "flow_car_percent", "not_told",
]  # fmt: skip


@dataclass(frozen=True)
class AmbientCounts:
    """Transgene UMIs among all UMIs where no CAR+ cell is: the evidence for the ambient rate."""

    source: str  # empty_droplets, non_t_cells or none
    umis: int = 0
    transgene_umis: int = 0

    @property
    def rate(self) -> float:
        """Transgene UMIs per UMI; missing without evidence."""
        return self.transgene_umis / self.umis if self.umis else float("nan")


@dataclass(frozen=True)
class LibraryCounts:
    """What a caller sees of one library; arrays have one entry per kept cell."""

    features: Sequence[str]
    umis: NDArray[np.int64]  # cells x features of the construct
    n_umis: NDArray[np.int64]  # all UMIs without the transgene: the depth of the cell
    is_t: NDArray[np.bool_]
    cannot_be_car: NDArray[np.bool_]
    ambient: AmbientCounts
    droplets: tuple[float, int] | None = None  # effective number of empty droplets, transgene UMIs in them
    negative: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None  # of a sample without CAR
    sorted: str | None = None  # CAR+ or CAR-: what the library was sorted for

    @property
    def car_umis(self) -> NDArray[np.int64]:
        """Transgene UMIs of each cell, all features together."""
        return self.umis.sum(axis=1)


@dataclass(frozen=True)
class Called:
    """What a caller says of one library.

    `probability` is P(CAR+) per cell (NaN where the rule gives none), `call` one of the three states.
    The fraction is that of truly CAR+ T cells with its interval, missing where not `identifiable`.
    `model` is the fitted model of a caller that has one; the table then gives its ambient rate.
    """

    probability: NDArray[np.float64]
    call: NDArray[np.str_]
    fraction: float = float("nan")
    fraction_low: float = float("nan")
    fraction_high: float = float("nan")
    identifiable: bool = False
    fit: dict[str, Any] = field(default_factory=dict)
    model: posterior.ShareFit | None = None
    not_told: str = ""  # why there is no share, as a key (`carriers`)


Caller = Callable[[LibraryCounts, "CarSettings"], Called]


def by_umis(library: LibraryCounts, options: CarSettings) -> Called:
    """The paper's rule: at least `min_umis` transgene UMIs are positive, all else undetermined.

    It knows neither dropout nor ambient RNA, so it gives no probability and no corrected fraction.
    """
    min_umis = options.min_umis
    call = np.where(library.car_umis >= min_umis, POSITIVE, UNDETERMINED)
    return Called(np.full(len(call), np.nan), call, fit={"min_umis": min_umis})


def by_mixture(library: LibraryCounts, options: CarSettings) -> Called:
    """The calibrated rule: P(CAR+), calls at the false-discovery rate `fdr`, and the true share.

    Probability and call are about T cells: other cells get none and stay undetermined. How often the
    cells that can't be CAR+ would be called positive stands in the fit, as the calls' own error.
    """
    found = calibrated_rule.call_library(
        library.car_umis,
        library.n_umis.astype(np.float64),
        is_t=library.is_t,
        control=library.cannot_be_car,
        droplets=library.droplets,
        negative=library.negative,
        fdr=options.fdr,
    )
    wrong, controls = found.false_positives
    fit = posterior.describe(found.fit) | {
        "fdr": options.fdr,
        "fit_check": {
            "p_value": found.check.p_value,
            "flagged": found.check.flagged,
            "distance": found.check.distance,
        },
        "ambient_only_p": found.ambient_only_p,
        "controls": controls,
        "controls_called_positive": wrong,
        "warnings": [*found.warnings, *fit_check.disagreeing(library.features, library.umis[library.is_t])],
    }
    return Called(
        np.where(library.is_t, found.probability, np.nan),
        np.where(library.is_t, found.call, UNDETERMINED),
        found.share,
        found.low,
        found.high,
        found.identifiable,
        io.plain(fit),
        found.fit,
    )


def _withheld(called: Called, library: LibraryCounts) -> Called:
    """`called` without its share where other cells hold the transgene as T cells do.

    The calls that rest on the same model are withheld with it; those of rules that ask no model stand.
    """
    if library.sorted or not carriers.not_telling(
        library.car_umis, is_t=library.is_t, cannot_be_car=library.cannot_be_car
    ):
        return called
    call = called.call if called.model is None else np.full(len(called.call), UNDETERMINED)
    reason = carriers.IN_OTHER_CELLS
    fit = called.fit | {"not_told": reason, "identifiable": False}
    nan = float("nan")
    shareless = replace(called, fraction=nan, fraction_low=nan, fraction_high=nan)
    return replace(shareless, call=call, identifiable=False, fit=fit, not_told=reason)


def by_sort(library: LibraryCounts, options: CarSettings) -> Called:
    """What the library was sorted for holds for each of its T cells; the purity of the sort is not known."""
    state = POSITIVE if library.sorted == "CAR+" else NEGATIVE
    call = np.where(library.is_t, state, UNDETERMINED)
    return Called(np.full(len(call), np.nan), call, fit={"sorted": library.sorted})


def unmeasurable(library: LibraryCounts) -> Called:
    """Of a library whose reference lacks the construct nothing is known: no call, no share, not even 0."""
    n = len(library.n_umis)
    return Called(np.full(n, np.nan), np.full(n, UNDETERMINED), fit={"reason": NOT_IN_REFERENCE})


CALLERS: dict[str, Caller] = {"umi": by_umis, "calibrated": by_mixture, "sorted": by_sort}


def call_samples(
    counts: AnnData,
    cell_types: pd.Series,
    samples: Sequence[Mapping[str, Any]],
    ambient: Mapping[str, Mapping[str, Any]],
    *,
    options: CarSettings,
    contrasts: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any], pd.DataFrame]:
    """Call every cell of every sample.

    `counts`: kept cells x genes, raw, with obs ``sample`` and var ``transgene``; `cell_types`: lineage
    by cell, in the order of `counts`; `samples`: rows of the sheet (sample, condition, donor,
    flow_car_percent, sorted); `ambient`: by sample, what was counted in its empty droplets, where known;
    `options`: the configuration's ``car`` block; `contrasts`: conditions compared, by name. Returns calls
    by cell, fits by sample (with a model, also how the detected share changed) and the table by sample
    (TABLE_COLUMNS; also for samples without a single cell).
    """
    features = np.flatnonzero(counts.var["transgene"].to_numpy(dtype=bool))
    umis = np.asarray(counts.X[:, features].todense(), dtype=np.int64)
    total = np.asarray(counts.X.sum(axis=1), dtype=np.int64).ravel()
    names = [str(name) for name in counts.var_names[features]]
    of_sample = counts.obs["sample"].astype(str).to_numpy()
    lineage = cell_types.astype(str).to_numpy()
    probability, call = np.full(len(total), np.nan), np.full(len(total), UNDETERMINED, dtype=object)
    libraries, fits, rows, models = {}, {}, [], {}
    unmeasured = [str(name) for name in counts.uns.get(WITHOUT_TRANSGENE, ())]
    for row in samples:
        cells = np.flatnonzero(of_sample == row["sample"])
        seen = slice(0) if row["sample"] in unmeasured else slice(None)
        own = names[seen], umis[cells][:, seen]
        library = _library(*own, total[cells], lineage[cells], ambient.get(row["sample"], {}))
        libraries[row["sample"]] = cells, library
    for row in samples:
        cells, library = libraries[row["sample"]]
        if options.negative_sample not in (None, row["sample"]):
            library = replace(library, negative=_t_cells(libraries[options.negative_sample][1]))
        library = replace(library, sorted=row.get("sorted"))
        is_measured = library.umis.shape[1] > 0 or options.rule == "sorted"
        called = CALLERS[options.rule](library, options) if is_measured else unmeasurable(library)
        called = _withheld(called, library)
        probability[cells], call[cells] = called.probability, called.call
        fits[row["sample"]] = called.fit
        rows.append(summarise(library, called, row))
        if called.model is not None:
            models[row["sample"]] = decomposition.Side(called.model, *_t_cells(library))
    calls = pd.DataFrame({"cell": counts.obs_names.astype(str), "car_umis": umis.sum(axis=1)})
    for index, name in enumerate(names):
        calls[name] = umis[:, index]
    calls["n_umis"] = total - umis.sum(axis=1)
    calls["car_probability"] = probability
    calls["car_call"] = call.astype(str)
    fit: dict[str, Any] = {"rule": options.rule, "features": names, "samples": fits}
    if models:
        fit["changes"] = decomposition.between(contrasts or {}, samples, models)
    return calls, fit, pd.DataFrame(rows, columns=TABLE_COLUMNS)


def _library(
    features: Sequence[str],
    umis: NDArray[np.int64],
    total: NDArray[np.int64],
    lineage: NDArray[Any],
    droplets: Mapping[str, Any],
) -> LibraryCounts:
    n_umis = total - umis.sum(axis=1)
    cannot = np.isin(lineage, CANNOT_BE_CAR)
    ambient, empty = AmbientCounts("none"), None
    if not umis.shape[1]:  # no feature of the construct, so nothing to measure
        return LibraryCounts(features, umis, n_umis, lineage == T_CELL, cannot, ambient)
    if droplets.get("umis"):
        ambient = AmbientCounts(
            "empty_droplets", int(droplets["umis"]), _as_total(droplets["transgene_umis"])
        )
        empty = float(droplets["effective_droplets"]), ambient.transgene_umis
    elif cannot.any():
        ambient = AmbientCounts("non_t_cells", int(total[cannot].sum()), int(umis[cannot].sum()))
    return LibraryCounts(features, umis, n_umis, lineage == T_CELL, cannot, ambient, empty)


def _t_cells(library: LibraryCounts) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Transgene UMIs and depth of the T cells."""
    return library.car_umis[library.is_t], library.n_umis[library.is_t].astype(np.float64)


def _as_total(value: int | Mapping[str, int]) -> int:
    return sum(value.values()) if isinstance(value, Mapping) else int(value)


def summarise(library: LibraryCounts, called: Called, row: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the table by sample; counts and the detected fraction are of T cells.

    The false-positive rate is the share of cells that can't be CAR+ in which the transgene was seen
    (>= 1 UMI, whatever the rule), with its exact 95 % interval. Without a feature of the construct both are
    missing. `ambient_rate` is that of the caller's model, ambient transgene UMIs per UMI of a T cell, missing
    without one; `ambient_transgene_share` what was counted where no CAR+ cell is, transgene UMIs among all
    UMIs of empty droplets or of other cells: another number, since a droplet without a cell holds little
    else.
    """
    seen = library.car_umis >= 1
    t_cells = int(library.is_t.sum())
    n_controls, n_false = int(library.cannot_be_car.sum()), int((seen & library.cannot_be_car).sum())
    low, high = intervals.clopper_pearson(n_false, n_controls)
    measured = 1.0 if library.umis.shape[1] else float("nan")
    states = {
        state: int((called.call[library.is_t] == state).sum()) for state in (POSITIVE, UNDETERMINED, NEGATIVE)
    }
    flow, model = row.get("flow_car_percent"), called.model
    return {
        "sample": row["sample"],
        "condition": row["condition"],
        "donor": row["donor"],
        "t_cells": t_cells,
        "detected_fraction": measured * float(intervals.share((seen & library.is_t).sum(), t_cells)),
        "car_fraction": called.fraction,
        "car_fraction_low": called.fraction_low,
        "car_fraction_high": called.fraction_high,
        "identifiable": called.identifiable,
        "ambient_rate": model.ambient_rate if model else float("nan"),
        "ambient_transgene_share": library.ambient.rate,
        "ambient_source": model.ambient.source if model else library.ambient.source,
        "false_positive_rate": measured * float(intervals.share(n_false, n_controls)),
        "false_positive_rate_low": measured * float(low),
        "false_positive_rate_high": measured * float(high),
        "n_positive": states[POSITIVE],
        "n_undetermined": states[UNDETERMINED],
        "n_negative": states[NEGATIVE],
        "flow_car_percent": float("nan") if flow is None else float(flow),
        "not_told": called.not_told,
    }
