"""Numbers as short text: quantised, in an order that compresses, deflated, base64.

The page unpacks them with the browser's own DecompressionStream. A library's plot carries its coordinates as
64-bit floats (1 million cells: 21 MB in plotly's format); 12 bits are finer than a pixel at any zoom the page
offers (1 million cells: about 1 MB).
"""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = 12  # of a coordinate
LEVELS = 255  # of a measured value; 0 is kept for zero or missing


def text(values: NDArray[np.uint8]) -> str:
    """Bytes, deflated (zlib format), as base64."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values, dtype=np.uint8).tobytes(), 9)).decode()


def grid(points: NDArray[np.floating], *, bits: int = BITS) -> NDArray[np.int64]:
    """Points (cells x 2) on a square grid of 2^bits, y upwards; the aspect ratio stays."""
    if not len(points):
        return np.empty((0, 2), dtype=np.int64)
    low = points.min(axis=0)
    span = max(float((points.max(axis=0) - low).max()), 1e-9)
    margin = (span - (points.max(axis=0) - low)) / 2
    return np.rint((points - low + margin) / span * (2**bits - 1)).astype(np.int64)


def curve(places: NDArray[np.int64], *, bits: int = BITS) -> NDArray[np.int64]:
    """Each place's (cells x 2) position on a Z-order curve: near in the plane is near on the curve."""
    code = np.zeros(len(places), dtype=np.int64)
    for bit in range(bits):
        code |= ((places[:, 0] >> bit) & 1) << (2 * bit)
        code |= ((places[:, 1] >> bit) & 1) << (2 * bit + 1)
    return code


def coordinates(values: NDArray[np.int64]) -> str:
    """One coordinate of all cells in their order: zig-zag differences, low bytes first, then high bytes."""
    steps = np.diff(values, prepend=0)
    folded = np.where(steps >= 0, 2 * steps, -2 * steps - 1).astype(np.uint16)
    return text(np.concatenate([folded & 255, folded >> 8]).astype(np.uint8))


def categories(codes: NDArray[np.integer]) -> str:
    """Codes 0 to 254 of a category, one byte a cell."""
    return text(codes.astype(np.uint8))


def amounts(values: NDArray[np.floating]) -> dict[str, Any]:
    """Measured values as bytes: 0 for zero, 1 to 255 between `low` and `high`; 0 with `missing` for NaN.

    Returns data (text), low, high and missing (whether NaN occur). Values are not negative.
    """
    known = np.isfinite(values)
    shown = values[known]
    above = shown[shown > 0]
    low, high = (float(above.min()), float(above.max())) if len(above) else (0.0, 0.0)
    filled = np.where(known, values, 0.0)
    scale = (LEVELS - 1) / (high - low) if high > low else 0.0
    coded = np.where(filled > 0, 1 + np.rint((filled - low) * scale), 0)
    return {"data": text(coded.astype(np.uint8)), "low": low, "high": high, "missing": bool((~known).any())}
