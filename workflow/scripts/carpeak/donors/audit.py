"""What a study's libraries can say about donors: pairs, what is confounded with what, and what may be tested.

Judged on the very model that is fitted (`model`): the configuration's formula, else ~ donor + condition.

A contrast compares two conditions. It is judged apart for libraries sorted for the CAR, against it, and not
sorted: what was sorted says nothing of shares in the blood, so sorts are never summed. Words for the keys
used here are the report's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..study.design import variables
from . import model

if TYPE_CHECKING:
    import pandas as pd

    from ..study.samples import Sample

PAIRED, CONCORDANCE, SINGLE = "paired", "concordance", "single"
UNPAIRED, NOT_ESTIMABLE = "unpaired", "not_estimable"
UNSORTED = "unsorted"
CAR_CELLS = "unsorted|CAR+"  # CAR+ cells, of libraries that were sorted for the CAR and of others
LEAST_PAIRS = 3  # a test of pairs needs a variance with two degrees of freedom
LEAST_UNPAIRED = 6  # donors a side: with fewer, differences between people hide most contrasts
FACTORS = ("donor", "batch", "chemistry")
COLUMNS = [
    "contrast", "test", "reference", "sort", "decision", "pairs", "coefficients", "rank", "aliased",
    "reasons", "donor", "used", "notes", "libraries_reference", "libraries_test",
    "batch_reference", "batch_test", "chemistry_reference", "chemistry_test",
]  # fmt: skip


@dataclass(frozen=True)
class Library:
    """What the sheet says of one library. `batch` and `chemistry` are empty where nothing was stated.

    `columns` are those that the model names beyond them, empty where a value is missing.
    """

    sample: str
    condition: str
    donor: str
    batch: str = ""
    chemistry: str = ""
    sort: str = UNSORTED
    columns: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """The value of a column of the model."""
        if name == "sorted":
            return self.sort
        return str(getattr(self, name)) if name in FACTORS else self.columns.get(name, "")


def libraries_of(samples: Iterable[Sample]) -> list[Library]:
    """The libraries of a sample sheet."""
    return [
        Library(
            sample=one.sample,
            condition=one.condition,
            donor=one.donor,
            batch=one.stated_batch,
            chemistry=one.chemistry or "",
            sort=one.sorted or UNSORTED,
            columns=dict(one.columns),
        )
        for one in samples
    ]


@dataclass(frozen=True)
class Sides:
    """One donor's libraries on both sides of a contrast.

    `notes` are keys: ``only_reference``, ``only_test``, ``technical_replicates``, ``differs:FACTOR`` where
    the two sides differ in it, ``missing:COLUMN`` where the model needs a value that is not there.
    """

    donor: str
    reference: tuple[Library, ...]
    test: tuple[Library, ...]
    notes: tuple[str, ...]

    @property
    def paired(self) -> bool:
        """Whether the donor has a library on either side."""
        return bool(self.reference and self.test)


@dataclass(frozen=True)
class Design:
    """What one contrast can say within one sort.

    `decision` is PAIRED, CONCORDANCE (two pairs), SINGLE, UNPAIRED or NOT_ESTIMABLE. `donors` are those that
    it rests on. `aliased` names the factors that can't be told from the contrast. `reasons` are keys:
    ``no_pairs``, ``one_pair``, ``two_pairs``, ``few_unpaired:N+M`` (donors a side), ``aliased:FACTOR``,
    ``one_sided:DONOR``, ``few_df`` (the formula leaves too few donors), ``constant:TERM`` (nothing to adjust
    for: it follows from the donor). `rank` is that of the model, which has `coefficients`; without a
    `formula` of the study's own it holds donor, batch, chemistry and condition.
    """

    contrast: str
    test: str
    reference: str
    sort: str
    decision: str
    donors: tuple[str, ...]
    sides: tuple[Sides, ...]
    aliased: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    rank: int = 0
    coefficients: int = 0
    formula: str = ""

    @property
    def blocked(self) -> bool:
        """Whether donors are compared with themselves."""
        return self.decision != UNPAIRED

    def model(self, units: Sequence[tuple[str, str]]) -> model.Model:
        """The model on these units (donor and condition), for this contrast."""
        found = units_of(
            [library for one in self.sides for library in (*one.reference, *one.test)], self.formula
        )
        return model.build(
            [found[key] for key in units], self.formula or model.DEFAULT, test=self.test, blocked=self.blocked
        )


def audit(
    libraries: Sequence[Library], contrasts: Mapping[str, Mapping[str, str]], *, formula: str | None = None
) -> list[Design]:
    """The designs of every contrast (conditions ``test`` and ``reference``), one for each sort in it.

    `formula` is the model over donors that the study names.
    A contrast whose two sides share no sort has one design, NOT_ESTIMABLE, aliased with ``sort``; where one
    side was sorted for the CAR and the other not at all, a second one for CAR+ cells alone (CAR_CELLS).
    """
    designs = []
    for name, contrast in contrasts.items():
        involved = [one for one in libraries if one.condition in (contrast["test"], contrast["reference"])]
        sorts = sorted({one.sort for one in involved}, key=lambda sort: (sort != UNSORTED, sort))
        parts = [
            _design(name, contrast, sort, [one for one in involved if one.sort == sort], formula or "")
            for sort in sorts
        ]
        complete = [one for one in parts if all(_has_side(one, side) for side in ("reference", "test"))]
        if complete:
            designs += parts
        elif involved:
            designs.append(_sorted_apart(name, contrast, involved))
            if set(sorts) == set(CAR_CELLS.split("|")) and len({one.condition for one in involved}) == 2:
                found = _design(name, contrast, CAR_CELLS, involved, formula or "")
                designs.append(replace(found, reasons=("car_cells_only", *found.reasons)))
    return designs


def _has_side(design: Design, side: str) -> bool:
    return any(getattr(one, side) for one in design.sides)


def _sorted_apart(name: str, contrast: Mapping[str, str], libraries: Sequence[Library]) -> Design:
    """The two sides were sorted differently, so that the sort can't be told from the contrast."""
    sides = _sides(libraries, contrast)
    one_condition = len({one.condition for one in libraries}) < 2
    factor = "condition" if one_condition else "sort"
    return Design(
        name, contrast["test"], contrast["reference"], "+".join(sorted({one.sort for one in libraries})),
        NOT_ESTIMABLE, (), sides, (factor,), (f"aliased:{factor}",),
    )  # fmt: skip


def _sides(libraries: Iterable[Library], contrast: Mapping[str, str]) -> tuple[Sides, ...]:
    donors: dict[str, list[Library]] = {}
    for one in libraries:
        donors.setdefault(one.donor, []).append(one)
    found = []
    for donor in sorted(donors):
        reference, test = (
            tuple(one for one in donors[donor] if one.condition == contrast[side])
            for side in ("reference", "test")
        )
        found.append(Sides(donor, reference, test, tuple(_notes(reference, test))))
    return tuple(found)


def _notes(reference: Sequence[Library], test: Sequence[Library]) -> list[str]:
    if not reference or not test:
        return ["only_reference" if reference else "only_test"]
    notes = ["technical_replicates"] if max(len(reference), len(test)) > 1 else []
    for factor in ("batch", "chemistry"):
        values = [{getattr(one, factor) for one in side} - {""} for side in (reference, test)]
        if all(values) and values[0] != values[1]:
            notes.append(f"differs:{factor}")
    return notes


def _incomplete(side: Sides, formula: str) -> list[str]:
    """The columns of `formula` that a donor has no value of, as notes."""
    libraries = (*side.reference, *side.test)
    return [
        f"missing:{name}" for name in columns_of(formula) if not all(one.value(name) for one in libraries)
    ]


def columns_of(formula: str) -> list[str]:
    """The columns of `formula` beyond donor and condition."""
    return [name for name in variables(formula) if name not in (model.DONOR, model.CONDITION)]


def units_of(libraries: Iterable[Library], formula: str) -> dict[tuple[str, str], model.Unit]:
    """The units of a model by donor and condition; values of summed libraries that differ are joined."""
    held: dict[tuple[str, str], list[Library]] = {}
    for one in libraries:
        held.setdefault((one.donor, one.condition), []).append(one)
    return {
        key: model.Unit(
            *key,
            {
                name: model.JOIN.join(sorted({one.value(name) for one in part}))
                for name in columns_of(formula)
            },
        )
        for key, part in sorted(held.items())
    }


def _design(
    name: str, contrast: Mapping[str, str], sort: str, libraries: Sequence[Library], formula: str
) -> Design:
    sides = tuple(
        replace(one, notes=(*one.notes, *_incomplete(one, formula))) for one in _sides(libraries, contrast)
    )
    complete = [one for one in sides if not any(note.startswith("missing:") for note in one.notes)]
    pairs = [one for one in complete if one.paired]
    alone = {
        side: [one for one in complete if getattr(one, side) and not one.paired]
        for side in ("reference", "test")
    }
    many = len(pairs) < LEAST_PAIRS and min(map(len, alone.values())) >= LEAST_UNPAIRED
    used = alone["reference"] + alone["test"] if many else pairs
    held = [library for one in used or sides for library in (*one.reference, *one.test)]
    rows = _summed(held)
    in_test = np.array([one.condition == contrast["test"] for one in rows])
    blocks = FACTORS[1:] if many else FACTORS
    aliased = tuple(factor for factor in blocks if _is_aliased(rows, in_test, factor, blocked=not many))
    rank, coefficients = _rank(rows, in_test, blocks)
    reasons: list[str] = []
    if formula and used:
        fitted = model.build(
            list(units_of(held, formula).values()), formula, test=contrast["test"], blocked=not many
        )
        aliased = tuple(dict.fromkeys([*aliased, *fitted.aliased]))
        rank, coefficients = fitted.rank, fitted.coefficients
        reasons += [f"constant:{term}" for term in fitted.constant]
        reasons += ["few_df"] if len(pairs) >= LEAST_PAIRS and fitted.df < model.LEAST_DF else []
    decision = _decision(len(pairs), aliased, unpaired=many)
    if "few_df" in reasons and decision == PAIRED:
        decision = NOT_ESTIMABLE
    reasons = [f"aliased:{factor}" for factor in aliased] + reasons
    if not many:
        reasons += {0: ["no_pairs"], 1: ["one_pair"], 2: ["two_pairs"]}.get(len(pairs), [])
        if not pairs and any(alone.values()):
            reasons.append("few_unpaired:{}+{}".format(*map(len, alone.values())))
        reasons += [f"one_sided:{one.donor}" for one in sides if not one.paired]
    donors = tuple(sorted({one.donor for one in used}))
    return Design(
        name, contrast["test"], contrast["reference"], sort, decision, donors, sides,
        aliased, tuple(reasons), rank, coefficients, formula,
    )  # fmt: skip


def _summed(libraries: Iterable[Library]) -> list[Library]:
    """One library for each donor and condition, as they are summed; batches and chemistries are joined.

    A side of 3' and 5' libraries differs from one of 3' libraries alone: no sum undoes that.
    """
    held: dict[tuple[str, str], list[Library]] = {}
    for one in libraries:
        held.setdefault((one.donor, one.condition), []).append(one)
    return [
        replace(part[0], batch=_joined(part, "batch"), chemistry=_joined(part, "chemistry"))
        for part in held.values()
    ]


def _joined(libraries: Sequence[Library], factor: str) -> str:
    """The values of summed libraries; empty where one has none."""
    values = {str(getattr(one, factor)) for one in libraries}
    return model.JOIN.join(sorted(values)) if all(values) else ""


def _decision(pairs: int, aliased: Sequence[str], *, unpaired: bool) -> str:
    if unpaired:
        return NOT_ESTIMABLE if aliased else UNPAIRED
    if pairs >= LEAST_PAIRS:
        return NOT_ESTIMABLE if aliased else PAIRED
    return {0: NOT_ESTIMABLE, 1: SINGLE, 2: CONCORDANCE}[pairs]


def _is_aliased(libraries: Sequence[Library], in_test: np.ndarray, factor: str, *, blocked: bool) -> bool:
    """Whether the contrast can't be told from `factor`: given it, and the donors, no contrast is left."""
    known = [one for one in libraries if getattr(one, factor)]
    if len(known) < len(libraries) or len({getattr(one, factor) for one in libraries}) < 2:
        return False
    columns = [np.ones((len(libraries), 1)), _dummies([getattr(one, factor) for one in libraries])]
    if blocked:
        columns.append(_dummies([one.donor for one in libraries]))
    rest = np.hstack(columns)
    return _rank_of(np.column_stack([rest, in_test])) == _rank_of(rest)


def _rank(libraries: Sequence[Library], in_test: np.ndarray, factors: Iterable[str]) -> tuple[int, int]:
    """Rank and number of coefficients of the model with `factors` and the condition."""
    if not libraries:
        return 0, 0
    columns = [np.ones((len(libraries), 1)), *(_dummies([getattr(o, f) for o in libraries]) for f in factors)]
    model = np.column_stack([*columns, in_test.astype(float)])
    return _rank_of(model), model.shape[1]


def _dummies(values: Sequence[str]) -> np.ndarray:
    """A column for each value but the first."""
    levels = sorted(set(values))[1:]
    return np.array([[float(value == level) for level in levels] for value in values]).reshape(
        len(values), -1
    )


def _rank_of(matrix: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(matrix)) if matrix.size else 0


def table(designs: Sequence[Design]) -> pd.DataFrame:
    """The audit as `tables/design.tsv` has it: one row per contrast, sort and donor."""
    import pandas as pd

    rows = []
    for one in designs:
        common = [
            one.contrast, one.test, one.reference, one.sort, one.decision,
            sum(side.paired for side in one.sides), one.coefficients, one.rank,
            ",".join(one.aliased), ",".join(one.reasons),
        ]  # fmt: skip
        for side in one.sides:
            libraries = [[library.sample for library in part] for part in (side.reference, side.test)]
            factors = [
                sorted({getattr(library, factor) for library in part} - {""})
                for factor in ("batch", "chemistry")
                for part in (side.reference, side.test)
            ]
            used = "yes" if side.donor in one.donors else "no"
            joined = [",".join(names) for names in (*libraries, *factors)]
            rows.append([*common, side.donor, used, ",".join(side.notes), *joined])
    return pd.DataFrame(rows, columns=COLUMNS)


def choose(designs: Sequence[Design], contrast: str, population: str) -> Design | None:
    """The design that decides on `population` in `contrast`; None where no library is in the contrast.

    CAR+ T cells (``car_t``) come from libraries sorted for the CAR where those give more pairs, else from
    unsorted ones, or from one side's of each; other populations from unsorted ones alone.
    """
    of_contrast = [one for one in designs if one.contrast == contrast]
    wanted = (UNSORTED, "CAR+") if population == "car_t" else (UNSORTED,)
    fitting = [one for one in of_contrast if one.sort in wanted]
    if fitting:
        return max(fitting, key=lambda one: (sum(side.paired for side in one.sides), -wanted.index(one.sort)))
    mixed = [one for one in of_contrast if one.sort == CAR_CELLS and population == "car_t"]
    apart = [one for one in of_contrast if "sort" in one.aliased]
    return next(iter(mixed + apart), None)


def in_sort(sorts: pd.Series, sort: str) -> pd.Series:
    """Which cells are of libraries of a design's `sort`."""
    return sorts.isin(sort.split("|"))
