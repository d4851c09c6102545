"""Simulated libraries with known CAR+ cells, from the caller's model and from others, and how calls score.

Cells are drawn without any code of the model. The grid is an orthogonal array: five levels of each of
true share, mean, dispersion, ambient rate and number of T cells, every pair of share and mean once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from carpeak.car import fit_check, mixture, posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

EXPONENTS = {"ambient_0": 0.0, "ambient_half": 0.5}  # of depth, with which ambient UMIs rise
SHARES = (0.02, 0.1, 0.34, 0.6, 0.9)
MEANS = (0.2, 0.5, 1.0, 2.0, 5.0)
SIZES = (0.5, 0.8, 1.3, 2.0, 3.0)
AMBIENT = (1e-7, 1e-6, 5e-6, 2e-5, 1e-4)
CELLS = (500, 1_000, 2_000, 5_000, 10_000)
GENERATORS = ("bimodal", "depth", "state", "ambient_low", "ambient_high", *EXPONENTS)
DEPTH = (4_000.0, 0.45)  # median and sd of the natural logarithm
DROPLETS = 20_000
PROBABILITY_BINS = 10
STRATA = {"all": "all cells", "zero": "zero-UMI cells", "some": "cells with UMIs"}


@dataclass(frozen=True)
class Setting:
    """Truth of a simulated library: `mean` is that of a CAR+ cell of median depth."""

    share: float
    mean: float
    size: float
    ambient: float
    cells: int

    @property
    def powered(self) -> bool:
        """Whether the power bounds apply."""
        return 0.1 <= self.share <= 0.9 and self.mean >= 1 and self.cells >= 2_000


@dataclass(frozen=True)
class SimulatedCounts:
    """One simulated library; `droplets`: number of empty droplets and their transgene UMIs."""

    umis: Counts
    depth: Floats
    positive: NDArray[np.bool_]
    droplets: tuple[int, int]


def settings() -> list[Setting]:
    """The 25 settings of the orthogonal array, and five more where the power bounds apply."""
    grid = [
        Setting(SHARES[i], MEANS[j], SIZES[(i + j) % 5], AMBIENT[(i + 2 * j) % 5], CELLS[(i + 3 * j) % 5])
        for i in range(5)
        for j in range(5)
    ]
    more = [
        Setting(0.1, 1.0, 1.3, 1e-6, 2_000), Setting(0.34, 1.0, 0.5, 1e-6, 5_000),
        Setting(0.34, 2.0, 1.3, 5e-6, 2_000), Setting(0.6, 1.0, 2.0, 1e-7, 10_000),
        Setting(0.9, 2.0, 0.8, 2e-5, 5_000),
    ]  # fmt: skip
    return grid + more


def simulate(setting: Setting, *, seed: int, generator: str = "model") -> SimulatedCounts:
    """One library of `setting`.

    `generator`: `model`, or what the caller does not assume: `bimodal` (CAR+ cells express 0.3 or 1.7
    times the mean, half each), `depth` (mean proportional to the square root of depth), `state` (three
    states: 0.5, 1 and 2 times the mean in cells 0.8, 1 and 1.25 times as deep), `ambient_low` and
    `ambient_high` (droplets show half and twice the ambient rate of cells), `ambient_0` and `ambient_half`
    (ambient UMIs rise with depth to the power of 0 and 0.5; in all others in proportion).
    """
    rng = np.random.default_rng(seed)
    n = setting.cells
    relative = np.exp(rng.normal(0.0, DEPTH[1], n))
    level = np.ones(n)
    if generator == "bimodal":
        level = np.where(rng.random(n) < 0.5, 0.3, 1.7)
    elif generator == "state":
        state = rng.integers(3, size=n)
        level = np.array([0.5, 1.0, 2.0])[state]
        relative = relative * np.array([0.8, 1.0, 1.25])[state]
    slope = 0.5 if generator == "depth" else 1.0
    depth = np.maximum(np.round(DEPTH[0] * relative), 200.0)
    positive = rng.random(n) < setting.share
    rate = setting.mean * level * (depth / DEPTH[0]) ** slope * rng.gamma(setting.size, 1 / setting.size, n)
    exponent = EXPONENTS.get(generator, 1.0)
    soup = setting.ambient * depth.mean() * depth**exponent / (depth**exponent).mean()
    umis = rng.poisson(soup) + np.where(positive, rng.poisson(rate), 0)
    wrong = {"ambient_low": 0.5, "ambient_high": 2.0}.get(generator, 1.0)
    droplets = int(rng.poisson(DROPLETS * setting.ambient * wrong * depth.mean()))
    return SimulatedCounts(umis.astype(np.int64), depth, positive, (DROPLETS, droplets))


def score(setting: Setting, library: SimulatedCounts, *, fdr: float = 0.05) -> dict[str, Any]:
    """How the caller and the one-UMI rule do on one library; sums of calibration bins under `bins`.

    `bins` is (zero UMIs or more, bins of probability) x (cells, sum of P, CAR+ cells).
    """
    x, truth = library.umis, library.positive
    depth = posterior.soup_depth(library.depth, mixture.AMBIENT_SLOPE)
    ambient = posterior.ambient_prior(cell_depth=depth, droplets=library.droplets)
    found = posterior.fit(x, library.depth, ambient)
    p = posterior.probabilities(found, x, library.depth)
    calls = posterior.call(p, x, fdr=fdr)
    called, negative, naive = calls == "positive", calls == "negative", x >= 1
    misfit = fit_check.check(found, x, library.depth)
    return {
        "share": found.share,
        "low": found.low_90,
        "high": found.high_90,
        "covered": found.low_90 <= setting.share <= found.high_90,
        "identifiable": found.identifiable,
        "flagged": misfit.flagged,
        "detected": float(naive.mean()),
        "fdr": _rate(~truth, called),
        "false_omission": _rate(truth, negative),
        "n_positive": int(called.sum()),
        "n_negative": int(negative.sum()),
        "recall": _rate(called, truth),
        "naive_fdr": _rate(~truth, naive),
        "naive_recall": _rate(naive, truth),
        "effective": found.posterior.effective,
        "bins": _bins(p, truth, naive),
    }


def _rate(hit: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    return float(hit[among].mean()) if among.any() else float("nan")


def _bins(p: Floats, truth: NDArray[np.bool_], with_umis: NDArray[np.bool_]) -> Floats:
    """Cells, sums of P and CAR+ cells by stratum and bin of P."""
    place = np.minimum((p * PROBABILITY_BINS).astype(int), PROBABILITY_BINS - 1)
    place += with_umis * PROBABILITY_BINS
    size = 2 * PROBABILITY_BINS
    columns = (np.ones(len(p)), p, truth.astype(np.float64))
    sums = np.column_stack(
        [np.bincount(place, weights=w, minlength=size).astype(np.float64) for w in columns]
    )
    return sums.reshape(2, PROBABILITY_BINS, 3)


def calibration_error(bins: Floats) -> dict[str, float]:
    """Expected calibration error of summed `bins`: overall, of cells with no UMI, of cells with some."""

    def error(part: Floats) -> float:
        total = part[:, 0].sum()
        return float(np.abs(part[:, 1] - part[:, 2]).sum() / total) if total else float("nan")

    return {"all": error(bins.sum(axis=0)), "zero": error(bins[0]), "some": error(bins[1])}


def random_settings(number: int, *, seed: int = 777) -> list[Setting]:
    """Settings drawn over the same ranges (evenly, all but the share in logarithms): none was tuned on."""
    rng = np.random.default_rng(seed)
    low = np.log([MEANS[0], SIZES[0], AMBIENT[0], CELLS[0]])
    high = np.log([MEANS[-1], SIZES[-1], AMBIENT[-1], CELLS[-1]])
    drawn = np.exp(rng.uniform(low, high, (number, 4)))
    shares = rng.uniform(SHARES[0], SHARES[-1], number)
    return [Setting(float(p), m, k, a, int(n)) for p, (m, k, a, n) in zip(shares, drawn.tolist())]


def run(
    libraries: int,
    *,
    grid: Sequence[Setting] | None = None,
    generators: Sequence[str] = ("model",),
    first: int = 0,
) -> pd.DataFrame:
    """Score `libraries` libraries of every setting; the generators take turns. One row per library.

    Seeds are made of setting, number of the library (counted from `first`) and kind of generator.
    """
    rows = []
    for index, setting in enumerate(settings() if grid is None else grid):
        for number in range(first, first + libraries):
            generator = generators[number % len(generators)]
            seed = 1_000_000 * (generator != "model") + 1_000 * index + number
            scored = score(setting, simulate(setting, seed=seed, generator=generator))
            rows.append({"setting": index, "generator": generator, **_truth(setting), **scored})
    return pd.DataFrame(rows)


def _truth(setting: Setting) -> dict[str, Any]:
    return {
        "true_share": setting.share,
        "mean_umis": setting.mean,
        "size": setting.size,
        "ambient_rate": setting.ambient,
        "t_cells": setting.cells,
        "power_bounds_apply": setting.powered,
    }


def by_setting(scored: pd.DataFrame) -> pd.DataFrame:
    """Means per setting and per kind of library (`model` or `other`), with the naive rule beside.

    `coverage` and its Monte-Carlo standard error are of identifiable libraries; `calibration_error`
    columns of all.
    """
    rows = []
    kind = np.where(scored["generator"] == "model", "model", "other")
    for (name, setting), part in scored.groupby([kind, scored["setting"]], sort=True):
        shown = part[part["identifiable"]]
        covered = shown["covered"].astype(float)
        errors = calibration_error(np.sum(list(part["bins"]), axis=0))
        rows.append(
            {
                "generator": name,
                "setting": setting,
                **{k: part[k].iloc[0] for k in _truth(settings()[0])},
                "libraries": len(part),
                "detected_fraction": part["detected"].mean(),
                "car_fraction": part["share"].median(),
                "interval_width": (part["high"] - part["low"]).median(),
                "identifiable": part["identifiable"].mean(),
                "coverage": covered.mean(),
                "coverage_se": np.sqrt(covered.mean() * (1 - covered.mean()) / max(len(shown), 1)),
                "flagged": part["flagged"].mean(),
                "covered_or_flagged": (shown["covered"] | shown["flagged"]).mean(),
                "fdr": part["fdr"].mean(),
                "naive_fdr": part["naive_fdr"].mean(),
                "false_omission": part["false_omission"].mean(),
                "recall": part["recall"].mean(),
                "naive_recall": part["naive_recall"].mean(),
                "n_positive": part["n_positive"].mean(),
                "n_negative": part["n_negative"].mean(),
                "calibration_error": errors["all"],
                "calibration_error_zero": errors["zero"],
                "calibration_error_some": errors["some"],
            }
        )
    return pd.DataFrame(rows)


def equal_bins(scored: pd.DataFrame) -> Floats:
    """Calibration bins summed over libraries of equal weight."""
    return np.sum([bins / bins[..., 0].sum() for bins in scored["bins"]], axis=0)


def bounds(scored: pd.DataFrame) -> pd.DataFrame:
    """The acceptance bounds, what was measured, its Monte-Carlo standard error, and whether it holds.

    Means run over libraries (settings have equally many); `met` does not use the error.
    """
    model = scored[scored["generator"] == "model"]
    rows: list[tuple[str, float, float, float, float]] = []

    def add(name: str, values: Any, low: float, high: float, *, middle: bool = False) -> None:
        found = np.asarray(values, dtype=float)
        found = found[np.isfinite(found)]
        if len(found):
            error = (
                found.std() / np.sqrt(len(found)) * (1.2533 if middle else 1.0) if len(found) > 1 else np.nan
            )
            rows.append((name, float(np.median(found) if middle else found.mean()), float(error), low, high))

    if len(model):
        shown, powered = model[model["identifiable"]], model[model["power_bounds_apply"]]
        add("coverage of 90 % intervals, identifiable libraries", shown["covered"], 0.85, 0.95)
        add("realised FDR at nominal 5 %", model["fdr"], 0, 0.06)
        enough = model["true_share"] * model["t_cells"] * model["naive_recall"].fillna(0) >= 50
        worst = model[enough].groupby("setting")["fdr"].mean().max()
        add("realised FDR, worst setting with 50 expected positives", [worst], 0, 0.10)
        for which, among in (("all", model), ("identifiable", shown)):
            for stratum, error in calibration_error(equal_bins(among)).items():
                add(f"calibration error of P(CAR+), {which} libraries, {STRATA[stratum]}", [error], 0, 0.03)
        add("power: identifiable", powered["identifiable"], 0.95, 1)
        width = powered["high"] - powered["low"]
        add("power: median width of the 90 % interval", width, 0, 0.12, middle=True)
        clean = powered[powered["naive_fdr"] <= 0.05]
        add("power: recall relative to the one-UMI rule", clean["recall"] / clean["naive_recall"], 0.95, 1)
    wrong = scored[scored["generator"] != "model"]
    for name in GENERATORS:
        other = wrong[(wrong["generator"] == name) & wrong["identifiable"]]
        add(f"misspecified ({name}): covered or flagged", other["covered"] | other["flagged"], 0.8, 1)
    other = wrong[wrong["identifiable"]]
    add("misspecified, all: coverage", other["covered"], 0.8, 1)
    add("misspecified, all: covered or flagged", other["covered"] | other["flagged"], 0.8, 1)
    add("misspecified, all: realised FDR", wrong["fdr"], 0, 0.06)
    frame = pd.DataFrame(rows, columns=["bound", "measured", "standard_error", "least", "most"])
    return frame.assign(met=(frame["measured"] >= frame["least"]) & (frame["measured"] <= frame["most"]))
