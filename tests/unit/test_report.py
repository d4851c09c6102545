"""The report: says what the tables say, needs no network, and never lets data become markup."""

import json
import re

import fixtures_results
import fixtures_scripts
import numpy as np
import pandas as pd
import pytest
from carpeak import io
from carpeak.report import cautions, costs, folded, methods, provenance, tables, what_changed, wording
from carpeak.settings import ChangeLimits, Settings, build
from html_page import Page


def make(where, *, simulated=True, **options):
    fixtures_results.make(where, **options)
    settings = fixtures_scripts.config() | {"simulated": simulated}
    return fixtures_scripts.make_page(where, settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def page(folder):
    return make(folder, cells=500)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return make(tmp_path_factory.mktemp("empty"), cells=200, empty=True, simulated=False)


@pytest.mark.parametrize("which", ["page", "empty"])
def test_it_is_whole_and_well_formed(which, request):
    text = request.getfixturevalue(which)
    parsed = Page(text)
    assert parsed.wrong == [] and parsed.open == []
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for tag, a in parsed.tags if tag == "a" and a.get("href", "").startswith("#")]
    assert set(targets) <= set(ids) and len(targets) > 10
    assert len(text) < 8e6


@pytest.mark.parametrize("which", ["page", "empty"])
def test_it_loads_nothing(which, request):
    text = request.getfixturevalue(which)
    assert Page(text).loaded() == []
    for tag, attrs in Page(text).tags:
        if tag == "a":
            assert not attrs["href"].startswith(("http:", "https:", "//"))
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|https?://(?!www\.w3\.org)", text)


def test_every_figure_is_described(page):
    images = [
        attrs for tag, attrs in Page(page).tags if tag == "img" and attrs["src"].startswith("data:image/svg")
    ]
    assert len(images) == 17
    assert all(len(attrs["alt"]) > 20 and int(attrs["width"]) > 900 for attrs in images)


def test_simulated_is_said_in_title_banner_and_under_every_figure(page):
    assert re.search(r"<title>Simulated data: ", page)
    assert "<strong>Simulated data.</strong>" in page
    captions = re.findall(r"<figcaption>.*?</figcaption>", page, flags=re.DOTALL)
    assert len(captions) == 17 and all("Simulated data" in caption for caption in captions)


def test_real_data_are_not_called_simulated(empty):
    assert "imulated data" not in re.sub(r'src="data:[^"]*"', "", empty)


def test_data_never_becomes_markup(page):
    assert "defence&lt;/b&gt;" in page and "defence</b>" not in page
    assert "Differs &lt;without&gt; Harmony." in page


def test_an_empty_study_says_so_plainly(empty):
    assert "There are no T cells in which the CAR could be looked for." in empty
    assert "too few to be embedded" in empty
    assert "No gene set stood out among the changed genes of CAR+ T cells, or none was tested." in empty
    said = re.sub(r'src="data:[^"]*"|<script>.*?</script>', "", empty, flags=re.DOTALL)
    assert not re.search(r"\bnan\b", said, flags=re.IGNORECASE)


def test_one_patient_is_said(page):
    assert "One library per time; timing, culture, processing and batch are inseparable" in page


def test_verdicts_have_reasons(page, folder):
    claims = io.read_table(folder / "results/tables/claims.tsv")
    for row in claims.to_dict("records"):
        assert f'<span class="chip {row["verdict"]}">' in page
    assert page.count('class="chip supported"') == 2  # one in the tally, one in the table


def composition(rows):
    return pd.DataFrame(
        rows,
        columns=[
            "population",
            "label",
            "sample",
            "condition",
            "n",
            "total",
            "fraction",
            "fraction_low",
            "fraction_high",
        ],
    ).assign(donor="P")


def test_sentences_give_the_numbers_of_the_tables():
    shares = composition(
        [
            ("car_t", "CD4 Tn", "a", "product", 60, 100, 0.6, 0.5, 0.69),
            ("car_t", "CD4 Tem", "a", "product", 40, 100, 0.4, 0.31, 0.5),
            ("car_t", "CD4 Tn", "b", "peak", 5, 50, 0.1, 0.04, 0.2),
            ("car_t", "CD4 Tem", "b", "peak", 45, 50, 0.9, 0.8, 0.96),
            ("car_t_lineage", "CD4", "a", "product", 70, 100, 0.7, 0.6, 0.8),
            ("car_t_lineage", "CD8", "a", "product", 30, 100, 0.3, 0.2, 0.4),
            ("car_t_lineage", "CD4", "b", "peak", 40, 50, 0.8, 0.7, 0.9),
            ("car_t_lineage", "CD8", "b", "peak", 10, 50, 0.2, 0.1, 0.3),
        ]
    )
    car = pd.DataFrame(
        {
            "sample": ["a", "b"],
            "condition": ["product", "peak"],
            "t_cells": [400, 1000],
            "detected_fraction": [0.25, 0.05],
        }
    )
    de = pd.DataFrame(
        {
            "population": "car_t", "group": "CD4", "depth": ["equal"] * 5 + ["full"],
            "gene": ["UP", "DOWN", "WEAK", "UNSURE", "HBB", "FULL"],
            "log2_fold_change": [2.0, -1.0, 0.4, 3.0, 4.0, 5.0],
            "p_adjusted": [1e-9, 1e-5, 1e-9, 0.2, 1e-9, 1e-9],
            "ambient_from": ["", "", "", "", "Red cell", ""],
        }
    )  # fmt: skip
    terms = pd.DataFrame(
        {
            "population": "car_t",
            "group": "CD4",
            "direction": "up",
            "term_id": ["GO:1", "GO:2"],
            "term": ["one", "two"],
        }
        | {"p_value": [1e-5, 0.3], "p_adjusted": [1e-4, 0.5]}
    )
    text = " ".join(
        what_changed.sentences(
            sides={"reference": "product", "test": "peak"},
            composition=shares,
            car=car,
            de=de,
            enrichment=terms,
            limits=ChangeLimits(),
        )
    ).replace("\u00a0", " ")
    assert (
        "CD4 Tn in product (60 % of 100; 95 % interval 50 % to 69 %) and CD4 Tem in peak (90 % of 50" in text
    )
    assert (
        "CD4 Tem rose most (from 40 % to 90 % of CAR+ T cells) and CD4 Tn fell most (from 60 % to 10 %)"
        in text
    )
    assert "70 % (60 % to 80 %) CD4 and 30 % (20 % to 40 %) CD8 in product, and 80 % (70 %" in text
    assert "25 % (21 % to 29 %) of 400 T cells of a and 5.0 % (3.8 % to 6.5 %) of 1,000 T" in text
    assert "Not counted there: HBB, which rises most likely as ambient RNA of red cells" in text
    assert "1 genes were higher and 1 lower in peak" in text and "the most raised: UP;" in text
    assert "FULL" not in text and "UNSURE" not in text and "WEAK" not in text
    assert "1 gene sets were over-represented, first of all one." in text


def test_few_cells_are_no_conclusion():
    shares = composition(
        [
            ("car_t", "CD4 Tcm", "a", "product", 11, 11, 1.0, 0.8, 1.0),
            ("car_t", "CD8 Tem", "b", "blood", 60, 100, 0.6, 0.5, 0.69),
            ("car_t_lineage", "CD4", "a", "product", 11, 11, 1.0, 0.8, 1.0),
            ("car_t_lineage", "CD8", "a", "product", 0, 11, 0.0, 0.0, 0.2),
            ("car_t_lineage", "CD4", "b", "blood", 20, 100, 0.2, 0.1, 0.3),
            ("car_t_lineage", "CD8", "b", "blood", 80, 100, 0.8, 0.7, 0.9),
        ]
    )
    car = {"sample": ["a"], "condition": ["product"], "t_cells": [725], "detected_fraction": [11 / 725]}
    de = {"population": ["car_t", "t_cells"], "group": ["CD4", "all"], "gene": ["UP", "GZMK"]}
    de |= {"depth": "equal", "log2_fold_change": 2.0, "p_adjusted": 1e-9, "ambient_from": ""}
    found = what_changed.sentences(
        sides={"reference": "product", "test": "blood"},
        composition=shares,
        car=pd.DataFrame(car),
        de=pd.DataFrame(de),
        enrichment=pd.DataFrame({"population": ["car_t"]}),
        limits=ChangeLimits(),
    )
    text = " ".join(found).replace("\u00a0", " ")
    assert "not compared: product holds only 11 CAR+ T cells, too few for conclusions" in text
    assert (
        "In blood alone, the largest subset of CAR+ T cells was CD8 Tem (60 % of 100; 95 % interval" in text
    )
    assert "100 %" not in text and "CD4 Tcm" not in text and "UP" not in text
    assert "In all T cells, CAR+ or not, at equal depth, 1 genes were higher and 0 lower in blood" in text
    assert "the most raised: GZMK." in text
    assert "1.5 % (0.8 % to 2.6 %) of 725 T cells of a" in text


def test_what_holds_for_all_claims_is_said_once(page, folder):
    assert page.count("every interval covers the sampling of cells only") == 1
    table = io.read_table(folder / "results/tables/claims.tsv")
    judged = io.read_json(folder / "results/claims.json")["claims"]
    groups = tables.claims(table, fixtures_scripts.config()["claims"], judged)
    assert sum(len(group["claims"]) for group in groups) == len(table)


def test_limits_and_removals_are_words():
    found = {"min_genes": 100, "max_genes": 30000, "min_umis": None, "max_umis": None}
    found |= {"max_mito_percent": 9.25, "doublet_threshold": 0.191, "doublet_threshold_source": "valley"}
    text = wording.limits_in_words(found).replace("\u00a0", " ")
    assert text == (
        "100 to 30,000 genes; at most 9.2 % mitochondrial UMIs; doublet score below 0.19"
        " (cut at the valley of the scores)"
    )
    assert wording.removed({"removed_high_mito": 1436, "removed_doublet": 0, "removed_few_genes": 2}) == (
        "2 too few genes, 1,436 high mitochondrial share"
    )
    assert wording.removed({}) == "none" and wording.limits_in_words({}) == "none"


def test_the_ends_that_libraries_read_are_said(page):
    assert "The libraries read different ends of transcripts (product 5′, peak 3′)" in page
    assert "nearly blind to it" in page
    same = cautions.cautions(
        thresholds={}, integration={}, composition=composition([]), chemistry={"a": "5p", "b": "5p"}
    )
    assert same == []


def test_libraries_of_one_condition_are_pooled_without_an_interval():
    shares = composition(
        [
            ("car_t", "x", "a", "peak", 1, 10, 0.1, 0.0, 0.3),
            ("car_t", "x", "b", "peak", 9, 30, 0.3, 0.2, 0.5),
        ]
    )
    row = what_changed.shares(shares, "car_t", "peak").loc["x"]
    assert (row["n"], row["total"], row["fraction"]) == (10, 40, 0.25)
    assert np.isnan(row["fraction_low"])


def test_donors_count_once_however_many_cells():
    rows = [
        ("car_t", "x", "a", "peak", 90, 100, 0.9, 0.8, 0.95),
        ("car_t", "y", "a", "peak", 10, 100, 0.1, 0.0, 0.2),
        ("car_t", "x", "b", "peak", 1, 10, 0.1, 0.0, 0.3),
        ("car_t", "y", "b", "peak", 9, 10, 0.9, 0.6, 1.0),
    ]
    found = what_changed.shares(composition(rows).assign(donor=["A", "A", "B", "B"]), "car_t", "peak")
    assert found["fraction"].to_dict() == pytest.approx({"x": 0.5, "y": 0.5})
    assert set(found["donors"]) == {2} and found.loc["x", "n"] == 91
    # two libraries of one donor are one donor
    pooled = what_changed.shares(composition(rows), "car_t", "peak")
    assert pooled["fraction"].to_dict() == pytest.approx({"x": 91 / 110, "y": 19 / 110})


def test_one_kind_of_caution_is_said_once():
    texts = [f"Library s{k}: {k}.5 % doublets, 1,{k}00 cells." for k in range(8)]
    (one,) = folded.folded(texts)
    assert one == (
        "Each of 8 libraries (s0, s1, s2, s3, s4, s5 and 2 more): 0.5 to 7.5 % doublets, 1,000 to 1,700 cells."
    )
    mixed = ["Library a: weak.", "All cells: 5 clusters.", "All cells: 6 clusters.", "Library b: few."]
    assert folded.folded(mixed) == mixed


def test_cautions_name_weak_libraries_and_few_cells():
    shares = composition([("car_t", "x", "a", "product", 9, 9, 1.0, 0.8, 1.0)])
    found = cautions.cautions(
        thresholds={
            "a": {"status": "poor", "message": "Poor library: why."},
            "b": {"status": "ok", "message": ""},
        },
        integration={"car_t": {"status": "too_few_cells", "message": "9 cells."}},
        composition=shares,
    )
    assert found[0] == "Library a: Poor library: why."
    assert found[1] == "CAR+ T cells: 9 cells."
    assert "Library a holds only 9 CAR+ T cells" in found[2]


def test_cautions_say_what_preflight_found_and_that_a_library_has_no_t_cells():
    shares = composition([("t_cells", "x", "b", "peak", 0, 0, np.nan, np.nan, np.nan)])
    found = cautions.cautions(
        thresholds={}, integration={}, composition=shares, limits={"a": "", "b": "without the feature CAR"}
    )
    assert found == [
        "Library b: without the feature CAR.",
        "Library b holds no T cells: nothing is said of their shares and changes.",
    ]


def test_few_cells_in_many_libraries_are_one_sentence_and_those_sorted_against_the_car_none():
    rows = [
        ("car_t", "x", sample, "peak", n, n, 1.0, 0.8, 1.0) for sample, n in (("a", 9), ("b", 0), ("c", 3))
    ]
    named = {"thresholds": {}, "integration": {}, "composition": composition(rows)}
    (all_three,) = cautions.cautions(**named)
    assert all_three.startswith("3 libraries hold fewer than 50 CAR+ T cells (a 9, b 0, c 3): their shares")
    (two,) = cautions.cautions(**named, sorted_against=["b"])
    assert two.startswith("2 libraries hold fewer than 50 CAR+ T cells (a 9, c 3): their shares")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.500"),
        (0.00123, "0.001"),
        (3.2e-7, "3.2e−7"),
        (1e-12, "1.0e−12"),
        (0.0, "< 1e−300"),
        (np.nan, "–"),
    ],
)
def test_p_values(value, text):
    assert wording.p_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.3396, "34 %"), (0.0523, "5.2 %"), (0.0004, "0.040 %"), (0.0, "0.0 %"), (np.nan, "–")],
)
def test_shares(value, text):
    assert what_changed.percent(value).replace("\u00a0", " ") == text


def test_methods_name_thresholds_and_versions():
    found = dict(
        methods.paragraphs(
            build(Settings, fixtures_scripts.config()),
            thresholds={"peak": {"max_mito_percent": 9.6172, "doublet_threshold_source": "valley"}},
            integration={"all": {"harmony": {"theta": 2, "lambda": 1}}},
            versions={"harmonypy": "2.1.0", "gseapy": "1.3.0"},
        )
    )
    assert "peak: 9.6 %" in found["Quality control"]
    assert (
        "theta 2, lambda 1" in found["Embedding and clusters"]
        and "harmonypy 2.1.0" in found["Embedding and clusters"]
    )
    assert "gseapy 1.3.0" in found["Comparison"]
    assert "the rest is undetermined" in found["CAR detection"]


def test_provenance_holds_checksums_versions_and_times(page, folder):
    record = io.read_json(folder / "results/provenance.json")
    named = {entry["file"]: entry for entry in record["inputs"]}
    table = named["results/qc/peak.cells.parquet"]
    assert table["sha256"] == io.sha256(folder / "results/qc/peak.cells.parquet")
    assert not any("no/such" in name for name in named)
    assert record["packages"]["scanpy"] == "1.11.5"
    assert record["configuration"]["transgene"]["features"] == ["RQR8", "CLL1_scFv"]
    assert {step["rule"] for step in record["steps"]} >= {"draw_qc", "draw_population"}
    assert record["started"] <= record["finished"]
    assert json.dumps(record)


def test_timings_are_read_from_logs(tmp_path):
    (tmp_path / "embed").mkdir()
    (tmp_path / "embed/all.log").write_text("a warning\ndone in 12.5 s, 9.8 s of CPU, 812 MB\n")
    (tmp_path / "merge.log").write_text("Traceback\n")
    steps = provenance.timings(tmp_path)
    assert [(s["rule"], s["job"], s["seconds"], s["cpu_seconds"], s["peak_mb"]) for s in steps] == [
        ("embed", "all", 12.5, 9.8, 812)
    ]
    assert provenance.timings(tmp_path / "none") == []


def test_no_checksum_is_taken_of_huge_files(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "LARGEST", 5)
    for name, text in (("a", "12345"), ("b", "123456")):
        (tmp_path / name).write_text(text)
    small, large = provenance.checksums([tmp_path / "a", tmp_path / "b"])
    assert len(small["sha256"]) == 64 and large == {"file": str(tmp_path / "b"), "bytes": 6, "sha256": None}


def test_what_a_run_cost_is_summed_by_rule():
    steps = [
        {"rule": "embed", "seconds": 2.0, "cpu_seconds": 1.5, "peak_mb": 900},
        {"rule": "embed", "seconds": 3.0, "cpu_seconds": 2.5, "peak_mb": 700},
        {"rule": "merge", "seconds": 9.0, "cpu_seconds": 9.0, "peak_mb": 10},
    ]
    assert costs.by_rule(steps) == [
        {"rule": "merge", "jobs": 1, "seconds": 9.0, "cpu_seconds": 9.0, "peak_mb": 10},
        {"rule": "embed", "jobs": 2, "seconds": 5.0, "cpu_seconds": 4.0, "peak_mb": 900},
    ]
    assert costs.by_rule([]) == []


def test_the_page_tells_what_the_run_cost(page, folder):
    steps = io.read_json(folder / "results/provenance.json")["steps"]
    assert steps
    assert f"in {len(steps)} jobs, at most {max(step['peak_mb'] for step in steps):,} MB" in page


def test_rows_that_are_cut_on_paper_are_announced(page, folder):
    """Every table whose rows beyond the 30th are not printed says how many there are."""
    assert ".long tbody tr:nth-child(n + 31) { display: none; }" in page
    tables = re.findall(r'<div class="table long">.*?<tbody>(.*?)</tbody>', page, re.S)
    long = [n for n in (table.count("<tr>") for table in tables) if n > 30]
    assert re.findall(r"On paper: the first 30 of ([0-9,]+) rows", page) == [f"{n:,}" for n in long]
    assert long
