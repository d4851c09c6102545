"""How much of a library's RNA floated in the suspension, and which genes it is of.

After SoupX (Young and Behjati, GigaScience 2020;9:giaa151): a lineage cannot make the hallmark RNA of
another, so what its cells hold of it came from outside. How much of the hallmark the outside holds is read
from empty droplets. Counts are never changed. No Python library offers SoupX's estimate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..names import T_CELL

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from numpy.typing import NDArray
    from scipy import sparse

COLUMNS = ["sample", "condition", "donor", "ambient_share", "ambient_share_low", "ambient_share_high"]
COLUMNS += ["profile", "evidence", "cells", "umis", "genes", "gene_shares", "message"]
MONOCYTE, B_CELL, PLASMA, NK = "Monocyte/DC", "B cell", "Plasma cell", "NK cell"


class Hallmark(NamedTuple):
    """Genes of one lineage, and those that cannot make them."""

    genes: tuple[str, ...]
    never_in: tuple[str, ...]


# Platelets are no source here: they stick to other cells, so that their RNA is not only ambient.
HALLMARKS = {
    "haemoglobin": Hallmark(
        ("HBB", "HBA1", "HBA2", "HBD", "HBG1", "HBG2"), (T_CELL, NK, B_CELL, PLASMA, MONOCYTE)
    ),
    "immunoglobulin": Hallmark(
        ("IGKC", "IGLC1", "IGLC2", "IGLC3", "IGHM", "IGHD", "IGHA1", "IGHA2")
        + ("IGHG1", "IGHG2", "IGHG3", "IGHG4", "IGHE"),
        (T_CELL, NK, MONOCYTE),
    ),
    "T-cell receptor and CD3": Hallmark(
        ("CD3D", "CD3E", "CD3G", "TRAC", "TRBC1", "TRBC2"), (B_CELL, PLASMA, MONOCYTE)
    ),
}
MIN_EXPECTED = 100.0  # UMIs of hallmarks, were all RNA ambient; below, a share of a few percent shows nowhere
MIN_CELLS = 20
OUTLIER = 1e-4  # a cell with hallmarks less likely than this is a doublet or mislabelled
DROPLET_SPREAD = 0.25  # squared coefficient of variation of how much ambient RNA droplets take up
MAX_GENES = 10


class Evidence(NamedTuple):
    """Hallmark UMIs of one kind in cells that cannot make them."""

    found: NDArray[np.int64]  # per cell
    expected: NDArray[np.float64]  # per cell, were all its RNA ambient


class Estimate(NamedTuple):
    """The ambient share of RNA with its 95 % interval, and the evidence it rests on."""

    share: float
    low: float
    high: float
    used: dict[str, Evidence]


NO_ESTIMATE = Estimate(np.nan, np.nan, np.nan, {})


def estimate(evidence: Mapping[str, Evidence]) -> Estimate:
    """The ambient share of RNA from one `Evidence` per hallmark (at least one).

    The share is the UMIs found over those expected of pure ambient RNA; cells with far more than the share
    explains are left out (doublets). A hallmark whose lowest share lies above the highest of another is made
    by those cells themselves and left out: own RNA can only add. The interval is Poisson's, widened by as
    much as cells, and hallmarks, differ beyond chance.
    """
    clean = {name: _without_outliers(one) for name, one in evidence.items()}
    alone = {name: _pooled({name: one}) for name, one in clean.items()}
    bound = min(one.high for one in alone.values())
    return _pooled({name: one for name, one in clean.items() if alone[name].low <= bound})


def _pooled(kept: dict[str, Evidence]) -> Estimate:
    from scipy.stats import chi2

    found, expected = (np.concatenate([one[i] for one in kept.values()]) for i in (0, 1))
    share = found.sum() / expected.sum()
    spread = max(1.0, _dispersion(found, share * expected, len(found) - 1))
    sums = np.array([(one.found.sum(), one.expected.sum()) for one in kept.values()])
    spread *= max(1.0, _dispersion(sums[:, 0], share * sums[:, 1], len(sums) - 1) / spread)
    low = spread * chi2.ppf(0.025, 2 * found.sum() / spread) / 2 if found.any() else 0.0
    high = spread * chi2.ppf(0.975, 2 * found.sum() / spread + 2) / 2
    return Estimate(float(share), float(low / expected.sum()), float(min(high / expected.sum(), 1.0)), kept)


def _dispersion(found: NDArray[Any], mean: NDArray[np.float64], freedom: int) -> float:
    """Pearson's statistic over its degrees of freedom; 0 where there is nothing to compare."""
    inside = mean > 0
    if freedom < 1 or not inside.any():
        return 0.0
    return float(((found - mean)[inside] ** 2 / mean[inside]).sum() / freedom)


def _without_outliers(one: Evidence) -> Evidence:
    from scipy.stats import nbinom

    size = 1 / DROPLET_SPREAD
    kept = np.ones(len(one.found), dtype=bool)
    while True:
        share = one.found[kept].sum() / one.expected[kept].sum()
        chance = nbinom.sf(one.found - 1, size, size / (size + share * one.expected))
        still = kept & (chance >= OUTLIER)
        if (still == kept).all() or not still.any():
            return Evidence(one.found[kept], one.expected[kept])
        kept = still


def library(
    counts: sparse.csr_matrix, lineages: NDArray[np.str_], genes: Sequence[str], profile: pd.DataFrame | None
) -> dict[str, Any]:
    """One row of `COLUMNS` without the sample: `counts` is the cells of one library x `genes`.

    `profile` (gene, umis) is that of its empty droplets; without one, the mean of its cells stands in.
    """
    sums = _profile(counts, genes, profile)
    shares = sums / max(sums.sum(), 1)
    depth = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    place = {gene: i for i, gene in enumerate(genes)}
    evidence: dict[str, Evidence] = {}
    for name, hallmark in HALLMARKS.items():
        columns = [place[gene] for gene in hallmark.genes if gene in place]
        rows = np.flatnonzero(np.isin(lineages, hallmark.never_in))
        expected = depth[rows] * shares[columns].sum()
        if len(rows) >= MIN_CELLS and expected.sum() >= MIN_EXPECTED:
            found = np.asarray(counts[rows][:, columns].sum(axis=1)).ravel().astype(np.int64)
            evidence[name] = Evidence(found, expected)
    top = np.argsort(-shares, kind="stable")[:MAX_GENES]
    result = estimate(evidence) if evidence else NO_ESTIMATE
    return {
        "ambient_share": result.share,
        "ambient_share_low": result.low,
        "ambient_share_high": result.high,
        "profile": "cells" if profile is None else "empty_droplets",
        "evidence": ";".join(result.used),
        "cells": max((len(one.found) for one in result.used.values()), default=0),
        "umis": int(sum(one.found.sum() for one in result.used.values())),
        "genes": ";".join(genes[i] for i in top if shares[i] > 0),
        "gene_shares": ";".join(f"{shares[i]:.4f}" for i in top if shares[i] > 0),
        "message": "" if evidence else "too little hallmark RNA of other lineages",
    }


def _profile(
    counts: sparse.csr_matrix, genes: Sequence[str], profile: pd.DataFrame | None
) -> NDArray[np.float64]:
    if profile is None or not profile["umis"].sum():
        return np.asarray(counts.sum(axis=0), dtype=np.float64).ravel()
    return profile.set_index("gene")["umis"].reindex(list(genes)).fillna(0).to_numpy(dtype=np.float64)


def expected(
    cells: AnnData, table: pd.DataFrame, profiles: Mapping[str, pd.DataFrame]
) -> dict[str, NDArray[np.float64]]:
    """By sample, which share of a cell's RNA is expected to be ambient RNA of each gene (genes of `cells`).

    `table` is that of `table`, `profiles` as there; a sample whose ambient share was not estimated has none.
    """
    names = cells.obs["sample"].to_numpy(dtype=str)
    found = {}
    for sample, share in zip(table["sample"], table["ambient_share"], strict=True):
        if not np.isnan(share):
            own = cells.X[np.flatnonzero(names == sample)].tocsr()
            sums = _profile(own, cells.var_names, profiles.get(sample))
            found[str(sample)] = share * sums / max(sums.sum(), 1)
    return found


def table(
    cells: AnnData,
    labels: pd.DataFrame,
    profiles: Mapping[str, pd.DataFrame],
    samples: Sequence[Mapping[str, Any]],
) -> pd.DataFrame:
    """tables/ambient.tsv: `COLUMNS`, one row per sample (dicts with sample, condition, donor).

    `cells` holds all kept cells, `labels` their cell_type by cell, `profiles` the empty droplets' genes of
    the samples that have unfiltered droplets.
    """
    import pandas as pd

    lineage = labels.set_index("cell")["cell_type"].reindex(cells.obs_names).to_numpy(dtype=str)
    names = cells.obs["sample"].to_numpy(dtype=str)
    rows = []
    for sample in samples:
        own = np.flatnonzero(names == sample["sample"])
        found = library(cells.X[own].tocsr(), lineage[own], cells.var_names, profiles.get(sample["sample"]))
        rows.append({**sample, **found})
    return pd.DataFrame(rows)[COLUMNS]
