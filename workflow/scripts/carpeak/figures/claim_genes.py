"""The genes of the claims before and after: one panel per gene, one row per group of cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PER_ROW = 4  # panels
SIDES = ("reference", "test")
MAX_GENES = 12
NAMES = {
    ("car_t", "CD4"): "CD4 CAR+",
    ("car_t", "CD8"): "CD8 CAR+",
    ("car_t", "all"): "all CAR+",
    ("undetected", "CD4"): "CD4 CAR-undetected",
    ("undetected", "CD8"): "CD8 CAR-undetected",
    ("undetected", "all"): "all CAR-undetected",
}
LARGEST = 90.0  # points squared, of a dot whose cells all detect the gene


def claim_genes(
    table: pd.DataFrame, *, sides: Mapping[str, str], colours: Mapping[str, str], footer: str = ""
) -> Figure:
    """Mean expression at the reference and at the test side, joined by a line, with 95 % intervals.

    `table` is tables/claim_genes.CONTRAST.tsv; `sides` names test and reference for the reader; `colours`
    are those of test and reference.
    """
    genes = list(dict.fromkeys(table["gene"]))[:MAX_GENES]
    if not genes:
        return style.note("No claim speaks of a gene that was measured in T cells.", footer=footer)
    groups = [place for place in NAMES if ((table["kind"] == place[0]) & (table["group"] == place[1])).any()]
    states = style.ordered(table.loc[table["kind"] == "state", "group"])
    rows = [*groups, *(("state", state) for state in states)]
    names = [NAMES.get(row, f"{row[1]} (CAR+)") for row in rows]
    columns = min(PER_ROW, len(genes))
    lines = -(-len(genes) // columns)
    fig = style.figure(0.75 + lines * (0.75 + 0.2 * len(rows)), footer=footer)
    axes = fig.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for ax, gene in zip(axes, genes):
        _panel(ax, table[table["gene"] == gene], rows, colours)
        ax.set_title(gene, style="italic")
        ax.set_yticks(range(len(rows)), names)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        for end in _ends(rows):
            ax.axhline(end - 0.5, color=style.LINE, lw=0.8)
    for ax in axes[len(genes) :]:
        ax.set_axis_off()
    fig.supxlabel("mean log1p counts per 10,000 of the cells named on the left, at equal depth", fontsize=8.5)
    _key(fig, sides, colours)
    return fig


def _ends(rows: list[tuple[str, str]]) -> list[int]:
    """Where another kind of cells begins."""
    return [i for i in range(1, len(rows)) if rows[i][0] != rows[i - 1][0]]


def _panel(ax: Axes, part: pd.DataFrame, rows: list[tuple[str, str]], colours: Mapping[str, str]) -> None:
    found = {(row["kind"], row["group"], row["side"]): row for row in part.to_dict("records")}
    for y, (kind, group) in enumerate(rows):
        both = {side: found[kind, group, side] for side in SIDES if (kind, group, side) in found}
        if len(both) == len(SIDES):
            means = [row["mean"] for row in both.values()]
            ax.plot(means, [y, y], color="#B8C0C9", lw=2.2, solid_capstyle="butt", zorder=1)
        for side, row in both.items():
            ax.hlines(y, row["mean_low"], row["mean_high"], color=colours[side], lw=1, zorder=2)
            size = 8 + LARGEST * row["detected"]
            ax.scatter(row["mean"], y, s=size, color=colours[side], linewidths=0.5, ec="white", zorder=3)
    ax.set_xlim(left=0)
    ax.grid(visible=True, axis="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _key(fig: Figure, sides: Mapping[str, str], colours: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", ls="", ms=7, mec="none", color=colours[side], label=sides[side])
        for side in SIDES
    ]
    handles += [
        Line2D(
            [], [], marker="o", ls="", mec="none", color="#8a95a1", ms=(8 + LARGEST * share) ** 0.5,
            label=f"{100 * share:.0f}\u202f% of cells detect it",
        )
        for share in (0.1, 0.5, 1.0)
    ]  # fmt: skip
    fig.legend(handles=handles, loc="outside upper right", ncols=5)
