"""Curves of a cohort: survival with intervals and numbers at risk, and cumulative incidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from . import style
from .cohort import group_colours

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDPOINTS = {
    "os": "Overall survival",
    "efs": "Event-free survival",
    "landmark_os": "Survival from the landmark, by response",
}
CAUSES = {"relapse": "relapse", "non_relapse_mortality": "death without relapse"}
MOST_GROUPS = 6
FEWEST = 3  # patients of a group; below, all are drawn together


def survival(
    curves: pd.DataFrame,
    at_risk: pd.DataFrame,
    p_values: Mapping[tuple[str, str], float],
    *,
    footer: str = "",
) -> Figure:
    """A panel per endpoint: curves by group (or of all), intervals, ticks of censoring, numbers at risk.

    `p_values` maps endpoint and grouping to the log-rank P.
    """
    panels = [(name, _grouping(at_risk, name)) for name in ENDPOINTS if (curves["endpoint"] == name).any()]
    if not panels:
        return style.note(
            "No time to death, relapse or the last contact is given: no curves to draw.", footer=footer
        )
    return _panels(
        curves, at_risk, [(ENDPOINTS[name], [(name, "")], by) for name, by in panels], p_values, footer
    )


def incidence(
    curves: pd.DataFrame,
    at_risk: pd.DataFrame,
    p_values: Mapping[tuple[str, str], float],
    *,
    footer: str = "",
) -> Figure:
    """A panel per cause: its incidence by group (or of all), the other cause as competing risk."""
    panels = [(name, _grouping(at_risk, name)) for name in CAUSES if (curves["endpoint"] == name).any()]
    if not panels:
        return style.note("No time to relapse or to death without it is given.", footer=footer)
    titles = [(f"Cumulative incidence: {CAUSES[name]}", [(name, "")], by) for name, by in panels]
    return _panels(curves, at_risk, titles, p_values, footer)


def _grouping(at_risk: pd.DataFrame, endpoint: str) -> str:
    """The first grouping with a drawable number of groups of some patients; "" for all patients together."""
    part = at_risk[(at_risk["endpoint"] == endpoint) & (at_risk["day"] == 0)]
    for grouping, groups in part.groupby(part["grouping"].fillna(""), sort=False):
        if grouping and len(groups) <= MOST_GROUPS and groups["n"].min() >= FEWEST:
            return str(grouping)
    return ""


def _panels(
    curves: pd.DataFrame,
    at_risk: pd.DataFrame,
    panels: list[tuple[str, list[tuple[str, str]], str]],
    p_values: Mapping[tuple[str, str], float],
    footer: str,
) -> Figure:
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    fig = style.figure(4.4 * rows, footer=footer)
    grid = fig.add_gridspec(2 * rows, columns, height_ratios=[4, 1] * rows)
    for i, (title, ends, grouping) in enumerate(panels):
        row, column = divmod(i, columns)
        ax = fig.add_subplot(grid[2 * row, column])
        below = fig.add_subplot(grid[2 * row + 1, column], sharex=ax)
        endpoint = ends[0][0]
        part = curves[(curves["endpoint"] == endpoint) & (curves["grouping"].fillna("") == grouping)]
        risk = at_risk[(at_risk["endpoint"] == endpoint) & (at_risk["grouping"].fillna("") == grouping)]
        names = sorted(part["group"].fillna("").unique())
        colours = group_colours(names) if grouping else {"": style.DOWN}
        for name in names:
            _curve(ax, part[part["group"].fillna("") == name], colours[name], name, bands=len(names) <= 3)
        ax.set_title(title)
        ax.set_ylim(-1, 101)
        ax.set_xlim(-0.03 * float(part["day"].max()), float(part["day"].max()) * 1.02)
        ax.set_ylabel("% of patients")
        ax.grid(axis="y")
        p = p_values.get((endpoint, grouping), np.nan)
        if not np.isnan(p):
            test = "Gray" if endpoint in CAUSES else "log-rank"
            ax.text(0.98, 0.97, f"{test} P = {p:.2g}", transform=ax.transAxes, ha="right", va="top")
        if grouping:
            ax.legend(loc="lower left" if endpoint not in CAUSES else "upper left")
        _risk_table(below, risk, names, colours)
        start = "the landmark" if endpoint == "landmark_os" else "infusion"
        below.set_xlabel(f"days after {start}")
        ax.tick_params(labelbottom=False)
    return fig


def _curve(ax: Axes, part: pd.DataFrame, colour: str, name: str, *, bands: bool) -> None:
    day, estimate = part["day"].to_numpy(float), 100 * part["estimate"].to_numpy(float)
    ax.step(day, estimate, where="post", color=colour, lw=1.8, label=name or None)
    if bands:
        low, high = (100 * part[side].to_numpy(float) for side in ("low", "high"))
        ax.fill_between(day, low, high, step="post", color=colour, alpha=0.14, linewidth=0)
    left = part[part["censored"] > 0]
    ax.plot(left["day"], 100 * left["estimate"], "|", color=colour, ms=6, mew=1)


def _risk_table(ax: Axes, risk: pd.DataFrame, names: list[str], colours: Mapping[str, str]) -> None:
    for i, name in enumerate(names):
        for row in risk[risk["group"].fillna("") == name].to_dict("records"):
            ax.text(
                row["day"], -i, f"{row['n']:.0f}", ha="center", va="center", fontsize=7.5, color=colours[name]
            )
    ax.set_ylim(-len(names) + 0.3, 0.9)
    ax.set_yticks([-i for i in range(len(names))], [name or "all" for name in names])
    for label, name in zip(ax.get_yticklabels(), names):
        label.set_color(colours[name])
    ax.set_xticks(sorted(risk["day"].unique()))
    ax.set_title("at risk", fontsize=8, fontweight="normal", color=style.MUTED, pad=2)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
