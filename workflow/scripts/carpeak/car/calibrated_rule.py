"""The rule `calibrated`: everything that is said of one library's CAR, from its counts and controls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from . import fit_check, posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from . import mixture

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

NO_MORE_THAN_AMBIENT = 0.01  # P above which the T cells' UMIs may all be ambient


@dataclass(frozen=True)
class Calls:
    """What the caller says of one library.

    `probability` and `call`: per cell, of every cell given; `share`, `low`, `high`: the transduced share of
    T cells with its 95 % interval, NaN where not `identifiable`; `false_positives`: (called, all) among the
    cells that can't be CAR+; `warnings`: sentences for the report.
    """

    probability: Floats
    call: NDArray[np.str_]
    share: float
    low: float
    high: float
    identifiable: bool
    false_positives: tuple[int, int]
    warnings: list[str]
    fit: posterior.ShareFit
    check: fit_check.FitCheck
    ambient_only_p: float


def call_library(
    umis: Counts,
    depth: Floats,
    *,
    is_t: NDArray[np.bool_],
    control: NDArray[np.bool_],
    droplets: tuple[float, int] | None = None,
    negative: tuple[Counts, Floats] | None = None,
    prior: mixture.Prior | None = None,
    fdr: float = 0.05,
) -> Calls:
    """Call all kept cells of one library.

    `umis` (transgene) and `depth` (all other UMIs) of every cell; `is_t` its T cells, which are fitted;
    `control` cells that can't be CAR+; `droplets` and `negative`: see `caller.ambient_prior`. Others than T
    cells are judged as if they were, at the T cells' limits, so that the controls give the error rate.
    """
    x, size = umis[is_t], np.asarray(depth, dtype=np.float64)
    slope = posterior.ambient_slope(umis[control] >= 1, size[control])
    ambient = posterior.ambient_prior(
        cell_depth=posterior.soup_depth(size[is_t], slope),
        droplets=droplets,
        non_t=(int(control.sum()), int((umis[control] >= 1).sum())),
        negative=negative,
        slope=slope,
    )
    found = posterior.fit(x, size[is_t], ambient, prior=prior)
    probability = posterior.probabilities(found, umis, size)
    called = np.full(len(umis), "undetermined", dtype="<U12")
    called[is_t] = posterior.call(probability[is_t], x, fdr=fdr)
    _extend(called, probability, umis, is_t)
    checked = fit_check.check(found, x, size[is_t])
    if checked.flagged and found.identifiable:
        reason = f"the model does not fit the counts (P = {checked.p_value:.2g})"
        found = replace(found, identifiable=False, reason=reason)
    only = fit_check.ambient_only_p(found, x, size[is_t])
    shown = (found.share, found.low, found.high) if found.identifiable else (float("nan"),) * 3
    wrong = int((called[control] == "positive").sum()), int(control.sum())
    warnings = _warnings(found, checked, only)
    return Calls(probability, called, *shown, found.identifiable, wrong, warnings, found, checked, only)


def _extend(called: NDArray[np.str_], probability: Floats, umis: Counts, is_t: NDArray[np.bool_]) -> None:
    """Give the other cells the call that a T cell of their probability would get."""
    rest = ~is_t
    positive = probability[is_t][called[is_t] == "positive"]
    negative = probability[is_t][called[is_t] == "negative"]
    if len(positive):
        called[rest & (umis >= 1) & (probability >= positive.min())] = "positive"
    if len(negative):
        called[rest & (probability <= negative.max())] = "negative"


def _warnings(found: posterior.ShareFit, checked: fit_check.FitCheck, only: float) -> list[str]:
    result = []
    if found.t_cells and only > NO_MORE_THAN_AMBIENT:
        result.append(
            f"The transgene UMIs of the T cells are no more than ambient RNA explains (P = {only:.2g}): "
            "cells with a UMI here are no evidence of CAR+ cells."
        )
    if not found.identifiable:
        result.append(f"No transduced share: {found.reason}.")
    if checked.flagged:
        result.append(
            f"The model does not fit the counts (P = {checked.p_value:.2g}; {checked.distance:.1%} of the "
            "cells are in another class than expected): its calls rest on it as well."
        )
    if found.ambient.source == "prior":
        result.append("The ambient rate was measured nowhere: give raw_path, or a negative sample.")
    return result
