"""The barcode-rank curve of a library: UMIs of its droplets from the largest down, and which are cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

POINTS = 300  # evenly spaced in the logarithm of the rank


def curve(totals: NDArray[np.int64], is_cell: NDArray[np.bool_]) -> dict[str, list[float]]:
    """Ranks (from 1), the UMIs of the droplet at each, and the share of cells since the rank before.

    `totals` are the UMIs of every droplet, `is_cell` which are cells; droplets without a UMI are left out.
    """
    order = np.argsort(-totals, kind="stable")
    order = order[totals[order] > 0]
    if not len(order):
        return {"rank": [], "umis": [], "cells": []}
    ranks = np.unique(np.rint(np.geomspace(1, len(order), POINTS)).astype(np.int64))
    called = np.concatenate([[0], np.cumsum(is_cell[order])])
    before = np.concatenate([[0], ranks[:-1]])
    share = (called[ranks] - called[before]) / (ranks - before)
    return {
        "rank": [int(rank) for rank in ranks],
        "umis": [int(n) for n in totals[order][ranks - 1]],
        "cells": [round(float(one), 4) for one in share],
    }
