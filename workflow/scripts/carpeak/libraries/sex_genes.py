"""XIST and Y-chromosome genes by library and cell type: whose cells are they?

After a transplantation or with a donor's CAR-T cells, one library may hold cells of two people. Where they
differ in sex, XIST marks cells of a woman and genes of the Y chromosome those of a man: recipient T cells
that dilute the CAR's share show, and so does a library that was swapped for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..stats import intervals

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from scipy import sparse

FEMALE_GENES = ("XIST",)
# Genes of the Y chromosome outside its pseudoautosomal regions that blood cells express.
MALE_GENES = ("RPS4Y1", "DDX3Y", "EIF1AY", "KDM5D", "UTY", "ZFY", "USP9Y")
KINDS = {"xist": FEMALE_GENES, "y": MALE_GENES}
COLUMNS = ["sample", "condition", "donor", "cell_type", "cells"]
COLUMNS += [f"{kind}{end}" for kind in (*KINDS, "both") for end in ("", "_low", "_high")]
COLUMNS += ["expected_both"]


def table(
    counts: sparse.csr_matrix,
    genes: Sequence[str],
    samples: ArrayLike,
    cell_types: ArrayLike,
    sheet: Sequence[Mapping[str, Any]],
) -> pd.DataFrame:
    """Shares of cells with XIST, with a Y gene and with both, by sample and cell type (COLUMNS).

    `counts`: all kept cells x genes, raw; `samples`, `cell_types`: one label per cell; `sheet`: rows of the
    sample sheet (sample, condition, donor). Intervals of 95 % (Jeffreys) cover the sampling of cells. Shares
    are missing where the matrix holds none of the genes. `expected_both` is the share with both if the two
    were independent: cells of two people in one library show both less often, doublets of the two more.
    """
    names, of_sample, labels = np.asarray(genes), np.asarray(samples, str), np.asarray(cell_types, str)
    seen: dict[str, Any] = {}
    for kind, wanted in KINDS.items():
        columns = np.flatnonzero(np.isin(names, wanted))
        found = np.asarray(counts[:, columns].sum(axis=1)).ravel() > 0
        seen[kind] = found if len(columns) else None
    rows = []
    for row in sheet:
        mine = of_sample == str(row["sample"])
        for label in sorted(set(labels[mine])):
            inside = mine & (labels == label)
            line = {key: row[key] for key in COLUMNS[:3]} | {"cell_type": label, "cells": int(inside.sum())}
            both = None if seen["xist"] is None or seen["y"] is None else seen["xist"] & seen["y"]
            for kind, hits in (*seen.items(), ("both", both)):
                line |= _share(kind, hits, inside)
            rows.append(line | {"expected_both": line["xist"] * line["y"]})
    return pd.DataFrame(rows, columns=COLUMNS)


def _share(kind: str, found: Any, inside: Any) -> dict[str, float]:
    if found is None:
        return dict.fromkeys((kind, f"{kind}_low", f"{kind}_high"), float("nan"))
    n, total = int((found & inside).sum()), int(inside.sum())
    low, high = intervals.jeffreys(n, total)
    return {kind: n / total, f"{kind}_low": float(low), f"{kind}_high": float(high)}
