"""Figures of a population: its UMAP three ways, and what its labels express."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import patheffects

from ..names import POPULATION_NAMES
from . import expression, shown_genes, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

# The genes of the paper's text and Figure 3, with the usual ones that the named labels need beside them.
APART = 0.06  # of the extent, between two cluster numbers


def draw(
    cells: pd.DataFrame,
    name: str,
    *,
    counts: str | Path,
    message: str,
    colours: Mapping[str, str],
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
    values = expression.by_label(counts, cells.set_index("cell")[label], shown_genes.of(name))
    found = {str(one): int(n) for one, n in sizes.items()}
    return umap(cells, label=label, colours=colours, footer=footer), dots(values, found, footer=footer)


def umap(cells: pd.DataFrame, *, label: str, colours: Mapping[str, str], footer: str = "") -> Figure:
    """The UMAP by cluster, by sample and by label.

    `cells` holds umap_1, umap_2, cluster, sample and the column named `label`; `colours` are those of the
    samples.
    """
    clusters = sorted(
        cells["cluster"].unique(), key=lambda c: (not c.isdigit(), int(c) if c.isdigit() else 0)
    )
    panels = (
        ("Cluster", "cluster", {c: style.cluster_colour(c) for c in clusters}),
        ("Sample", "sample", dict(colours)),
        ("Cell type" if label == "cell_type" else "T-cell state", label, _by_size(cells[label])),
    )
    rows = max(-(-len(key) // 2) for _, name, key in panels if name != "cluster")
    fig = style.figure(3.75 + 0.17 * rows, footer=footer)
    axes = fig.subplots(1, 3)
    shuffled = np.random.default_rng(0).permutation(len(cells))  # else the last sample covers the others
    for ax, (title, name, key) in zip(axes, panels):
        scatter(ax, cells, cells[name].map(key).fillna(style.PALE).to_numpy(), shuffled)
        ax.set_title(title)
        if name == "cluster":
            _numbers(ax, cells)
        else:
            _key(ax, cells[name].value_counts(), key)
    return fig


def _by_size(labels: pd.Series) -> dict[str, str]:
    return {str(name): style.colour(str(name)) for name in labels.value_counts().index}


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


def _key(ax: Axes, counts: pd.Series, colours: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            marker="o",
            ls="",
            ms=5.5,
            mec="none",
            color=colour,
            label=f"{name}  {counts.get(name, 0):,}",
        )
        for name, colour in colours.items()
    ]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.07), ncols=2, borderaxespad=0)


def dots(expression: pd.DataFrame, counts: Mapping[str, int], *, footer: str = "") -> Figure:
    """Dot plot of genes by label: area is the share of cells that detect, colour the scaled mean.

    `expression` is the table of `expression.by_label`; `counts` gives the labels in order with their
    numbers of cells. Means are scaled to each gene's largest over the labels.
    """
    genes = list(dict.fromkeys(expression["gene"]))
    labels = list(counts)
    mean, detected = (
        expression.pivot_table(index="label", columns="gene", values=value).loc[labels, genes].to_numpy()
        for value in ("mean", "detected")
    )
    scaled = mean / np.maximum(mean.max(axis=0), 1e-9)
    fig = style.figure(1.2 + 0.27 * len(labels), footer=footer)
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
    handles = [
        ax.scatter([], [], s=150 * share, color="#8a95a1", linewidths=0, label=f"{100 * share:.0f}\u202f%")
        for share in (0.1, 0.5, 1.0)
    ]
    fig.legend(
        handles=handles,
        loc="outside upper right",
        ncols=3,
        title="cells that detect the gene",
        title_fontsize=7.5,
    )
    return fig
