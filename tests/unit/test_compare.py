"""`carpeak compare`: what each run says stands in its own column, and folders that can't be compared are named."""

import re
import shutil

import finished_runs
import numpy as np
import pandas as pd
import pytest
from carpeak import home, io
from carpeak.__main__ import main
from carpeak.compare import differences, matrix, runs
from carpeak.errors import UserError
from carpeak.report import compare_page
from html_page import Page

RESOURCES = home.workflow() / "resources/report"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One study twice, as it is and under another rule and with another verdict; others for single tests."""
    folder = tmp_path_factory.mktemp("made")
    finished_runs.make(folder / "plain")
    second = finished_runs.make(folder / "strict", seed=1, settings={"qc.preset": "adaptive", "seed": 7})
    claims = io.read_table(second / "tables/claims.tsv")
    verdict = ["opposed", -0.5, -0.75, -0.25]
    claims.loc[claims["claim"] == "C4", ["verdict", "estimate", "low", "high"]] = verdict
    io.write_table(claims, second / "tables/claims.tsv")
    return folder


@pytest.fixture
def two(made, tmp_path):
    """The two runs, to be changed."""
    return [
        shutil.copytree(made / name, tmp_path / name, ignore=shutil.ignore_patterns("*.h5ad", "qc"))
        / "results"
        for name in ("plain", "strict")
    ]


def refused(*folders):
    with pytest.raises(UserError) as error:
        runs.read(folders)
    return str(error.value)


# --- reading


def test_a_run_is_named_by_its_folder_or_by_what_holds_it(two, tmp_path):
    assert [run.name for run in runs.read(two)] == ["plain", "strict"]
    assert [run.name for run in runs.read([tmp_path / "plain", tmp_path / "strict"])] == ["plain", "strict"]


def test_names_are_as_long_as_it_takes(tmp_path):
    places = [tmp_path / "a/run/results", tmp_path / "b/run/results", tmp_path / "b/other/results"]
    assert runs.names(places) == ["a/run", "b/run", "b/other"]


def test_one_run_is_not_compared(two):
    assert "at least two runs" in refused(two[0])


def test_what_is_no_finished_run_is_named_at_once(two, tmp_path):
    (tmp_path / "photos").mkdir()
    young = tmp_path / "young/results"
    young.mkdir(parents=True)
    (young / "preflight.tsv").write_text("sample\n")
    half = shutil.copytree(two[1], tmp_path / "half/results")
    (half / "tables/car.tsv").unlink()
    (half / "report.html").unlink()
    text = refused(two[0], tmp_path / "photos", young, half, tmp_path / "nowhere")
    assert f"{tmp_path}/photos: not results of carpeak" in text
    assert f"{young}: a run that has not come far" in text
    assert "half/results: unfinished (tables/car.tsv, report.html missing)" in text
    assert "nowhere: no such folder" in text
    assert "plain" not in text


def test_patients_without_cells_are_said_to_be_such(two, tmp_path):
    alone = tmp_path / "alone/results"
    (alone / "cohort").mkdir(parents=True)
    (alone / "provenance.json").write_text("{}")
    assert "patients without cells" in refused(two[0], alone)


def test_the_same_run_twice(two, tmp_path):
    assert "named twice" in refused(two[0], two[1], tmp_path / "plain")
    shutil.copytree(tmp_path / "plain", tmp_path / "copy")
    assert re.search(r"copy/results: the same run as .*plain/results", refused(*two, tmp_path / "copy"))


def test_tables_of_another_version(two):
    table = io.read_table(two[1] / "tables/composition.tsv").drop(columns="fraction_low")
    io.write_table(table, two[1] / "tables/composition.tsv")
    text = refused(*two)
    assert "composition.tsv: no column fraction_low" in text
    assert "carpeak 0.1.0 (aaaaaaaa)" in text


def test_a_damaged_table_and_a_foreign_file(two):
    (two[0] / "provenance.json").write_text('{"carpeak": "0.1.0"}')
    assert "not what carpeak writes" in refused(*two)
    (two[0] / "provenance.json").write_text("{")
    assert "not what carpeak writes" in refused(*two)


# --- numbers


def test_the_matrix_holds_each_runs_own_verdicts(two):
    rows = {row.claim: row for row in matrix.claims(runs.read(two))}
    for place, results in enumerate(two):
        for one in io.read_table(results / "tables/claims.tsv").to_dict("records"):
            cell = rows[one["claim"]].cells[place]
            assert cell.verdict == one["verdict"]
            np.testing.assert_equal(
                [cell.estimate, cell.low, cell.high], [one[k] for k in ("estimate", "low", "high")]
            )
    assert [claim for claim, row in rows.items() if row.differs] == ["C4"]


def test_one_name_for_two_statements_is_two_rows(two):
    claims = io.read_table(two[1] / "tables/claims.tsv")
    claims.loc[claims["claim"] == "C5", "statement"] = "Something else"
    io.write_table(claims, two[1] / "tables/claims.tsv")
    rows = [row for row in matrix.claims(runs.read(two)) if row.claim == "C5"]
    assert [[cell is None for cell in row.cells] for row in rows] == [[False, True], [True, False]]
    assert not any(row.differs for row in rows)


def test_shares_are_those_of_the_tables(two):
    read = runs.read(two)
    (plot,) = matrix.car_shares(read)  # the hand-made runs estimate no share
    shown = {(s.run, s.sample): s for _, shares in plot.groups for s in shares}
    for place, run in enumerate(read):
        for row in run.car.to_dict("records"):
            share = shown[place, row["sample"]]
            assert share.value == row["detected_fraction"]
            from scipy.stats import beta

            k, n = row["n_positive"], row["t_cells"]  # one UMI or more is the hand-made rule
            low, high = beta.ppf([0.025, 0.975], k + 0.5, n - k + 0.5)
            np.testing.assert_allclose([share.low, share.high], [low, high], rtol=1e-9)
    assert [name for name, _ in plot.groups] == ["product", "peak"]


def test_estimated_shares_are_drawn_where_a_run_gives_them(two):
    car = io.read_table(two[0] / "tables/car.tsv").astype({"car_fraction": float})
    car[["car_fraction", "car_fraction_low", "car_fraction_high"]] = [0.4, 0.3, 0.5]
    io.write_table(car, two[0] / "tables/car.tsv")
    estimated, detected = matrix.car_shares(runs.read(two))
    assert {share.run for _, shares in estimated.groups for share in shares} == {0}
    assert {share.run for _, shares in detected.groups for share in shares} == {0, 1}
    assert estimated.largest == 0.5


def test_rare_subsets_are_left_out_and_others_are_the_tables(two):
    read = runs.read(two)
    plots = {plot.title.split(" among")[0]: plot for plot in matrix.subsets(read)}
    table = pd.concat([run.composition for run in read])
    table = table[table["population"] == "car_t"]
    assert set(plots) == set(table.loc[table["fraction"] >= 0.01, "label"])
    largest = table.groupby("label")["fraction_high"].max()
    for label, plot in plots.items():
        assert plot.largest == pytest.approx(largest[label])


# --- settings


def test_settings_that_differ_and_no_others(two):
    found = {row.name: row.found for row in differences.settings(runs.read(two))}
    assert found == {"qc.preset": ("paper", "adaptive"), "seed": ("0", "7")}


def test_files_count_by_content_not_by_path(two):
    moved = [
        {"role": "claims", "file": f"/somewhere/{n}/claims.yaml", "bytes": 1, "sha256": "f" * 64}
        for n in range(2)
    ]
    for results, claims in zip(two, moved):
        record = io.read_json(results / "provenance.json")
        configuration = record["configuration"] | {"claims": claims["file"], "seed": 0}
        configuration["qc"]["preset"] = "paper"
        inputs = [*record["inputs"], claims]
        finished_runs.rewrite(results / "provenance.json", configuration=configuration, inputs=inputs)
    read = runs.read(two)
    assert differences.settings(read) == []
    assert differences.inputs(read) == []
    record = io.read_json(two[1] / "provenance.json")
    record["inputs"][-1]["sha256"] = "e" * 64
    finished_runs.rewrite(two[1] / "provenance.json", inputs=record["inputs"])
    assert [row.name for row in differences.inputs(runs.read(two))] == ["claims"]


# --- page


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S))


def test_the_page_says_what_is_compared(two, tmp_path):
    page = text_of(compare_page.html(runs.read(two), resources=RESOURCES))
    assert "The same libraries in every run; 2 settings differ" in page
    assert "Verdicts differ in 1 of 4 claims: C4." in page
    assert "Simulated data" in page
    other = finished_runs.make(
        tmp_path / "patient2", seed=2, counts="others", simulated=False, commit="b" * 40
    )
    page = text_of(compare_page.html(runs.read([two[0], other]), resources=RESOURCES))
    assert "Other libraries in each run; no setting differs" in page
    assert "different versions of carpeak (plain: 0.1.0 (aaaaaaaa); patient2: 0.1.0 (bbbbbbbb))" in page
    assert "Simulated data beside measured: plain" in page


def test_the_page_stands_alone_and_data_stay_text(two):
    claims = io.read_table(two[0] / "tables/claims.tsv")
    claims.loc[0, "statement"] = "<script>alert(1)</script> & 'quotes'"
    io.write_table(claims, two[0] / "tables/claims.tsv")
    finished_runs.rewrite(two[1] / "provenance.json", title='"><img src=x onerror=alert(1)>')
    html = compare_page.html(runs.read(two), resources=RESOURCES)
    assert Page(html).loaded() == []
    assert "<script" not in html
    assert "<img" not in html


def test_a_study_without_t_cells_beside_another(two, tmp_path):
    none = finished_runs.make(tmp_path / "none", seed=3, empty=True)
    page = text_of(compare_page.html(runs.read([two[0], none]), resources=RESOURCES))
    assert "nan" not in page
    assert "not estimable" in page


def test_the_command(two, tmp_path, capsys):
    out = tmp_path / "out/compare.html"
    assert main(["compare", *map(str, two), "--out", str(out)]) == 0
    assert out.as_uri() in capsys.readouterr().out
    assert "strict" in out.read_text()
    assert main(["compare", str(two[0]), str(tmp_path)]) == 1
    assert "carpeak: These can't be compared" in capsys.readouterr().err


def test_estimates_are_told_as_in_the_report_of_a_run(two):
    """A gene's change as a fold change, a lead of subsets in points; what has no such words as the table has it."""
    kinds = {
        "C4": ("gene_change", "log2 fold change"),
        "C5": ("largest_subset", "share"),
        "C6": ("", "ratio"),
    }
    for results in two:
        judged = io.read_json(results / "claims.json")
        for one in judged["claims"]:
            kind, unit = kinds.get(one["claim"], ("", ""))
            one |= {"quantity": {"kind": kind}, "unit": unit}
        io.write_json(judged, results / "claims.json")
    page = text_of(compare_page.html(runs.read(two), resources=RESOURCES))
    assert "opposed 0.7-fold (0.6 to 0.8) log2 −0.50" in page  # 2 to the power of -0.5, -0.75 and -0.25
    assert "indeterminate 30.0 points (20.0 to 40.0)" in page
    assert "opposed −0.200 (−0.300 to −0.100) ratio" in page
