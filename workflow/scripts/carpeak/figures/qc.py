"""Figures of quality control: what was measured, where the limits are, what was removed and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ..names import REMOVAL_REASONS
from . import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

REASON_COLOURS = {
    "few_genes": "#8A5A83",
    "many_genes": "#C58BB7",
    "low_umis": "#5A7D9A",
    "high_umis": "#9DB8CC",
    "high_mito": "#C8431F",
    "doublet": "#E0A030",
}
KEPT, REMOVED = "#5E7C99", "#D9A48F"
BINS = 60
RANKS_A_ROW = 3  # panels
CELLS = LinearSegmentedColormap.from_list("cells", ["#C3CAD2", "#6E93BC", "#1F4F94"])


def limits_of(thresholds: Mapping[str, Any]) -> dict[str, list[float]]:
    """The limits to draw, by metric, out of a thresholds file."""
    keys = {
        "n_umis": ("min_umis", "max_umis"),
        "n_genes": ("min_genes", "max_genes"),
        "pct_mito": ("max_mito_percent",),
        "doublet_score": ("doublet_threshold",),
    }
    return {
        name: [thresholds[key] for key in wanted if thresholds.get(key) is not None]
        for name, wanted in keys.items()
    }


def metrics(
    cells: Mapping[str, pd.DataFrame], limits: Mapping[str, Mapping[str, Any]], *, footer: str = ""
) -> Figure:
    """Histograms of UMIs, genes, mitochondrial share and doublet score, one row per sample.

    `cells` holds the qc table per sample, `limits` its thresholds by metric: n_umis, n_genes, pct_mito and
    doublet_score, each a list of limits. The shared x axis of a column makes samples comparable.
    """
    fig = style.figure(0.75 + 1.55 * len(cells), footer=footer)
    axes = fig.subplots(len(cells), 4, squeeze=False, sharex="col")
    columns = (
        ("n_umis", "UMIs per barcode", True),
        ("n_genes", "Genes per barcode", True),
        ("pct_mito", "Mitochondrial UMIs (%)", False),
        ("doublet_score", "Doublet score", False),
    )
    for j, (name, label, log) in enumerate(columns):
        edges = _edges([table[name].to_numpy(float) for table in cells.values()], log=log)
        for i, (sample, table) in enumerate(cells.items()):
            ax = axes[i, j]
            _histogram(ax, table, name, edges, log=log)
            for limit in limits[sample].get(name, []):
                if limit > 2 * edges[-1]:  # far off, such as 30,000 genes
                    continue
                ax.axvline(limit, color=style.INK, lw=1, ls=(0, (4, 2)))
            if j == 0:
                ax.set_title(sample)
                ax.set_ylabel("barcodes")
        axes[-1, j].set_xlabel(label)
    _legend(fig)
    return fig


def _edges(values: list[NDArray[np.float64]], *, log: bool) -> NDArray[np.float64]:
    together = np.concatenate([v[np.isfinite(v)] for v in values]) if values else np.array([])
    if together.size == 0:
        return np.linspace(0, 1, BINS)
    if log:
        return np.logspace(np.log10(max(together.min(), 1)), np.log10(max(together.max(), 2)), BINS)
    return np.linspace(0, max(together.max(), 1e-3), BINS)


def _histogram(ax: Axes, table: pd.DataFrame, name: str, edges: NDArray[np.float64], *, log: bool) -> None:
    kept = table["kept"].to_numpy(bool)
    values = np.clip(table[name].to_numpy(float), edges[0], edges[-1])
    bottom, _ = np.histogram(values[kept & np.isfinite(values)], edges)
    top, _ = np.histogram(values[~kept & np.isfinite(values)], edges)
    ax.stairs(bottom, edges, fill=True, color=KEPT)
    ax.stairs(bottom + top, edges, baseline=bottom, fill=True, color=REMOVED)
    ax.margins(x=0.01)
    if not log:  # else the few barcodes beyond the limit can't be seen
        ax.set_yscale("function", functions=(_root, np.square))
        ax.set_ylim(bottom=0)
    ax.locator_params(axis="y", nbins=4)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    if log:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(numticks=6))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))


def _root(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.maximum(values, 0))


def _legend(fig: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(color=KEPT, label="kept"),
        Patch(color=REMOVED, label="removed (any reason)"),
        Line2D([], [], color=style.INK, lw=1, ls=(0, (4, 2)), label="limit"),
    ]
    fig.legend(handles=handles, loc="outside upper right", ncols=3)


def ranks(curves: Mapping[str, Mapping[str, Any]], *, samples: Sequence[str], footer: str = "") -> Figure:
    """Barcode-rank curves of the libraries whose droplets were read; cells in blue, droplets without in grey.

    `curves` holds by sample what barcode_ranks.curve returns.
    """
    shown = [name for name in samples if curves.get(name, {}).get("rank")]
    if not shown:
        return style.note("No unfiltered droplets were given: there is no barcode-rank curve.", footer=footer)
    columns = min(RANKS_A_ROW, max(len(shown), 2))
    rows = -(-len(shown) // columns)
    fig = style.figure(0.4 + 2.7 * rows, footer=footer)
    axes = fig.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for ax, name in zip(axes, shown):
        curve = curves[name]
        colours = CELLS(np.asarray(curve["cells"], dtype=float))
        ax.plot(curve["rank"], curve["umis"], color=style.LINE, lw=0.8, zorder=1)
        ax.scatter(curve["rank"], curve["umis"], c=colours, s=11, linewidths=0, zorder=2)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_title(name)
        ax.grid(visible=True)
        ax.set_xlabel("droplets, from the largest down")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    axes[0].set_ylabel("UMIs of the droplet")
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    bar = fig.colorbar(
        ScalarMappable(cmap=CELLS), ax=list(axes), shrink=min(0.6, 1.2 / rows), aspect=14, pad=0.015
    )
    bar.set_label("share of droplets at this rank\nthat are cells", fontsize=8)
    bar.set_ticks([0, 0.5, 1], labels=["0", "50\u202f%", "100\u202f%"])
    bar.outline.set_visible(False)
    return fig


def removed(samples: pd.DataFrame, *, footer: str = "") -> Figure:
    """Bars of the barcodes removed per sample, by their one reason, in percent of those read."""
    names = samples["sample"].astype(str).tolist()
    fig = style.figure(1.1 + 0.42 * len(names), footer=footer)
    ax = fig.add_subplot()
    left = np.zeros(len(names))
    cells_in = samples["cells_in"].to_numpy(float)
    for reason, label in REMOVAL_REASONS.items():
        colour = REASON_COLOURS[reason]
        if f"removed_{reason}" not in samples:
            continue
        share = 100 * samples[f"removed_{reason}"].to_numpy(float) / np.maximum(cells_in, 1)
        if share.any():
            ax.barh(names, share, left=left, color=colour, label=label, height=0.62)
            left += share
    kept = samples["cells_kept"].to_numpy(float)
    for y, (end, n, k) in enumerate(zip(left, cells_in, kept)):
        ax.text(end, y, f"  {n - k:,.0f} removed of {n:,.0f}", va="center", fontsize=8, color=style.MUTED)
    ax.set_xlim(0, max(left.max(initial=0) * 1.28, 1))
    ax.invert_yaxis()
    ax.set_xlabel("removed barcodes (% of those read)")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if left.any():
        fig.legend(loc="outside upper left", ncols=5)
    return fig
