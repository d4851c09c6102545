"""Planted and found: every number is the one that a reader would count by hand."""

import numpy as np
import pandas as pd
import pytest
from carpeak.report import planted as words
from carpeak.simulate import planted

LIMITS = {"adjusted_p": 0.01, "log2_fold_change": 0.5, "fdr": 0.05}


@pytest.fixture
def table():
    cells = pd.DataFrame(
        {
            "cell": [f"c{i}" for i in range(10)],
            "sample": "product",
            "kind": ["singlet"] * 9 + ["doublet"],
            "state": ["CD4 Tn"] * 5 + ["CD4 Tem"] * 4 + [""],
            "car": ["true"] * 4 + ["false"] + ["true"] * 2 + ["false"] * 3,
        }
    )
    labels = pd.DataFrame({"cell": cells["cell"], "t_state": ["CD4 Tn"] * 6 + ["CD4 Tem"] * 4})
    calls = pd.DataFrame({"cell": cells["cell"], "car_call": ["positive"] * 7 + ["undetermined"] * 3})
    car = pd.DataFrame({"sample": ["product"], "car_fraction": 0.7})
    car = car.assign(car_fraction_low=0.65, car_fraction_high=0.8)
    composition = pd.DataFrame({"population": "car_t", "sample": "product", "label": ["CD4 Tn", "CD4 Tem"]})
    composition = composition.assign(
        fraction=[6 / 7, 1 / 7], fraction_low=[0.6, 0.05], fraction_high=[0.95, 0.4]
    )
    genes = pd.DataFrame({"gene": ["UP", "WEAK", "MISSED", "DOWN", "NONE"]})
    genes["planted"] = [
        "CD4 Tn:1.0;CD4 Tem:1.0",
        "CD4 Tn:0.4",
        "CD4 Tn:2.0",
        "CD4 Tn:-1.0;CD4 Tem:-1.0",
        None,
    ]
    de = pd.DataFrame({"population": "car_t", "group": "CD4", "depth": "equal", "gene": genes["gene"]})
    de = de.assign(log2_fold_change=[1.2, 0.9, 0.2, -0.9, 2.0], p_adjusted=[1e-9, 1e-9, 0.5, 1e-4, 1e-9])
    terms = pd.DataFrame({"term_id": ["T", "D1", "D2"], "term": ["planted term", "a", "b"]})
    terms["role"] = ["planted", "decoy", "decoy"]
    enrichment = pd.DataFrame(
        {"population": "car_t", "group": "CD4", "direction": "up", "term_id": ["T", "D1"]}
    )
    enrichment = enrichment.assign(p_adjusted=[1e-12, 1e-3])
    return planted.table(
        cells=cells, genes=genes, terms=terms, car=car, calls=calls, labels=labels,
        composition=composition, de=de, enrichment=enrichment, limits=LIMITS,
    )  # fmt: skip


def row(table, kind, name=""):
    return table[(table["kind"] == kind) & (table["name"] == name)].iloc[0]


def test_shares_calls_and_states_are_counted(table):
    assert row(table, "car_share")["planted"] == pytest.approx(0.6)
    assert row(table, "wrong_calls")[["found", "of"]].tolist() == pytest.approx([1 / 7, 7])
    assert row(table, "state_share", "CD4 Tn")["planted"] == pytest.approx(4 / 6)
    assert row(table, "state_share", "CD4 Tem")["found"] == pytest.approx(1 / 7)
    assert row(table, "right_states")[["found", "of"]].tolist() == pytest.approx([5 / 6, 6])


def test_genes_and_terms_are_counted(table):
    assert row(table, "genes", "up")[["planted", "found"]].tolist() == [2, 1]  # WEAK is below the limit
    assert row(table, "genes", "down")[["planted", "found"]].tolist() == [1, 1]
    assert row(table, "term", "planted term")["found"] == 1e-12
    assert row(table, "decoys")[["planted", "found", "of"]].tolist() == [0, 1, 2]


def test_the_page_says_what_agrees_and_what_does_not(table):
    said = {one["what"]: one for one in words.rows(table, adjusted_p=0.01)}
    assert said["T cells that carry the CAR"]["agrees"] == "outside the interval"
    assert said["CD4 Tn among CAR+ T cells"]["agrees"] == "yes"
    assert said["CAR+ calls that are wrong"]["agrees"] == "more than allowed"
    assert said["genes raised in CD4 cells beyond the limit"]["found"] == "1 of them"
    assert said["term: planted term"]["agrees"] == "yes"
    assert said["decoy terms enriched"]["agrees"] == "no"
    assert all(one["where"] in ("product", "") for one in said.values())


def test_without_truth_there_is_no_table_and_without_an_estimate_no_verdict(table):
    assert words.rows(None, adjusted_p=0.01) == []
    empty = table[table["kind"] == "car_share"].assign(found=np.nan, found_low=np.nan, found_high=np.nan)
    assert words.rows(empty, adjusted_p=0.01)[0]["found"] == "not estimated"
