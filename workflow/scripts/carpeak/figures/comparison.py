"""Figures of a contrast: changed genes, enriched terms, and how far they depend on choices."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import ambient_marks
from . import style
from .composition import SMALL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

GROUPS = {"all": "CAR+ T cells", "CD4": "CD4 CAR+ T cells", "CD8": "CD8 CAR+ T cells"}
LABELLED = 12
TERMS = 15
FEW = 6  # samples whose shares are drawn one by one
LEAKED = "#8C96A1"  # of a changed gene that is most likely ambient RNA


def named(claims: str | Path) -> tuple[set[str], set[str]]:
    """Genes and GO terms that the claims file speaks of; they are marked in the figures."""
    import yaml

    text = Path(claims).read_text(encoding="utf-8")
    return set(_under(yaml.safe_load(text), ("gene", "genes"))), set(re.findall(r"GO:\d{7}", text))


def _under(value: object, keys: Collection[str]) -> Iterator[str]:
    """All strings that stand under one of `keys`, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in keys:
                yield from [inner] if isinstance(inner, str) else [str(item) for item in inner]
            else:
                yield from _under(inner, keys)
    elif isinstance(value, list):
        for inner in value:
            yield from _under(inner, keys)


def volcano(
    table: pd.DataFrame,
    *,
    adjusted_p: float,
    log2_fold_change: float,
    named: Collection[str],
    footer: str = "",
) -> Figure:
    """Volcano plots at equal depth of all CAR+ T cells and of the CD4 among them.

    `table` is tables/de.CONTRAST.tsv; `named` are genes that are labelled whenever they changed. Genes
    that are most likely ambient RNA are grey, with a dagger.
    """
    shown = table[(table["population"] == "car_t") & (table["depth"] == "equal")]
    fig = style.figure(4.9, footer=footer)
    axes = fig.subplots(1, 2)
    for ax, group in zip(axes, ("all", "CD4")):
        part = shown[shown["group"] == group].dropna(subset=["log2_fold_change", "p_adjusted"])
        ax.set_title(GROUPS[group])
        if part.empty:
            _nothing(ax, "Too few cells on one side: not compared.")
            continue
        _volcano(ax, part, adjusted_p, log2_fold_change, named)
    axes[0].set_ylabel("−log10 adjusted P (cells as units: descriptive)")
    return fig


def _nothing(ax: Axes, text: str) -> None:
    ax.set_axis_off()
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=style.MUTED)


def _volcano(ax: Axes, part: pd.DataFrame, adjusted_p: float, limit: float, named: Collection[str]) -> None:
    x = part["log2_fold_change"].to_numpy(float)
    y = -np.log10(np.maximum(part["p_adjusted"].to_numpy(float), 1e-300))
    changed = (part["p_adjusted"].to_numpy() < adjusted_p) & (np.abs(x) >= limit)
    colours = np.where(~changed, "#C3CAD2", np.where(x > 0, style.UP, style.DOWN))
    colours = np.where(changed & ambient_marks.is_marked(part), LEAKED, colours)
    ax.scatter(x, y, c=colours, s=np.where(changed, 11, 6), linewidths=0, alpha=0.85, rasterized=True)
    reach = max(float(np.abs(x).max()), limit * 1.5)
    ax.set_xlim(-reach * 1.75, reach * 1.75)
    top = max(float(y.max()), -np.log10(adjusted_p) * 1.5)
    ax.set_ylim(-0.02 * top, top * 1.04)
    ax.axhline(-np.log10(adjusted_p), color=style.MUTED, lw=0.7, ls=(0, (4, 3)))
    for side in (-limit, limit):
        ax.axvline(side, color=style.MUTED, lw=0.7, ls=(0, (4, 3)))
    genes, leaked = part["gene"].to_numpy(str), ambient_marks.is_marked(part)
    for sign in (-1, 1):
        chosen = _to_label(x * sign, y, changed, genes, named)
        places = style.spread(y[chosen], top * 0.052, top * 0.03, top * 0.99)
        for point, place in zip(chosen, places):
            _label(
                ax,
                (x[point], y[point]),
                (sign * reach * 1.2, place),
                genes[point],
                bold=genes[point] in named,
                leaked=bool(leaked[point]),
            )
    up, down = _counted(changed & (x > 0), leaked, "up"), _counted(changed & (x < 0), leaked, "down")
    for place, text, colour in ((0.99, up, style.UP), (0.01, down, style.DOWN)):
        ax.text(
            place,
            1.005,
            text,
            transform=ax.transAxes,
            ha="right" if place > 0.5 else "left",
            color=colour,
            va="bottom",
        )
    ax.title.set_position((0.5, 1.0))
    ax.set_title(ax.get_title(loc="left"), loc="center")
    ax.set_title("", loc="left")
    ax.set_xlabel("log2 fold change")


def _counted(side: NDArray[np.bool_], leaked: NDArray[np.bool_], word: str) -> str:
    own, ambient = int((side & ~leaked).sum()), int((side & leaked).sum())
    return f"{own:,} {word} and {ambient:,} †" if ambient else f"{own:,} {word}"


def _to_label(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    changed: NDArray[np.bool_],
    genes: NDArray[np.str_],
    named: Collection[str],
) -> NDArray[np.int64]:
    """Indices of the changed genes on the side where `x` is positive: the named ones, then the largest."""
    side = np.flatnonzero(changed & (x > 0))
    weight = x[side] * np.sqrt(np.maximum(y[side], 0)) + np.where(np.isin(genes[side], list(named)), 1e6, 0)
    return side[np.argsort(-weight, kind="stable")][:LABELLED]


def _label(
    ax: Axes, point: tuple[float, float], place: tuple[float, float], gene: str, *, bold: bool, leaked: bool
) -> None:
    """A gene's name at the side, with a thin leader from its point; grey and with a dagger if ambient."""
    x, y = place
    ax.plot([point[0], 0.92 * x, x], [point[1], y, y], color="#9AA5B1", lw=0.5)
    side = "left" if x > 0 else "right"
    weight = "bold" if bold else "normal"
    ax.text(
        1.02 * x, y, f"{gene} †" if leaked else gene, ha=side, va="center", fontsize=7.8, style="italic",
        fontweight=weight, color=style.MUTED if leaked else style.INK,
    )  # fmt: skip


def enrichment(table: pd.DataFrame, *, adjusted_p: float, named: Collection[str], footer: str = "") -> Figure:
    """Bubbles of the top terms among genes that are up, in all CAR+ T cells and in the CD4 among them.

    `table` is tables/enrichment.CONTRAST.tsv; `named` are term ids that are drawn in any case and marked.
    """
    up = table[
        (table["population"] == "car_t") & (table["direction"] == "up") & table["group"].isin(["all", "CD4"])
    ]
    if up.empty:
        return style.note("No term was tested: no genes were compared or none changed.", footer=footer)
    up = up.sort_values(["p_value", "term_id"], kind="stable")
    best = up.drop_duplicates("term_id")
    chosen = best[best["term_id"].isin(named)].index.union(best.index[:TERMS], sort=False)
    terms = best.loc[chosen].sort_values(["p_value", "term_id"], kind="stable")
    names = [
        ("● " if i in named else "") + textwrap.shorten(t, 62, placeholder=" …")
        for i, t in terms[["term_id", "term"]].to_numpy()
    ]
    fig = style.figure(1.5 + 0.235 * len(terms), footer=footer)
    axes = fig.subplots(1, 2, sharey=True)
    largest = float(up["overlap"].max())
    odds = np.log2(terms["odds_ratio"].replace(np.inf, np.nan)).max()
    most = max(4, int(np.ceil(odds))) if np.isfinite(odds) else 4
    drawn: Any = None
    for ax, group in zip(axes, ("all", "CD4")):
        part = up[up["group"] == group].set_index("term_id").reindex(terms["term_id"])
        strength = -np.log10(np.maximum(part["p_adjusted"].to_numpy(float), 1e-300))
        size = 14 + 190 * part["overlap"].fillna(0).to_numpy(float) / max(largest, 1)
        drawn = ax.scatter(
            strength,
            np.arange(len(terms)),
            s=np.where(np.isfinite(strength), size, 0),
            c=np.log2(part["odds_ratio"]),
            cmap=style.AMOUNT,
            vmin=0,
            vmax=most,
            linewidths=0.4,
            ec="#5f6b7a",
        )
        ax.axvline(-np.log10(adjusted_p), color=style.MUTED, lw=0.7, ls=(0, (4, 3)))
        ax.set_title(GROUPS[group])
        ax.set_xlabel("−log10 adjusted P")
        ax.set_xlim(left=0, right=max(float(np.nanmax(strength, initial=0)) * 1.12, 3))
        ax.grid(visible=True)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(terms)), names)
    axes[0].set_ylim(len(terms) - 0.3, -0.7)
    for text, term in zip(axes[0].get_yticklabels(), terms["term_id"]):
        text.set_fontweight("bold" if term in named else "normal")
    _bubble_keys(fig, axes, drawn, largest)
    return fig


def _bubble_keys(fig: Figure, axes: Sequence[Axes], drawn: Any, largest: float) -> None:
    bar = fig.colorbar(
        drawn,
        ax=list(axes),
        shrink=0.4,
        aspect=14,
        pad=0.015,
        anchor=(0, 0.05),
    )
    bar.set_label("odds ratio", fontsize=8)
    powers = range(0, int(drawn.norm.vmax) + 1, 1 if drawn.norm.vmax <= 6 else 2)
    bar.set_ticks(list(powers), labels=[f"{2**power}" for power in powers])
    bar.outline.set_visible(False)
    steps = sorted({max(round(largest * share), 1) for share in (0.2, 0.6, 1.0)})
    handles = [
        axes[0].scatter([], [], s=14 + 190 * n / max(largest, 1), color="#8a95a1", linewidths=0, label=str(n))
        for n in steps
    ]
    fig.legend(
        handles=handles,
        loc="outside upper right",
        ncols=3,
        title="changed genes in the term",
        title_fontsize=7.5,
    )


def sensitivity(
    composition: pd.DataFrame,
    varied_composition: pd.DataFrame,
    table: pd.DataFrame,
    varied: pd.DataFrame,
    *,
    colours: Mapping[str, str],
    footer: str = "",
) -> Figure:
    """What changes without Harmony and with unequal depth.

    Left, the shares of CAR+ states with and without Harmony; then the fold changes of CD4 CAR+ T cells:
    full against equal depth, and labels with against without Harmony.
    """
    fig = style.figure(3.7, footer=footer)
    left, middle, right = fig.subplots(1, 3)
    left.set_title("States, with and without Harmony")
    _pairs(left, composition, varied_composition, colours)
    chosen = table[(table["population"] == "car_t") & (table["group"] == "CD4")].set_index("gene")[
        "log2_fold_change"
    ]
    depth = table.loc[(table["population"] == "car_t") & (table["group"] == "CD4"), "depth"].to_numpy()
    equal, full = chosen[depth == "equal"], chosen[depth == "full"]
    other = varied[
        (varied["population"] == "car_t") & (varied["group"] == "CD4") & (varied["depth"] == "equal")
    ]
    without = other[other["variant"] == "unintegrated"].set_index("gene")["log2_fold_change"]
    middle.set_title("Depth: CD4 fold changes")
    _against(middle, equal, full, "log2 fold change, equal depth", "log2 fold change, full depth")
    right.set_title("Harmony: CD4 fold changes")
    _against(
        right, equal, without, "log2 fold change, labels with Harmony", "log2 fold change, labels without"
    )
    return fig


def _pairs(ax: Axes, table: pd.DataFrame, varied: pd.DataFrame, colours: Mapping[str, str]) -> None:
    with_it = table[table["population"] == "car_t"].set_index(["label", "sample"])["fraction"]
    chosen = varied[(varied["population"] == "car_t") & (varied["variant"] == "unintegrated")]
    without = chosen.set_index(["label", "sample"])["fraction"].reindex(with_it.index)
    labels = [
        label for label in style.ordered(with_it.index.get_level_values(0)) if with_it[label].max() >= SMALL
    ]
    if not labels:
        _nothing(ax, "No CAR+ T cells.")
        return
    if len(colours) > FEW:
        _shares(ax, with_it[with_it.index.isin(labels, level="label")], without)
        return
    shift = 0.5 / len(colours)
    for i, (sample, colour) in enumerate(colours.items()):
        for y, label in enumerate(labels):
            a, b = 100 * with_it[label, sample], 100 * without[label, sample]
            place = y + (i - (len(colours) - 1) / 2) * shift
            ax.plot([a, b], [place, place], color=colour, lw=1.2)
            ax.plot(b, place, "o", color=colour, mfc="white", ms=5)
            ax.plot(a, place, "o", color=colour, ms=5)
        ax.plot([], [], "o", color=colour, ms=5, label=sample)
    ax.plot([], [], "o", color=style.MUTED, mfc="white", ms=5, label="without Harmony")
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel("% of CAR+ T cells")
    ax.grid(visible=True, axis="x")
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="best")


def _shares(ax: Axes, with_it: pd.Series, without: pd.Series) -> None:
    """Shares of many samples with against without Harmony: a point per state and sample."""
    a, b = 100 * with_it.to_numpy(float), 100 * without[with_it.index].to_numpy(float)
    reach = 1.05 * float(np.nanmax([*a, *b, 1.0]))
    ax.axline((0, 0), slope=1, color=style.MUTED, lw=0.7, ls=(0, (4, 3)))
    ax.scatter(a, b, s=9, color="#4A6A8A", alpha=0.6, linewidths=0)
    ax.set_xlim(0, reach)
    ax.set_ylim(0, reach)
    ax.set_box_aspect(1)
    ax.set_xlabel("% of a sample's CAR+ T cells, with Harmony")
    ax.set_ylabel("%, without")


def _against(ax: Axes, x: pd.Series, y: pd.Series, x_label: str, y_label: str) -> None:
    shared = x.index.intersection(y.index)
    if len(shared) < 3:
        _nothing(ax, "Too few cells: not compared.")
        return
    a, b = x[shared].to_numpy(float), y[shared].to_numpy(float)
    good = np.isfinite(a) & np.isfinite(b)
    a, b = a[good], b[good]
    reach = 1.08 * float(max(np.abs(a).max(), np.abs(b).max(), 0.5))
    ax.axline((0, 0), slope=1, color=style.MUTED, lw=0.7, ls=(0, (4, 3)))
    ax.scatter(a, b, s=5, color="#4A6A8A", alpha=0.45, linewidths=0, rasterized=True)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.set_box_aspect(1)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.text(
        0.03,
        0.97,
        f"r = {np.corrcoef(a, b)[0, 1]:.2f}, {len(a):,} genes",
        transform=ax.transAxes,
        va="top",
        fontsize=8,
    )
