"""The first screen says what the tables say."""

import fixtures_results
import fixtures_scripts
import numpy as np
import pandas as pd
import pytest
from carpeak import io
from carpeak.report import headline, library_verdict
from carpeak.settings import EnrichmentSettings

SIDES = {"test": "peak", "reference": "product"}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    fixtures_results.make(folder, cells=1500)
    names = {"de": f"de.{fixtures_scripts.CONTRAST}", "enrichment": f"enrichment.{fixtures_scripts.CONTRAST}"}
    return {
        name: io.read_table(folder / f"results/tables/{names.get(name, name)}.tsv")
        for name in ("composition", "car", "claims", "samples", "ambient", "de", "enrichment")
    }


def share(tables, label, sample):
    part = tables["composition"]
    row = part[(part["population"] == "car_t") & (part["label"] == label) & (part["sample"] == sample)]
    return f"{100 * row['fraction'].iloc[0]:.1f}\u00a0%"


def test_tiles_are_the_numbers_of_the_tables(tables):
    tiles = headline.tiles(SIDES, tables["composition"], tables["car"], tables["claims"])
    moved = next(tile for tile in tiles if "moved most" in tile.name)
    label = moved.name.split(",")[0]
    assert (moved.before, moved.after) == (share(tables, label, "product"), share(tables, label, "peak"))
    supported = (tables["claims"]["verdict"] == "supported").sum()
    assert tiles[-1].after == f"{supported} of {len(tables['claims'])}"
    changed = tables["composition"].copy()
    rows = (changed["population"] == "car_t") & (changed["sample"] == "peak")
    changed.loc[rows & (changed["label"] == label), "n"] += 500
    changed.loc[rows, "total"] += 500
    other = headline.tiles(SIDES, changed, tables["car"], tables["claims"])
    assert [tile.after for tile in other] != [tile.after for tile in tiles], "other numbers, other tiles"


def test_several_libraries_give_median_and_range():
    rows = [("s1", "product", 0.2), ("s2", "product", 0.4), ("s3", "product", 0.9), ("t1", "peak", 0.5)]
    car = pd.DataFrame(rows, columns=["sample", "condition", "car_fraction"]).assign(
        t_cells=100, identifiable="True", car_fraction_low=0.1, car_fraction_high=0.95, detected_fraction=0.1
    )
    tile = headline.car_share(car, ("product", "peak"))
    assert tile.before == "40.0\u00a0%"
    assert tile.before_span == "20.0\u00a0% to 90.0\u00a0% in 3 libraries"
    assert tile.after_span == "10.0\u00a0% to 95.0\u00a0%"


def test_findings_are_short(tables):
    found = headline.findings(
        sides=SIDES, composition=tables["composition"], car=tables["car"], de=tables["de"],
        enrichment=tables["enrichment"], limits=EnrichmentSettings(), name=fixtures_scripts.CONTRAST,
    )  # fmt: skip
    words = [len(one.text.split()) for one in found]
    assert 4 <= len(found) <= 7
    assert max(words) <= headline.MAX_WORDS
    assert sum(words) <= 140


def test_bars_add_up_and_small_subsets_are_joined(tables):
    for bar in headline.bars(("product", "peak"), tables["composition"]):
        assert sum(share for _, share, _ in bar.parts) == pytest.approx(1)
        assert all(share >= headline.SHOWN for name, share, _ in bar.parts if name != "other")


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, "pass", None),
        ({"cells_kept": 300, "cells_in": 320}, "warn", "cells kept 300"),
        ({"cells_kept": 600, "cells_in": 1000}, "warn", "barcodes removed 40.0 %"),
        ({"median_genes": 200.0}, "warn", "median genes 200"),
        ({"status": "failed", "cells_kept": 0}, "fail", "cells kept 0"),
    ],
)
def test_a_library_passes_or_says_why_not(changes, verdict, reason):
    row = {
        "sample": "s",
        "condition": "peak",
        "cells_in": 1000,
        "cells_kept": 900,
        "median_genes": 1200.0,
        "status": "ok",
    }
    ambient = pd.DataFrame({"sample": ["s"], "ambient_share": [0.02]})
    car = pd.DataFrame({"sample": ["s"], "false_positive_rate": [np.nan], "flow_car_percent": [np.nan]})
    one = library_verdict.verdicts(pd.DataFrame([row | changes]), car, ambient, fits={}, thresholds={})[0]
    assert one.verdict == verdict
    assert not reason or any(text.startswith(reason) for text in one.reasons)
    assert bool(one.reasons) == (verdict != "pass")


def test_a_wide_share_is_a_finding_of_its_own(tables):
    car = pd.DataFrame([("ip", "product", 0.42), ("pk", "peak", 0.2)], columns=["sample", "condition", "x"])
    car = car.rename(columns={"x": "car_fraction"}).assign(
        t_cells=100, identifiable="True", car_fraction_low=[0.2, 0.15], car_fraction_high=[0.7, 0.25],
        detected_fraction=0.1,
    )  # fmt: skip
    rest = {key: tables[key] for key in ("composition", "de", "enrichment")}
    found = headline.findings(
        sides=SIDES, car=car, limits=EnrichmentSettings(), name=fixtures_scripts.CONTRAST, **rest
    )
    texts = [one.text for one in found]
    assert "The interval of the CAR share is wide (ip): read it, not its middle." in texts
    assert all(len(text.split()) <= headline.MAX_WORDS for text in texts)
