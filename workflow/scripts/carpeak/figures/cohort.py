"""Figures of the patients: courses, responses by dose, adverse events, subgroups and kinetics."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from . import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Colour = tuple[float, float, float, float]
NAMED = 40  # patients whose names are written in the swimmer plot
TALLEST = 9.0  # inches
EVENTS = 24
SUBGROUPS = 30
THIN_FROM = 100  # patients from which single curves are drawn faint
GRADE_COLOURS = ("#DCE6EF", "#A9C1D9", "#E9B384", "#C8583A", "#5A1414")
UNGRADED = "#E6E9ED"


def group_colours(groups: Sequence[str]) -> dict[str, str]:
    """A colour per group by its place in the sorted names."""
    return style.sample_colours(sorted(dict.fromkeys(groups)))


def response_colours(scale: Sequence[str]) -> dict[str, Colour]:
    """Colours from pale (worst) to dark (best)."""
    return {word: style.AMOUNT(0.12 + 0.78 * i / max(len(scale) - 1, 1)) for i, word in enumerate(scale)}


def swimmer(courses: pd.DataFrame, *, scale: Sequence[str], footer: str = "") -> Figure:
    """One bar per patient from infusion to death or the last contact, by length; colour is the best response.

    `courses` is results/cohort/courses.tsv. Diamonds mark relapse, crosses death, arrows the last contact.
    """
    if courses.empty:
        return style.note(
            "No time to death or to the last contact is given: no courses to draw.", footer=footer
        )
    table = courses.sort_values(["days", "patient"], kind="stable", ignore_index=True)
    n = len(table)
    fig = style.figure(min(1.4 + 0.2 * n, TALLEST), footer=footer)
    ax = fig.add_subplot()
    colours = response_colours(scale)
    thin = n > NAMED
    for word in [*scale, None]:
        part = table[table["response"] == word] if word else table[~table["response"].isin(scale)]
        if len(part):
            ax.barh(
                part.index,
                part["days"],
                height=0.7 if not thin else 1.0,
                color=colours.get(word or "", style.PALE),
                label=word or "response not given",
                linewidth=0,
            )
    size = 26 if not thin else max(26 * NAMED / n, 3)
    relapsed, died = table[table["relapse_day"].notna()], table[table["died"].astype(bool)]
    alive = table[~table["died"].astype(bool)]
    ax.scatter(
        relapsed["relapse_day"],
        relapsed.index,
        marker="D",
        s=size,
        color=style.UP,
        label="relapse",
        zorder=3,
        linewidths=0 if thin else 0.5,
        edgecolors="white",
    )
    ax.scatter(
        died["days"],
        died.index,
        marker="X",
        s=size * 1.3,
        color=style.INK,
        label="died",
        zorder=3,
        linewidths=0 if thin else 0.5,
        edgecolors="white",
    )
    ax.scatter(
        alive["days"],
        alive.index,
        marker=">",
        s=size,
        color=style.MUTED,
        label="last contact",
        zorder=3,
        linewidths=0 if thin else 0.5,
        edgecolors="white",
    )
    ax.set_yticks([] if thin else table.index, [] if thin else table["patient"])
    ax.set_ylim(-0.7, n - 0.3)
    ax.set_xlim(0, float(table["days"].max()) * 1.04)
    ax.set_xlabel("days after infusion")
    ax.set_ylabel(f"{n:,} patients" if thin else "patient")
    ax.legend(loc="lower right", ncols=1)
    return fig


def responses(
    table: pd.DataFrame, *, scale: Sequence[str], labels: Mapping[str, str], footer: str = ""
) -> Figure:
    """Stacked bars of responses: all patients, then by group and by dose, each with its number of patients.

    `table` is results/cohort/responses.tsv; the dot and its line are the responders' share and interval.
    """
    if table.empty:
        return style.note("No response is given.", footer=footer)
    bars: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in table.fillna({"grouping": "", "group": ""}).to_dict("records"):
        if row["total"] > 0:
            bars.setdefault((row["grouping"], row["group"]), {})[row["level"]] = {
                str(k): v for k, v in row.items()
            }
    fig = style.figure(1.5 + 0.36 * len(bars), footer=footer)
    ax = fig.add_subplot()
    colours, place, before = response_colours(scale), 0.0, ""
    places, names = [], []
    for (grouping, group), levels in bars.items():
        place -= 0.45 if grouping != before else 0.0
        before = grouping
        _stack(ax, place, levels, colours)
        title = f"{labels.get(grouping, grouping)}: {group}" if grouping else "all"
        names.append(f"{title} (n = {levels['responders']['total']:.0f})")
        places.append(place)
        place -= 1.0
    ax.set_yticks(places, names)
    ax.set_ylim(min(places) - 0.8, 0.6)
    ax.set_xlim(0, 100)
    ax.set_xlabel("% of patients; line: responders with 95 % interval (Clopper-Pearson)")
    for word in scale:
        ax.barh(0, 0, color=colours[word], label=word)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(scale))
    return fig


def _stack(
    ax: Axes, place: float, levels: Mapping[str, Mapping[str, Any]], colours: Mapping[str, Colour]
) -> None:
    """One bar of responses with their numbers, and the interval of the responders below it."""
    left = 0.0
    for word, colour in colours.items():
        width = 100 * float(levels[word]["share"])
        if width > 0:  # a hidden share is missing
            ax.barh(place, width, left=left, height=0.62, color=colour, linewidth=0)
            _inside(ax, left, width, place, n=float(levels[word]["n"]), colour=colour)
            left += width
    hits = levels["responders"]
    if not np.isnan(hits["share"]):
        ax.plot([100 * hits["low"], 100 * hits["high"]], [place - 0.42] * 2, color=style.INK, lw=1.1)
        ax.plot(100 * hits["share"], place - 0.42, "o", color=style.INK, ms=3.4)


def adverse(table: pd.DataFrame, *, total: int | None, footer: str = "") -> Figure:
    """Bars of adverse events, split by worst grade where that is known.

    `table` is results/cohort/adverse.tsv; the most frequent terms first.
    """
    held = table[table["any"].fillna(0) > 0].head(EVENTS)
    if held.empty:
        return style.note("No adverse event is given.", footer=footer)
    fig = style.figure(1.3 + 0.25 * len(held), footer=footer)
    ax = fig.add_subplot()
    places = -np.arange(len(held))
    left = np.zeros(len(held))
    grades = held[[f"grade_{g}" for g in range(1, 6)]].astype(float).fillna(0)
    rest = (held["any"].astype(float) - grades.sum(axis=1)).clip(lower=0).to_numpy()
    given = [held[f"grade_{g}"].notna().any() for g in range(1, 6)]
    if rest.any():
        low = "grade 1 or 2" if not any(given[:2]) and any(given[2:]) else "grade not given"
        ax.barh(places, rest, color=UNGRADED, height=0.68, label=low, linewidth=0)
        left += rest
    for grade, colour in enumerate(GRADE_COLOURS, start=1):
        counts = grades[f"grade_{grade}"].to_numpy()
        if counts.any():
            ax.barh(places, counts, left=left, color=colour, height=0.68, label=f"grade {grade}", linewidth=0)
            left += counts
    ax.set_yticks(places, [textwrap.shorten(str(name), 46) for name in held["event"]])
    ax.set_xlabel(f"patients{f' of {total:,}' if total else ''}")
    ax.set_xlim(0, max(float(total or 0), float(left.max())))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=6)
    return fig


def forest(table: pd.DataFrame, *, labels: Mapping[str, str], footer: str = "") -> Figure:
    """Share of responders in every subgroup with its interval; the dashed line is the share among all.

    `table` is results/cohort/subgroups.tsv.
    """
    held = table[table["share"].notna()].head(SUBGROUPS)
    if held.empty:
        return style.note("No subgroup with a known response.", footer=footer)
    fig = style.figure(1.2 + 0.25 * (len(held) + held["variable"].nunique()), footer=footer)
    ax = fig.add_subplot()
    place, ticks, names = 0.0, [], []
    first = table[table["variable"] == table["variable"].iloc[0]]
    for variable, part in held.groupby("variable", sort=False):
        ax.text(
            -0.01,
            place,
            labels.get(str(variable), str(variable)),
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            fontweight="bold",
            fontsize=8,
        )
        place -= 1
        for row in part.to_dict("records"):
            ax.plot([100 * row["low"], 100 * row["high"]], [place] * 2, color=style.MUTED, lw=1.2)
            ax.plot(100 * row["share"], place, "s", color=style.DOWN, ms=4.2)
            ax.text(
                1.01,
                place,
                f"{row['n']:.0f} of {row['total']:.0f}",
                transform=ax.get_yaxis_transform(),
                va="center",
                fontsize=8,
            )
            ticks.append(place)
            names.append(str(row["level"]))
            place -= 1
    if first["total"].sum():
        ax.axvline(100 * first["n"].sum() / first["total"].sum(), color=style.ACCENT, lw=0.8, ls=(0, (4, 3)))
    ax.set_yticks(ticks, names)
    ax.set_ylim(place, 0.8)
    ax.set_xlim(-2, 102)
    ax.set_xlabel("responders (%), 95 % interval (Clopper-Pearson); dashed: all patients")
    return fig


def kinetics(series: pd.DataFrame, groups: Mapping[str, str], *, footer: str = "") -> Figure:
    """Every variable over time on a log axis: a thin line per patient, thick the median of each day measured.

    `series` holds patient, day, variable, value; zeros are drawn at half of the smallest positive value.
    """
    if series.empty:
        return style.note("No series of measurements is given.", footer=footer)
    variables = sorted(series["variable"].unique())[:6]
    columns = min(len(variables), 2)
    rows = -(-len(variables) // columns)
    fig = style.figure(3.4 * rows, footer=footer)
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    colours = group_colours([name for name in groups.values() if name])
    for ax, variable in zip(axes, variables):
        part = series[(series["variable"] == variable) & series["value"].notna()]
        _kinetics(ax, part, groups, colours)
        ax.set_title(str(variable).replace("_", " "))
    for ax in axes[len(variables) :]:
        ax.set_axis_off()
    return fig


def _kinetics(ax: Axes, part: pd.DataFrame, groups: Mapping[str, str], colours: Mapping[str, str]) -> None:
    positive = part.loc[part["value"] > 0, "value"]
    floor = float(positive.min()) / 2 if len(positive) else 1.0
    n = part["patient"].nunique()
    for name, one in part.groupby("patient", sort=True):
        one = one.sort_values("day")  # noqa: PLW2901
        colour = colours.get(groups.get(str(name), ""), style.MUTED)
        alpha, width = (0.5, 0.9) if n <= THIN_FROM else (0.12, 0.5)
        ax.plot(
            one["day"],
            one["value"].clip(lower=floor),
            color=colour,
            rasterized=n > THIN_FROM,
            alpha=alpha,
            lw=width,
        )
    sets = {name: [p for p, g in groups.items() if g == name] for name in colours} or {"all": list(groups)}
    for name, members in sets.items():
        held = part[part["patient"].isin(members)].groupby("day")["value"].median()
        if len(held):
            colour = colours.get(name, style.INK)
            ax.plot(held.index, held.clip(lower=floor), color="white", lw=4.2)
            ax.plot(held.index, held.clip(lower=floor), color=colour, lw=2.4, label=f"median, {name}")
    ax.set_yscale("log")
    ax.set_xlabel("days after infusion")
    ax.legend(loc="best")


def _inside(ax: Axes, left: float, width: float, place: float, *, n: float, colour: Colour) -> None:
    if width >= 4:
        light = float(np.dot(colour[:3], (0.3, 0.59, 0.11))) > 0.55
        ax.text(
            left + width / 2,
            place,
            f"{n:.0f}",
            ha="center",
            va="center",
            fontsize=7.5,
            color=style.INK if light else "white",
        )
