"""The demo with several patients: designs, patients' verdicts and the report, as a user would run it."""

import json

import pandas as pd
import pytest
from runs import snakemake

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A finished run of three patients with about 4,000 cells."""
    folder = tmp_path_factory.mktemp("three")
    config = "demo={variant: paper, seed: 1, cells: 4500, donors: 3}"
    snakemake(folder, "--config", config, "donors={second_engine: false}")
    return folder / "results"


def table(results, name):
    return pd.read_csv(results / "tables" / name, sep="\t", keep_default_na=False, na_values=[""])


def test_every_patient_has_both_sides(three):
    design = table(three, "design.tsv")
    assert list(design["donor"]) == ["D1", "D2", "D3"]
    assert set(design["decision"]) == {"paired"} and (design["rank"] == design["coefficients"]).all()


def test_verdicts_are_those_of_patients_not_of_cells(three):
    claims = {one["claim"]: one for one in json.loads((three / "claims.json").read_text())["claims"]}
    verdicts = table(three, "donors.verdicts.tsv").set_index("claim")
    shown = table(three, "claims.tsv").set_index("claim")
    effects = table(three, "donors.claims.tsv")
    assert set(verdicts.index) == {name for name, one in claims.items() if "donors" in one}
    assert {"C4", "C5", "C6", "C7a", "C8", "C9a"} <= set(verdicts.index)
    for name, row in verdicts.iterrows():
        assert shown.loc[name, "verdict"] == row["verdict"] == claims[name]["verdict"]
        main = effects[(effects["claim"] == name) & effects["variant"].isna() & (effects["counts"] == "yes")]
        assert len(main) == row["donors"]
    killing = effects[effects["claim"].str.startswith("C7") & effects["variant"].isna()]
    planted = killing[killing["counts"] == "yes"]
    assert (planted["effect"] > 0).mean() > 0.8  # every killing gene rises in the paper's variant


def test_genes_and_shares_are_compared_over_patients(three):
    genes = table(three, "donors.de.peak_vs_product.tsv")
    assert set(genes["unit"]) == {"donor"} and genes["donors"].max() == 3
    tested = genes[genes["p_value"].notna()]
    assert (tested["sign_flip_floor"] == 0.25).all() and len(tested) > 1000
    cells = table(three, "de.peak_vs_product.tsv")
    assert set(cells["unit"]) == {"cell"}
    shares = table(three, "donors.composition.peak_vs_product.tsv")
    assert set(shares["donor"]) == {"D1", "D2", "D3", "mean"}


def test_the_report_tells_in_how_many_patients(three):
    page = (three / "report.html").read_text()
    assert '<section id="donors">' in page and "In how many patients" in page
    assert "Each patient counts once" in page and "tested over pairs" in page
    assert "fig-donors" in page
    assert (three / "figures/donors.png").stat().st_size > 10_000
