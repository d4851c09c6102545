"""The workflow on real CAR-T libraries: a poor product and sorted blood of one patient."""

import pandas as pd
import pytest
from runs import ROOT, snakemake

pytestmark = pytest.mark.slow
UP_IN_BLOOD = ["NKG7", "CCL5", "GZMK", "GZMH", "KLRG1"]
UP_IN_PRODUCT = ["MKI67", "TOP2A", "HMGB2", "IL2RA"]


@pytest.fixture(scope="module")
def tables(real_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("carpall")
    config = ROOT / "config/studies/carpall_P02/config.yaml"
    snakemake(folder, "--configfile", str(config), "--config", f"data_root={real_data.resolve()}/carpall_P02")
    return folder / "results/tables"


def read(tables, name):
    return pd.read_csv(tables / f"{name}.tsv", sep="\t", keep_default_na=False, na_values=[""])


def test_known_genes_change_as_they_should(tables):
    de = read(tables, "de.blood_vs_product")
    rows = de[(de["population"] == "t_cells") & (de["group"] == "all") & (de["depth"] == "equal")].set_index(
        "gene"
    )
    assert (rows.loc[UP_IN_BLOOD, "log2_fold_change"] >= 0.5).all()
    assert (rows.loc[UP_IN_PRODUCT, "log2_fold_change"] <= -0.5).all()
    assert (rows.loc[UP_IN_BLOOD + UP_IN_PRODUCT, "p_adjusted"] < 0.01).all()


def test_the_poor_product_is_called_poor(tables):
    samples = read(tables, "samples").set_index("sample")
    assert samples.loc["product", "status"] == "poor"
    assert "mitochondrial" in samples.loc["product", "message"]
    assert samples.loc["blood_sorted", "status"] == "ok"
    assert "Poor library" in (tables.parent / "report.html").read_text()


def test_detection_in_sorted_blood(tables):
    car = read(tables, "car").set_index("sample")
    assert 0.60 <= car.loc["blood_sorted", "detected_fraction"] <= 0.70
    assert car.loc["product", "n_positive"] < 20


def test_the_share_of_the_sorted_blood_is_above_what_is_detected(tables):
    car = read(tables, "car").set_index("sample")
    blood, product = car.loc["blood_sorted"], car.loc["product"]
    assert blood["identifiable"]
    assert blood["car_fraction_low"] > blood["detected_fraction"] + 0.1
    assert blood["car_fraction_high"] > 0.95  # the purity of a good sort
    assert blood["false_positive_rate"] == 0
    assert blood["false_positive_rate_high"] < 0.15
    assert product["car_fraction_high"] > 4 * product["car_fraction_low"]  # few UMIs, and it says so


def test_a_dozen_cells_carry_no_conclusion(tables):
    claims = read(tables, "claims").set_index("claim")["verdict"]
    assert (claims == "not_estimable").all(), "the product holds hardly a CAR+ cell"
    composition = read(tables, "composition")
    product = composition[(composition["population"] == "car_t") & (composition["sample"] == "product")]
    largest = product.sort_values("n").iloc[-1]
    assert largest["fraction_high"] - largest["fraction_low"] > 0.1, "few cells, wide intervals"
    assert "too few" in (tables.parent / "report.html").read_text()
