"""`carpeak compare` on real runs: what it shows is what their tables say."""

import re
import shutil

import finished_runs
import pandas as pd
import pytest
from carpeak import home
from carpeak.compare import differences, matrix, runs
from carpeak.report import compare_page
from html_page import Page
from runs import demo, snakemake

RESOURCES = home.workflow() / "resources/report"


def table(results, name):
    return pd.read_csv(results / f"tables/{name}.tsv", sep="\t", keep_default_na=False, na_values=[""])


def test_a_real_run_beside_another_patients(small, tmp_path):
    other = finished_runs.make(tmp_path / "other", simulated=False)
    read = runs.read([small, other])
    estimated, _ = matrix.car_shares(read)
    shown = {share.sample: share for _, shares in estimated.groups for share in shares}
    for row in table(small / "results", "car").dropna(subset=["car_fraction"]).to_dict("records"):
        found = shown[row["sample"]]
        columns = ("car_fraction", "car_fraction_low", "car_fraction_high")
        assert (found.value, found.low, found.high) == pytest.approx([row[name] for name in columns])
    page = compare_page.html(read, resources=RESOURCES)
    assert Page(page).loaded() == []
    for verdict, n in table(small / "results", "claims")["verdict"].value_counts().items():
        assert re.search(rf"{n} {verdict.replace('_', ' ')}", page)
    assert "Other libraries in each run" in page


@pytest.mark.slow
def test_one_study_under_two_rules_of_the_car_call(small, tmp_path):
    """The setting is named, and what it changed is seen: by one UMI no share is estimated, and no call is lost."""
    again = tmp_path / "umi"
    shutil.copytree(small, again)
    snakemake(again, *demo(), "car={rule: umi}")
    read = runs.read([small, again])
    assert differences.same_libraries(read)
    assert {row.name: row.found for row in differences.settings(read)} == {"car.rule": ("calibrated", "umi")}
    assert differences.software(read) == []
    by_rule = [table(folder / "results", "car") for folder in (small, again)]
    assert by_rule[0]["car_fraction"].notna().all() and by_rule[1]["car_fraction"].isna().all()
    assert (by_rule[1]["n_positive"] >= by_rule[0]["n_positive"]).all()
    page = compare_page.html(read, resources=RESOURCES)
    assert "The same libraries in every run; 1 setting differs" in page
