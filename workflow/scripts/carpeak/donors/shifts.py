"""Composition over donors: every label's share and log-ratio before and after, by donor and in the mean.

From three pairs on the mean is tested by the moderated t on log-ratios with precision weights
(`composition.changes`), over draws of CAR calls and labels; the ratio of CD4 to CD8 by random effects.
So is, from six donors a side on, the difference between donors who have one side each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import false_discovery_control

from ..names import POSITIVE, UNASSIGNED
from . import audit, composition, draws, effects, meta, model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .audit import Design
    from .evidence import Evidence
    from .model import Model

COLUMNS = [
    "contrast", "population", "label", "donor", "sort", "n_reference", "total_reference", "share_reference",
    "n_test", "total_test", "share_test", "log2_change", "low", "high", "df", "p_value", "p_adjusted",
    "uncertain_labels",
]  # fmt: skip
MEAN = "mean"
RATIO = "CD4:CD8"
POPULATIONS = ("t_cells", "car_t")


def shifts(evidence: Evidence) -> pd.DataFrame:
    """Rows (COLUMNS) of one contrast: each donor with enough cells on both sides, then their ``mean``.

    `log2_change` is that of the share's ratio to the geometric mean of all labels (of CD4 to CD8 for the
    label ``CD4:CD8``); intervals of single donors cover the sampling of cells. Where donors have one side
    each, their rows hold that side's share and no change.
    """
    parts = []
    for population in POPULATIONS:
        design = audit.choose(evidence.designs, evidence.contrast, population)
        if design is None or not design.donors:
            continue
        chosen = _chosen(evidence, population, design)
        car = population == "car_t"
        if design.decision == audit.UNPAIRED:
            parts.append(_apart(evidence, population, design, chosen, car=car))
            continue
        parts += [
            _states(evidence, population, design, chosen, car=car),
            _ratio(evidence, population, design, chosen),
        ]
    parts = [part for part in parts if len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return table.reindex(columns=COLUMNS)


def _chosen(evidence: Evidence, population: str, design: Design) -> NDArray[np.bool_]:
    cells = evidence.cells
    sides = cells["condition"].isin(list(evidence.sides.values())) & audit.in_sort(cells["sort"], design.sort)
    chosen = (sides & cells["donor"].isin(design.donors)).to_numpy() & cells["is_t"].to_numpy(dtype=bool)
    return chosen & (cells["car_call"] == POSITIVE).to_numpy() if population == "car_t" else chosen


def _counts(
    evidence: Evidence,
    labels: NDArray[np.str_],
    chosen: NDArray[np.bool_],
    names: list[str],
    units: list[tuple[str, str]],
) -> NDArray[np.float64]:
    """Cells by label and unit (donor, condition)."""
    part = evidence.cells.loc[chosen, ["donor", "condition"]].astype(str)
    table = pd.crosstab(labels[chosen], [part["donor"], part["condition"]])
    columns = pd.MultiIndex.from_tuples(units)
    return np.asarray(table.reindex(index=names, columns=columns, fill_value=0), dtype=float)


def _tables(
    evidence: Evidence,
    labels: NDArray[np.str_],
    chosen: NDArray[np.bool_],
    names: list[str],
    units: list[tuple[str, str]],
    *,
    car: bool,
) -> list[NDArray[np.float64]]:
    """The counts as called, then those of each draw of CAR calls and labels."""
    tables = [_counts(evidence, labels, chosen, names, units)]
    doubts = draws.doubts(evidence.cells, chosen, "t_state", car=car)
    if doubts is not None and evidence.draws > 1:
        generator = np.random.default_rng(evidence.seed)
        drawn = (doubts.draw(generator) for _ in range(evidence.draws))
        tables += [_counts(evidence, names_of, kept, names, units) for kept, names_of in drawn]
    return tables


def _both_sides(evidence: Evidence, donors: list[str]) -> list[tuple[str, str]]:
    """The units of donors with both sides: test, reference of each."""
    return [
        (donor, side) for donor in donors for side in (evidence.sides["test"], evidence.sides["reference"])
    ]


def _donors(evidence: Evidence, chosen: NDArray[np.bool_]) -> list[str]:
    """The donors with enough of the chosen cells on both sides."""
    part = evidence.cells.loc[chosen, ["donor", "condition"]].astype(str)
    n = pd.crosstab(part["donor"], part["condition"]).reindex(
        columns=list(evidence.sides.values()), fill_value=0
    )
    return sorted(str(donor) for donor in n.index[(n >= evidence.least).all(axis=1)])


def _states(
    evidence: Evidence, population: str, design: Design, chosen: NDArray[np.bool_], *, car: bool
) -> pd.DataFrame:
    """The T-cell states."""
    labels = np.array(evidence.cells["t_state"].astype(str), dtype=str)
    donors = _donors(evidence, chosen)
    names = sorted(set(labels[chosen]) - {UNASSIGNED})
    if not donors or len(names) < 2:
        return pd.DataFrame()
    units = _both_sides(evidence, donors)
    tables = _tables(evidence, labels, chosen, names, units, car=car)
    ratios = composition.log_ratios(tables[0])
    change = ratios.centred[:, ::2] - ratios.centred[:, 1::2]
    variance = ratios.variances[:, ::2] + ratios.variances[:, 1::2]
    rows = _by_donor(tables[0], change, variance, names, donors)
    if design.decision == audit.PAIRED and len(donors) >= audit.LEAST_PAIRS:
        fitted = design.model(units)
        in_test = np.arange(len(units)) % 2 == 0
        rows += _means(tables, names, fitted.matrix, in_test) if _holds(fitted) else []
    return _stated(rows, evidence, population, design)


def _by_donor(
    counts: NDArray[np.float64],
    change: NDArray[np.float64],
    variance: NDArray[np.float64],
    names: list[str],
    donors: list[str],
) -> list[dict[str, Any]]:
    """Rows of single donors; `change` and `variance` are labels x donors."""
    rows = []
    for number, donor in enumerate(donors):
        for row, label in enumerate(names):
            width = float(ndtri(0.975) * np.sqrt(variance[row, number]))
            shift = float(change[row, number])
            pair = counts[:, 2 * number : 2 * number + 2]
            rows.append(
                {
                    "label": label,
                    "donor": donor,
                    "log2_change": shift,
                    "low": shift - width,
                    "high": shift + width,
                }
                | _shares(pair[row], pair.sum(axis=0))
            )
    return rows


def _shares(n: NDArray[np.float64], total: NDArray[np.float64]) -> dict[str, float]:
    """Counts, totals and shares of a pair (test, reference)."""
    found: dict[str, float] = {}
    for side, k, of in zip(("test", "reference"), n, total, strict=True):
        found |= {f"n_{side}": int(k), f"total_{side}": int(of), f"share_{side}": k / of if of else np.nan}
    return found


def _means(
    tables: list[NDArray[np.float64]],
    names: list[str],
    design: NDArray[np.float64],
    in_test: NDArray[np.bool_],
) -> list[dict[str, Any]]:
    """The mean change over donors, tested (`tables` of `_tables`); shares are means of the donors'."""
    found = composition.changes(tables[1:] or tables, design)
    shares = tables[0] / np.maximum(tables[0].sum(axis=0), 1)
    adjusted = false_discovery_control(found.p_value)
    return [
        {
            "label": label, "donor": MEAN, "log2_change": found.effect[row], "low": found.low[row],
            "high": found.high[row], "df": found.df[row], "p_value": found.p_value[row],
            "p_adjusted": adjusted[row], "uncertain_labels": found.missing[row],
            "share_test": shares[row, in_test].mean(), "share_reference": shares[row, ~in_test].mean(),
        }
        for row, label in enumerate(names)
    ]  # fmt: skip


def _ratio(evidence: Evidence, population: str, design: Design, chosen: NDArray[np.bool_]) -> pd.DataFrame:
    """The ratio of CD4 to CD8 cells."""
    labels = np.array(evidence.cells["t_lineage"].astype(str), dtype=str)
    donors = _donors(evidence, chosen)
    if not donors:
        return pd.DataFrame()
    units = _both_sides(evidence, donors)
    counts = _counts(evidence, labels, chosen, ["CD4", "CD8"], units)
    sides = [effects.of_counts(counts[0, k::2], counts[1, k::2]) for k in (0, 1)]
    change = sides[0].effect - sides[1].effect
    variance = sides[0].variance + sides[1].variance
    rows = _by_donor(counts, change[None, :], variance[None, :], [RATIO], donors)
    if design.decision == audit.PAIRED and len(donors) >= audit.LEAST_PAIRS:
        fitted = design.model(units)
        if not _holds(fitted):
            return _stated(rows, evidence, population, design)
        rows.append(_pooled(meta.pool(change, variance, covariates=model.differences(fitted))))
    return _stated(rows, evidence, population, design)


def _pooled(found: meta.Pooled) -> dict[str, Any]:
    return {
        "label": RATIO, "donor": MEAN, "log2_change": found.estimate, "low": found.low, "high": found.high,
        "df": found.df, "p_value": found.p_value,
    }  # fmt: skip


def _apart(
    evidence: Evidence, population: str, design: Design, chosen: NDArray[np.bool_], *, car: bool
) -> pd.DataFrame:
    """Donors with one side each: every donor's shares, and the difference between the sides."""
    part = evidence.cells.loc[chosen, ["donor", "condition"]].astype(str)
    sizes = part.value_counts()
    units = sorted((str(donor), str(side)) for donor, side in sizes.index[sizes >= evidence.least])
    in_test = np.array([side == evidence.sides["test"] for _, side in units], dtype=bool)
    labels = np.array(evidence.cells["t_state"].astype(str), dtype=str)
    lineages = np.array(evidence.cells["t_lineage"].astype(str), dtype=str)
    names = sorted(set(labels[chosen]) - {UNASSIGNED})
    if not units or len(names) < 2:
        return pd.DataFrame()
    tables = _tables(evidence, labels, chosen, names, units, car=car)
    counts = _counts(evidence, lineages, chosen, ["CD4", "CD8"], units)
    rows = _one_side(tables[0], names, units, in_test) + _one_side(counts, [RATIO], units, in_test)
    if min(in_test.sum(), (~in_test).sum()) >= audit.LEAST_UNPAIRED:
        fitted = design.model(units)
        if _holds(fitted):
            rows += _means(tables, names, fitted.matrix, in_test)
            ratio = effects.of_counts(counts[0], counts[1])
            columns = fitted.matrix[:, 1:]  # the condition's last
            rows.append(
                _pooled(meta.pool(ratio.effect, ratio.variance, covariates=columns, tested=columns.shape[1]))
            )
    return _stated(rows, evidence, population, design)


def _one_side(
    counts: NDArray[np.float64],
    names: list[str],
    units: list[tuple[str, str]],
    in_test: NDArray[np.bool_],
) -> list[dict[str, Any]]:
    """Rows of donors' shares at their only side."""
    rows = []
    for number, (donor, _) in enumerate(units):
        side, of = "test" if in_test[number] else "reference", counts[:, number].sum()
        for row, label in enumerate(names):
            n = counts[row, number]
            rows.append(
                {"label": label, "donor": donor, f"n_{side}": int(n), f"total_{side}": int(of),
                 f"share_{side}": n / of if of else np.nan}
            )  # fmt: skip
    return rows


def _stated(rows: list[dict[str, Any]], evidence: Evidence, population: str, design: Design) -> pd.DataFrame:
    return pd.DataFrame(rows).assign(contrast=evidence.contrast, population=population, sort=design.sort)


def _holds(fitted: Model) -> bool:
    """Whether the mean change can be told from all else, with an error."""
    return not fitted.aliased and fitted.df >= model.LEAST_DF
