"""One look for all figures: sizes, type, and a stable colour-blind-safe colour per label.

Figures are made without pyplot (quicker to import, no global state) and saved as SVG, with points
rasterised inside, and as PNG. The same figure gives the same bytes.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ..io import atomic
from .palette import COLOURS, SIDE_COLOURS, cluster_colour, colour, ordered, sample_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

# callers need one module of looks
__all__ = ["COLOURS", "SIDE_COLOURS", "cluster_colour", "colour", "ordered", "sample_colours"]

WIDTH = 10.0  # inches; 960 CSS pixels, so that 9 pt type is read as 12 px
DPI = 200  # of the PNG, and of points inside the SVG
LARGE_IMAGE = 8_000  # characters of an image in an SVG from which its colours are counted
INK, MUTED, LINE, PALE = "#1f2933", "#5f6b7a", "#d8dde3", "#e6e9ed"
ACCENT, UP, DOWN = "#b0413e", "#b2432f", "#2f6690"

AMOUNT = LinearSegmentedColormap.from_list("amount", ["#EEF2F6", "#A9C1D9", "#4F7FAE", "#1B4272", "#08203F"])
DETECTED = LinearSegmentedColormap.from_list("detected", ["#F2A33A", "#D9532C", "#9C1F4E", "#3B0F4F"])

RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.labelsize": 8.5,
    "axes.edgecolor": "#9aa5b1",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.2,
    "grid.color": PALE,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "carpeak",
}


def figure(height: float, *, width: float = WIDTH, footer: str = "") -> Figure:
    """An empty figure, in inches; `footer` stands small under everything (such as "Simulated data")."""
    mpl.rcParams.update(RC)  # type: ignore[arg-type]
    fig = Figure(figsize=(width, height), layout="constrained")
    engine: Any = fig.get_layout_engine()
    room = 0.24 / height if footer else 0.0
    engine.set(w_pad=0.06, h_pad=0.06, wspace=0.03, hspace=0.04, rect=(0, room, 1, 1 - room))
    if footer:
        fig.text(0.006, 0.07 / height, footer, fontsize=7.5, color=ACCENT, va="bottom", in_layout=False)
    return fig


def note(text: str, *, footer: str = "") -> Figure:
    """A figure that says in words why there is nothing to draw."""
    fig = figure(1.3, footer=footer)
    ax = fig.add_subplot()
    ax.set_axis_off()
    ax.text(
        0.5, 0.5, text, ha="center", va="center", wrap=True, color=MUTED, fontsize=9.5, transform=ax.transAxes
    )
    return fig


def save(fig: Figure, svg: str | Path, png: str | Path) -> None:
    """Write a figure in both formats, whole or not at all, without dates or program names.

    The canvases print by themselves: `Figure.savefig` would draw each figure twice, once for its layout.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    engine = fig.get_layout_engine()
    if engine is not None:
        engine.execute(fig)
        fig.set_layout_engine("none")  # laid out once, not once per format
    with atomic(svg) as temporary:
        fig.set_dpi(DPI)
        FigureCanvasSVG(fig).print_svg(temporary, metadata={"Date": None, "Creator": None})
        text = _light_rasters(_stable_ids(temporary.read_text(encoding="utf-8")))
        temporary.write_text(text, encoding="utf-8")
    with atomic(png) as temporary:
        fig.set_dpi(DPI)  # printing an SVG leaves its own
        FigureCanvasAgg(fig).print_png(temporary, metadata={"Software": None})


def _stable_ids(svg: str) -> str:
    """Number the clip paths: matplotlib names some of them by memory addresses."""
    names = dict.fromkeys(re.findall(r'<clipPath id="(\w+)"', svg))
    numbers = {name: f"clip{i}" for i, name in enumerate(names)}
    return re.sub(
        r'(<clipPath id="|clip-path="url\(#)(\w+)',
        lambda match: match[1] + numbers.get(match[2], match[2]),
        svg,
    )


def _light_rasters(svg: str) -> str:
    """The points that an SVG holds as images, in 256 colours: a quarter of the bytes."""
    image = rf"(?<=data:image/png;base64,)[^\"]{{{LARGE_IMAGE},}}"  # not a colour bar's shades
    return re.sub(image, lambda match: _in_palette(match[0]), svg)


def _in_palette(encoded: str) -> str:
    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    found = io.BytesIO()
    image.convert("RGBA").quantize(256, method=Image.Quantize.FASTOCTREE).save(found, "PNG", optimize=True)
    return base64.b64encode(found.getvalue()).decode()


def bare(ax: Axes) -> None:
    """A square panel without ticks, for an embedding."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_box_aspect(1)
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color(LINE)


def spread(positions: Iterable[float], gap: float, low: float, high: float) -> NDArray[np.float64]:
    """Move `positions` as little as needed to be at least `gap` apart within [low, high], order kept.

    Where there is no room for the gap it is made smaller.
    """
    wanted = np.asarray(list(positions), dtype=float)
    if len(wanted) < 2:
        return np.clip(wanted, low, high)
    from scipy.optimize import isotonic_regression

    gap = min(gap, (high - low) / (len(wanted) - 1))
    order = np.argsort(wanted, kind="stable")
    steps = np.arange(len(wanted)) * gap
    placed = isotonic_regression(wanted[order] - steps).x
    placed = np.clip(placed, low, high - steps[-1]) + steps
    result = np.empty_like(placed)
    result[order] = placed
    return result


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage, with a narrow no-break space."""
    if np.isnan(value):
        return "–"
    return f"{100 * value:.{digits}f}\u202f%"
