"""A single library, and libraries of one condition: a whole run, without anything compared."""

import html
import re

import fixtures_tiny as tiny
import pandas as pd
import pytest
from carpeak.__main__ import main
from html_page import Page
from runs import jobs_to_run, snakemake

CELLS = {"CD4 Tn": 150, "CD4 Tem": 90, "CD8 Teff": 90, "Monocyte": 60}
COMPARING = {
    "audit_design",
    "contrast",
    "control",
    "enrich",
    "judge_claims",
    "draw_comparison",
    "measure_donors",
    "compare_donors",
    "draw_donors",
}
STUDIES = {
    "one library": ("ip",),
    "two libraries": ("ip", "ip2"),
}


def write(folder, names):
    made = {name: tiny.library(CELLS, seed=seed) for seed, name in enumerate(names, start=1)}
    return tiny.write(folder, {name: ("product", counts, tiny.GENES) for name, counts in made.items()})


@pytest.fixture(scope="module", params=STUDIES)
def study(request, shared_folders):
    def make(folder):
        write(folder, STUDIES[request.param])
        snakemake(folder, "--configfile", str(folder / "config.yaml"))

    return shared_folders.folder(f"one condition, {request.param}", make)


def test_it_is_planned_without_a_comparison(tmp_path):
    folder = write(tmp_path / "study", ("ip",))
    done = snakemake(folder, "-n", "--configfile", str(folder / "config.yaml"))
    planned = set(jobs_to_run(done.stdout))
    assert {"ingest", "filter_cells", "embed", "annotate", "call_car", "compose", "report"} <= planned
    assert not planned & COMPARING


def test_check_says_that_nothing_is_compared(tmp_path, capsys):
    folder = write(tmp_path / "study", ("ip", "ip2"))
    assert main(["check", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "one condition (product): nothing is compared" in told
    assert "Nothing is wrong." in told


def test_the_results_are_those_of_a_study(study):
    results = study / "results"
    for name in ("samples", "car", "composition", "ambient", "markers.t_cells", "sex_genes"):
        assert len(pd.read_csv(results / f"tables/{name}.tsv", sep="\t")), name
    assert (results / "atlas.h5ad").is_file()
    assert not list((results / "tables").glob("*de.*")) + list((results / "tables").glob("claims*"))
    shares = pd.read_csv(results / "tables/composition.tsv", sep="\t")
    t_cells = shares[(shares["population"] == "all") & (shares["label"] == "T cell")]
    planted = 330 / 390
    assert (t_cells["fraction"] - planted).abs().max() < 0.05
    car = pd.read_csv(results / "tables/car.tsv", sep="\t")
    assert (car["detected_fraction"] > 0.25).all(), "1 - exp(-0.5) of the T cells show a UMI"


def test_the_report_says_so_first_and_leaves_out_what_it_lacks(study):
    text = (study / "results/report.html").read_text()
    page = Page(text)
    assert page.wrong == [] and page.open == []
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    targets = {a["href"][1:] for tag, a in page.tags if tag == "a" and a.get("href", "").startswith("#")}
    assert targets <= ids
    assert {"changed", "quality", "car", "subsets", "composition", "dependence"} <= ids
    assert not ids & {"claims", "genes", "terms", "donors"}
    said = html.unescape(re.sub(r"<[^>]+>", " ", text.split("</header>")[0]))
    assert "One condition" in said and "nothing was compared" in said
    body = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text.split("<h2>Methods")[0])))
    assert not [word for word in ("nan", "None", "Traceback") if re.search(rf"[ >]{word}[ <,.]", body)]
    assert "What was found" in body and "What changed" not in body
    figures = {path.name: path for path in (study / "results/figures").glob("*.svg")}
    assert "composition.svg" in figures and not [n for n in figures if n.startswith(("volcano", "enrich"))]
    assert len(page.images()) == len(figures.keys() - {"qc_ranks.svg"}), (
        "no droplets, no curve of their ranks"
    )


def test_nothing_is_left_to_do(study):
    done = snakemake(study, "-n", "--configfile", str(study / "config.yaml"))
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_second_condition_brings_the_comparison_back(tmp_path):
    folder = write(tmp_path / "study", ("ip", "pk"))
    sheet = folder / "samples.tsv"
    sheet.write_text(sheet.read_text().replace("pk\tproduct", "pk\tpeak"))
    done = snakemake(folder, "-n", "--configfile", str(folder / "config.yaml"))
    assert {"contrast", "enrich", "judge_claims"} <= set(jobs_to_run(done.stdout))
    config = folder / "config.yaml"
    config.write_text(config.read_text() + "contrasts: {}\n")
    done = snakemake(folder, "-n", "--configfile", str(config))
    assert not set(jobs_to_run(done.stdout)) & COMPARING, "asked for nothing, two conditions or not"
