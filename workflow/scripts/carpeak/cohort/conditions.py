"""Which patients a condition selects: column by column, a value, a list of values or a comparison."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from carpeak.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .tables import Cohort

_COMPARISON = re.compile(r"^(<=|>=|!=|<|>)\s*(-?\d+(?:\.\d+)?)$")
_OPERATORS = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "!=": operator.ne}


class LackingError(ValueError):
    """What a recomputation needs and the tables lack; `names` are columns or tables."""

    def __init__(self, *names: str) -> None:
        super().__init__(", ".join(names))
        self.names = names


def selected(cohort: Cohort, where: Mapping[str, Any] | None) -> NDArray[np.bool_]:
    """Which rows of the patients meet every condition; missing values meet none.

    Raises LackingError for a column that the table has not, UserError for a comparison of words.
    """
    if cohort.patients is None:
        raise LackingError("patients")
    lacking = [name for name in where or {} if name not in cohort.patients]
    if lacking:
        raise LackingError(*lacking)
    chosen = np.ones(len(cohort.patients), dtype=bool)
    for name, wanted in (where or {}).items():
        values = cohort.patients[name].tolist()
        chosen &= np.array([_meets(value, wanted, name) for value in values], dtype=bool)
    return chosen


def _meets(value: Any, wanted: Any, name: str) -> bool:
    if isinstance(wanted, list):
        return any(_meets(value, one, name) for one in wanted)
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return False
    compared = _COMPARISON.match(wanted) if isinstance(wanted, str) else None
    if compared:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            msg = f"statements: the condition '{name}: {wanted}' compares a column of words"
            raise UserError(msg)
        return bool(_OPERATORS[compared[1]](value, float(compared[2])))
    if isinstance(value, tuple):
        return wanted in value
    if isinstance(wanted, str) and wanted.startswith("~"):
        return wanted[1:].lower() in str(value).lower()
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)
