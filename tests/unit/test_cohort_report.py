"""The tables of a cohort, its figures and its section: sentences, small cells, and sizes from 6 to 1,000."""

import json
import re

import pandas as pd
import pytest
import yaml
from carpeak import io
from carpeak.cohort import analyse, cell_findings, privacy
from carpeak.errors import UserError
from carpeak.figures import cohort_set, style
from carpeak.report import cohort as section
from carpeak.report import cohort_words as words
from carpeak.study import study
from cohorts import STUDIES, published, simulate, written
from runs import ROOT

TEMPLATE = ROOT / "workflow/resources/report/cohort.html.j2"


def finished(folder, cohort, *, cells_simulated=None, correlations=None):
    """The tables and figures of a cohort in `folder`, and the section made of them."""
    found = analyse.tables(cohort)
    for name, table in found.items():
        io.write_table(table, folder / f"{name}.tsv")
    io.write_json(analyse.summary(cohort, found), folder / "summary.json")
    inputs = {name: str(folder / f"{name}.tsv") for name in found} | {"summary": str(folder / "summary.json")}
    figures = cohort_set.figures(inputs, scale=cohort.settings["responses"], footer="")
    for name, figure in figures.items():
        style.save(figure, folder / f"cohort_{name}.svg", folder / f"cohort_{name}.png")
    if correlations is not None:
        io.write_table(correlations, folder / "correlations.tsv")
    paths = {
        "cohort": [str(folder / f"{name}.tsv") for name in found],
        "cohort_summary": str(folder / "summary.json"),
        "cohort_template": str(TEMPLATE),
        "cohort_figures": [str(folder / f"cohort_{name}.svg") for name in figures],
        "cohort_correlations": [str(folder / "correlations.tsv")] if correlations is not None else [],
    }
    html = section.section(paths, embed, cells_simulated=cells_simulated)
    return found, html


def embed(path):
    return {"uri": "data:,", "width": 1, "height": 1, "file": f"figures/{path}"}


def text(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("paper"), published("cll1_paper"))


def test_the_section_tells_the_contradictions_of_the_paper(paper):
    said = text(paper[1])
    assert "12 patients." in said
    assert "9 of 12 patients responded: 75 % (95 % interval 43 % to 95 %)." in said
    assert (
        "Encephalopathy, any grade: 2 in the table of adverse events, 3 in the patients’ neurotoxicity grade."
        in said
    )
    assert (
        "Hemorrhage intracranial: 1 died of it, but the table of adverse events has no column for grade 5."
        in said
    )
    assert "Fatigue: 8 of grade 4, but CTCAE 5.0 defines grades 1 to 3 only." in said
    assert "CRES is a term of CARTOX; the text names the criteria of ASTCT." in said
    assert "Counted: P2, P11." in said
    assert "The tables lack os_days, os_event." in said
    assert "nan" not in said.lower().replace("finance", "")


def test_statements_that_disagree_come_first(paper):
    verdicts = re.findall(r'<td><span class="chip (\w+)">', paper[1])
    assert verdicts == sorted(verdicts, key=["failed", "poor", "not_estimable", "ok"].index)
    assert verdicts.count("failed") == paper[0]["statements"]["verdict"].eq("disagrees").sum() > 15


@pytest.mark.parametrize("name", ["cd38_letter", "cd19_prophylaxis", "ddcart_second", "donor_ball"])
def test_studies_with_summaries_only_make_a_section(tmp_path, name):
    said = text(finished(tmp_path, published(name))[1])
    assert "No row per patient is given" in said
    assert "Who they were" not in said
    if name == "cd19_prophylaxis":
        assert (
            "All 16 P values of the tables come from chi-square, Yates’ or Fisher’s test by the smallest expected"
            in said
        )


@pytest.mark.parametrize("n", [6, 67, 1000])
def test_a_cohort_of_any_size_makes_tables_figures_and_a_section(tmp_path, n):
    value = simulate(tmp_path / "given", n)
    found, html = finished(tmp_path, written(tmp_path / "given", value=value))
    said = text(html)
    assert f"{n:,} patients." in said
    for word in (
        "Overall survival",
        "log-rank test",
        "Gray’s test",
        "exact trend test",
        "area to day 28",
        "Peak of the first",
    ):
        assert word in said
    assert "At risk" in said
    assert len(html) < 400_000
    rates = found["rates"]
    assert ((rates["low"] <= rates["estimate"]) | rates["low"].isna()).all()


def test_the_same_sheets_give_the_same_bytes(tmp_path):
    value = simulate(tmp_path / "given", 30)
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        finished(tmp_path / place, written(tmp_path / "given", value=value))
    for path in sorted((tmp_path / "one").glob("*.tsv")) + sorted((tmp_path / "one").glob("*.svg")):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_hidden_small_cells_stand_nowhere(tmp_path):
    value = simulate(tmp_path / "given", 30) | {"hide_small_cells": True}
    found, html = finished(tmp_path, written(tmp_path / "given", value=value))
    for name in ("characteristics", "responses", "subgroups", "adverse"):
        table = io.read_table(tmp_path / f"{name}.tsv")
        marked = table[table["small"]]
        assert len(marked), name
        counts = [
            c for c in ("n", "share", "low", "high", "median", "any", "grade_1", "grade_3") if c in table
        ]
        assert marked[counts].isna().all().all(), name
        shown = table[~table["small"]]
        if name in ("characteristics", "responses"):
            kept = shown[shown.get("kind", "count") == "count"].dropna(subset=["n"])
            assert not ((kept["n"] > 0) & (kept["n"] < 5)).any()
            assert not ((kept["total"] - kept["n"] > 0) & (kept["total"] - kept["n"] < 5)).any()
    assert found["courses"].empty
    assert found["series"].empty
    assert "hidden *" in text(html)
    assert not re.search(r">P\d+<", html)


def test_one_small_count_is_not_betrayed_by_the_total():
    table = pd.DataFrame({"g": ["a"] * 3 + ["b"] * 2, "n": [2, 8, 20, 10, 20], "total": [30] * 5})
    assert privacy.marked(table, limit=5, within=["g"])["small"].tolist() == [True, True, False, False, False]
    assert privacy.is_small([0, 1, 4, 5], limit=5).tolist() == [False, True, True, False]
    assert not privacy.is_small([1, 2], limit=0).any()


def test_dates_are_in_no_table(tmp_path):
    (tmp_path / "given").mkdir()
    rows = [f"P{i}|2021-03-0{i}|2021-0{i + 3}-01" for i in range(1, 6)]
    cohort = written(tmp_path / "given", "patient|infusion_date|death_date\n" + "\n".join(rows) + "\n", {})
    _, html = finished(tmp_path, cohort)
    for path in tmp_path.glob("*.*"):
        if path.suffix in (".tsv", ".json"):
            assert "2021" not in path.read_text(), path.name
    assert "2021" not in text(html)


def test_real_patients_beside_simulated_cells_are_told_apart(tmp_path):
    cohort = published("cll1_paper")
    said = text(finished(tmp_path, cohort, cells_simulated=True)[1])
    assert "These patients are not simulated. The cells of this page are" in said


def test_correlations_with_the_cells_of_the_same_patients(tmp_path):
    cohort = written(tmp_path, value=simulate(tmp_path, 6))
    composition = pd.DataFrame(
        {
            "population": "car_t",
            "label": "CD4 Tem",
            "condition": "peak",
            "donor": [f"P{i}" for i in (1, 2, 3, 4, 5, 9)],
            "fraction": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        }
    )
    car = pd.DataFrame({"condition": "peak", "donor": ["P1", "P1"], "detected_fraction": [0.2, 0.4]})
    cells = cell_findings.by_patient(composition, car)
    assert cells.loc[cells["finding"] == "peak: CAR detected", "value"].tolist() == [pytest.approx(0.3)]
    found = analyse.correlations(cohort, cells, seed=0)
    row = found[(found["variable"] == "age") & (found["finding"] == "peak: CD4 Tem")].iloc[0]
    assert (row["n"], row["method"]) == (5, "exact")
    assert (found.loc[found["finding"] == "peak: CAR detected", "method"] == "too_few").all()
    said = text(finished(tmp_path, cohort, correlations=found)[1])
    assert "not why" in said
    assert not re.search(r"\bcaus|\bdrive|\beffect of\b|\bled to\b", said.split("With the cells")[1])


@pytest.mark.parametrize(
    ("p", "shown"), [(0.0004, "< 0.001"), (0.0156, "0.016"), (0.5649, "0.56"), (float("nan"), "–")]
)
def test_p_values_as_they_are_read(p, shown):
    assert words.p_value(p) == shown


@pytest.mark.parametrize("name", sorted(path.parent.name for path in STUDIES.glob("*/statements.yaml")))
def test_a_published_cohort_is_a_valid_study_without_samples(name):
    source = STUDIES / name / "config.yaml"
    loaded = study.load(yaml.safe_load(source.read_text()), source=source, workflow=ROOT / "workflow")
    assert loaded.samples == ()
    assert all(path.endswith((".tsv", ".yaml")) for files in loaded.given_cohort.values() for path in files)
    readme = (STUDIES / name / "README.md").read_text()
    assert f"--configfile config/studies/{name}/config.yaml" in readme
    assert f"| `{name}` |" in (STUDIES / "README.md").read_text()


BAD_BLOCKS = [
    ({"cohort": "cohort.yaml"}, "patient: 3", "patient: unknown key (did you mean 'patients'?)"),
    ({"cohort": "cohort.yaml"}, "patients: nowhere.tsv", "patients: no such file"),
    ({"cohort": "cohort.yaml"}, "small_cells: -1", "small_cells: -1 is less than the minimum of 0"),
    ({"cohort": "nowhere.yaml"}, "", "no such file"),
    ({"cohort": {"patients": "x.tsv"}}, "", "should be of type string"),
    ({"cohort": "cohort.yaml", "samples": "samples.tsv"}, "total: 3", "the key 'transgene' is missing"),
    ({"title": "nothing"}, "", "the key 'samples' is missing"),
]


@pytest.mark.parametrize(("value", "block", "sentence"), BAD_BLOCKS, ids=[one[2][:50] for one in BAD_BLOCKS])
def test_a_bad_block_is_told_in_one_sentence(tmp_path, value, block, sentence):
    (tmp_path / "cohort.yaml").write_text(block)
    (tmp_path / "samples.tsv").write_text(
        "sample\tcondition\tdonor\tpath\na\tproduct\tP1\tx\nb\tpeak\tP1\ty\n"
    )
    with pytest.raises(UserError) as error:
        study.load(value, source=tmp_path / "config.yaml", workflow=ROOT / "workflow")
    assert sentence in str(error.value)


def test_the_summary_is_plain_json(paper):
    json.dumps(analyse.summary(published("cll1_paper"), paper[0]), allow_nan=False)
