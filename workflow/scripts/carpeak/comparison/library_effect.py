"""How far genes move between the two sides in cells that neither the CAR nor T-cell culture changed.

Two libraries of like cells differ by handling and chemistry. B, NK and monocytic cells of both sides show how
much: a T-cell gene has to move further before its change counts. What such cells change by their own biology
is in the number too, so that it errs to the careful side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..names import FEW_CELLS, in_groups
from ..stats import matrix, ranksum
from ..stats.weighted_means import weighted_means

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy import sparse

    Floats = NDArray[np.float64]

BYSTANDERS = ("B cell", "NK cell", "Monocyte/DC")
LEAST_DETECTED = 0.1  # share of a lineage's cells, on either side, from which its change is told from noise
LEAST_GENES = 100
QUANTILE = 0.95
LEFT_OUT = ("tcr", "ig", "sex", "haemoglobin")  # clones, another person's cells, lysed red cells


def measure(
    counts: sparse.csr_matrix,
    lineages: ArrayLike,
    conditions: ArrayLike,
    genes: Sequence[str],
    *,
    sides: Mapping[str, str],
    transgene: NDArray[np.bool_],
) -> dict[str, Any]:
    """The floor of a contrast: ``floor`` (log2, None where it can't be known), ``lineage`` and ``lineages``.

    `counts`: all kept cells x genes, raw; `lineages`, `conditions`: one label per cell; `sides`: the
    conditions called test and reference. A lineage counts with at least `FEW_CELLS` cells on each side. Its
    number is the 95 % quantile of absolute change of genes that a tenth of its cells detect, freed of the
    sampling of cells (see `spread`). The floor is that of the lineage that moved least: the others changed by
    biology as well.
    """
    labels, sidewise = np.asarray(lineages, dtype=str), np.asarray(conditions, dtype=str)
    usable = ~transgene & ~in_groups(genes, LEFT_OUT)
    found: list[dict[str, Any]] = []
    for name in BYSTANDERS:
        masks = {side: (labels == name) & (sidewise == sides[side]) for side in ("test", "reference")}
        numbers = {f"n_{side}": int(mask.sum()) for side, mask in masks.items()}
        if min(numbers.values()) < FEW_CELLS:
            continue
        rows = np.flatnonzero(masks["test"] | masks["reference"])
        levels = matrix.normalise(counts[rows], exclude=transgene, log=False, dtype=np.float64)
        means = weighted_means(levels, np.vstack([masks[side][rows] for side in ("test", "reference")]))
        kept = usable & (means.detected.max(axis=0) >= LEAST_DETECTED)
        if kept.sum() < LEAST_GENES:
            continue
        change, variance = means.log2_ratio(0, 1, pseudocount=ranksum.PSEUDOCOUNT)
        value = spread(change[kept], variance[kept])
        found.append({"lineage": name, **numbers, "genes": int(kept.sum()), "floor": value})
    least = min(found, key=lambda one: float(one["floor"]), default=None)
    return {
        "floor": least["floor"] if least else None,
        "lineage": least["lineage"] if least else None,
        "lineages": found,
    }


def spread(change: Floats, variance: Floats) -> float:
    """The 95 % quantile of absolute true change behind measured `change` with sampling `variance`.

    The variance of the true changes, t, is that with which the squared changes over (t + variance) average 1
    (Paule and Mandel, 1982); each change is then shrunk by sqrt(t / (t + variance)), which gives the values
    the spread of the true ones and keeps the tails of the genes that are measured well.
    """
    from scipy.optimize import brentq

    def excess(t: float) -> float:
        return float((change**2 / (t + variance)).mean() - 1)

    positive = variance > 0
    change, variance = change[positive], variance[positive]
    if not len(change) or excess(0.0) <= 0:
        return 0.0
    t = float(brentq(excess, 0.0, float((change**2).max()) + 1.0, xtol=1e-12))
    return float(np.quantile(np.abs(change) * np.sqrt(t / (t + variance)), QUANTILE))
