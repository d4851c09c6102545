"""Where barcode and UMI stand in the first read of a pair."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import UserError, nearest

# B barcode, U UMI, X skipped; numbers of bases
PRESETS = {
    "10x-v2": "B16U10",  # 3' v2, 5' v1 and v2
    "10x-v3": "B16U12",  # 3' v3 and v3.1, 5' v3
    "10x-v4": "B16U12",
    "seekone-dd": "B17U12",  # 3' and 5'
}


@dataclass(frozen=True)
class Geometry:
    """Half-open intervals of barcode and UMI in a read."""

    barcode: tuple[tuple[int, int], ...]
    umi: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Bases a read must have."""
        return max(end for _, end in self.barcode + self.umi)

    @property
    def barcode_size(self) -> int:
        """Bases of a barcode."""
        return sum(end - start for start, end in self.barcode)

    def split(self, read: bytes) -> tuple[bytes, bytes]:
        """Barcode and UMI of a read."""
        return (
            b"".join([read[a:b] for a, b in self.barcode]),
            b"".join([read[a:b] for a, b in self.umi]),
        )


def parse(text: str) -> Geometry:
    """A preset's name, or parts in order such as ``B8X8B8X10B8U8``; UserError otherwise."""
    pattern = PRESETS.get(text.lower(), text).upper()
    if not re.fullmatch(r"([BUX][1-9]\d?)+", pattern):
        msg = f"geometry '{text}' is unknown{nearest(text, PRESETS)}. Give one of {', '.join(PRESETS)}, "
        msg += "or parts in order such as B16U12 (B barcode, U UMI, X skipped)."
        raise UserError(msg)
    parts: dict[str, list[tuple[int, int]]] = {"B": [], "U": [], "X": []}
    at = 0
    for kind, size in re.findall(r"([BUX])(\d+)", pattern):
        parts[kind].append((at, at + int(size)))
        at += int(size)
    if not parts["B"] or not parts["U"]:
        msg = f"geometry '{text}' needs a barcode (B) and a UMI (U), such as B16U12."
        raise UserError(msg)
    return Geometry(tuple(parts["B"]), tuple(parts["U"]))
