"""The linear model over donors: columns from a formula, and which of them tell nothing of their own.

The condition's column stands last and is what is tested. Columns that follow from earlier ones (an age within
a donor who is blocked) are left out: they change no other estimate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

DONOR, CONDITION = "donor", "condition"
DEFAULT = "~ donor + condition"
NAMES = (DONOR, CONDITION, "batch", "chemistry", "sorted")  # names, even where they look like numbers
JOIN = "+"  # between the values of technical replicates that differ
LEAST_DF = 2  # as three pairs leave
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Unit:
    """One donor at one condition; `columns` are further values, as text."""

    donor: str
    condition: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Model:
    """A design: `matrix` is units x coefficients, of full rank, the condition last (1 at the test).

    `names` are those of its columns; `constant` the terms without a column of their own. `coefficients`
    counts all columns before any was left out. `aliased` are the terms that the condition can't be told from:
    the condition's column then follows from the others, and the matrix ends with the last of them.
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    coefficients: int
    constant: tuple[str, ...] = ()
    aliased: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """Of the whole design."""
        return self.matrix.shape[1]

    @property
    def df(self) -> int:
        """Degrees of freedom that are left for the variance."""
        return len(self.matrix) - self.rank


def build(units: Sequence[Unit], formula: str, *, test: str, blocked: bool = True) -> Model:
    """The model of `formula` on `units`, for the change at the condition `test`.

    Without `blocked` terms with the donor are left out: every donor stands on one side only.
    """
    side = np.array([float(one.condition == test) for one in units])
    blocks = _terms(units, formula, blocked=blocked)
    kept, names, constant = _independent(blocks, len(units))
    coefficients = 2 + sum(block.shape[1] for _, block in blocks)
    whole = np.column_stack([kept, side])
    if _rank(whole) > kept.shape[1]:
        return Model(whole, (*names, CONDITION), coefficients, constant)
    return Model(kept, names, coefficients, constant, _aliased(blocks, side))


def with_columns(units: Sequence[Unit], formula: str, tested: NDArray[np.float64]) -> Model:
    """The model of `formula`, donors blocked, its last columns `tested` (units x any) for the condition.

    `aliased` is the condition where these can't all be told from the rest.
    """
    blocks = _terms(units, formula, blocked=True)
    kept, names, constant = _independent(blocks, len(units))
    n = tested.shape[1]
    coefficients = 1 + sum(block.shape[1] for _, block in blocks) + n
    whole = np.column_stack([kept, tested])
    if n and _rank(whole) == kept.shape[1] + n:
        named = (*names, *(f"{CONDITION}.{number + 1}" for number in range(n)))
        return Model(whole, named, coefficients, constant)
    return Model(kept, names, coefficients, constant, (CONDITION,))


def _independent(
    blocks: Sequence[tuple[str, NDArray[np.float64]]], n: int
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[str, ...]]:
    """The columns of `blocks` that tell something new, after an intercept; their names; terms without any."""
    kept, names, constant = np.ones((n, 1)), ["1"], []
    for name, block in blocks:
        new, kept = _beyond(kept, block)
        names += [f"{name}.{number + 1}" for number in range(new.shape[1])]
        if not new.shape[1]:
            constant.append(name)
    return kept, tuple(names), tuple(constant)


def differences(fitted: Model) -> NDArray[np.float64] | None:
    """What the model adjusts each donor's own change for: donors x columns, test less reference.

    The units stand in the order test, reference of every donor, who is blocked. None where there is nothing.
    """
    between = (fitted.matrix[::2] - fitted.matrix[1::2])[:, :-1]
    varying = between[:, np.abs(between).max(axis=0, initial=0.0) > 0]
    return varying if varying.shape[1] else None


def _aliased(blocks: Sequence[tuple[str, NDArray[np.float64]]], side: NDArray[np.float64]) -> tuple[str, ...]:
    """The terms that, with the donor, hold the condition: single ones, else all of them together."""
    donor = [block for name, block in blocks if name == DONOR]
    others = [(name, block) for name, block in blocks if name != DONOR]
    base = [np.ones((len(side), 1)), *donor]
    if _holds(np.hstack(base), side):
        return (DONOR,)
    alone = tuple(name for name, block in others if _holds(np.hstack([*base, block]), side))
    return alone or (JOIN.join(name for name, _ in others),)


def _holds(matrix: NDArray[np.float64], column: NDArray[np.float64]) -> bool:
    return _rank(np.column_stack([matrix, column])) == _rank(matrix)


def _terms(units: Sequence[Unit], formula: str, *, blocked: bool) -> list[tuple[str, NDArray[np.float64]]]:
    """The columns of every term but intercept and condition; the donor's first.

    A term has the columns that the intercept and its own parts do not hold already.
    """
    from formulaic import Formula, model_matrix

    data = _data(units)
    found: dict[str, NDArray[np.float64]] = {}
    for term in map(str, Formula(formula)):
        parts = set(_NAME.findall(term)) - {"C"}
        if not parts or CONDITION in parts or (DONOR in parts and not blocked):
            continue
        known = [block for name, block in found.items() if name != term and name in term.split(":")]
        whole = np.asarray(model_matrix(f"0 + {term}", data), dtype=float)
        found[term] = _beyond(np.hstack([np.ones((len(data), 1)), *known]), whole)[0]
    return sorted(found.items(), key=lambda one: one[0] != DONOR)


def _beyond(
    held: NDArray[np.float64], columns: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Those of the `columns` that `held` and the ones after them do not span, and all together.

    From the last on, so that of a factor's columns the first one goes.
    """
    new = np.empty((len(held), 0))
    for column in columns.T[::-1]:
        if _rank(np.column_stack([held, new, column])) > held.shape[1] + new.shape[1]:
            new = np.column_stack([column, new])
    return new, np.column_stack([held, new])


def _data(units: Sequence[Unit]) -> pd.DataFrame:
    """The units' columns: numbers where every value is one, else names."""
    import pandas as pd

    columns: dict[str, list[str]] = {DONOR: [one.donor for one in units]}
    for name in units[0].columns if units else ():
        columns[name] = [one.columns[name] for one in units]
    data = pd.DataFrame(columns, dtype=str)
    for name in columns:
        numbers = pd.to_numeric(data[name], errors="coerce")
        if name not in NAMES and numbers.notna().all():
            data[name] = numbers.astype(float)
        else:
            data[name] = pd.Categorical(data[name], categories=sorted(set(data[name])))
    return data


def _rank(matrix: NDArray[np.float64]) -> int:
    scale = np.abs(matrix).max(axis=0, initial=0.0)
    return int(np.linalg.matrix_rank(matrix / np.where(scale > 0, scale, 1.0)))
