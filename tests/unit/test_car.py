"""The one-UMI rule, its error rates, the interface of callers, and the calibrated one behind it."""

import anndata
import calibration
import numpy as np
import pandas as pd
import pytest
from carpeak import io
from carpeak.car import calls
from carpeak.names import NEGATIVE, POSITIVE
from carpeak.settings import CarSettings
from scipy import sparse, stats

OPTIONS = CarSettings(rule="umi")
SHEET = [
    {"sample": "s1", "condition": "product", "donor": "P4", "flow_car_percent": 33.96},
    {"sample": "s2", "condition": "peak", "donor": "P4", "flow_car_percent": None},
]


def library():
    """Ten cells of s1, four of s2: genes G1 and G2 (7 UMIs together), two features of the construct."""
    lineage = ["T cell"] * 5 + ["Monocyte/DC", "B cell", "NK cell", "HSC", "unassigned"] + ["T cell"] * 4
    first = [2, 1, 0, 0, 0, 1, 0, 1, 1, 1] + [0, 0, 0, 0]
    second = [1, 0, 1, 0, 0, 0, 0, 0, 0, 0] + [0, 3, 0, 0]
    counts = np.column_stack([np.full(14, 3), np.full(14, 4), first, second])
    cells = anndata.AnnData(
        sparse.csr_matrix(counts.astype(np.int32)),
        obs=pd.DataFrame(
            {"sample": pd.Categorical(["s1"] * 10 + ["s2"] * 4)}, index=[f"cell{i}" for i in range(14)]
        ),
        var=pd.DataFrame({"transgene": [False, False, True, True]}, index=["G1", "G2", "RQR8", "scFv"]),
    )
    return cells, pd.Series(lineage)


def test_umi_rule_by_hand():
    called, fit, table = calls.call_samples(*library(), SHEET, {}, options=OPTIONS)
    assert list(called.columns) == [
        "cell",
        "car_umis",
        "RQR8",
        "scFv",
        "n_umis",
        "car_probability",
        "car_call",
    ]
    assert called["car_umis"].tolist() == [3, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 3, 0, 0]
    assert (called["n_umis"] == 7).all()  # the construct is no part of a cell's depth
    assert called["car_probability"].isna().all()
    positive = called["car_umis"] >= 1
    assert (called["car_call"] == np.where(positive, "positive", "undetermined")).all()
    assert fit == {
        "rule": "umi",
        "features": ["RQR8", "scFv"],
        "samples": {s: {"min_umis": 1} for s in ("s1", "s2")},
    }
    first, second = table.to_dict("records")
    assert list(table.columns) == calls.TABLE_COLUMNS
    assert (first["t_cells"], first["n_positive"], first["n_undetermined"], first["n_negative"]) == (
        5,
        3,
        2,
        0,
    )
    assert first["detected_fraction"] == pytest.approx(0.6)
    assert first["flow_car_percent"] == 33.96
    assert np.isnan(second["flow_car_percent"])
    assert not first["identifiable"]
    assert np.isnan([first["car_fraction"], first["car_fraction_low"], first["car_fraction_high"]]).all()


def test_false_positives_are_measured_on_cells_that_cannot_be_car():
    """NK cells, HSC and unassigned cells carry the transgene here and must not count."""
    table = calls.call_samples(*library(), SHEET, {}, options=OPTIONS)[2]
    first, second = table.to_dict("records")
    exact = stats.binomtest(1, 2).proportion_ci(0.95, method="exact")
    assert first["false_positive_rate"] == 0.5
    assert first["false_positive_rate_low"] == pytest.approx(exact.low)
    assert first["false_positive_rate_high"] == pytest.approx(exact.high)
    assert np.isnan(second["false_positive_rate"])  # no such cell in s2
    assert first["ambient_source"] == "non_t_cells"
    assert first["ambient_transgene_share"] == pytest.approx(1 / 15)
    assert second["ambient_source"] == "none"
    assert np.isnan([first["ambient_rate"], second["ambient_rate"], second["ambient_transgene_share"]]).all()


@pytest.mark.parametrize("transgene_umis", [20, {"RQR8": 15, "scFv": 5}])
def test_ambient_rate_prefers_empty_droplets(transgene_umis):
    droplets = {
        "s1": {
            "source": "empty_droplets",
            "effective_droplets": 9.0,
            "umis": 1_000_000,
            "transgene_umis": transgene_umis,
        }
    }
    droplets["s2"] = {"source": "none", "effective_droplets": 0.0, "umis": 0, "transgene_umis": {}}
    table = calls.call_samples(*library(), SHEET, droplets, options=OPTIONS)[2]
    assert table.loc[1, "ambient_source"] == "none"
    assert table.loc[0, "ambient_source"] == "empty_droplets"
    assert table.loc[0, "ambient_transgene_share"] == pytest.approx(2e-5)
    assert np.isnan(table.loc[0, "ambient_rate"]), "per UMI of a T cell: only a model says that"


@pytest.mark.parametrize(("min_umis", "n_positive"), [(1, 3), (2, 1), (4, 0)])
def test_min_umis(min_umis, n_positive):
    called, _, table = calls.call_samples(
        *library(), SHEET, {}, options=CarSettings(rule="umi", min_umis=min_umis)
    )
    assert table.loc[0, "n_positive"] == n_positive
    assert table.loc[0, "detected_fraction"] == pytest.approx(0.6)  # at >= 1 UMI, whatever the rule
    assert set(called["car_call"]) <= {"positive", "undetermined"}


def test_a_library_without_cells_keeps_its_row():
    cells, lineage = library()
    only = (cells.obs["sample"] == "s1").to_numpy()
    called, _, table = calls.call_samples(cells[only].copy(), lineage[only], SHEET, {}, options=OPTIONS)
    assert len(called) == 10
    assert table["t_cells"].tolist() == [5, 0]
    assert np.isnan(table.loc[1, "detected_fraction"])


def test_another_caller_plugs_in(monkeypatch):
    def calibrated(library, options):
        probability = np.where(library.car_umis > 0, 0.99, 0.02)
        call = np.where(library.car_umis > 0, POSITIVE, NEGATIVE)
        return calls.Called(probability, call, 0.7, 0.6, 0.8, identifiable=True, fit={"k": options.min_umis})

    monkeypatch.setitem(calls.CALLERS, "calibrated", calibrated)
    called, fit, table = calls.call_samples(*library(), SHEET, {}, options=CarSettings(min_umis=2))
    assert called["car_probability"].tolist() == [0.99 if n else 0.02 for n in called["car_umis"]]
    assert table["n_negative"].tolist() == [2, 3]
    assert table["car_fraction"].tolist() == [0.7, 0.7]
    assert table["identifiable"].all()
    assert fit["samples"]["s2"] == {"k": 2}


CALIBRATED = CarSettings()
CONTRASTS = {"peak_vs_product": {"test": "peak", "reference": "product"}}
RATE = 1e-5


def simulated(*, controls=400):
    """Two libraries of known truth (s1: 60 %, s2: none carries it), controls and NK cells; empty droplets."""
    parts, truth, droplets = [], [], {}
    for name, share, seed in (("s1", 0.6, 1), ("s2", 0.0, 2)):
        drawn = calibration.simulate(calibration.Setting(share, 2.0, 1.5, RATE, 2000), seed=seed)
        rng = np.random.default_rng(seed)
        extra = rng.poisson(RATE * 3000, controls + 50)
        lineage = ["T cell"] * 2000 + ["B cell"] * controls + ["NK cell"] * 50
        umis, depth = np.r_[drawn.umis, extra], np.r_[drawn.depth.astype(int), np.full(controls + 50, 3000)]
        parts.append(pd.DataFrame({"sample": name, "lineage": lineage, "umis": umis, "depth": depth}))
        truth.append(np.r_[drawn.positive, np.zeros(controls + 50, bool)])
        n, seen = drawn.droplets
        droplets[name] = {"source": "empty_droplets", "effective_droplets": float(n), "umis": 50 * n}
        droplets[name]["transgene_umis"] = {"CAR": seen}
    table = pd.concat(parts, ignore_index=True)
    cells = anndata.AnnData(
        sparse.csr_matrix(table[["depth", "umis"]].to_numpy(np.int32)),
        obs=pd.DataFrame({"sample": table["sample"].to_numpy()}, index=[f"c{i}" for i in range(len(table))]),
        var=pd.DataFrame({"transgene": [False, True]}, index=["G1", "CAR"]),
    )
    return cells, table["lineage"], np.concatenate(truth), droplets


@pytest.fixture(scope="module")
def calibrated_run():
    cells, lineage, truth, droplets = simulated()
    found = calls.call_samples(cells, lineage, SHEET, droplets, options=CALIBRATED, contrasts=CONTRASTS)
    return lineage, truth, *found


def test_the_calibrated_rule_through_the_table(calibrated_run):
    _, truth, called, _, table = calibrated_run
    first, second = table.to_dict("records")
    assert first["identifiable"]
    assert first["car_fraction_low"] < 0.6 < first["car_fraction_high"]
    assert first["detected_fraction"] < first["car_fraction_low"]  # the paper's rule stands beside
    assert not second["identifiable"]  # few cells that express much, or many that express next to nothing
    assert np.isnan(second["car_fraction"])
    assert (table["ambient_source"] == "empty_droplets").all()
    assert table["ambient_rate"].to_numpy() == pytest.approx(RATE, rel=0.6)
    states = table[["n_positive", "n_undetermined", "n_negative"]]
    assert states.sum(axis=1).tolist() == table["t_cells"].tolist() == [2000, 2000]
    positive = (called["car_call"] == "positive").to_numpy()
    assert (called["car_umis"][positive] >= 1).all()
    assert 1 - truth[positive].mean() <= 0.06
    assert second["n_positive"] == 0


def test_probability_and_call_are_about_t_cells(calibrated_run):
    lineage, _, called, fit, table = calibrated_run
    is_t = (lineage == "T cell").to_numpy()
    assert called["car_probability"][is_t].between(0, 1).all()
    assert called["car_probability"][~is_t].isna().all()
    assert (called["car_call"][~is_t] == "undetermined").all()
    seen = (called["car_umis"][(lineage == "B cell").to_numpy()][:400] >= 1).mean()
    assert table.loc[0, "false_positive_rate"] == pytest.approx(seen)  # from one UMI on, whatever the rule
    assert fit["samples"]["s1"]["controls"] == 400
    assert fit["samples"]["s1"]["controls_called_positive"] <= 400 * seen


def test_the_fit_is_json_and_warns(calibrated_run, tmp_path):
    _, _, _, fit, _ = calibrated_run
    io.write_json(fit, tmp_path / "fit.json")
    back = io.read_json(tmp_path / "fit.json")
    assert back["rule"] == "calibrated"
    assert back["samples"]["s1"]["warnings"] == []
    assert "no more than ambient" in back["samples"]["s2"]["warnings"][0]
    assert back["samples"]["s1"]["fit_check"]["flagged"] is False
    parts = {part["factor"]: part for part in back["changes"][0]["parts"]}
    assert parts["total"]["change_high"] < -0.3
    assert parts["share"]["change"] + parts["expression"]["change"] < -0.3  # which of both, none can tell


def test_no_number_where_there_are_too_few_t_cells_or_none():
    cells, lineage = library()
    _, fit, table = calls.call_samples(cells, lineage, SHEET, {}, options=CALIBRATED, contrasts=CONTRASTS)
    assert not table["identifiable"].any()
    assert table[["car_fraction", "car_fraction_low", "car_fraction_high"]].isna().all(axis=None)
    assert table["detected_fraction"].tolist() == pytest.approx([0.6, 0.25])
    assert fit["changes"] == []
    assert "fewer than 50" in fit["samples"]["s1"]["warnings"][0]
    only = (cells.obs["sample"] == "s1").to_numpy()
    _, fit, table = calls.call_samples(cells[only].copy(), lineage[only], SHEET, {}, options=CALIBRATED)
    assert table["t_cells"].tolist() == [5, 0]
    assert fit["samples"]["s2"]["share"] is None


def test_a_negative_sample_gives_the_rate_where_nothing_else_does():
    cells, lineage, _, _ = simulated(controls=0)
    options = CarSettings(negative_sample="s2")
    table = calls.call_samples(cells, lineage, SHEET, {}, options=options)[2].set_index("sample")
    assert table.loc["s1", "ambient_source"] == "negative_sample"
    assert table.loc["s1", "ambient_rate"] == pytest.approx(RATE, rel=0.6)
    assert table.loc["s2", "ambient_source"] == "prior"  # it is no control of itself
    without = calls.call_samples(cells, lineage, SHEET, {}, options=CALIBRATED)[1]
    assert "measured nowhere" in without["samples"]["s1"]["warnings"][-1]


def test_sorted_and_unsorted_blood_of_a_real_patient(real_data):
    """CAT_scFv is seen in most T cells of the sorted blood and next to none of the unsorted blood."""
    h5py = pytest.importorskip("h5py")
    shares = {}
    for name in ("CAR-T10310322", "CAR-T10310324"):
        with h5py.File(real_data / "carpall_P02/h5" / f"{name}.filtered_feature_bc_matrix.h5") as file:
            group = file["matrix"]
            genes = [g.decode() for g in group["features/name"][:]]
            shape = tuple(group["shape"][:])
            counts = sparse.csc_matrix(
                (group["data"][:], group["indices"][:], group["indptr"][:]), shape=shape
            )
        barcodes = [f"{name}_{i}" for i in range(shape[1])]
        cells = anndata.AnnData(
            counts.T.tocsr(),
            obs=pd.DataFrame({"sample": name}, index=barcodes),
            var=pd.DataFrame({"transgene": [g == "CAT_scFv" for g in genes]}, index=genes),
        )
        cd3 = np.asarray(counts[[genes.index(g) for g in ("CD3D", "CD3E", "CD3G")]].sum(axis=0)).ravel() > 0
        lineage = pd.Series(np.where(cd3, "T cell", "unassigned"))
        sheet = [{"sample": name, "condition": "blood", "donor": "P02"}]
        shares[name] = calls.call_samples(cells, lineage, sheet, {}, options=OPTIONS)[2]
    assert 0.55 < shares["CAR-T10310322"]["detected_fraction"].item() < 0.75
    assert shares["CAR-T10310324"]["detected_fraction"].item() < 0.01


SORTED = [{**SHEET[0], "sorted": "CAR+"}, {**SHEET[1], "sorted": "CAR-"}]


def test_sorted_libraries_are_called_by_the_sort_whatever_the_rna_says():
    called, fit, table = calls.call_samples(*library(), SORTED, {}, options=CarSettings(rule="sorted"))
    is_t = (library()[1] == "T cell").to_numpy()
    first = np.arange(14) < 10
    assert (called["car_call"][is_t & first] == "positive").all(), "also the T cells of s1 without a UMI"
    assert (called["car_call"][is_t & ~first] == "negative").all(), "also the T cell of s2 with three UMIs"
    assert (called["car_call"][~is_t] == "undetermined").all()
    assert table["n_positive"].tolist() == [5, 0]
    assert table["n_negative"].tolist() == [0, 4]
    assert table["detected_fraction"].tolist() == [0.6, 0.25], "what the RNA shows stands beside"
    assert fit["samples"] == {"s1": {"sorted": "CAR+"}, "s2": {"sorted": "CAR-"}}


def test_without_a_feature_nothing_is_said_of_detection():
    """A share of 0 would be a measurement, and there was none."""
    cells, lineage = library()
    cells = cells[:, :2].copy()
    called, _, table = calls.call_samples(cells, lineage, SORTED, {}, options=CarSettings(rule="sorted"))
    assert (called["car_umis"] == 0).all()
    measured = ["detected_fraction", "false_positive_rate", "false_positive_rate_high", "ambient_rate"]
    assert table[measured].isna().all(axis=None)
    assert table["n_positive"].tolist() == [5, 0]


@pytest.mark.parametrize("rule", ["umi", "calibrated"])
def test_a_library_whose_reference_lacks_the_transgene_shows_no_share(rule):
    cells, lineage = library()
    cells.uns["without_transgene"] = np.array(["s2"], dtype=object)  # as h5ad gives it back
    called, fit, table = calls.call_samples(cells, lineage, SHEET, {}, options=CarSettings(rule=rule))
    first, second = table.to_dict("records")
    assert first["detected_fraction"] == pytest.approx(0.6)
    shares = ["detected_fraction", "car_fraction", "false_positive_rate", "ambient_transgene_share"]
    assert np.isnan([second[name] for name in shares]).all(), "0.0 % would be a measurement"
    assert (second["t_cells"], second["n_undetermined"]) == (4, 4)
    assert set(called["car_call"][10:]) == {"undetermined"}
    assert "lacks the transgene" in fit["samples"]["s2"]["reason"]
