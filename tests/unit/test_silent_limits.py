"""What passed without a word: doublets of large libraries, a CAR that tells nothing, and what the report's top says."""

import shutil
from io import StringIO

import anndata
import numpy as np
import pandas as pd
import pytest
from carpeak.car import calls, carriers
from carpeak.libraries import cell_cycle, doublets, qc
from carpeak.preflight import preflight
from carpeak.report import cautions, page, silent_limits
from carpeak.settings import CarSettings, QcSettings
from fixtures_libraries import CAR, GENES, write_study, write_trio
from fixtures_libraries import counts as library_counts
from scipy import sparse

NO_SHARES = pd.DataFrame({"population": [], "sample": [], "total": []})


def library_of_cells(seed, *, cells=3000, true=0.04, genes=1500):
    """Counts of four kinds of cell with a true share of doublets, and which are doublets."""
    rng = np.random.default_rng(seed)
    base = rng.gamma(0.5, 1, genes)
    profiles = np.tile(base, (4, 1))
    for kind in range(4):
        profiles[kind, kind * 60 : kind * 60 + 60] += 8
    profiles /= profiles.sum(axis=1, keepdims=True)
    n = round(true * cells)
    kinds = rng.choice(4, cells + n, p=[0.6, 0.2, 0.15, 0.05])
    single = rng.poisson(profiles[kinds] * 1500 * np.exp(rng.normal(0, 0.3, (cells + n, 1))))
    single[:n] += single[cells:]
    return sparse.csr_matrix(single[:cells].astype(np.int32)), np.arange(cells) < n


@pytest.mark.parametrize("expected", [0.16, 0.38, 0.5])
def test_an_expected_rate_far_too_high_removes_few_single_cells(expected):
    counts, is_doublet = library_of_cells(3)
    found = doublets.find_doublets(counts, rate=expected, seed=0)
    assert 1 - found.called[~is_doublet].mean() >= 0.95
    assert found.called[is_doublet].mean() >= 0.4
    assert found.differs == ("fewer" if expected > 3 * found.found else "high")


def test_an_expected_rate_far_too_low_still_finds_the_clear_ones():
    counts, is_doublet = library_of_cells(4, true=0.2)
    found = doublets.find_doublets(counts, rate=0.004, seed=0)
    assert found.called[is_doublet].mean() >= 0.2
    assert is_doublet[found.called].mean() >= 0.8


def test_the_rate_that_is_cut_for():
    assert doublets.settled_rate(0.06, 0.05, stated=False) == 0.06
    assert doublets.settled_rate(0.38, 0.04, stated=False) == 0.04  # the prior is refuted
    assert doublets.settled_rate(0.01, 0.06, stated=False) == pytest.approx(0.04)
    assert doublets.settled_rate(0.40, 0.12, stated=True) == 0.40
    assert doublets.settled_rate(0.38, None, stated=False) == doublets.RATE_ALONE
    assert doublets.settled_rate(0.38, None, stated=True) == doublets.RATE_ALONE


@pytest.mark.parametrize(
    ("expected", "found", "stated", "told"),
    [
        (0.06, 0.07, False, ""),
        (0.06, 0.13, False, "high"),
        (0.16, 0.09, False, "high"),
        (0.20, 0.09, True, ""),
        (0.38, 0.04, False, "fewer"),
        (0.01, 0.20, False, "more"),
        (0.40, 0.09, True, "fewer"),
        (0.08, None, False, "untold"),
    ],
)
def test_what_the_reader_is_told_of_the_rates(expected, found, stated, told):
    assert doublets.told_of(expected, found, stated=stated) == told


def test_what_is_expected_comes_from_captured_cells_lanes_and_what_is_stated():
    assert qc.expected_rate(10_000, per_1000=0.008) == (pytest.approx(0.08), False)
    assert qc.expected_rate(50_000, per_1000=0.008, lanes=5) == (pytest.approx(0.08), False)
    assert qc.expected_rate(50_000, per_1000=0.008, percent=4) == (0.04, True)
    assert qc.expected_rate(500_000, per_1000=0.008)[0] == 0.5
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(rng.gamma(0.5, 1, 400), (1000, 400)).astype(np.int32))
    masks = {"mito": np.arange(400) < 10, "transgene": np.zeros(400, bool)}
    _, found = qc.judge(
        counts, **masks, options=QcSettings(preset="paper", min_genes=10, max_mito_percent=1.0)
    )
    assert found["expected_doublet_rate"] == pytest.approx(0.008), (
        "cells removed for other reasons were captured"
    )


@pytest.mark.parametrize("kinds", [1, 2, 3, 16, 40])
def test_copies_of_a_few_cells_are_no_doublets_and_no_error(kinds):
    rng = np.random.default_rng(0)
    base = rng.poisson(rng.gamma(0.5, 1, 2000), (kinds, 2000))
    counts = sparse.csr_matrix(np.tile(base, (300 // kinds + 1, 1))[:300].astype(np.int32))
    found = doublets.find_doublets(counts, rate=0.02, seed=0)
    assert found.called is None or found.called.mean() <= 0.1


def test_genes_of_the_cell_cycle_are_not_scored():
    mask = cell_cycle.mask(["CD3D", "MKI67", "HIST1H4C", "TOP2A", "KIAA0101", "PCLAF", "LYZ"])
    assert mask.tolist() == [False, True, True, True, True, True, False]
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(1.0, (200, 60)).astype(np.float32))
    ignored = np.arange(60) < 20
    assert doublets.variable_genes(counts, n=60, ignored=ignored).min() == 20


def study(t_cells, others):
    """One library: CAR UMIs of 300 T cells and of 60 monocytes, among 2,000 UMIs each."""
    car = np.concatenate([t_cells, others])
    counts = sparse.csr_matrix(np.column_stack([np.full(len(car), 2000), car]).astype(np.int32))
    cells = anndata.AnnData(
        counts,
        obs=pd.DataFrame({"sample": "s1"}, index=[f"c{i}" for i in range(len(car))]),
        var=pd.DataFrame({"transgene": [False, True]}, index=["G", "CAR"]),
    )
    return cells, pd.Series(["T cell"] * len(t_cells) + ["Monocyte/DC"] * len(others))


SHEET = [{"sample": "s1", "condition": "product", "donor": "P1", "flow_car_percent": None}]
CALIBRATED = CarSettings()
RNG = np.random.default_rng(5)
TELLING_NOTHING = {
    "five UMIs in every cell": (np.full(300, 5), np.full(60, 5)),
    "in other cells and hardly in T cells": (RNG.binomial(1, 0.02, 300), RNG.binomial(1, 0.95, 60)),
    "in a third of all cells": (RNG.poisson(0.4, 300), RNG.poisson(0.4, 60)),
}


@pytest.mark.parametrize("umis", TELLING_NOTHING.values(), ids=TELLING_NOTHING)
def test_a_car_in_other_cells_gives_no_share_and_a_caution(umis):
    called, fit, table = calls.call_samples(*study(*umis), SHEET, {}, options=CALIBRATED)
    (row,) = table.to_dict("records")
    assert not row["identifiable"]
    assert np.isnan([row["car_fraction"], row["car_fraction_low"], row["car_fraction_high"]]).all()
    assert row["not_told"] == carriers.IN_OTHER_CELLS
    assert fit["samples"]["s1"]["not_told"] == carriers.IN_OTHER_CELLS
    assert (called["car_call"] == "undetermined").all()
    (told,) = cautions.cautions(thresholds={}, integration={}, composition=NO_SHARES, car=[row])
    assert "the CAR was seen in" in told and "no share of CAR+ cells is given" in told


def test_a_car_of_t_cells_and_ambient_rna_is_not_withheld():
    """Whether the share is then identifiable is the caller's matter (test_caller.py)."""
    rng = np.random.default_rng(1)
    t_cells = rng.poisson(0.05, 300) + rng.binomial(1, 0.4, 300) * rng.negative_binomial(1.5, 1.5 / 4.5, 300)
    _, fit, table = calls.call_samples(*study(t_cells, rng.poisson(0.05, 60)), SHEET, {}, options=CALIBRATED)
    (row,) = table.to_dict("records")
    assert row["not_told"] == ""
    assert "not_told" not in fit["samples"]["s1"]
    assert row["n_positive"] >= 0.5 * 0.4 * 300
    assert cautions.cautions(thresholds={}, integration={}, composition=NO_SHARES, car=[row]) == []


LIMITS = {"status": "ok", "message": "", "expected_doublet_rate": 0.38, "found_doublet_rate": 0.04}
# every key of the registry, what a run returns for it, and words of the sentence at the top of the report
REGISTERED = {
    "doublets_fewer": ({"thresholds": {"s1": LIMITS | {"doublet_rates_differ": "fewer"}}}, ["38 %", "4.0 %", "lanes"]),
    "doublets_more": ({"thresholds": {"s1": LIMITS | {"doublet_rates_differ": "more"}}}, ["doublet_percent", "may remain"]),
    "doublets_high": ({"thresholds": {"s1": LIMITS | {"doublet_rates_differ": "high"}}}, ["doublet_percent", "may remain", "only a part"]),
    "doublets_untold": ({"thresholds": {"s1": LIMITS | {"doublet_rates_differ": "untold", "found_doublet_rate": None}}}, ["don't tell", "at most 10 %"]),
    "car_in_other_cells": (
        {"car": [{"sample": "s1", "not_told": "car_in_other_cells", "false_positive_rate": 1.0, "detected_fraction": 0.97}]},
        ["100 %", "97 %", "endogenous gene"],
    ),
}  # fmt: skip


def test_every_registered_caution_has_a_row_here():
    assert set(REGISTERED) == set(silent_limits.CAUTIONS)


@pytest.mark.parametrize("key", REGISTERED)
def test_the_top_of_the_report_names_it(key):
    given, words = REGISTERED[key]
    found = cautions.cautions(**({"thresholds": {}} | given), integration={}, composition=NO_SHARES)
    assert len(found) == 1
    assert found[0].startswith("Library s1: ")
    assert not [word for word in words if word not in found[0]], found[0]


def _library(folder, name, **options):
    shutil.rmtree(folder / name)
    write_trio(folder / name, **options)


def _without_umis(folder):
    matrix = library_counts(seed=2).tolil()
    matrix[:, len(GENES)] = 0
    _library(folder, "pk", matrix=matrix.tocsr(), seed=2)


# how a study is spoilt, its feature of the CAR, and what the top of the report says of library pk
OF_PREFLIGHT = {
    "an endogenous gene as CAR": (lambda f: None, "B2M", "B2M is the human gene B2M"),
    "a library without the feature": (lambda f: _library(f, "pk", genes=GENES, seed=2), CAR, "missed, not absent"),
    "no UMI of the CAR": (_without_umis, CAR, "no UMI of the transgene in 60 cells"),
    "no mitochondrial genes": (lambda f: _library(f, "pk", genes=[*(g for g in GENES if "MT-" not in g), CAR], seed=2), CAR, "no mitochondrial genes"),
    "a copy": (lambda f: _library(f, "pk", seed=1), CAR, "is one a copy of the other?"),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_PREFLIGHT)
def test_the_top_of_the_report_names_what_preflight_found(tmp_path, case):
    spoil, feature, words = OF_PREFLIGHT[case]
    spoil(write_study(tmp_path))
    rows = [
        {
            "sample": n,
            "condition": c,
            "donor": "P1",
            "path": str(tmp_path / n),
            "raw_path": None,
            "select": "",
        }
        | {"adds_transgene": False}
        for n, c in (("ip", "product"), ("pk", "peak"))
    ]
    found = preflight.examine(rows, features=[feature])
    assert found.problems == []
    read = pd.read_csv(StringIO(preflight.table(found)), sep="\t")
    top = cautions.cautions(thresholds={}, integration={}, composition=NO_SHARES, limits=page._limits(read))
    (told,) = [line for line in top if line.startswith(("Library pk: ", "Each of 2 libraries (ip, pk): "))]
    assert words in told
