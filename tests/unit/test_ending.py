"""The last lines of a run: findings and verdicts of the tables, and the link."""

from types import SimpleNamespace

import fixtures_results
import fixtures_scripts
import pytest
from carpeak.commands import ending
from carpeak.commands.screen import WIDTH
from carpeak.report import headline


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    fixtures_results.make(folder)
    (folder / "results/report.html").write_text("<html></html>")
    return folder


def test_findings_verdicts_log_and_link_in_this_order(finished, monkeypatch):
    monkeypatch.chdir(finished)
    blank, heading, *findings, claims, log, link = ending.lines(
        fixtures_scripts.config(), since=0, log="a.log"
    )
    assert blank == ""
    assert heading == "peak against product (simulated data: no patient was measured):"
    assert len([line for line in findings if line.startswith("  - ")]) >= 3
    assert claims == "Claims: 1 supported, 1 indeterminate, 1 opposed, 1 not estimable."
    assert log == "Details: a.log"
    assert link == f"The report: {(finished / 'results/report.html').as_uri()}"
    assert max(map(len, [heading, *findings, claims])) <= WIDTH


def test_names_are_not_parted_at_their_hyphens(finished, monkeypatch):
    """A reader looks for the sentence on the page: "interferon- gamma" is not there."""
    told = [f"{'x' * n} interferon-gamma" for n in range(1, WIDTH - 5)]
    monkeypatch.chdir(finished)
    monkeypatch.setattr(headline, "findings", lambda **_: [SimpleNamespace(text=text) for text in told])
    lines = ending.lines(fixtures_scripts.config(), since=0)
    assert sum("interferon-gamma" in line for line in lines) == len(told)


def test_a_measured_study_is_not_called_simulated(finished, monkeypatch):
    monkeypatch.chdir(finished)
    told = ending.lines(fixtures_scripts.config() | {"simulated": False}, since=0)
    assert "peak against product:" in told


def test_a_run_to_another_target_ends_without_findings(finished, monkeypatch, tmp_path):
    monkeypatch.chdir(finished)
    later = (finished / "results/report.html").stat().st_mtime + 1
    assert ending.lines(fixtures_scripts.config(), since=later, log="a.log") == [
        "",
        "Done.",
        "Details: a.log",
    ]
    monkeypatch.chdir(tmp_path)
    assert ending.lines(fixtures_scripts.config(), since=0) == ["", "Done."]


def test_patients_without_cells_have_a_report_and_no_findings(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/report.html").write_text("")
    page = (tmp_path / "results/report.html").as_uri()
    assert ending.lines(fixtures_scripts.config(), since=0) == ["", f"The report: {page}"]
