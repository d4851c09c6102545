"""The tables of a cohort, read and checked as a whole: every mistake is told at once, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carpeak.errors import UserError, listed, nearest
from carpeak.study import config as configuration
from carpeak.study import sheet

from . import columns as columns_
from . import rounding
from .columns import Column, FieldError

if TYPE_CHECKING:
    import pandas as pd

ENDPOINTS = ("os", "efs", "relapse")
DATES = ("infusion_date", "relapse_date", "death_date", "last_date")
TWO_NUMBERS = ("interval_of", "symmetric")
_ONE_OF_A_KIND = {"events": (), "event_counts": ("event",), "series": ("patient", "day", "variable")}


@dataclass(frozen=True)
class Cohort:
    """The tables that are there, typed; `settings` is the configuration's block with its defaults.

    `patients` has one row per patient in the order of the sheet, and no dates: they have become days.
    """

    settings: Mapping[str, Any]
    patients: pd.DataFrame | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    events: pd.DataFrame | None = None
    event_counts: pd.DataFrame | None = None
    series: pd.DataFrame | None = None
    source: str = ""
    statements: tuple[Mapping[str, Any], ...] = ()

    @property
    def total(self) -> int | None:
        """Number of patients; None where only counts are given and no total."""
        return len(self.patients) if self.patients is not None else self.settings["total"]


def read(settings: Mapping[str, Any], schemas: str | Path) -> Cohort:
    """Read every table that `settings` (the block ``cohort`` with defaults) names.

    `schemas` is the folder of the schemas. Raises UserError, one message per file that is wrong.
    """
    schemas = Path(schemas)
    problems = _settings_problems(settings)
    if problems:
        raise UserError(listed("cohort", problems))
    patients, known = (None, {}) if not settings["patients"] else read_patients(settings, schemas)
    names = None if patients is None else list(patients["patient"])
    tables = {
        name: read_rows(settings[name], schemas / f"cohort_{name}.schema.yaml", patients=names)
        for name in ("events", "event_counts", "series")
        if settings[name]
    }
    source: str = ""
    statements: tuple[Mapping[str, Any], ...] = ()
    if settings["statements"]:
        source, statements = read_statements(settings["statements"], schemas)
    problems = _column_problems(settings, known)
    if problems:
        raise UserError(listed("cohort", problems))
    return Cohort(settings, patients, known, **tables, source=source, statements=statements)


def _settings_problems(settings: Mapping[str, Any]) -> list[str]:
    found = []
    tables = ("patients", "event_counts", "statements")
    if not any(settings[name] for name in tables):
        found.append(f"needs at least one of the tables {', '.join(tables)}")
    found += [
        f"{name}: needs the table 'patients' beside it"
        for name in ("events", "series")
        if settings[name] and not settings["patients"]
    ]
    if settings["patients"] and settings["total"]:
        found.append("total: the rows of patients are counted; leave 'total' out")
    found += [
        f"responders: '{word}' is not in the scale 'responses'{nearest(word, settings['responses'])}"
        for word in settings["responders"]
        if word not in settings["responses"]
    ]
    return found


def _column_problems(settings: Mapping[str, Any], known: Mapping[str, Column]) -> list[str]:
    words = [name for name, column in known.items() if column.grouping]
    numbers = [name for name, column in known.items() if column.numeric]
    found = [
        f"groups: there is no column '{name}' of words{nearest(name, words)}"
        for name in settings["groups"]
        if name not in words
    ]
    return found + [
        f"pairs: there is no column '{name}' of numbers{nearest(name, numbers)}"
        for pair in settings["pairs"]
        for name in pair
        if name not in numbers
    ]


def read_patients(settings: Mapping[str, Any], schemas: Path) -> tuple[pd.DataFrame, dict[str, Column]]:
    """The sheet of patients, typed, and its columns by name. Raises UserError."""
    import pandas as pd

    path = Path(settings["patients"])
    known = columns_.from_schema(configuration.load_yaml(schemas / "patients.schema.yaml")["properties"])
    scale = tuple(settings["responses"])
    known["response"] = Column("response", "response", label="response", levels=scale)
    known["dose"] = Column("dose", "number", label="dose", unit=settings["dose_unit"], above=0)
    for name, spec in settings["columns"].items():
        if name in known and known[name].kind not in ("grade",):
            msg = f"cohort.columns: '{name}' is a column of its own kind and is not declared again"
            raise UserError(msg)
        known[name] = columns_.declared(name, spec)
    rows = sheet.rows(path)
    problems = sheet.wrong_columns(list(rows[0][1]), known, needed=["patient"])
    if "response" in rows[0][1] and not scale:
        problems.append(
            "the column 'response' needs the setting cohort.responses, its scale from worst to best"
        )
    if problems:
        raise UserError(listed(path, problems))
    records, problems = _records(rows, known, empty=True)
    problems += _repeated(rows, ("patient",))
    for (number, _), record in zip(rows, records):
        problems += [f"row {number}: {sentence}" for sentence in _contradictions(record)]
    if problems:
        raise UserError(listed(path, problems))
    records = [_with_days(record) for record in records]
    given = {name for record in records for name in record}
    names = [name for name in known if name in given]
    table = pd.DataFrame({name: _series([record.get(name) for record in records]) for name in names})
    return table, {name: known[name] for name in names}


def _series(values: Sequence[Any]) -> pd.Series:
    import pandas as pd

    numbers = all(
        value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) for value in values
    )
    return pd.Series(values, dtype=float if numbers else object)


def read_rows(path: str, schema: Path, *, patients: Sequence[str] | None) -> pd.DataFrame:
    """A table of events, of counted events or of a series. Raises UserError."""
    import pandas as pd

    document = configuration.load_yaml(schema)
    known = columns_.from_schema(document["properties"])
    rows = sheet.rows(Path(path))
    problems = sheet.wrong_columns(list(rows[0][1]), known, needed=document["required"])
    if problems:
        raise UserError(listed(path, problems))
    records, problems = _records(rows, known, empty=False, needed=document["required"])
    name = schema.name.removeprefix("cohort_").removesuffix(".schema.yaml")
    if _ONE_OF_A_KIND[name]:
        problems += _repeated(rows, _ONE_OF_A_KIND[name])
    if patients is not None and "patient" in known:
        problems += [
            f"row {number}: patient '{row['patient']}' is not in the sheet of patients"
            f"{nearest(row['patient'], patients)}"
            for number, row in rows
            if row["patient"] and row["patient"] not in patients
        ]
    if problems:
        raise UserError(listed(path, problems))
    return pd.DataFrame({key: _series([record[key] for record in records]) for key in records[0]})


def _records(
    rows: Sequence[tuple[int, dict[str, str]]],
    known: Mapping[str, Column],
    *,
    empty: bool,
    needed: Sequence[str] = ("patient",),
) -> tuple[list[dict[str, Any]], list[str]]:
    """Typed rows and what is wrong in them; a column without any value is a mistake where `empty` is set."""
    problems: list[str] = []
    records = []
    for number, row in rows:
        record: dict[str, Any] = {}
        for name, text in row.items():
            try:
                record[name] = columns_.parse(text, known[name])
            except FieldError as error:
                record[name] = None
                problems.append(f"row {number}, column '{name}': {error}")
            else:
                if record[name] is None and name in needed:
                    problems.append(f"row {number}: the field '{name}' is empty")
        records.append(record)
    if empty:
        problems += [
            f"the column '{name}' is empty in every row; fill it or leave it out"
            for name in rows[0][1]
            if all(row[name] in columns_.MISSING for _, row in rows)
        ]
    return records, problems


def _repeated(rows: Sequence[tuple[int, dict[str, str]]], key: Sequence[str]) -> list[str]:
    seen: dict[tuple[str, ...], int] = {}
    problems = []
    for number, row in rows:
        value = tuple(row[name] for name in key)
        if value in seen:
            words = ", ".join(f"{name} '{row[name]}'" for name in key)
            problems.append(f"rows {seen[value]} and {number} are both of {words}; keep one")
        seen.setdefault(value, number)
    return problems


def _contradictions(row: Mapping[str, Any]) -> Iterator[str]:
    """Sentences on fields of one patient that exclude each other."""
    for endpoint in ENDPOINTS:
        days, event = f"{endpoint}_days", f"{endpoint}_event"
        if (row.get(days) is None) != (row.get(event) is None):
            there, lacking = (days, event) if row.get(event) is None else (event, days)
            yield f"'{there}' is given without '{lacking}'; give both or neither"
    if (
        row.get("os_event") is not None
        and row.get("died") is not None
        and bool(row["os_event"]) != row["died"]
    ):
        yield f"os_event is {row['os_event']}, but died is {'yes' if row['died'] else 'no'}"
    if row.get("relapse_event") == 2 and row.get("died") is False:
        yield "relapse_event is 2 (death without relapse), but died is no"
    for earlier in ("efs", "relapse"):
        first, last = row.get(f"{earlier}_days"), row.get("os_days")
        if first is not None and last is not None and first > last:
            yield f"{earlier}_days is after os_days, the last day known"
    yield from _date_contradictions(row)


def _date_contradictions(row: Mapping[str, Any]) -> Iterator[str]:
    """The same for dates; no date stands in the sentences."""
    dated = {name: row.get(name) for name in DATES}
    start = dated["infusion_date"]
    if start is None and any(dated.values()):
        yield "dates need the infusion_date, from which days are counted"
        return
    for name in ("relapse_date", "death_date", "last_date"):
        if start is not None and dated[name] is not None and dated[name] < start:
            yield f"{name} is before infusion_date"
    if start is not None and dated["death_date"] is None and dated["last_date"] is None:
        yield "infusion_date needs death_date or last_date beside it"
    end = dated["death_date"] or dated["last_date"]
    if end is not None and dated["relapse_date"] is not None and dated["relapse_date"] > end:
        yield "relapse_date is after the last date known"
    if dated["death_date"] and dated["last_date"] and dated["last_date"] > dated["death_date"]:
        yield "last_date is after death_date"
    if start is not None and any(row.get(f"{endpoint}_days") is not None for endpoint in ENDPOINTS):
        yield "both days and dates are given; keep one of them"


def _with_days(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with times in days in the place of its dates."""
    kept = {name: value for name, value in row.items() if name not in DATES}
    if row.get("infusion_date") is None:
        return kept
    start, relapse, death = (row.get(name) for name in ("infusion_date", "relapse_date", "death_date"))
    end = death or row["last_date"]
    first = relapse or end
    return kept | {
        "os_days": float((end - start).days),
        "os_event": int(death is not None),
        "efs_days": float((first - start).days),
        "efs_event": int(relapse is not None or death is not None),
        "relapse_days": float((first - start).days),
        "relapse_event": 1 if relapse is not None else 2 if death is not None else 0,
    }


def read_statements(path: str, schemas: Path) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    """The source and the statements of a text. Raises UserError."""
    document = configuration.load_yaml(path)
    schema = configuration.load_yaml(schemas / "statements.schema.yaml")
    checked = configuration.with_defaults(document, schema)
    wrong = configuration.problems(checked, schema)
    if wrong:
        raise UserError(listed(path, wrong))
    seen: set[str] = set()
    repeated = [s["id"] for s in checked["statements"] if s["id"] in seen or seen.add(s["id"])]  # type: ignore[func-returns-value]
    problems = [f"the id '{name}' stands twice" for name in repeated]
    problems += [sentence for one in checked["statements"] for sentence in _value_problems(one)]
    if problems:
        raise UserError(listed(path, problems))
    return checked["source"], tuple(checked["statements"])


def _value_problems(statement: Mapping[str, Any]) -> Iterator[str]:
    """A value that is no number where one is computed."""
    kind = next(iter(statement.get("compute", {"words": {}})))
    value = statement["value"]
    if kind == "words":
        return
    values = [value] if isinstance(value, str) else value
    if kind in TWO_NUMBERS and (isinstance(value, str) or len(value) != 2):
        yield f'statement \'{statement["id"]}\': an interval has two numbers; write value: ["1.0", "2.0"]'
    elif kind not in TWO_NUMBERS and not isinstance(value, str):
        yield f"statement '{statement['id']}': its value is one number"
    for one in values:
        if rounding.printed(one) is None:
            yield f"statement '{statement['id']}': '{one}' is not a number; give the number as it is printed"
