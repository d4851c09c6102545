"""Forest plots: what each donor says of each claim, and what all donors say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..names import in_reading_order
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PER_ROW = 3
TITLE = 52  # characters of a statement that fit above a panel
WIDEST = 8.0  # log2; intervals beyond are cut
MANY = 12  # donors, beyond whom rows are lower
ROW, LOW_ROW = 0.2, 0.13  # inches of a donor


def forest(claims: Sequence[Mapping[str, Any]], *, footer: str = "") -> Figure:
    """One panel per claim: a row per donor with its interval and cells, the mean as a diamond below.

    `claims` are the entries of claims.json that hold ``effects`` (donor, n_reference, n_test, counts, effect,
    low, high) and ``donors`` (verdict, limit, estimate, low, high, new_low, new_high). Hollow points are
    donors with too few cells to count; the thin line of the diamond is the interval for a new patient.
    """
    shown = [one for one in claims if one.get("effects") and one["effects"][0]["low"] is not None]
    if not shown:
        return style.note("No claim has an effect in any donor: see the table of designs.", footer=footer)
    donors = in_reading_order(row["donor"] for one in shown for row in one["effects"])
    pooled = any(one["donors"]["estimate"] is not None for one in shown)
    columns = min(PER_ROW, len(shown))
    rows = -(-len(shown) // columns)
    height = (LOW_ROW if len(donors) > MANY else ROW) * (len(donors) + pooled - 1)
    fig = style.figure(rows * (1.15 + height) + 0.1, footer=footer)
    axes = fig.subplots(rows, columns, squeeze=False, sharey=True)
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    for ax, one in zip(axes.flat, shown):
        _panel(ax, one, donors, pooled=pooled)
    for ax in axes.flat[max(len(shown) - columns, 0) : len(shown)]:
        ax.set_xlabel("log2")
    return fig


def _panel(ax: Axes, claim: Mapping[str, Any], donors: Sequence[str], *, pooled: bool) -> None:
    """One claim; `pooled`: with a row for all donors, which stays empty where this claim has no mean."""
    place = {donor: len(donors) - number for number, donor in enumerate(donors)}
    found = claim["donors"]
    limit = found["limit"]
    ax.axvline(0, color=style.MUTED, lw=0.8)
    for side in (-limit, limit) if limit else ():
        ax.axvline(side, color=style.LINE, lw=0.8, ls=(0, (3, 2)))
    ends = [0.0]
    for row in claim["effects"]:
        y = place[row["donor"]]
        low, high = np.clip([row["low"], row["high"]], -WIDEST, WIDEST)
        counts = row["counts"] == "yes"
        ax.plot([low, high], [y, y], color=style.INK if counts else style.MUTED, lw=1.1)
        ax.plot(
            np.clip(row["effect"], -WIDEST, WIDEST),
            y,
            "s",
            ms=4.2,
            mec=style.INK if counts else style.MUTED,
            mfc=style.INK if counts else "white",
        )
        if counts or not any(one["counts"] == "yes" for one in claim["effects"]):
            ends += [low, high]  # who does not count sets no scale
    if found["estimate"] is not None:
        ends += _diamond(ax, found)
    elif pooled:
        ax.text(0.5, 0, "no mean", transform=ax.get_yaxis_transform(), color=style.MUTED, fontsize=6.5,
                ha="center", va="center")  # fmt: skip
    _ticks(ax, claim, donors, place, pooled=pooled)
    width = max(max(ends) - min(ends), 0.5)
    ax.set_xlim(min(ends) - 0.08 * width, max(ends) + 0.08 * width)
    ax.set_ylim(-0.8 if pooled else 0.2, len(donors) + 0.8)


def _diamond(ax: Axes, found: Mapping[str, Any]) -> list[float]:
    """The mean over donors, and the interval for a new patient, which the axis may cut; returns the ends.

    Of three donors it is often so wide that it would hide all else.
    """
    low, high = np.clip([found["new_low"], found["new_high"]], -WIDEST, WIDEST)
    ax.plot([low, high], [0, 0], color=style.ACCENT, lw=0.9)
    x = np.clip([found["low"], found["estimate"], found["high"], found["estimate"]], -WIDEST, WIDEST)
    ax.fill(x, [0, 0.3, 0, -0.3], color=style.ACCENT, lw=0)
    return [float(x[0]), float(x[2])]


def _ticks(
    ax: Axes, claim: Mapping[str, Any], donors: Sequence[str], place: Mapping[str, int], *, pooled: bool
) -> None:
    """Names of donors left, their cells (reference, test) right, the claim and its verdict above."""
    found = claim["donors"]
    word = (found["seen"] or found["verdict"]).replace("_", " ")
    ax.set_title(f"{claim['claim']}  {word}", color=style.INK, pad=17)
    ax.text(
        0,
        1.01,
        _short(claim["statement"]),
        transform=ax.transAxes,
        fontsize=7,
        color=style.MUTED,
        va="bottom",
    )
    last = ["all"] if pooled else []
    ax.set_yticks([*(place[donor] for donor in donors), *(0 for _ in last)], labels=[*donors, *last])
    ax.tick_params(axis="y", length=0, labelsize=6.5 if len(donors) > MANY else 8)
    ax.grid(axis="x")
    for row in claim["effects"]:
        ax.text(
            1.01, place[row["donor"]], f"{row['n_reference']:,} / {row['n_test']:,}",
            transform=ax.get_yaxis_transform(), fontsize=6.5, color=style.MUTED, va="center",
        )  # fmt: skip


def _short(text: str) -> str:
    return text if len(text) <= TITLE else text[: TITLE - 1].rsplit(" ", 1)[0] + " …"
