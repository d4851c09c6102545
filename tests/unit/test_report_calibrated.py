"""The report under the calibrated rule: both shares side by side, warnings, and what a change is made of."""

import html

import fixtures_results
import fixtures_scripts
import numpy as np
import pandas as pd
import pytest
from carpeak import io
from carpeak.report import methods, what_changed
from carpeak.settings import Settings, build

PARTS = [("depth", -0.05), ("expression", -0.04), ("ambient", 0.0), ("share", 0.11), ("total", 0.02)]


def fit():
    def one(warnings, p_value, *, flagged=False):
        check = {"p_value": p_value, "flagged": flagged, "distance": 0.02}
        return {
            "fit_check": check,
            "warnings": warnings,
            "controls": 400,
            "controls_called_positive": 3,
        }

    parts = [
        {"factor": name, "change": value, "change_low": value - 0.01, "change_high": value + 0.01}
        for name, value in PARTS
    ]
    change = {"contrast": "peak_vs_product", "donor": "P4", "reference": "product", "test": "peak"}
    return {
        "rule": "calibrated",
        "samples": {"product": one([], 0.4), "peak": one(["No transduced share: <too wide>."], None)},
        "changes": [change | {"detected": [0.25, 0.27], "parts": parts}],
    }


def judged():
    """Two claims: one that hangs on the rule, and one on a gene, for which both rules pick the same cells."""

    def found(verdict, estimate):
        return {"verdict": verdict, "estimate": estimate, "low": None, "high": None, "reason": ""}

    share = {"kind": "largest_subset", "population": "car_t"}
    by_rule = {"umi_rule": found("opposed", -0.1), "weighted": found("supported", 0.2)}
    gene = {"kind": "gene_change", "population": "car_t"}
    return [
        {"claim": "C4", "statement": "CD4 Tn leads", "quantity": share, "main": found("supported", 0.28)}
        | {"variants": by_rule, "reason": "CD4 Tn leads."},
        {"claim": "C8", "statement": "GZMK rises", "quantity": gene, "main": found("supported", 1.7)}
        | {"variants": {}, "reason": ""},
        {
            "claim": "C1",
            "statement": "Cells",
            "quantity": {"kind": "captured_cells"},
            "main": {},
            "variants": {},
            "reason": "",
        },
    ]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrated")
    fixtures_results.make(folder, cells=300)
    settings = fixtures_scripts.config()
    settings["car"] = settings["car"] | {"rule": "calibrated"}
    table = io.read_table(folder / "results/tables/car.tsv")
    product = table["sample"] == "product"
    values = {"car_fraction": 0.4, "car_fraction_low": 0.35, "car_fraction_high": 0.46}
    for column, value in values.items():
        table[column] = np.where(product, value, np.nan)
    table["identifiable"] = product
    io.write_table(table, folder / "results/tables/car.tsv")
    io.write_json(fit(), folder / "results/car/fit.json")
    path = folder / "results/tables/sensitivity.composition.tsv"
    varied = io.read_table(path)
    base = varied[varied["variant"] == "two_umis"]
    both = [varied, *(base.assign(variant=name) for name in ("umi_rule", "weighted"))]
    io.write_table(pd.concat(both, ignore_index=True), path)
    path = folder / "results/tables/car_contrast.tsv"
    seen = io.read_table(path)
    by_p = seen.assign(rule="probability", difference=-0.5, difference_low=-0.7, difference_high=-0.3)
    io.write_table(pd.concat([by_p, seen], ignore_index=True), path)
    path = folder / "results/tables/car_cd8.tsv"
    cd8 = io.read_table(path)
    cd8.loc[(cd8["sample"] == "peak") & (cd8["group"] == "positive"), "cd8a_only"] = 0.4
    io.write_table(cd8, path)
    others = [one for one in io.read_json(folder / "results/claims.json")["claims"] if one["claim"] != "C4"]
    io.write_json({"claims": [*judged(), *others]}, folder / "results/claims.json")
    return html.unescape(fixtures_scripts.make_page(folder, settings))


def test_detected_and_estimated_stand_side_by_side(page):
    assert "40\u00a0% (35\u00a0% to 46\u00a0%)" in page
    assert "CAR detected" in page
    assert page.count("not estimated") == 1  # peak: no number where the data can't tell
    assert "5 % of such calls are expected to be false" in page
    assert "A T cell counts as CAR+ from 1 UMI on" not in page
    assert "Dropout and ambient RNA considered, the CAR+ share is 40\u00a0%" in page


def test_warnings_and_fit_checks_are_shown(page):
    assert "No transduced share: <too wide>." in page  # unescaped here, escaped in the page
    assert "product: P = 0.400, 3 of 400" in page
    assert "peak: not fitted" in page


def test_a_change_is_split_in_a_sentence_and_a_table(page):
    assert "From product to peak the detected share changed by +2.0 points." in page
    assert "The true share rose." in page
    for text in ("−5.0", "−6.0 to −4.0", "sequencing depth", "+11.0"):
        assert text in page


def test_compositions_of_both_rules_stand_beside(page):
    assert "weighted by P(CAR+)" in page
    assert "from one CAR UMI" in page


def test_conclusions_stand_beside_by_rule(page):
    part = page.split('id="by-rule"')[1].split("</table>")[0]
    assert "Yes: another rule gives another verdict on C4." in part
    assert "opposed" in part
    assert "(same cells)" in part
    assert "<td>Cells</td>" not in part  # not a claim on CAR+ cells


def test_car_cells_against_the_rest_by_probability_and_by_detection(page):
    part = page.split("against the other T cells of the same tube")[1].split("<section")[0]
    assert "2 genes differ by P(CAR+), 2 by detection" in part
    assert "−0.500" in part
    assert "−0.300" in part
    assert part.count("Of the T cells without a CAR UMI") == 1  # product; peak has no estimated share


def test_reads_that_pass_for_cd8a_are_told(page):
    part = page.split("Are CAR reads counted as CD8A?")[1].split("</table>")[0]
    assert part.count("yes: check the construct") == 1
    assert part.count("<td>no</td>") == 1


def test_methods_tell_the_rule_used():
    settings = fixtures_scripts.config()
    told = {}
    for rule in ("umi", "calibrated"):
        settings["car"] = settings["car"] | {"rule": rule}
        texts = dict(
            methods.paragraphs(build(Settings, settings), thresholds={}, integration={}, versions={})
        )
        told[rule] = texts["CAR detection"]
    assert "with at least 1 were called CAR+" in told["umi"]
    assert "negative binomial" not in told["umi"]
    assert "negative binomial" in told["calibrated"]
    assert "at most 5 %" in told["calibrated"]


@pytest.mark.parametrize(("high", "wide"), [(0.60, False), (0.70, True)])
def test_a_wide_interval_is_told_beside_the_share(high, wide):
    row = {"sample": "ip", "condition": "product", "t_cells": 800, "detected_fraction": 0.15}
    row |= {"identifiable": True, "car_fraction": 0.42, "car_fraction_low": 0.35, "car_fraction_high": high}
    empty = row | {"sample": "pk", "condition": "peak", "identifiable": False}
    empty |= {"car_fraction": np.nan, "car_fraction_low": np.nan, "car_fraction_high": np.nan}
    (text,) = what_changed.detection(pd.DataFrame([row, empty]), "product", "peak")
    assert ("Wide (ip):" in text) == wide
    assert ("Read the interval, not its middle." in text) == wide
