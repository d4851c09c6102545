"""Conditions under their readers' names: in every table that the page reads, in contrasts and in the maps."""

import dataclasses
import json

import pandas as pd
from carpeak.report import condition_names
from carpeak.report.inputs import DonorTables, Inputs
from carpeak.settings import Contrast, Settings, TransgeneSettings

NAMES = {"product": "infusion product"}


def inputs():
    table = pd.DataFrame({"condition": ["product", "peak"], "sample": ["product", "peak"]})
    given = dict.fromkeys(field.name for field in dataclasses.fields(Inputs))
    given |= {name: table for name in condition_names.TABLES if name != "preflight"}
    given["preflight"] = pd.DataFrame({"sample": ["product"]})
    labels = [{"key": "condition", "names": ["product", "peak"]}, {"key": "sample", "names": ["product"]}]
    return Inputs(**given | {"maps": {"all": json.dumps({"labels": labels})}})


def settings(names):
    return Settings(samples="", transgene=TransgeneSettings(features=()), conditions=names)


def test_conditions_get_their_names_everywhere_and_samples_keep_theirs():
    found, named = condition_names.shown(inputs(), settings(NAMES))
    for name in condition_names.TABLES:
        table = getattr(found, name)
        if "condition" in table:
            assert table["condition"].tolist() == ["infusion product", "peak"]
            assert table["sample"].tolist() == ["product", "peak"]
    assert named.contrasts == {"peak_vs_product": Contrast("peak", "infusion product")}
    labels = json.loads(found.maps["all"])["labels"]
    assert [label["names"] for label in labels] == [["infusion product", "peak"], ["product"]]


def test_without_names_nothing_is_touched():
    given, plain = inputs(), settings({})
    assert condition_names.shown(given, plain) == (given, plain)


def test_designs_and_times_of_donors_have_the_names_too():
    sides = pd.DataFrame({"test": ["peak", "trend"], "reference": ["product", None], "donor": "A"})
    donors = DonorTables(sides, [], [], [], sides)
    found, _ = condition_names.shown(dataclasses.replace(inputs(), donors=donors), settings(NAMES))
    for table in (found.donors.design, found.donors.times):
        assert table["test"].tolist() == ["peak", "trend"] and table["reference"][0] == "infusion product"
