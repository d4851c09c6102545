"""Figures of what the populations consist of, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..names import FEW_CELLS, POPULATION_NAMES, UNASSIGNED
from . import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NARROW = 0.055  # a segment below this share is named in the key only
SMALL = 0.01  # a label below this share in every sample is drawn with the others of its kind
OTHERS = f"others, each under {100 * SMALL:g}\u202f%"
KEYS_A_ROW = 8
MANY = 6  # libraries, beyond which a colour stands for a condition
LEAST_ROW, ROW = 0.14, 0.3  # inches of a bar


def composition(table: pd.DataFrame, *, colours: Mapping[str, str], footer: str = "") -> Figure:
    """Stacked bars of every population and, below them, the shares of T-cell states with their intervals.

    `table` is tables/composition.tsv; `colours` those of the samples to be drawn, in order.
    """
    samples = list(colours)
    table = table[table["sample"].isin(samples)]
    parts = {name: folded(table[table["population"] == name]) for name in POPULATION_NAMES}
    bar = ROW if len(samples) <= 2 * MANY else max(LEAST_ROW, 2 * MANY * ROW / len(samples))
    bars = [0.55 + bar * len(samples) + 0.17 * -(-_labels(part) // KEYS_A_ROW) for part in parts.values()]
    row = min(max(0.26, 0.075 * len(samples)), 0.75)  # inches of a label
    dot = 0.8 + row * max(_labels(parts["t_cells"]), _labels(parts["car_t"]), 2)
    fig = style.figure(sum(bars) + dot, footer=footer)
    grid = fig.add_gridspec(4, 2, height_ratios=[*bars, dot])
    for row, (population, name) in enumerate(POPULATION_NAMES.items()):
        _stacked(fig.add_subplot(grid[row, :]), parts[population], samples, f"% of {name}")
    left = fig.add_subplot(grid[3, 0])
    right = fig.add_subplot(grid[3, 1])
    for ax, population in ((left, "t_cells"), (right, "car_t")):
        _dots(ax, parts[population], *_series(table, colours))
        ax.set_title(f"{POPULATION_NAMES[population]}, with 95\u202f% intervals")
        ax.set_xlabel(f"% of {POPULATION_NAMES[population]}")
    left.legend(loc="lower right")
    return fig


def folded(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of one population, with labels that are small in every firm sample summed under `OTHERS`.

    Rows are in the order of all figures; labels without any cell are left out.
    """
    import pandas as pd

    firm = table[table["total"] >= FEW_CELLS]  # of a few cells, one is a large share
    largest = (firm if len(firm) else table).groupby("label")["fraction"].max().fillna(0)
    cells = table.groupby("label")["n"].sum()
    small = list(largest.index[(largest < SMALL) & (cells > 0) & (largest.index != UNASSIGNED)])
    table = table[table["n"].groupby(table["label"]).transform("sum") > 0]
    if len(small) > 1:
        inside = table["label"].isin(small)
        summed = table[inside].groupby("sample", sort=False, as_index=False)[["n", "fraction"]].sum()
        total = table.drop_duplicates("sample").set_index("sample")["total"]
        summed = summed.assign(label=OTHERS, total=summed["sample"].map(total))
        table = pd.concat([table[~inside], summed], ignore_index=True)
    place = {label: number for number, label in enumerate(style.ordered(table["label"]))}
    return table.iloc[np.argsort(table["label"].map(place), kind="stable")]


def _labels(table: pd.DataFrame) -> int:
    return int(table["label"].nunique())


def _stacked(ax: Axes, table: pd.DataFrame, samples: Sequence[str], title: str) -> None:
    from matplotlib.patches import Patch

    ax.set_title(title)
    labels = table["label"].drop_duplicates().tolist()
    share = table.pivot_table(index="label", columns="sample", values="fraction", dropna=False)
    share = share.reindex(columns=list(samples))
    total = table.drop_duplicates("sample").set_index("sample")["total"].reindex(list(samples)).fillna(0)
    left, few = np.zeros(len(samples)), (total < FEW_CELLS).to_numpy()
    small = 7.5 if len(samples) <= 2 * MANY else 5
    for label in labels:
        width = share.loc[label].fillna(0).to_numpy(float)
        colour = _colour(label)
        bars = ax.barh(range(len(samples)), width, left=left, color=colour, height=0.78, ec="white", lw=0.8)
        for y in map(int, np.flatnonzero(few)):
            bars[y].set_alpha(0.3)
        for y in map(int, np.flatnonzero((width >= NARROW) & ~few)):
            ink = "white" if _dark(colour) else style.INK
            shown = label if width[y] > 0.011 * len(label) + 0.045 else ""
            text = f"{shown} {100 * width[y]:.0f}\u202f%".strip()
            ax.text(left[y] + width[y] / 2, y, text, ha="center", va="center", color=ink, fontsize=small)
        left += width
    for y in map(int, np.flatnonzero(few)):
        n = int(total.iloc[y])
        text = f"{n} cell{'s' if n != 1 else ''}: too few to say" if n else "no such cells"
        ax.text(0.01, y, text, va="center", color=style.INK if n else style.MUTED, fontsize=small)
    ax.set_yticks(range(len(samples)), [f"{name}  (n = {int(total[name]):,})" for name in samples])
    ax.set_ylim(len(samples) - 0.5, -0.5)
    ax.set_xlim(0, 1)
    ax.set_xticks([])
    ax.tick_params(length=0)
    if len(samples) > 2 * MANY:
        ax.tick_params(axis="y", labelsize=small)  # not of the labels themselves: the layout forgets it
    for spine in ax.spines.values():
        spine.set_visible(False)
    if labels:
        handles = [Patch(color=_colour(label), label=label) for label in labels]
        ax.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(0, -0.02), fontsize=7.5,
            ncols=min(len(labels), KEYS_A_ROW), borderaxespad=0.1, handlelength=0.9, columnspacing=0.95,
        )  # fmt: skip


def _colour(label: str) -> str:
    return style.colour("other" if label == OTHERS else label)


def _dark(colour: str) -> bool:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 < 0.26


def _series(table: pd.DataFrame, colours: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The colour of every sample in the lower panels, and the key: of many samples by condition."""
    if len(colours) <= MANY:
        return dict(colours), {sample: sample for sample in colours}
    condition = table.drop_duplicates("sample").set_index("sample")["condition"].astype(str).to_dict()
    known = {name: condition[name] for name in colours if name in condition}
    kinds = style.sample_colours(list(dict.fromkeys(known.values())))
    first = {kind: next(name for name in known if known[name] == kind) for kind in kinds}
    keys = {name: f"{kind}, {list(known.values()).count(kind)} libraries" for kind, name in first.items()}
    return {name: kinds[kind] for name, kind in known.items()}, keys


def _dots(ax: Axes, table: pd.DataFrame, colours: Mapping[str, str], keys: Mapping[str, str]) -> None:
    """Shares with their intervals, one series per sample; `keys` are the entries of the legend."""
    width, size = (2.0, 5.0) if len(colours) <= MANY else (0.8, 3.2)
    labels = [label for label in table["label"].drop_duplicates() if label != OTHERS]
    shift = 0.5 / max(len(colours), 1)
    for i, sample in enumerate(colours):
        part = table[table["sample"] == sample].set_index("label").reindex(labels)
        y = np.arange(len(labels)) + (i - (len(colours) - 1) / 2) * shift
        ax.hlines(y, 100 * part["fraction_low"], 100 * part["fraction_high"], color=colours[sample], lw=width)
        ax.plot(
            100 * part["fraction"], y, "o", color=colours[sample], ms=size, mec="white", mew=size / 5,
            label=keys.get(sample, "_" + sample),
        )  # fmt: skip
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(max(len(labels), 1) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.grid(visible=True, axis="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if not labels:
        ax.text(0.5, 0.5, "no such cells", transform=ax.transAxes, ha="center", color=style.MUTED)
