"""What of a change is the CAR's, what any T cell's, and what a change of mix.

Blood at the peak differs from a culture in every T cell. The same contrast among T cells in which no CAR was
detected shows that part; the difference in difference between CAR+ and undetected cells is what the culture
does not explain. A share of the undetected carry the CAR unseen: where P(CAR+) is known, their mean is that
of cells with P = 0 by regression on P (regression calibration, as in `car_contrast`); weights of 1 - P alone
would leave the missed cells in. Beside it each gene's change in CAR+ cells is split, after Kitagawa (Journal
of the American Statistical Association 1955), into the change at an equal mix of T-cell states and the change
of mix itself: a gene that defines a state rises as soon as the state grows.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import ndtri

from ..io import join_cells
from ..names import FEW_CELLS, POSITIVE
from ..stats import blocks, intervals, matrix, ranksum, weighted_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GROUPS = ("all", "CD4", "CD8")
EFFECTS = ("car", "undetected", "difference", "within_states")
COLUMNS = ["kind", "group", "name"]
COLUMNS += [f"{effect}{end}" for effect in EFFECTS for end in ("", "_low", "_high")] + ["mix"]
SIDES = ("test", "reference")
SPREAD = 0.02  # least standard deviation of P(CAR+) that a regression can rest on
NO_CAR = 0.05  # mean P(CAR+) below which the cells may be taken as they are
LEAST_PER_STATE = 10  # CAR+ cells of a state on either side from which its genes are compared


def gather(obs: pd.DataFrame, t_labels: pd.DataFrame, calls: pd.DataFrame) -> pd.DataFrame:
    """The T cells with lineage, state and CAR call, in the order of `obs`; `calls` may hold others too."""
    cells = join_cells(obs, t_labels, columns=["t_lineage", "t_state"])
    calls = calls[calls["cell"].isin(set(cells["cell"]))]
    return join_cells(cells, calls, columns=["car_call", "car_probability"])


def attribute(
    counts: sparse.csr_matrix | blocks.Blocks,
    cells: pd.DataFrame,
    genes: Sequence[str],
    *,
    transgene: NDArray[np.bool_],
    conditions: Mapping[str, str],
    min_pct: float,
    seed: int,
) -> pd.DataFrame:
    """Changes of genes and of states in CAR+ cells, in CAR-undetected ones, and their difference (COLUMNS).

    `counts`: T cells x genes, raw; `cells`: their sample, condition, t_lineage, t_state, car_call and
    car_probability; the rest as in `differential_expression.compare`, with whose equal depth genes are
    compared. Rows of kind ``gene`` are in log2, those of kind ``state`` in shares of the group; every effect
    has its 95 % interval (cell sampling). `within_states` is a gene's change at the mean mix of the states
    that both sides hold, `mix` what is left of the change. Groups with fewer than `FEW_CELLS` CAR+ cells on a
    side have no rows; effects of undetected cells are missing where their effective number is smaller.
    """
    compared = cells["condition"].isin([conditions[side] for side in SIDES]).to_numpy()
    counts, cells = counts[np.flatnonzero(compared)], cells[compared].reset_index(drop=True)
    samples = cells["sample"].to_numpy(dtype=str)
    n_umis = matrix.size_factors(counts, exclude=transgene) * matrix.TARGET_SUM
    shares = matrix.depth_shares(n_umis, samples)
    counts = matrix.thin(counts, np.array([shares[name] for name in samples]), seed=seed)
    levels = matrix.normalise(counts, exclude=transgene, log=False, dtype=np.float64)
    control = _control(cells, conditions)
    sums, *of_control = _Rows.of_cells(levels, cells, conditions, others=list(control.values()))
    without = dict(zip(control, of_control, strict=True))
    names, parts = np.asarray(genes, dtype=object), []
    for group in GROUPS:
        rows = sums.in_group(group)
        if min(rows.weight(side) for side in SIDES) < FEW_CELLS:
            continue
        others = without[group].means()
        rest = others if others.cells.min() >= FEW_CELLS else None
        means = rows.sums.pooled([rows.of(side) for side in SIDES]).means()
        tested = np.flatnonzero(~transgene & (means.detected.max(axis=0) >= min_pct))
        table = _genes(means, rest, rows, tested)
        parts.append(table.assign(kind="gene", group=group, name=names[tested]))
        states = _states(rows, None if rest is None else control[group], cells["t_state"].to_numpy(dtype=str))
        parts.append(states.assign(group=group))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def _control(cells: pd.DataFrame, conditions: Mapping[str, str]) -> dict[str, Floats]:
    """Weights (test and reference x cells) whose sums are means of the cells without CAR, by group."""
    positive = (cells["car_call"] == POSITIVE).to_numpy()
    p, lineage = cells["car_probability"].to_numpy(dtype=float), cells["t_lineage"].to_numpy(dtype=str)
    condition = cells["condition"].to_numpy(dtype=str)
    found = {group: np.zeros((2, len(cells))) for group in GROUPS}
    for group, weights in found.items():
        for row, side in enumerate(SIDES):
            inside = (condition == conditions[side]) & ((lineage == group) | (group == "all"))
            weights[row, inside] = without_car(p[inside], positive[inside])
    return found


def without_car(p: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Weights of cells, of sum 1, that give the mean of those without CAR; 0 where that can't be had.

    `p`: P(CAR+) or missing; `positive`: cells called so. The expected level of a cell is a mixture in the
    proportion of P, so that the intercept of a regression on P is the mean of cells without CAR. Where the
    rule gives no P, the undetected cells are taken as they are.
    """
    nothing = np.zeros(len(p))
    if not np.isfinite(p).all():
        undetected = (~positive).astype(float)
        return undetected / undetected.sum() if undetected.any() else nothing
    if not len(p) or p.std() < SPREAD:
        return np.full(len(p), 1 / len(p)) if len(p) and p.mean() < NO_CAR else nothing
    design = np.column_stack([np.ones(len(p)), p])
    return np.asarray(np.linalg.pinv(design)[0], dtype=np.float64)


class _Rows:
    """Sums of the CAR+ cells by side, lineage and state, and which of them belong to a group of T cells."""

    def __init__(self, keys: pd.DataFrame, sums: weighted_means.Sums) -> None:
        self.keys, self.sums = keys, sums
        self.inside = np.ones(len(keys), dtype=bool)

    @classmethod
    def of_cells(
        cls,
        levels: sparse.csr_matrix | blocks.Blocks,
        cells: pd.DataFrame,
        conditions: Mapping[str, str],
        *,
        others: Sequence[Floats],
    ) -> tuple[Any, ...]:
        """The rows, and the sums under each of the `others` (groups x cells), in one pass over `levels`."""
        positive = (cells["car_call"] == POSITIVE).to_numpy()
        side = np.where((cells["condition"] == conditions["test"]).to_numpy(), *SIDES)
        frame = pd.DataFrame(
            {"side": side, "lineage": cells["t_lineage"].astype(str), "state": cells["t_state"].astype(str)}
        )
        code = frame.groupby(list(frame.columns), sort=True).ngroup().to_numpy()
        keys = frame.drop_duplicates().sort_values(list(frame.columns)).reset_index(drop=True)
        weights = sparse.csr_matrix(
            (positive.astype(float), (code, np.arange(len(cells)))), shape=(len(keys), len(cells))
        )
        sums, *rest = weighted_means.several(levels, [weights, *others])
        return cls(keys, sums), *rest

    def in_group(self, group: str) -> _Rows:
        """The same, cut to a group of T cells."""
        part = copy.copy(self)
        part.inside = (self.keys["lineage"] == group).to_numpy() | (group == "all")
        return part

    def of(self, side: str, state: str | None = None) -> list[int]:
        """Rows of one side, of all states or one."""
        chosen = self.inside & (self.keys["side"] == side).to_numpy()
        if state is not None:
            chosen &= (self.keys["state"] == state).to_numpy()
        return [int(row) for row in np.flatnonzero(chosen)]

    def weight(self, side: str, state: str | None = None) -> float:
        """How many CAR+ cells they are."""
        return float(self.sums.weight[self.of(side, state)].sum())

    def states(self) -> list[str]:
        """States of the group, sorted."""
        return sorted(set(self.keys["state"][self.inside]))


def _genes(
    means: weighted_means.Means,
    control: weighted_means.Means | None,
    rows: _Rows,
    tested: NDArray[np.intp],
) -> pd.DataFrame:
    """Effects of every tested gene; `means` and `control`: test and reference, of CAR+ and other cells."""
    c = ranksum.PSEUDOCOUNT
    car, car_variance = (x[tested] for x in means.log2_ratio(0, 1, pseudocount=c))
    rest, rest_variance = np.full((2, len(tested)), np.nan)
    if control is not None:
        rest, rest_variance = (x[tested] for x in control.log2_ratio(0, 1, pseudocount=c))
    within, within_variance = _within(rows, tested)
    return pd.DataFrame(
        {
            **_bounds("car", car, car_variance),
            **_bounds("undetected", rest, rest_variance),
            **_bounds("difference", car - rest, car_variance + rest_variance),
            **_bounds("within_states", within, within_variance),
            "mix": car - within,
        }
    )


def _within(rows: _Rows, tested: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Change at the mean mix of the shared states, and its variance; missing where the sides share none."""
    n = np.array([[rows.weight(side, state) for side in SIDES] for state in rows.states()])
    shared = n.min(axis=1) >= LEAST_PER_STATE
    if not shared.any():
        return np.full(len(tested), np.nan), np.full(len(tested), np.nan)
    mix = (n / n.sum(axis=0)).mean(axis=1)[shared][:, None]
    mix = mix / mix.sum()
    kept = [state for state, one in zip(rows.states(), shared, strict=True) if one]
    mean, variance = [], []
    for side in SIDES:
        found = rows.sums.pooled([rows.of(side, state) for state in kept]).means()
        mean.append((mix * found.mean[:, tested]).sum(axis=0))
        variance.append((mix**2 * found.variance[:, tested]).sum(axis=0))
    return weighted_means.log2_ratio(
        (mean[0], mean[1]), (variance[0], variance[1]), pseudocount=ranksum.PSEUDOCOUNT
    )


def _states(rows: _Rows, control: Floats | None, states: NDArray[np.str_]) -> pd.DataFrame:
    """Change of every state's share of the group; `control` are the weights of its cells without CAR."""
    found = []
    for state in rows.states():
        n = np.array([rows.weight(side) for side in SIDES])
        share = np.array([rows.weight(side, state) for side in SIDES]) / n
        car, car_variance = share[0] - share[1], (share * (1 - share) / n).sum()
        rest = rest_variance = np.nan
        if control is not None:
            is_state = (states == state).astype(float)
            other = control @ is_state
            rest = other[0] - other[1]
            rest_variance = (control**2 * (is_state - other[:, None]) ** 2).sum()
        row: dict[str, Any] = {"kind": "state", "name": state, "mix": np.nan}
        row |= _bounds("car", car, car_variance) | _bounds("undetected", rest, rest_variance)
        row |= _bounds("difference", car - rest, car_variance + rest_variance)
        found.append(row | _bounds("within_states", np.nan, np.nan))
    return pd.DataFrame(found)


def _bounds(name: str, value: Any, variance: Any) -> dict[str, Any]:
    half = ndtri(0.5 + intervals.LEVEL / 2) * np.sqrt(variance)
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}
