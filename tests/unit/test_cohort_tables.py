"""A cohort's tables: every kind of mistake gets one clear sentence; dates become days and are never printed."""

import pytest
from carpeak.errors import UserError
from cohorts import simulate, tables, written

HEAD = "patient|age|sex|dose|group|response|crs_grade|died|os_days|os_event|relapse_days|relapse_event|share_x|pct|line"
GOOD = "P1|10|M|1.5|C|CR|3|no|100|0|90|1|0.5|50|2"
VALUE = {
    "responses": ["NR", "PR", "CR"],
    "columns": {
        "share_x": {"type": "share"},
        "pct": {"type": "percent"},
        "line": {"type": "integer", "minimum": 0},
        "kind": {"type": "category", "levels": ["naive", "memory"]},
        "flag": {"type": "yes_no"},
    },
}


def row(**changed):
    fields = dict(zip(HEAD.split("|"), GOOD.split("|"))) | {"patient": "P2"} | changed
    return f"{HEAD}\n{GOOD}\n" + "|".join(fields[name] for name in HEAD.split("|")) + "\n"


DATED = "patient|infusion_date|relapse_date|death_date|last_date\nP0|2021-03-05|2021-03-25|2021-04-04|2021-04-04\n"
BAD_PATIENTS = [
    (row(relapse_event="3"), "row 3, column 'relapse_event': 3 is not an event code; valid codes: 0, 1, 2"),
    (row(os_event="2"), "row 3, column 'os_event': 2 is not an event code; valid codes: 0, 1"),
    (
        row(os_days="-4"),
        "row 3, column 'os_days': -4 is before the infusion; days count from it and are not negative",
    ),
    (row(patient="P1"), "rows 2 and 3 are both of patient 'P1'; keep one"),
    (row(crs_grade="7"), "row 3, column 'crs_grade': grade 7 is above the scale, which ends at 5"),
    (row(crs_grade="-1"), "row 3, column 'crs_grade': -1 is below the smallest valid value, 0"),
    (row(crs_grade="2.5"), "row 3, column 'crs_grade': 2.5 is not a whole number"),
    (
        row(share_x="58"),
        "row 3, column 'share_x': 58 is not a share; shares lie between 0 and 1 (declare it as percent, or divide by 100)",
    ),
    (row(pct="101"), "row 3, column 'pct': 101 is above the largest valid value, 100"),
    (row(pct="58%"), "row 3, column 'pct': '58%' is not a number; write it without the sign"),
    (row(age="12,5"), "row 3, column 'age': '12,5' is not a number; write decimals with a point"),
    (row(age="<18"), "row 3, column 'age': '<18' is not a number; write a number or leave the field empty"),
    (row(age="adult"), "row 3, column 'age': 'adult' is not a number"),
    (
        row(age="inf"),
        "row 3, column 'age': 'inf' is not a finite number; leave the field empty where it is missing",
    ),
    (row(age="140"), "row 3, column 'age': 140 is above the largest valid value, 120"),
    (row(dose="0"), "row 3, column 'dose': 0 must be above 0"),
    (row(sex="W"), "row 3, column 'sex': 'W' is not one of F, M"),
    (row(response="cr"), "row 3, column 'response': 'cr' is not one of NR, PR, CR"),
    (row(died="maybe"), "row 3, column 'died': 'maybe' is neither yes nor no"),
    (row(line="-2"), "row 3, column 'line': -2 is below the smallest valid value, 0"),
    (row(patient=""), "row 3: the field 'patient' is empty"),
    (row(os_event=""), "row 3: 'os_days' is given without 'os_event'; give both or neither"),
    (row(os_days=""), "row 3: 'os_event' is given without 'os_days'; give both or neither"),
    (row(died="yes"), "row 3: os_event is 0, but died is yes"),
    (row(relapse_event="2"), "row 3: relapse_event is 2 (death without relapse), but died is no"),
    (row(relapse_days="101"), "row 3: relapse_days is after os_days, the last day known"),
    ("patient|age|line\nP1||2\nP2||3\n", "the column 'age' is empty in every row; fill it or leave it out"),
    ("patient|agee\nP1|2\n", "unknown column 'agee' (did you mean 'age'?)"),
    ("name|age\nP1|2\n", "the column 'patient' is missing"),
    ("patient|age|age\nP1|2|2\n", "duplicate column 'age' in the header"),
    ("patient|age\nP1|2|7\n", "row 2 holds more fields than the header"),
    ("patient|age\n", "the sheet holds a header and no row"),
    ("patient,age\nP1,2\n", "the first line holds no tab"),
    (
        "patient|kind\nP1|naiv\n",
        "row 2, column 'kind': 'naiv' is not one of naive, memory (did you mean 'naive'?)",
    ),
    (DATED + "P1|2021-03-05||2021-03-01|\n", "row 3: death_date is before infusion_date"),
    (DATED + "P1|2021-03-05|2021-02-01||2021-05-01\n", "row 3: relapse_date is before infusion_date"),
    (DATED + "P1|2021-03-05||2021-04-01|2021-05-01\n", "row 3: last_date is after death_date"),
    (DATED + "P1|2021-03-05|2021-06-01||2021-05-01\n", "row 3: relapse_date is after the last date known"),
    (DATED + "P1|||2021-04-01|\n", "row 3: dates need the infusion_date, from which days are counted"),
    (DATED + "P1|05/03/2021|||2021-05-01\n", "row 3, column 'infusion_date': not a date; write YYYY-MM-DD"),
    (
        "patient|infusion_date|line\nP1|2021-03-05|1\n",
        "row 2: infusion_date needs death_date or last_date beside it",
    ),
    (
        "patient|infusion_date|last_date|os_days|os_event\nP1|2021-03-05|2021-05-01|4|0\n",
        "row 2: both days and dates are given; keep one of them",
    ),
]


@pytest.mark.parametrize(
    ("text", "sentence"), BAD_PATIENTS, ids=[sentence[:60] for _, sentence in BAD_PATIENTS]
)
def test_a_bad_sheet_of_patients_gets_one_clear_sentence(tmp_path, text, sentence):
    with pytest.raises(UserError) as error:
        written(tmp_path, text, VALUE)
    message = str(error.value)
    assert sentence in message
    assert "patients.tsv" in message
    assert message.count("\n") <= 2
    assert not any(year in message for year in ("2021-", "/2021"))


PATIENTS = "patient|age\nP1|10\nP2|11\n"
BAD_OTHERS = [
    ({"events": "patient|event|grade\nP3|Anemia|3\n"}, "row 2: patient 'P3' is not in the sheet of patients"),
    (
        {"events": "patient|event|grade\nP1|Anemia|0\n"},
        "row 2, column 'grade': 0 is below the smallest valid value, 1",
    ),
    (
        {"events": "patient|event|grade\nP1|Anemia|6\n"},
        "row 2, column 'grade': grade 6 is above the scale, which ends at 5",
    ),
    ({"events": "patient|event|grade\nP1||3\n"}, "row 2: the field 'event' is empty"),
    ({"events": "patient|grade\nP1|3\n"}, "the column 'event' is missing"),
    (
        {"event_counts": "event|any\nAnemia|2\nAnemia|2\n"},
        "rows 2 and 3 are both of event 'Anemia'; keep one",
    ),
    (
        {"event_counts": "event|any\nAnemia|-2\n"},
        "row 2, column 'any': -2 is below the smallest valid value, 0",
    ),
    (
        {"series": "patient|day|variable|value\nP1|1|il6|-3\n"},
        "row 2, column 'value': -3 is below the smallest valid value, 0",
    ),
    (
        {"series": "patient|day|variable|value\nP1|1|il6|3\nP1|1|il6|4\n"},
        "rows 2 and 3 are both of patient 'P1', day '1', variable 'il6'; keep one",
    ),
    ({"statements": "statements: []\n"}, "statements: [] should be non-empty"),
    (
        {
            "statements": "statements:\n- {id: a, place: x, says: y, value: '1', compute: {count: {wher: {}}}}\n"
        },
        "statements.0.compute.count.wher: unknown key (did you mean 'where'?)",
    ),
    (
        {
            "statements": "statements:\n- {id: a, place: x, says: y, value: '1'}\n- {id: a, place: x, says: y, value: '2'}\n"
        },
        "the id 'a' stands twice",
    ),
    (
        {"statements": "statements:\n- {id: a, place: x, says: y, value: 1}\n"},
        "statements.0.value: 1 should be of type string or array",
    ),
    (
        {"statements": "statements:\n- {id: a, place: x, says: y, value: many, compute: {count: {}}}\n"},
        "statement 'a': 'many' is not a number",
    ),
    (
        {
            "statements": "statements:\n- {id: a, place: x, says: y, value: '3', compute: {symmetric: {estimate: '2'}}}\n"
        },
        "statement 'a': an interval has two numbers",
    ),
]


@pytest.mark.parametrize(("files", "sentence"), BAD_OTHERS, ids=[sentence[:60] for _, sentence in BAD_OTHERS])
def test_other_bad_tables_get_one_clear_sentence(tmp_path, files, sentence):
    with pytest.raises(UserError) as error:
        written(tmp_path, PATIENTS, **files)
    assert sentence in str(error.value)


BAD_SETTINGS = [
    ({}, "needs at least one of the tables patients, event_counts, statements"),
    ({"patients": "patients.tsv", "total": 4}, "total: the rows of patients are counted; leave 'total' out"),
    ({"event_counts": "x.tsv", "series": "y.tsv"}, "series: needs the table 'patients' beside it"),
    (
        {"patients": "patients.tsv", "responses": ["NR", "CR"], "responders": ["Cr"]},
        "responders: 'Cr' is not in the scale 'responses'",
    ),
    (
        {"patients": "patients.tsv", "columns": {"age": {"type": "number"}}},
        "'age' is a column of its own kind",
    ),
    ({"patients": "patients.tsv", "groups": ["arm"]}, "groups: there is no column 'arm' of words"),
    (
        {"patients": "patients.tsv", "pairs": [["age", "nothing"]]},
        "pairs: there is no column 'nothing' of numbers",
    ),
    ({"patients": "nowhere.tsv"}, "no such file"),
]


@pytest.mark.parametrize(
    ("value", "sentence"), BAD_SETTINGS, ids=[sentence[:60] for _, sentence in BAD_SETTINGS]
)
def test_bad_settings_get_one_clear_sentence(tmp_path, value, sentence):
    (tmp_path / "patients.tsv").write_text("patient\tage\nP1\t3\n")
    with pytest.raises(UserError) as error:
        written(tmp_path, None, value)
    assert sentence in str(error.value)


def test_dates_become_days_and_leave_the_table(tmp_path):
    text = DATED + "P2|2021-03-05|||2022-03-05\nP3|2021-03-05||2021-03-15|\n"
    patients = written(tmp_path, text).patients
    assert list(patients.columns) == [
        "patient", "os_days", "os_event", "efs_days", "efs_event", "relapse_days", "relapse_event",
    ]  # fmt: skip
    assert patients["os_days"].tolist() == [30, 365, 10]
    assert patients["os_event"].tolist() == [1, 0, 1]
    assert patients["relapse_days"].tolist() == [20, 365, 10]
    assert patients["relapse_event"].tolist() == [1, 0, 2]


def test_missing_fields_stay_missing_and_types_are_those_declared(tmp_path):
    text = "patient|age|died|flag|cause_of_death|line\nP1||no|yes|none|NA\nP2|4||no|relapse; infection|3\n"
    patients = written(tmp_path, text, VALUE).patients
    assert patients["age"].isna().tolist() == [True, False]
    assert patients["flag"].tolist() == [True, False]
    assert patients["died"].tolist() == [False, None]
    assert patients["cause_of_death"].tolist() == [(), ("relapse", "infection")]


def test_all_mistakes_are_told_at_once(tmp_path):
    with pytest.raises(UserError) as error:
        written(tmp_path, row(age="x", sex="y", crs_grade="9"), VALUE)
    assert str(error.value).count("\n  - ") == 3


@pytest.mark.parametrize("n", [6, 67])
def test_simulated_sheets_are_read(tmp_path, n):
    cohort = written(tmp_path, value=simulate(tmp_path, n))
    assert isinstance(cohort, tables.Cohort)
    assert cohort.total == n
    assert set(cohort.patients["response"]) <= {"NR", "PR", "MRD+CR", "MRD-CR"}
