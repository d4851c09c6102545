"""Harmony on cell lines with a known answer; agreement and mixing against definitions."""

import numpy as np
import pandas as pd
import pytest
from carpeak.populations import embed, integration
from carpeak.stats import graph


def slow_lisi(points, labels, perplexity):
    """The index by its definition, cell by cell."""
    from scipy.optimize import brentq

    values = []
    for i, point in enumerate(points):
        squared = ((points - point) ** 2).sum(axis=1)
        order = np.argsort(squared, kind="stable")
        order = order[order != i][: 3 * perplexity]
        near = squared[order]

        def excess(precision, near=near):
            p = np.exp(-(near - near[0]) * precision)
            p /= p.sum()
            return -(p * np.log(np.maximum(p, 1e-300))).sum() - np.log(perplexity)

        p = np.exp(-(near - near[0]) * brentq(excess, 1e-9, 1e6))
        p /= p.sum()
        values.append(1 / sum(p[labels[order] == c].sum() ** 2 for c in np.unique(labels)))
    return np.mean(values)


def test_lisi_follows_its_definition():
    generator = np.random.default_rng(0)
    points = generator.normal(size=(150, 3))
    labels = np.where(points[:, 0] + generator.normal(size=150) > 0, "a", "b")
    assert integration.lisi(points, labels, perplexity=10) == pytest.approx(
        slow_lisi(points, labels, 10), rel=1e-6
    )


def test_lisi_at_its_ends():
    generator = np.random.default_rng(0)
    points = generator.normal(size=(2000, 5))
    labels = np.where(np.arange(2000) % 4 == 0, "a", "b")
    assert integration.lisi_ceiling(labels) == pytest.approx(1 / (0.25**2 + 0.75**2))
    assert integration.lisi(points, labels) == pytest.approx(integration.lisi_ceiling(labels), abs=0.06)
    apart = points + 100 * (labels == "a")[:, None]
    assert integration.lisi(apart, labels) == pytest.approx(1.0)


def shifted():
    """Two groups of cells six units apart in every dimension; the second library lies two further in the first."""
    points = np.random.default_rng(0).normal(size=(400, 6)) + 6 * (np.arange(400) % 2)[:, None]
    batch = np.repeat(["a", "b"], 200)
    points[:, 0] += np.where(batch == "b", 2.0, 0.0)
    return points, batch


@pytest.mark.parametrize("preset", ["paper", "default"])
def test_harmony_removes_a_shift_and_keeps_the_shape(preset):
    points, batch = shifted()
    corrected, _ = integration.harmonise(points, batch, preset=preset)
    assert corrected.shape == points.shape

    def shift(places):
        return abs(places[batch == "b", 0].mean() - places[batch == "a", 0].mean())

    assert shift(points) > 1.8
    assert shift(corrected) < (0.5 if preset == "paper" else 1.0)  # a quarter, or half
    for name in ("a", "b"):  # within a library, cells keep their places towards each other
        before, after = (p[batch == name] - p[batch == name].mean(axis=0) for p in (points, corrected))
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99
    again, _ = integration.harmonise(points, batch, preset=preset)
    np.testing.assert_array_equal(corrected, again)


def test_the_default_preset_is_the_librarys_own():
    import harmonypy

    points, batch = shifted()
    corrected, _ = integration.harmonise(points, batch, preset="default")
    theirs = harmonypy.run_harmony(
        points.T, pd.DataFrame({"batch": batch}), "batch", nclust=13, ncores=1, verbose=False
    )
    np.testing.assert_array_equal(corrected, theirs.Z_corr)
    other, _ = integration.harmonise(points, batch, preset="paper")
    assert np.abs(other - corrected).max() > 0.1


def test_as_many_cells_as_components():
    points = np.random.default_rng(0).normal(size=(40, 40))
    corrected, _ = integration.harmonise(points, np.repeat(["a", "b"], 20), preset="paper")
    assert corrected.shape == (40, 40)
    assert np.corrcoef(corrected.ravel(), points.ravel())[0, 1] > 0.5


def test_cell_lines(real_data):
    """The mixed library's halves join their pure lines; the lines stay apart."""
    folder = real_data / "harmony_cell_lines"
    meta = pd.read_csv(folder / "cell_lines_meta.csv.gz")
    points = pd.read_csv(folder / "cell_lines_pcs.csv.gz").select_dtypes("number")
    points = points[
        [c for c in points.columns if c.lower().startswith(("pc", "v", "x"))] or points.columns
    ].to_numpy()
    corrected, _ = integration.harmonise(points, meta["dataset"], preset="paper")
    kind = meta["cell_type"].to_numpy()
    clusters = embed.leiden(graph.fuzzy_weights(*graph.nearest(corrected, 15)), resolution=0.1, seed=0)
    table = pd.crosstab(clusters, kind)
    assert table.max(axis=1).sum() >= 0.98 * len(kind)  # jurkat and 293t never share a cluster
    for line in np.unique(kind):
        mine = kind == line
        before = integration.lisi(points[mine], meta["dataset"][mine])
        after = integration.lisi(corrected[mine], meta["dataset"][mine])
        assert after > before
        assert after > 1 + 0.7 * (integration.lisi_ceiling(meta["dataset"][mine]) - 1)
