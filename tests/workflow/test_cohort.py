"""Cohorts as a user runs them: alone, beside the demo's cells, and with mistakes."""

import re

import pandas as pd
import pytest
import yaml
from cohorts import STUDIES, simulate
from runs import jobs_to_run, snakemake, tables

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cll1_paper")
    snakemake(folder, "--configfile", str(STUDIES / "cll1_paper/config.yaml"))
    return folder


def test_a_cohort_alone_makes_a_report(paper):
    html = (paper / "results/report.html").read_text()
    assert "CLL-1 CAR-T after transplantation: the 12 patients" in html
    assert "Encephalopathy, any grade: 2 in the table of adverse events, 3 in" in html
    assert html.count("data:image/svg+xml") == 3  # nothing to draw of courses, curves and kinetics
    assert not re.findall(r'(?:src|href)="https?://', html)
    for link in set(re.findall(r'href="((?:cohort|figures)/[^"]+)"', html)):
        assert (paper / "results" / link).is_file(), link
    assert {path.name for path in (paper / "results").iterdir()} == {
        "cohort", "figures", "provenance.json", "report.html",
    }  # fmt: skip


def test_its_tables_hold_the_verdicts(paper):
    found = pd.read_csv(paper / "results/cohort/statements.tsv", sep="\t").set_index("id")
    assert found.loc["burden_median", ["verdict", "recomputed"]].tolist() == ["disagrees", "21.21"]
    assert found.loc["age_median", "verdict"] == "agrees"
    assert found.loc["follow_up", "missing"] == "os_days, os_event"


def test_nothing_is_run_again_and_a_changed_sheet_is(tmp_path):
    block = simulate(tmp_path, 20)
    config = tmp_path / "config.yaml"
    (tmp_path / "cohort.yaml").write_text(yaml.safe_dump({"simulated": True, **block}))
    config.write_text(yaml.safe_dump({"title": "Twenty", "cohort": "cohort.yaml"}))
    snakemake(tmp_path, "--configfile", str(config))
    first = tables(tmp_path)
    assert "cohort/rates.tsv" in first
    again = snakemake(tmp_path, "--configfile", str(config), "--dry-run")
    assert jobs_to_run(again.stdout + again.stderr) == {}
    snakemake(tmp_path, "--configfile", str(config), "--forceall", cores=1)
    assert tables(tmp_path) == first
    sheet = tmp_path / "patients.tsv"
    lines = sheet.read_text().splitlines()
    sheet.write_text("\n".join(lines[:-1]) + "\n")
    broken = snakemake(tmp_path, "--configfile", str(config), check=False)
    assert broken.returncode
    assert "carpeak: cohort: " in broken.stderr
    assert "patient 'P20' is not in the sheet of patients" in broken.stderr
    assert "Traceback" not in broken.stderr


def test_a_study_without_a_cohort_has_none_of_it(tmp_path):
    asked = snakemake(tmp_path, "--dry-run")
    with_cohort = jobs_to_run(asked.stdout + asked.stderr)
    assert {"cohort", "draw_cohort", "cohort_cells", "report"} <= set(with_cohort)
    (tmp_path / "config").mkdir()
    demo = yaml.safe_load((STUDIES.parent / "config.yaml").read_text())
    demo.pop("cohort")
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(demo))
    (tmp_path / "config/samples.tsv").write_text((STUDIES.parent / "samples.tsv").read_text())
    asked = snakemake(tmp_path, "--dry-run")
    without = jobs_to_run(asked.stdout + asked.stderr)
    assert set(with_cohort) - set(without) == {"cohort", "draw_cohort", "cohort_cells"}


def test_the_demo_shows_the_patients_beside_its_cells(small):
    html = (small / "results/report.html").read_text()
    assert 'href="#patients"' in html
    assert "These patients are not simulated." in html
    assert html.index('id="dependence"') < html.index('id="patients"') < html.index('id="methods"')
    correlations = pd.read_csv(small / "results/cohort/correlations.tsv", sep="\t")
    assert correlations.empty, "no real patients against simulated cells"
