"""Figures of a population: its UMAP three ways, and what its labels express."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import patheffects

from ..names import POPULATION_NAMES, UNASSIGNED
from . import expression, shown_genes, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

APART = 0.06  # of the extent, between two cluster numbers
PER_ROW = 3  # panels
KEYS_A_ROW = 5
MIN_NAMED, NAMED_SHARE = 20, 0.015  # cells, and share of a panel's, from which a label is named on the plot
LETTER, LINE_GAP = 0.026, 0.05  # of a panel: the width of a letter of a name, the height of its line
MIN_LABEL = 20  # cells from which a label has a row in a dot plot: the mean of fewer sets no scale
MIN_SCALE = 0.3  # log1p counts per 10,000 below which no mean is drawn dark


def draw(
    cells: pd.DataFrame,
    name: str,
    *,
    counts: str | Path,
    message: str,
    conditions: Mapping[str, str],
    footer: str = "",
) -> tuple[Figure, Figure]:
    """The UMAP and the dot plot of the population called `name`, or figures that say why there are none.

    `cells` as for `umap`; `counts` is the count matrix of all samples; `message` tells why a population
    was not embedded.
    """
    if cells.empty:
        text = f"No figure of {POPULATION_NAMES[name]}. {message}"
        return style.note(text, footer=footer), style.note(text, footer=footer)
    label = "cell_type" if name == "all" else "t_state"
    sizes = cells[label].value_counts()
    found = {one: int(sizes[one]) for one in style.ordered(map(str, sizes.index))}
    values = expression.by_label(counts, cells.set_index("cell")[label], shown_genes.of(name))
    figure = umap(cells, label=label, conditions=conditions, footer=footer)
    return figure, dots(values, found, of=POPULATION_NAMES[name], footer=footer)


def umap(cells: pd.DataFrame, *, label: str, conditions: Mapping[str, str], footer: str = "") -> Figure:
    """The UMAP by label, one panel per condition with the names on the plot; then all cells by cluster.

    `cells` holds umap_1, umap_2, cluster, sample and the column named `label`; `conditions` names the
    condition of every sample, in the order of the panels.
    """
    condition = cells["sample"].map(conditions)
    panels = [name for name in dict.fromkeys(conditions.values()) if (condition == name).any()]
    key = {name: style.colour(name) for name in style.ordered(cells[label].astype(str))}
    columns = min(len(panels) + 1, PER_ROW)
    rows = -(-(len(panels) + 1) // columns)
    lines = -(-len(key) // KEYS_A_ROW)
    side = style.WIDTH / columns
    fig = style.figure(rows * (side + 0.15) + 0.35 + 0.18 * lines, footer=footer)
    axes = fig.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat
    shuffled = np.random.default_rng(0).permutation(len(cells))  # else the last label covers the others
    cells, condition = cells.iloc[shuffled], condition.iloc[shuffled]
    for ax, name in zip(axes, panels):
        part = cells[condition == name]
        scatter(ax, part, part[label].map(key).to_numpy())
        ax.set_title(f"{name}: {len(part):,} cells")
        _names(ax, part, label)
    clusters = {name: style.cluster_colour(name) for name in cells["cluster"].unique()}
    scatter(axes[len(panels)], cells, cells["cluster"].map(clusters).to_numpy())
    axes[len(panels)].set_title("all, by cluster")
    _numbers(axes[len(panels)], cells)
    for ax in axes[len(panels) + 1 :]:
        ax.set_axis_off()
    _key(fig, Counter(zip(cells[label].astype(str), condition)), key, panels)
    return fig


def scatter(
    ax: Axes,
    cells: pd.DataFrame,
    colours: NDArray[np.object_],
    order: NDArray[np.int64] | slice = slice(None),
) -> None:
    """Draw cells at their UMAP place, rasterised, in the given order."""
    size = float(np.clip(16000 / max(len(cells), 1), 0.7, 14))
    xy: NDArray[np.float64] = cells[["umap_1", "umap_2"]].to_numpy(float)[order]
    drawn: Any = np.asarray(colours)[order]
    ax.scatter(xy[:, 0], xy[:, 1], c=drawn, s=size, linewidths=0, rasterized=True)
    ax.set_xlabel("UMAP 1", color=style.MUTED, fontsize=7.5)
    ax.set_ylabel("UMAP 2", color=style.MUTED, fontsize=7.5)
    style.bare(ax)


def _numbers(ax: Axes, cells: pd.DataFrame) -> None:
    halo = [patheffects.withStroke(linewidth=2.6, foreground="white")]
    for cluster, (x, y) in number_places(cells).items():
        ax.text(x, y, cluster, ha="center", va="center", fontsize=9, fontweight="bold", path_effects=halo)


def number_places(cells: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Where the number of each cluster stands: on its cell nearest to its median.

    Where that is too close to another number (`APART` of the extent), on the one of its central half that
    is farthest from the numbers already there; larger clusters go first.
    """
    points = cells[["umap_1", "umap_2"]].to_numpy(float)
    least = APART * float(np.ptp(points, axis=0).max())
    cluster = cells["cluster"].to_numpy(str)
    places: dict[str, tuple[float, float]] = {}
    for name in cells["cluster"].value_counts().index:
        own = points[cluster == name]
        off = np.hypot(*(own - np.median(own, axis=0)).T)
        place = own[off.argmin()]
        taken = np.array(list(places.values())).reshape(-1, 2)
        if len(taken) and np.hypot(*(taken - place).T).min() < least:
            central = own[off <= np.median(off)]
            gaps = np.hypot(*(central[:, None] - taken[None]).transpose(2, 0, 1)).min(axis=1)
            place = central[gaps.argmax()]
        places[str(name)] = (float(place[0]), float(place[1]))
    return places


def _apart(
    places: Mapping[str, tuple[float, float]], *, width: float, height: float
) -> dict[str, tuple[float, float]]:
    """The places of names, moved up and down where they would be written over each other."""
    moved = {name: list(place) for name, place in places.items()}
    for _ in range(20):
        for a, b in itertools.combinations(sorted(moved, key=lambda name: (moved[name][1], name)), 2):
            beside = abs(moved[a][0] - moved[b][0]) >= LETTER * width * (len(a) + len(b)) / 2
            missing = LINE_GAP * height - (moved[b][1] - moved[a][1])
            if not beside and missing > 0:
                moved[a][1] -= missing / 2
                moved[b][1] += missing / 2
    return {name: (x, y) for name, (x, y) in moved.items()}


def _names(ax: Axes, cells: pd.DataFrame, label: str) -> None:
    """Names of the labels at their cells; of those with too few cells here the key alone tells."""
    sizes = cells[label].value_counts()
    named = sizes.index[
        (sizes >= MIN_NAMED) & (sizes >= NAMED_SHARE * len(cells)) & (sizes.index != UNASSIGNED)
    ]
    places = number_places(cells[cells[label].isin(named)].assign(cluster=cells[label].astype(str)))
    places = _apart(places, width=float(np.ptp(ax.get_xlim())), height=float(np.ptp(ax.get_ylim())))
    halo = [patheffects.withStroke(linewidth=2.4, foreground="white")]
    for name, (x, y) in places.items():
        ax.text(x, y, name, ha="center", va="center", fontsize=8, fontweight="bold", path_effects=halo)


def _key(
    fig: Figure, counts: Mapping[tuple[str, str], int], colours: Mapping[str, str], panels: Sequence[str]
) -> None:
    """The labels with their cells in each panel, or in all where there are many panels."""
    from matplotlib.lines import Line2D

    handles = []
    for name, colour in colours.items():
        cells = [counts.get((name, panel), 0) for panel in panels]
        told = cells if len(panels) <= PER_ROW else [sum(cells)]
        text = f"{name}  {' | '.join(f'{n:,}' for n in told)}"
        handles.append(Line2D([], [], marker="o", ls="", ms=5.5, mec="none", color=colour, label=text))
    title = f"cells: {' | '.join(panels)}" if len(panels) <= PER_ROW else "cells"
    fig.legend(
        handles=handles,
        loc="outside upper left",
        ncols=KEYS_A_ROW,
        title=title,
        title_fontsize=7.5,
        alignment="left",
    )


def dots(expression: pd.DataFrame, counts: Mapping[str, int], *, of: str = "", footer: str = "") -> Figure:
    """Dot plot of genes by label: area is the share of cells that detect, colour the scaled mean.

    `expression` is the table of `expression.by_label`; `counts` gives the labels in order with their
    numbers of cells. Means are scaled to each gene's largest over the labels with at least `MIN_LABEL`
    cells, and to no less than `MIN_SCALE`; smaller labels are left out while a larger one is there.
    """
    genes = list(dict.fromkeys(expression["gene"]))
    large = [name for name, n in counts.items() if n >= MIN_LABEL]
    labels = large or list(counts)
    mean, detected = (
        expression.pivot_table(index="label", columns="gene", values=value).loc[labels, genes].to_numpy()
        for value in ("mean", "detected")
    )
    scaled = mean / np.maximum(mean.max(axis=0), MIN_SCALE)
    fig = style.figure(1.45 + 0.27 * len(labels), footer=footer)
    ax = fig.add_subplot()
    x, y = np.meshgrid(np.arange(len(genes)), np.arange(len(labels)))
    drawn = ax.scatter(
        x, y, s=150 * detected, c=scaled, cmap=style.AMOUNT, vmin=0, vmax=1, linewidths=0.3, ec="#8a95a1"
    )
    ax.set_xticks(range(len(genes)), genes, rotation=50, ha="right", rotation_mode="anchor", style="italic")
    ax.set_yticks(range(len(labels)), [f"{name}  ({counts[name]:,})" for name in labels])
    ax.set_xlim(-0.7, len(genes) - 0.3)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.tick_params(length=0)
    ax.grid(visible=True)
    for spine in ax.spines.values():
        spine.set_visible(False)
    bar = fig.colorbar(
        drawn, ax=ax, shrink=min(1.0, 1.1 / (0.27 * len(labels))), aspect=9, pad=0.015, anchor=(0, 0.0)
    )
    bar.set_label("mean, of the\ngene's largest", fontsize=7.5)
    bar.outline.set_visible(False)
    bar.set_ticks([0, 0.5, 1])
    left_out = [name for name in counts if name not in labels]
    if left_out:
        cells = sum(counts[name] for name in left_out)
        ax.set_xlabel(
            f"left out, with fewer than {MIN_LABEL} cells each: {len(left_out)} labels, {cells:,} cells",
            fontsize=7.5, color=style.MUTED, loc="left",
        )  # fmt: skip
    handles = [
        ax.scatter([], [], s=150 * share, color="#8a95a1", linewidths=0, label=f"{100 * share:.0f}\u202f%")
        for share in (0.1, 0.5, 1.0)
    ]
    fig.legend(
        handles=handles,
        loc="outside upper right",
        ncols=3,
        title=f"{of or 'cells'} of the label that detect the gene",
        title_fontsize=7.5,
    )
    return fig
