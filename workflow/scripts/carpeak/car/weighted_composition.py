"""The composition of all CAR+ T cells, those without a UMI included: every T cell counts with its P(CAR+).

A state that expresses the CAR weakly or is shallow is missed more often, and so is too rare among the cells
in which the CAR was seen. Each state is therefore fitted by itself (`detected.fit_labels`), with what its
library says of expression as prior, and its cells get the probabilities of that fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import detection, mixture, posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DRAWS = 4000
INTERVAL = (0.025, 0.975)
SPAN = 3.92  # standard deviations within a 95 % interval
COLUMNS = ["sample", "label", "n", "total", "fraction", "fraction_low", "fraction_high"]


def composition(
    cells: pd.DataFrame, fits: Mapping[str, Mapping[str, Any]], *, state: str, label: str
) -> pd.DataFrame:
    """Shares of the values of the column `label` among the CAR+ T cells of every sample (COLUMNS).

    `cells`: T cells with sample, car_umis, n_umis and the columns `state` (fitted by itself) and `label`;
    `fits`: by sample, as `caller.describe` gives them. `n` and `total` are expected numbers of CAR+ cells,
    rounded. The 95 % intervals hold the sampling of cells and the uncertainty of each state's share of CAR+
    cells, taken as independent between states; missing where the library's own share is not identifiable.
    """
    parts = [
        _library(part, fits[str(name)], state, label)
        for name, part in cells.groupby("sample")
        if "ambient_prior" in fits[str(name)]  # a library whose reference lacks the transgene has no fit
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def _library(cells: pd.DataFrame, fit: Mapping[str, Any], state: str, label: str) -> pd.DataFrame:
    umis, depth = cells["car_umis"].to_numpy(np.int64), cells["n_umis"].to_numpy(np.float64)
    states, labels = cells[state].to_numpy(dtype=str), cells[label].to_numpy(dtype=str)
    prior = fit["ambient_prior"]
    found = posterior.fit(
        umis,
        depth,
        mixture.AmbientPrior(prior["shape"], prior["rate"], fit["ambient_source"], tuple(prior["slope"])),
    )
    table, probability = detection.fit_labels(found, umis, depth, states)
    spread = _spread(table, found)
    parts = pd.DataFrame({"state": states, "label": labels, "p": probability})
    parts = parts.groupby(["state", "label"])["p"].agg(["sum", "size"]).reset_index()
    rng = np.random.default_rng(0)
    factor = {name: np.exp(spread[name] * rng.standard_normal(DRAWS)) for name in table["label"]}
    names = sorted(set(labels))
    drawn = np.zeros((len(names), DRAWS))
    for one, name, value, n in parts.itertuples(index=False):
        drawn[names.index(name)] += value * factor[one] * rng.gamma(n + 0.5, size=DRAWS) / n
    by_label = parts.groupby("label")["sum"].sum().reindex(names)
    total = float(by_label.sum())
    low, high = np.quantile(drawn / drawn.sum(axis=0), INTERVAL, axis=1)
    return pd.DataFrame(
        {
            "sample": str(cells["sample"].iloc[0]),
            "label": names,
            "n": by_label.round().astype(np.int64).to_numpy(),
            "total": round(total),
            "fraction": by_label.to_numpy() / total,
            "fraction_low": low,
            "fraction_high": high,
        },
        columns=COLUMNS,
    )


def _spread(table: pd.DataFrame, found: posterior.ShareFit) -> dict[str, float]:
    """Standard deviation of the logarithm of each state's share; the library's where a state has none."""
    known = found.identifiable and found.low > 0
    own = float(np.log(found.high / found.low)) / SPAN if known else float("nan")
    rows: Sequence[Mapping[str, Any]] = [
        {str(k): v for k, v in row.items()} for row in table.to_dict("records")
    ]
    return {
        str(row["label"]): float(np.log(row["car_fraction_high"] / row["car_fraction_low"])) / SPAN
        if row["identifiable"] and row["car_fraction_low"] > 0
        else own
        for row in rows
    }
