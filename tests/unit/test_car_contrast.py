"""CAR+ against the other T cells: planted differences, an independent least squares, and RQR8 read as CD8A."""

import calibration
import numpy as np
import pandas as pd
import pytest
from carpeak.car import posterior
from carpeak.comparison import car_contrast
from scipy import sparse

SAMPLES = [{"sample": "peak", "condition": "peak", "donor": "P1"}]
GENES = 120
FACTOR = 2.0  # the first ten genes are twice as high in CAR+ cells


@pytest.fixture(scope="module")
def planted():
    """T cells of known truth with their P(CAR+), and 120 genes whose UMIs are drawn by depth and truth."""
    library = calibration.simulate(calibration.Setting(0.4, 1.2, 1.5, 1e-6, 6_000), seed=4)
    ambient = posterior.ambient_prior(cell_depth=library.depth.mean(), droplets=library.droplets)
    found = posterior.fit(library.umis, library.depth, ambient)
    rng = np.random.default_rng(0)
    level = rng.uniform(2e-5, 4e-4, GENES)
    rates = library.depth[:, None] * level * np.where(np.arange(GENES) < 10, FACTOR, 1.0)
    rates = np.where(library.positive[:, None], rates, library.depth[:, None] * level)
    umis = rng.poisson(rates)
    rest = (library.depth - umis.sum(axis=1)).astype(int)
    counts = sparse.csr_matrix(np.column_stack([umis, rest, library.umis]).astype(np.int32))
    cells = pd.DataFrame({"sample": "peak", "car_umis": library.umis, "t_state": "CD4 Tn"})
    cells["car_probability"] = posterior.probabilities(found, library.umis, library.depth)
    names = [f"G{i}" for i in range(GENES)] + ["REST", "CAR"]
    transgene = np.array([name == "CAR" for name in names])
    table = car_contrast.compare(
        counts, cells, names, transgene=transgene, samples=SAMPLES, min_pct=0.01
    ).set_index(["rule", "gene"])
    return library, counts, table


def test_probabilities_find_the_whole_difference_and_detection_a_part(planted):
    library, counts, table = planted
    total = np.asarray(counts[:, :-1].sum(axis=1)).ravel()
    ratios = []
    for number in range(10):
        level = np.log1p(counts[:, number].toarray().ravel() / total * 1e4)
        true = level[library.positive].mean() - level[~library.positive].mean()
        row, seen = table.loc[("probability", f"G{number}")], table.loc[("detected", f"G{number}")]
        assert row["p_adjusted"] < 0.05
        ratios.append((row["difference"] / true, seen["difference"] / true))
    by_probability, by_detection = np.mean(ratios, axis=0)
    assert by_probability == pytest.approx(1, abs=0.12)
    assert by_detection < 0.85


def test_genes_that_only_follow_depth_do_not_differ(planted):
    _, _, table = planted
    null = [f"G{i}" for i in range(10, GENES)]
    for rule in car_contrast.RULES:
        rows = table.loc[rule].loc[null]
        assert (rows["p_adjusted"] < 0.05).sum() <= 1
        assert (rows["p_value"] < 0.05).mean() < 0.12
        inside = (rows["difference_low"] < 0) & (rows["difference_high"] > 0)
        assert inside.mean() > 0.88
    assert "CAR" not in table.loc["probability"].index


def test_a_state_that_expresses_the_car_more_strongly_is_no_effect_of_the_car():
    """Activated cells hold 3 x the CAR and 3 x of 60 genes, CAR+ or not: across states half of them differ."""
    rng = np.random.default_rng(8)
    n, genes = 5_000, 100
    depth = 4_000 * np.exp(rng.normal(0, 0.4, n))
    active, car = rng.random(n) < 0.5, rng.random(n) < 0.4
    umis = np.where(car, rng.poisson(0.6 * np.where(active, 3, 1) * depth / 4_000), 0)
    found = posterior.fit(
        umis, depth, posterior.ambient_prior(cell_depth=depth.mean(), droplets=(20_000, 20))
    )
    level = np.where(np.arange(genes) < 60, np.where(active, 3.0, 1.0)[:, None], 1.0) * 2e-4
    drawn = rng.poisson(depth[:, None] * level)
    rest = np.maximum(depth - drawn.sum(axis=1), 1).astype(int)
    counts = sparse.csr_matrix(np.column_stack([drawn, rest, umis]).astype(np.int32))
    names = [f"G{i}" for i in range(genes)] + ["REST", "CAR"]
    cells = pd.DataFrame({"sample": "peak", "car_umis": umis})
    cells["car_probability"] = posterior.probabilities(found, umis, depth)
    differ = {}
    for name, state in (("across", "T"), ("within", np.where(active, "active", "resting"))):
        table = car_contrast.compare(
            counts,
            cells.assign(t_state=state),
            names,
            transgene=np.array([one == "CAR" for one in names]),
            samples=SAMPLES,
            min_pct=0.01,
        ).set_index(["rule", "gene"])
        rows = table.loc["probability"].loc[[f"G{i}" for i in range(60)]]
        differ[name] = (rows["p_adjusted"] < 0.05).mean()
    assert differ["across"] > 0.5, "the confounder is there"
    assert differ["within"] <= 0.05


def test_slopes_are_those_of_least_squares():
    rng = np.random.default_rng(1)
    n = 400
    on, depth = rng.beta(0.5, 1, n), rng.normal(8, 0.4, n)
    level = np.maximum(rng.normal(0.3, 1, (n, 2)) + on[:, None] * [0.5, 0] + depth[:, None] / 20, 0)
    state = rng.choice(["a", "b", "c"], n, p=[0.6, 0.38, 0.02])
    state[:5] = "d"
    found = car_contrast.slopes(sparse.csc_matrix(level), on, depth, state)
    rare = np.isin(state, ["c", "d"])
    design = np.column_stack([state == "a", state == "b", rare, depth, on]).astype(float)
    inverse = np.linalg.inv(design.T @ design)
    for gene in range(2):
        beta = inverse @ design.T @ level[:, gene]
        residual = level[:, gene] - design @ beta
        white = inverse @ (design.T * residual**2) @ design @ inverse
        usual = inverse * (residual**2).mean()
        error = np.sqrt(max(white[4, 4], usual[4, 4]) * n / (n - 5))
        row = found.iloc[gene]
        assert row["difference"] == pytest.approx(beta[4], rel=1e-9)
        assert (row["difference_high"] - row["difference"]) / 1.959964 == pytest.approx(error, rel=1e-6)


def test_no_rows_without_probabilities_or_without_any_detection(planted):
    _, counts, _ = planted
    cells = pd.DataFrame({"sample": "peak", "car_umis": 0, "car_probability": np.nan}, index=range(6_000))
    cells["t_state"] = np.nan
    names = [f"G{i}" for i in range(counts.shape[1])]
    table = car_contrast.compare(
        counts, cells, names, transgene=np.zeros(len(names), bool), samples=SAMPLES, min_pct=0.01
    )
    assert table.empty
    assert list(table.columns) == car_contrast.COLUMNS


def cd8_table(mimic):
    """4,000 T cells, a third CD8, half CAR+; `mimic`: chance that a CAR+ cell shows a CD8A UMI of RQR8."""
    rng = np.random.default_rng(2)
    is_cd8, positive = rng.random(4_000) < 0.33, rng.random(4_000) < 0.5
    cd8a = (is_cd8 & (rng.random(4_000) < 0.7)) | (positive & (rng.random(4_000) < mimic))
    cd8b = is_cd8 & (rng.random(4_000) < 0.6)
    cells = pd.DataFrame({"sample": "peak", "car_call": np.where(positive, "positive", "undetermined")})
    return cells, cd8a, cd8b, car_contrast.cd8(cells, cd8a, cd8b, SAMPLES)


def test_cd8a_without_cd8b_is_counted_in_both_groups():
    cells, cd8a, cd8b, table = cd8_table(0.0)
    positive = (cells["car_call"] == "positive").to_numpy()
    assert table["group"].tolist() == ["positive", "undetected"]
    assert table["cells"].tolist() == [positive.sum(), (~positive).sum()]
    assert table.loc[0, "cd8a_only"] == pytest.approx((cd8a & ~cd8b)[positive].mean())
    assert table.loc[1, "cd8b_only"] == pytest.approx((cd8b & ~cd8a)[~positive].mean())
    assert (table["cd8a_only_low"] < table["cd8a_only"]).all()


@pytest.mark.parametrize(("mimic", "told"), [(0.0, False), (0.15, True)])
def test_rqr8_reads_that_pass_for_cd8a_are_told(mimic, told):
    (found,) = car_contrast.cd8_mimicry(cd8_table(mimic)[3])
    assert found["mimicked"] is told
    assert found["sample"] == "peak"
