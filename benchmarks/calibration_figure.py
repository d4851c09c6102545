"""The caller against simulated truth: coverage, error rate, calibration, and the one-UMI rule beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from carpeak.figures import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KINDS = {"model": ("as the caller assumes", style.DOWN), "other": ("from other generators", style.UP)}


def draw(settings: pd.DataFrame, reliability: dict[str, Floats], *, footer: str = "") -> Figure:
    """Four panels from the table by setting and, by kind of library, summed calibration bins."""
    fig = style.figure(7.4, footer=footer)
    axes = fig.subplots(2, 2)
    _coverage(axes[0, 0], settings)
    _error(axes[0, 1], settings)
    _reliability(axes[1, 0], reliability["model"])
    _shares(axes[1, 1], settings)
    return fig


def _coverage(ax: Axes, settings: pd.DataFrame) -> None:
    ax.axhspan(85, 95, color=style.PALE, lw=0)
    for shift, (kind, (label, colour)) in zip((-0.17, 0.17), KINDS.items()):
        part = settings[(settings["generator"] == kind) & (settings["identifiable"] >= 0.2)]
        error = 196 * part["coverage_se"]
        ax.errorbar(
            part["setting"] + 1 + shift,
            100 * part["coverage"],
            error,
            fmt="o",
            ms=3.4,
            lw=0.7,
            color=colour,
            label=label,
        )
    ax.set_ylim(0, 104)
    ax.set_title("Does the 90 % interval hold the true share?")
    ax.set_xlabel("setting (row of the table)")
    ax.set_ylabel("identifiable libraries covered, %")
    ax.legend(loc="lower left")


def _error(ax: Axes, settings: pd.DataFrame) -> None:
    model = settings[settings["generator"] == "model"]
    ax.axhline(5, color=style.LINE)
    ax.vlines(model["setting"] + 1, 100 * model["fdr"], 100 * model["naive_fdr"], color=style.LINE, lw=0.8)
    for name, label, colour in (
        ("naive_fdr", "at least one UMI", style.MUTED),
        ("fdr", "caller, nominal 5 %", style.DOWN),
    ):
        ax.plot(model["setting"] + 1, 100 * model[name], "o", ms=4, color=colour, label=label)
    ax.set_ylim(-2, 102)
    ax.set_title("How many of the called cells carry no CAR?")
    ax.set_xlabel("setting (row of the table)")
    ax.set_ylabel("false discoveries, %")
    ax.legend(loc="upper right")


def _reliability(ax: Axes, bins: Floats) -> None:
    ax.plot([0, 1], [0, 1], color=style.LINE, lw=1)
    for part, label, colour in ((bins[0], "no UMI", style.DOWN), (bins[1], "one or more UMIs", style.UP)):
        used = part[:, 0] > 1e-4 * part[:, 0].sum()
        size = 4 + 9 * np.sqrt(part[used, 0] / part[:, 0].sum())
        x, y = part[used, 1] / part[used, 0], part[used, 2] / part[used, 0]
        ax.plot(x, y, color=colour, lw=0.8)
        ax.scatter(x, y, s=size**2, color=colour, alpha=0.85, lw=0, label=label)
    ax.set_title("Does P(CAR+) mean what it says?")
    ax.set_xlabel("P(CAR+), mean of the bin")
    ax.set_ylabel("cells that carry the CAR")
    ax.legend(loc="upper left", markerscale=0.6)


def _shares(ax: Axes, settings: pd.DataFrame) -> None:
    ax.plot([0, 100], [0, 100], color=style.LINE, lw=1)
    model = settings[settings["generator"] == "model"]
    shown = model["identifiable"] >= 0.5
    jitter = (np.arange(len(model)) % 7 - 3) * 0.7
    x = 100 * model["true_share"] + jitter
    ax.plot(
        x, 100 * model["detected_fraction"], "x", ms=4, color=style.MUTED, label="detected (at least one UMI)"
    )
    ax.plot(x[shown], 100 * model["car_fraction"][shown], "o", ms=4, color=style.DOWN, label="estimated")
    ax.plot(
        x[~shown],
        100 * model["car_fraction"][~shown],
        "o",
        ms=4,
        mfc="none",
        color=style.DOWN,
        label="not identifiable",
    )
    ax.set_title("Shares: detected, estimated and true")
    ax.set_xlabel("true share of CAR+ T cells, %")
    ax.set_ylabel("median of libraries, %")
    ax.legend(loc="upper left")
