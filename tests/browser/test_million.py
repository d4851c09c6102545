"""A map of one million cells: its size in the page, and how long it takes to be recoloured."""

import json
import os

import numpy as np
import pytest
from carpeak.explore import packing
from runs import ROOT

pytestmark = pytest.mark.slow
CELLS = 1_000_000
RESOURCES = ROOT / "workflow/resources/report"
MOST_MS = 1_000
MOST_BYTES = 25_000_000


def packed(rng):
    """Fifteen clouds of cells with labels and measures, and 40 genes in one of ten cells, as the page has them."""
    group = np.sort(rng.integers(0, 15, CELLS))
    centres = rng.uniform(-10, 10, (15, 2))
    places = packing.grid(centres[group] + rng.normal(0, 1.2, (CELLS, 2)))
    order = np.lexsort((packing.curve(places), group))
    places, group = places[order], group[order]
    colours = [f"#{int(one):06x}" for one in rng.integers(0, 0xCCCCCC, 15)]
    label = {
        "names": [f"state {i}" for i in range(15)],
        "colours": colours,
        "data": packing.categories(group),
    }
    side = rng.integers(0, 2, CELLS)
    condition = {
        "names": ["product", "peak"],
        "colours": ["#3b4ba3", "#cf7a00"],
        "data": packing.categories(side),
    }
    calls = {"names": ["positive", "undetermined"], "colours": ["#b2432f", "#b9c0c8"]}
    calls |= {"data": packing.categories((rng.random(CELLS) < 0.8).astype(int))}
    umis = packing.amounts(rng.lognormal(8, 0.5, CELLS))
    genes = {f"GENE{i}": packing.amounts(np.maximum(rng.normal(-1, 1, CELLS // 10), 0)) for i in range(40)}
    return {
        "n": CELLS, "bits": packing.BITS,
        "x": packing.coordinates(places[:, 0]), "y": packing.coordinates(places[:, 1]),
        "labels": [{"key": "t_state", **label}, {"key": "condition", **condition}, {"key": "car_call", **calls}],
        "measures": [{"key": "n_umis", **umis}],
        "genes": {"step": 10, "unit": "log1p", "values": genes},
    }  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with nothing but this map."""
    import jinja2

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(RESOURCES), autoescape=True)
    macro = environment.get_template("explore.html.j2").module.cell_map
    maps = {"t_cells": {"title": "T cells", "data": json.dumps(packed(np.random.default_rng(0)))}}
    style = "".join((RESOURCES / f"{name}.css").read_text() for name in ("style", "explore"))
    scripts = "\n".join((RESOURCES / f"{name}.js").read_text() for name in ("unpack", "explore"))
    file = tmp_path_factory.mktemp("million") / "map.html"
    body = f"<style>{style}</style><main>{macro(maps, False)}</main><script>{scripts}</script>"
    file.write_text(f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{body}</body></html>')
    return file


def test_a_million_cells_are_small_and_recoloured_within_a_second(page, opened, record_property):
    assert page.stat().st_size < MOST_BYTES
    view = opened(page)
    view.page.set_default_timeout(120_000)
    view.page.wait_for_selector('.cell-map[data-ready="t_cells"]')
    root = view.page.locator(".cell-map")
    times = {}  # the best of five: what else the machine does only adds to a time
    for key in 5 * ("measure:n_umis", "label:condition", "label:t_state"):
        root.get_by_label("Colour by").select_option(key)
        took = float(root.get_attribute("data-ms"))
        times[key] = min(took, times.get(key, took))
    for gene in ("GENE7", "GENE3", "GENE5"):
        root.get_by_label("or by gene").fill(gene)
        root.get_by_label("or by gene").press("Enter")
        root.locator(".legend", has_text=gene).wait_for()
        times["gene"] = min(float(root.get_attribute("data-ms")), times.get("gene", float("inf")))
    record_property("milliseconds", times)
    print("ms to recolour a million cells:", times, "bytes:", page.stat().st_size)
    waiting = max(
        1.0, os.getloadavg()[0] / (os.cpu_count() or 1)
    )  # jobs per core: each gets so much less of it
    assert max(times.values()) < MOST_MS * waiting
    assert view.errors == []
