"""Quality control of one library: which barcodes are cells, and the one reason why a barcode is not.

A barcode is judged by the limits first, in the order of `REMOVAL_REASONS`; doublets are looked for among
those that pass.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..names import REMOVAL_REASONS
from .doublets import NOT_LOOKED_FOR, find_doublets

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from scipy import sparse

    from ..settings import QcSettings

SCALE = 1.4826  # scaled MAD = standard deviation of a normal distribution

# Limits of the adaptive preset never leave these bounds. Blood mixes cells that differ tenfold in RNA, so
# a limit of its own distribution alone would cut off red cells and platelets (few genes, low UMIs) or, in a
# library that is mostly red cells, the T cells (many genes, more mitochondrial RNA).
LOWER_GENES_AT_MOST = 200.0
LOWER_UMIS_AT_MOST = 400.0
UPPER_GENES_AT_LEAST = 5_000.0
UPPER_UMIS_AT_LEAST = 25_000.0
MITO_AT_LEAST, MITO_AT_MOST = 8.0, 20.0
# Widths (one scaled MAD) that stand in for a MAD of zero: percentage points, natural log units.
FALLBACK_MITO = 1.0
FALLBACK_LOG = 0.25

POOR_KEPT_SHARE = 0.5
FAILED_KEPT_SHARE = 0.05
POOR_MITO_PERCENT = 10.0
POOR_EMPTY_SHARE = 0.2


@dataclass(frozen=True)
class Limits:
    """What a barcode must keep within, bounds included; None: no limit."""

    preset: str
    min_genes: float
    max_genes: float
    min_umis: float | None
    max_umis: float | None
    max_mito_percent: float | None


def metrics(counts: sparse.csr_matrix, *, mito: NDArray[np.bool_]) -> pd.DataFrame:
    """n_umis, n_genes and pct_mito (percent of all UMIs, as Seurat's percent.mt; 0 without UMIs).

    `counts` is cells x genes, `mito` masks genes.
    """
    import pandas as pd

    umis = np.asarray(counts.sum(axis=1, dtype=np.int64)).ravel()
    in_mito = np.asarray(counts[:, np.flatnonzero(mito)].sum(axis=1, dtype=np.int64)).ravel()
    return pd.DataFrame(
        {
            "n_umis": umis,
            "n_genes": np.asarray(counts.getnnz(axis=1), dtype=np.int64),
            "pct_mito": 100.0 * in_mito / np.maximum(umis, 1),
        }
    )


def mad_limits(values: NDArray[np.float64], *, mads: float, fallback: float) -> tuple[float, float]:
    """Median -/+ `mads` scaled median absolute deviations; `fallback` replaces a deviation of zero."""
    median = float(np.median(values))
    spread = SCALE * float(np.median(np.abs(values - median))) or fallback
    return median - mads * spread, median + mads * spread


def limits(
    table: pd.DataFrame,
    *,
    options: QcSettings,
    has_mito: bool,
) -> Limits:
    """The limits of one library with `metrics` in `table`, by the presets of `options`.

    ``paper``: the fixed limits on genes, and median + ``mads`` scaled MADs of the mitochondrial percentage.
    ``adaptive``: as well, ``mads`` scaled MADs on both sides of log1p UMIs and log1p genes, and all limits
    held within the bounds above. Medians are taken over barcodes within the fixed limits on genes: empty
    droplets would shift them. ``max_mito_percent`` is a ceiling for either preset. Without mitochondrial
    genes (`has_mito` false) there is no such limit.
    """
    min_genes: float = options.min_genes
    max_genes: float = options.max_genes
    inside = table[table["n_genes"].between(min_genes, max_genes)]
    adaptive, mads = options.preset == "adaptive", options.mads
    mito = options.max_mito_percent
    low_umis = high_umis = None
    if has_mito and len(inside):
        _, upper = mad_limits(inside["pct_mito"].to_numpy(float), mads=mads, fallback=FALLBACK_MITO)
        upper = float(np.clip(upper, MITO_AT_LEAST, MITO_AT_MOST)) if adaptive else upper
        mito = upper if mito is None else min(upper, mito)
    if adaptive and len(inside):
        low, high = _log_limits(inside["n_genes"], mads)
        min_genes = max(min_genes, min(low, LOWER_GENES_AT_MOST))
        max_genes = min(max_genes, max(high, UPPER_GENES_AT_LEAST))
        low, high = _log_limits(inside["n_umis"], mads)
        low_umis, high_umis = min(low, LOWER_UMIS_AT_MOST), max(high, UPPER_UMIS_AT_LEAST)
    return Limits(options.preset, min_genes, max_genes, low_umis, high_umis, mito if has_mito else None)


def _log_limits(values: pd.Series, mads: float) -> tuple[float, float]:
    low, high = mad_limits(np.log1p(values.to_numpy(float)), mads=mads, fallback=FALLBACK_LOG)
    return float(np.expm1(low)), float(np.expm1(high))


def reasons(table: pd.DataFrame, bounds: Limits) -> NDArray[np.object_]:
    """The first reason that removes each barcode, or an empty string."""
    broken = {
        "few_genes": table["n_genes"] < bounds.min_genes,
        "many_genes": table["n_genes"] > bounds.max_genes,
        "low_umis": table["n_umis"] < (bounds.min_umis or 0),
        "high_umis": table["n_umis"] > (np.inf if bounds.max_umis is None else bounds.max_umis),
        "high_mito": table["pct_mito"]
        > (np.inf if bounds.max_mito_percent is None else bounds.max_mito_percent),
    }
    found = np.full(len(table), "", dtype=object)
    for reason in reversed(REMOVAL_REASONS):
        if reason in broken:
            found[broken[reason].to_numpy()] = reason
    return found


def verdict(table: pd.DataFrame, *, min_cells: int, has_mito: bool) -> tuple[str, str]:
    """Status (ok, poor, failed) of a library and a sentence; `table` has metrics and removed_by."""
    n_in = len(table)
    kept = table[table["removed_by"] == ""]
    share = len(kept) / max(n_in, 1)
    notes = [] if has_mito else ["No mitochondrial genes (MT-) in the data: that limit is off."]
    status = "ok"
    if len(kept) < min_cells or share < FAILED_KEPT_SHARE:
        status = "failed"
        most = table["removed_by"][table["removed_by"] != ""].value_counts()
        why = f", most of the others for {most.index[0].replace('_', ' ')}" if len(most) else ""
        held = (
            f"Only {len(kept)} of {n_in} barcodes passed" if most.size else f"It holds only {n_in} barcodes"
        )
        notes.insert(
            0,
            f"{held}{why}: too few for conclusions about this library.",
        )
    else:
        found = _weaknesses(table, kept, share)
        if found:
            status = "poor"
            notes.insert(0, f"Poor library: {'; '.join(found)}. Read its results with care.")
    return status, " ".join(notes)


def _weaknesses(table: pd.DataFrame, kept: pd.DataFrame, share: float) -> list[str]:
    found = []
    if share < POOR_KEPT_SHARE:
        found.append(f"only {len(kept)} of {len(table)} barcodes passed")
    mito = table["pct_mito"].median()
    if mito > POOR_MITO_PERCENT:
        found.append(f"the median barcode has {mito:.1f} % mitochondrial RNA (sound blood cells: below 10 %)")
    empty = (table["removed_by"] == "few_genes").mean()
    if empty > POOR_EMPTY_SHARE:
        found.append(f"{100 * empty:.0f} % of the barcodes hold too few genes to be cells")
    return found


def expected_rate(
    captured: int, *, per_1000: float, lanes: float | None = None, percent: float | None = None
) -> tuple[float, bool]:
    """The expected share of doublets among `captured` cells, and whether the study states it.

    The rate of a kit grows with the cells of one lane (`per_1000`); cells of several `lanes` are shared out.
    """
    if percent is not None:
        return percent / 100, True
    return min(per_1000 * captured / (lanes or 1) / 1000, 0.5), False


def judge(
    counts: sparse.csr_matrix,
    *,
    mito: NDArray[np.bool_],
    transgene: NDArray[np.bool_],
    options: QcSettings,
    seed: int = 0,
    cell_cycle: NDArray[np.bool_] | None = None,
    lanes: float | None = None,
    doublet_percent: float | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Judge every barcode of one library of raw `counts` (cells x genes); `mito`, `transgene` mask genes.

    `cell_cycle` masks genes that doublets are not scored by: a cycling cell holds as much RNA as two, and
    would be taken for a pair. `lanes` were pooled in this library, or `doublet_percent` is what its makers
    state; without either the rate follows from the number of cells.

    Returns a table (rows as in `counts`: n_umis, n_genes, pct_mito, doublet_score, removed_by, kept) and
    the thresholds with status and message, as JSON values.
    """
    has_mito = bool(mito.any())
    table = metrics(counts, mito=mito)
    bounds = limits(table, options=options, has_mito=has_mito)
    table["removed_by"] = reasons(table, bounds)
    table["doublet_score"] = np.nan
    passed = np.flatnonzero(table["removed_by"] == "")
    captured = int((~table["removed_by"].isin(["few_genes", "low_umis"])).sum())
    rate, stated = expected_rate(
        captured, per_1000=options.doublet_rate_per_1000, lanes=lanes, percent=doublet_percent
    )
    ignored = None if cell_cycle is None else cell_cycle[~transgene]
    found = NOT_LOOKED_FOR
    if options.doublets:
        found = find_doublets(
            counts[passed][:, ~transgene], rate=rate, stated=stated, seed=seed, ignored=ignored
        )
    if found.scores is not None:
        table.loc[passed, "doublet_score"] = found.scores
        table.loc[passed[found.called], "removed_by"] = "doublet"
    table["kept"] = table["removed_by"] == ""
    status, message = verdict(table, min_cells=options.min_cells, has_mito=has_mito)
    thresholds = {
        **asdict(bounds),
        "mads": options.mads,
        "doublet_threshold": found.threshold,
        "doublet_threshold_source": found.source,
        "expected_doublet_rate": rate if options.doublets else None,
        "found_doublet_rate": found.found,
        "used_doublet_rate": found.used,
        "doublet_rates_differ": found.differs,
        "status": status,
        "message": " ".join(filter(None, [message, found.message])),
    }
    return table[["n_umis", "n_genes", "pct_mito", "doublet_score", "removed_by", "kept"]], thresholds
