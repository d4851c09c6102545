"""Figures of the CAR: where it is detected, how often, and how often it is detected where it can't be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter

from . import style
from .population import scatter

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_UMIS = 10
FEW = 6  # samples whose names have room inside a panel
PER_ROW = 3


def on_umap(cells: pd.DataFrame, *, samples: Sequence[str], footer: str = "") -> Figure:
    """The UMAP of T cells, one panel per sample, cells with transgene UMIs in colour on top.

    `cells` holds umap_1, umap_2, sample, car_umis and car_call.
    """
    if cells.empty:
        return style.note("No T cells, or too few to be embedded.", footer=footer)
    columns = min(max(len(samples), 2), PER_ROW)
    rows = -(-len(samples) // columns)
    fig = style.figure(0.25 + 4.4 * rows * 2 / columns, footer=footer)
    axes = fig.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for ax in axes.flat[len(samples) :]:
        ax.set_axis_off()
    drawn = None
    for ax, sample in zip(axes.flat, samples):
        part = cells[cells["sample"] == sample]
        n, positive = len(part), int((part["car_call"] == "positive").sum())
        between = ": " if columns < PER_ROW else "\n"  # of three side by side, one line would reach the next
        ax.set_title(f"{sample}{between}{positive:,} of {n:,} T cells CAR+")
        scatter(ax, part, np.full(n, "#D5DAE0"))
        found = part[part["car_umis"] > 0].sort_values("car_umis", kind="stable")
        size = float(np.clip(24000 / max(n, 1), 3, 14))
        drawn = ax.scatter(
            found["umap_1"],
            found["umap_2"],
            c=np.minimum(found["car_umis"], MAX_UMIS),
            cmap=style.DETECTED,
            vmin=1,
            vmax=MAX_UMIS,
            s=size,
            linewidths=0,
            rasterized=True,
        )
    if drawn is not None:
        bar = fig.colorbar(drawn, ax=axes, shrink=0.45, aspect=16, pad=0.015, anchor=(0, 0.05))
        bar.set_label("transgene UMIs per cell", fontsize=8)
        bar.set_ticks([1, 5, MAX_UMIS], labels=["1", "5", f"≥ {MAX_UMIS}"])
        bar.outline.set_visible(False)
    return fig


def detection(car: pd.DataFrame, *, footer: str = "") -> Figure:
    """Share of T cells with the CAR detected, beside the share of other cells that seem to carry it.

    `car` is tables/car.tsv. The flow-cytometric share is drawn where the sheet gives it.
    """
    from scipy.special import betaincinv

    samples = car["sample"].astype(str).tolist()
    fig = style.figure(1.55 + 0.42 * len(samples), footer=footer)
    left, right = fig.subplots(1, 2, sharey=True)
    colours = list(style.sample_colours(samples).values())
    n = car["t_cells"].to_numpy(float)
    k = np.nan_to_num(car["detected_fraction"].to_numpy(float)) * n
    low, high = (betaincinv(k + 0.5, n - k + 0.5, q) for q in (0.025, 0.975))
    low, high = np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)
    measured = np.isfinite(car["detected_fraction"].to_numpy(float)).any()
    absent = "no such cells" if measured or not n.any() else "no feature of the CAR in the matrix"
    _intervals(left, car["detected_fraction"].to_numpy(float), low, high, colours, absent=absent)
    _estimates(left, car)
    rate, least, most = (car[f"false_positive_rate{end}"].to_numpy(float) for end in ("", "_low", "_high"))
    _intervals(right, rate, least, most, colours, absent=absent)
    left.set_title("T cells with the CAR detected")
    right.set_title("Other cells with the CAR detected (false positives)")
    left.set_xlabel("% of T cells")
    right.set_xlabel("% of cells that are not T cells")
    left.set_yticks(range(len(samples)), samples)
    left.set_ylim(len(samples) - 0.4, -0.6)
    if left.get_legend_handles_labels()[1]:
        fig.legend(loc="outside upper right", ncols=3)
    return fig


def _intervals(
    ax: Axes, value: object, low: object, high: object, colours: Sequence[str], *, absent: str
) -> None:
    value, low, high = (100 * np.asarray(v, dtype=float) for v in (value, low, high))
    for y, (v, a, b, colour) in enumerate(zip(value, low, high, colours)):
        if np.isfinite(v):
            ax.plot([a, b], [y, y], color=colour, lw=2.4, solid_capstyle="round")
            ax.plot(v, y, "o", color=colour, ms=7, mec="white")
            ax.annotate(
                f"{v:.2g}\u202f%", (b, y), (6, 0), textcoords="offset points", va="center", fontsize=8
            )
        else:
            ax.annotate(absent, (0, y), (6, 0), textcoords="offset points", va="center", color=style.MUTED)
    top = np.nanmax([*np.ravel(high), 0.1])
    ax.set_xlim(0, top * 1.25)
    ax.grid(visible=True, axis="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _estimates(ax: Axes, car: pd.DataFrame) -> None:
    """The flow-cytometric share and the estimated true share, where there are any."""
    marks = (
        ("flow_car_percent", 1.0, "D", style.INK, "flow cytometry (sample sheet)"),
        ("car_fraction", 100.0, "s", style.UP, "estimated share, dropout considered"),
    )
    for name, factor, marker, colour, label in marks:
        value = factor * car[name].to_numpy(float)
        there, most = np.isfinite(value), value
        if name == "car_fraction" and there.any():
            low, most = (factor * car[f"{name}_{end}"].to_numpy(float) for end in ("low", "high"))
            ax.hlines(np.flatnonzero(there), low[there], most[there], color=colour, lw=1.2, zorder=1)
        if there.any():
            ax.plot(
                value[there],
                np.flatnonzero(there),
                marker,
                color=colour,
                mfc="white",
                ms=6,
                ls="",
                label=label,
            )
            ax.set_xlim(0, max(ax.get_xlim()[1], np.nanmax(most) * 1.15))


def umis(cells: pd.DataFrame, *, colours: Mapping[str, str], footer: str = "") -> Figure:
    """Transgene UMIs per T cell, in percent of the sample's T cells; cells with none are left out."""
    if cells.empty:
        return style.note("No T cells, or too few to be embedded.", footer=footer)
    if not cells["car_umis"].any():
        return style.note("No UMI of the CAR in any T cell.", footer=footer)
    few = len(colours) <= FEW
    fig = style.figure(2.7 if few else max(2.7, 0.6 + 0.19 * len(colours)), footer=footer)
    ax = fig.add_subplot()
    width = 0.8 / max(len(colours), 1)
    steps = np.arange(1, MAX_UMIS + 1)
    for i, (sample, colour) in enumerate(colours.items()):
        counts = cells.loc[cells["sample"] == sample, "car_umis"].to_numpy()
        found = np.bincount(np.minimum(counts[counts > 0], MAX_UMIS), minlength=MAX_UMIS + 1)[1:]
        offset = (i - (len(colours) - 1) / 2) * width
        zero = f"{style.percent(float((counts == 0).mean()) if len(counts) else np.nan)} without"
        ax.bar(
            steps + offset, 100 * found / max(len(counts), 1), width, color=colour, label=f"{sample} ({zero})"
        )
    ax.set_xticks(steps, [*map(str, steps[:-1]), f"≥ {MAX_UMIS}"])
    ax.set_xlabel("transgene UMIs per T cell")
    ax.set_ylabel("% of the sample's T cells")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.grid(visible=True, axis="y")
    ax.tick_params(axis="x", length=0)
    if few:
        ax.legend(loc="upper right")
    else:
        fig.legend(loc="outside right upper")
    return fig
