"""Moderated tests, voom weights, camera and composition against R's limma and edgeR, and against opposites."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from carpeak.donors import camera, composition, moderated, normalisation
from scipy import stats

ORACLES = Path(__file__).parents[1] / "oracles"
INPUT = ORACLES / "donors" / "input"


def read(path):
    return pd.read_csv(path, sep="\t", index_col=0)


def has_limma():
    if shutil.which("Rscript") is None:
        return False
    return subprocess.run(["Rscript", "-e", "library(edgeR)"], capture_output=True).returncode == 0


@pytest.fixture(scope="module", params=["committed", "live"])
def oracle(request, tmp_path_factory):
    """The tables of limma: those committed, and those that R makes here and now."""
    if request.param == "committed":
        return ORACLES / "donors" / "limma"
    if not has_limma():
        pytest.skip("no R with edgeR here (Debian: r-bioc-limma r-bioc-edger)")
    folder = tmp_path_factory.mktemp("limma")
    subprocess.run(["Rscript", ORACLES / "donors.R", INPUT, folder], check=True)
    return folder


def paired(libraries, test="peak"):
    """The design ~ donor + condition of libraries called DONOR_CONDITION, the condition last."""
    donors = pd.get_dummies([name.split("_")[0] for name in libraries], dtype=float)
    side = [float(name.endswith(test)) for name in libraries]
    return np.column_stack([np.ones(len(libraries)), donors.iloc[:, 1:], side])


def last(design):
    return np.eye(design.shape[1])[-1]


def voomed(counts, design):
    kept = normalisation.enough_counts(counts.to_numpy(float), design)
    part = counts[kept]
    factors = normalisation.tmm(part.to_numpy(float))
    weighted = moderated.voom(part.to_numpy(float), design, factors=factors)
    fit = moderated.linear_fit(weighted.values, design, last(design), weights=weighted.weights)
    return part.index, factors, weighted, moderated.moderated(fit)


def close(found, expected, tolerance=1e-6):
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_filter_factors_and_weights_equal_edger_and_voom(oracle):
    counts = read(INPUT / "counts.tsv")
    design = paired(counts.columns)
    genes, factors, weighted, _ = voomed(counts, design)
    kept = read(oracle / "kept.tsv")["kept"]
    assert list(genes) == list(kept.index[kept == 1])
    assert (kept == 0).sum() > 0
    close(factors, read(oracle / "factors.tsv")["norm.factors"], 1e-10)
    close(weighted.weights, read(oracle / "weights.tsv"))


def test_voom_equals_limma(oracle):
    counts = read(INPUT / "counts.tsv")
    _, _, _, found = voomed(counts, paired(counts.columns))
    expected = read(oracle / "voom.tsv")
    assert np.isfinite(found.prior.df)
    for name in ("effect", "t", "p_value", "df"):
        close(getattr(found, name), expected[name])


def test_trend_equals_limma(oracle):
    counts = read(INPUT / "counts.tsv")
    design = paired(counts.columns)
    part = counts[normalisation.enough_counts(counts.to_numpy(float), design)]
    logs = np.log2((part + 0.5) / (part.sum() + 1) * 1e6).to_numpy()
    found = moderated.moderated(moderated.linear_fit(logs, design, last(design)), trend=True)
    expected = read(oracle / "trend.tsv")
    for name in ("effect", "t", "p_value", "df"):
        close(getattr(found, name), expected[name])


@pytest.mark.parametrize("table", ["camera.tsv", "camera_without_weights.tsv"])
def test_camera_equals_limma(oracle, table):
    counts = read(INPUT / "counts.tsv")
    design = paired(counts.columns)
    genes, _, weighted, _ = voomed(counts, design)
    named = pd.read_csv(INPUT / "sets.tsv", sep="\t")
    sets = {name: np.flatnonzero(genes.isin(part["gene"])) for name, part in named.groupby("set", sort=True)}
    weights = weighted.weights if table == "camera.tsv" else None
    found = camera.camera(weighted.values, sets, design, weights=weights)
    expected = read(oracle / table)
    for name, row in expected.iterrows():
        assert found[name].genes == row["NGenes"]
        close(found[name].correlation, row["Correlation"])
        close(found[name].p_value, row["PValue"])
        assert found[name].direction == (1 if row["Direction"] == "Up" else -1)


def test_composition_equals_limma_on_the_same_ratios(oracle):
    counts = read(INPUT / "shares.tsv")
    found = composition.changes([counts.to_numpy(float)], paired(counts.columns))
    expected = read(oracle / "shares.tsv")
    for name in ("effect", "t", "p_value", "df"):
        close(getattr(found, name), expected[name])


def kang(real_data, kind):
    folder = real_data / "kang_8donors"
    counts = pd.read_csv(folder / f"pseudobulk_{kind}.csv.gz", index_col=0)
    return counts, paired(counts.columns, "stim"), folder / "oracle" / f"{kind}_limma_voom.csv"


def airway(real_data):
    folder = real_data / "airway_paired"
    counts = pd.read_csv(folder / "counts.csv.gz", index_col=0)
    samples = pd.read_csv(folder / "samples.csv", index_col=0).loc[counts.columns]
    named = [f"{cell}_{dex}" for cell, dex in zip(samples["cell"], samples["dex"], strict=True)]
    return counts, paired(named, "_trt"), folder / "oracle" / "limma_voom.csv"


@pytest.mark.parametrize(("kind", "genes"), [("CD14_Mono", 1827), ("CD4_T", 1174), ("airway", 16860)])
def test_real_pairs_equal_limma_voom(real_data, kind, genes):
    counts, design, table = airway(real_data) if kind == "airway" else kang(real_data, kind)
    expected = pd.read_csv(table, index_col=0)
    names, _, _, found = voomed(counts, design)
    assert len(names) == genes == len(expected)
    expected = expected.loc[names]
    close(found.effect, expected["logFC"])
    close(found.t, expected["t"])
    close(np.log(found.p_value), np.log(expected["P.Value"]))


def test_interferon_answers_in_the_donors(real_data):
    counts, design, _ = kang(real_data, "CD4_T")
    names, _, _, found = voomed(counts, design)
    table = pd.DataFrame({"low": found.low, "p": found.p_value}, index=names)
    known = ["ISG15", "IFI6", "IFIT1", "IFIT2", "IFIT3", "ISG20", "LY6E", "MX1"]
    tested = [name for name in known if name in table.index]
    assert len(tested) >= 6
    assert (table.loc[tested, "low"] > 1).all()
    assert (table.loc[tested, "p"] < 1e-4).all()


def test_reversed_sides_reverse_the_sign_and_nothing_else():
    counts = read(INPUT / "counts.tsv")
    _, _, _, there = voomed(counts, paired(counts.columns, "peak"))
    _, _, _, back = voomed(counts, paired(counts.columns, "product"))
    close(back.effect, -there.effect, 1e-9)
    close(back.p_value, there.p_value, 1e-9)


def test_one_gene_without_a_prior_is_the_paired_t_test():
    generator = np.random.default_rng(3)
    values = generator.normal(size=(1, 12))
    design = paired([f"d{donor}_{side}" for donor in range(6) for side in ("product", "peak")])
    found = moderated.moderated(moderated.linear_fit(values, design, last(design)))
    expected = stats.ttest_rel(values[0, 1::2], values[0, ::2])
    close(found.t[0], expected.statistic)
    close(found.p_value[0], expected.pvalue)
    interval = expected.confidence_interval()
    close([found.low[0], found.high[0]], [interval.low, interval.high])


def test_camera_counts_correlated_genes_less():
    generator = np.random.default_rng(5)
    design = paired([f"d{donor}_{side}" for donor in range(6) for side in ("product", "peak")])
    hits, correlation = {"alone": 0, "together": 0}, {"alone": 0.0, "together": 0.0}
    for _ in range(300):
        values = generator.normal(size=(300, 12))
        values[:40] += generator.normal(0, 0.7, 12)
        found = camera.camera(values, {"together": range(40), "alone": range(50, 90)}, design)
        for name, one in found.items():
            hits[name] += one.p_value < 0.05
            correlation[name] += one.correlation / 300
    assert correlation["together"] == pytest.approx(0.49 / 1.49, abs=0.05)
    assert correlation["alone"] == pytest.approx(0, abs=0.02)
    # 300 draws at 5 %: 15 expected, 27 is the 99.9 % quantile
    assert max(hits.values()) <= stats.binom(300, 0.05).ppf(0.999)


def test_set_of_genes_that_all_rise_is_found():
    generator = np.random.default_rng(6)
    design = paired([f"d{donor}_{side}" for donor in range(4) for side in ("product", "peak")])
    values = generator.normal(0, 0.3, size=(300, 8))
    values[:30, 1::2] += 0.8
    found = camera.camera(values, {"rise": range(30), "rest": range(40, 100)}, design)
    assert found["rise"].p_value < 0.01 and found["rise"].direction == 1
    assert found["rest"].p_value > 0.01


def test_too_few_libraries_are_refused():
    design = paired(["d1_product", "d1_peak"])
    with pytest.raises(ValueError, match="nothing to estimate"):
        moderated.linear_fit(np.ones((3, 2)), design, last(design))
    twice = np.column_stack([np.ones(4), [0, 1, 0, 1], [0, 1, 0, 1]]).astype(float)
    with pytest.raises(ValueError, match="nothing to estimate"):
        moderated.linear_fit(np.ones((3, 4)), twice, last(twice))


def test_variance_of_log_ratios_is_that_of_draws():
    generator = np.random.default_rng(7)
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    counts = generator.multinomial(2000, shares, size=20000).T.astype(float)
    ratios = composition.log_ratios(counts)
    expected = ratios.centred.var(axis=1)
    # By hand for the first label: (1/.5 - 2/(4 .5) + (1/.5 + 1/.3 + 1/.15 + 1/.05) / 16) / 2000 / ln(2)^2
    by_hand = (2 - 1 + (2 + 1 / 0.3 + 1 / 0.15 + 20) / 16) / 2000 / np.log(2) ** 2
    np.testing.assert_allclose(expected[0], by_hand, rtol=0.05)
    np.testing.assert_allclose(ratios.variances.mean(axis=1), expected, rtol=0.05)
    np.testing.assert_allclose(ratios.centred.sum(axis=0), 0, atol=1e-9)


def test_doubtful_labels_widen_intervals_by_rubins_rules():
    effects = np.array([[1.0, 2.0], [1.2, 2.0], [0.8, 2.0]])
    variances = np.full((3, 2), 0.09)
    found = composition.pooled(effects, variances, df=8)
    total = 0.09 + 4 / 3 * 0.04  # within + (1 + 1/3) x between
    share = 4 / 3 * 0.04 / total
    observed = 9 / 11 * 8 * (1 - share)
    df = 1 / (share**2 / 2 + 1 / observed)
    close(found.effect, [1.0, 2.0])
    close(found.t[0], 1 / np.sqrt(total))
    close(found.df[0], df)
    close(found.p_value[0], 2 * stats.t.sf(1 / np.sqrt(total), df))
    assert found.missing[1] == 0 and found.high[0] - found.low[0] > found.high[1] - found.low[1]
    once = composition.pooled(effects[:1], variances[:1], df=8)
    close(once.df, [8, 8])


def test_composition_of_the_sixteen_real_samples(real_data):
    counts = pd.read_csv(real_data / "kang_8donors" / "cell_type_counts_all_29k.csv", index_col=0).T
    names = [name.replace("ctrl", "").replace("stim", "") + "_" + name[:4] for name in counts.columns]
    found = composition.changes([counts.to_numpy(float)], paired(names, "stim"))
    assert len(found.effect) == 8
    # six hours of interferon leave blood's composition nearly as it was
    assert np.abs(found.effect[counts.index.get_loc("CD4 T cells")]) < 0.5
    assert (found.p_value < 0.05 / 8).sum() <= 2
