"""Figures: what they show is what the tables hold, nothing overlaps, and empty studies draw too."""

import itertools

import fixtures_results
import fixtures_scripts
import numpy as np
import pandas as pd
import pytest
from carpeak import io
from carpeak.figures import car, comparison, composition, expression, palette, population, qc, style
from carpeak.stats import matrix
from hypothesis import given
from hypothesis import strategies as st

COLOURS = style.sample_colours(fixtures_scripts.SAMPLES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("full")
    fixtures_results.make(where, cells=700)
    fixtures_scripts.draw(where)
    return where


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    where = tmp_path_factory.mktemp("empty")
    fixtures_results.make(where, cells=300, empty=True)
    fixtures_scripts.draw(where)
    return where


def table(folder, name):
    return io.read_table(folder / "results/tables" / name)


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")) if text.get_text()]


@pytest.mark.parametrize("which", ["folder", "empty"])
def test_every_figure_is_written_in_both_formats(which, request):
    figures = request.getfixturevalue(which) / "results/figures"
    names = ["qc_metrics", "qc_removed", "car_umap", "car_detection", "car_umis"]
    names += [f"{kind}.{name}" for kind in ("umap", "markers") for name in ("all", "t_cells", "car_t")]
    names += [f"{kind}.peak_vs_product" for kind in ("composition", "volcano", "enrichment", "sensitivity")]
    assert sorted(f.name for f in figures.iterdir() if f.is_file()) == sorted(
        f"{n}.{s}" for n in names for s in ("svg", "png")
    )


def test_a_figure_has_the_same_bytes_twice_and_no_date(folder, tmp_path):
    shares = table(folder, "composition.tsv")
    for name in "ab":
        figure = composition.composition(shares, colours=COLOURS)
        style.save(figure, tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    for suffix in ("svg", "png"):
        first, second = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
        assert first == second
        assert b"<dc:date>" not in first and b"tIME" not in first


def test_simulated_data_is_said_in_every_figure(folder):
    shares = table(folder, "composition.tsv")
    figure = composition.composition(shares, colours=COLOURS, footer=fixtures_scripts.FOOTER)
    assert fixtures_scripts.FOOTER in texts(figure)
    assert fixtures_scripts.FOOTER in texts(style.note("Nothing.", footer=fixtures_scripts.FOOTER))


def test_expression_equals_the_normalised_matrix(folder):
    counts = io.read_h5ad(folder / "results/counts.h5ad")
    labels = pd.Series(np.where(np.arange(counts.n_obs) % 3 == 0, "a", "b"), index=counts.obs_names)[10:]
    found = expression.by_label(folder / "results/counts.h5ad", labels, ["CD4", "no such gene", "GZMB"])
    exclude = counts.var["transgene"].to_numpy(bool)
    wanted = matrix.normalise(counts.X, exclude=exclude, dtype=np.float64)[10:]
    assert found["gene"].unique().tolist() == ["CD4", "GZMB"]
    for row in found.to_dict("records"):
        column = wanted[(labels == row["label"]).to_numpy(), counts.var_names.get_loc(row["gene"])].toarray()
        assert row["mean"] == pytest.approx(column.mean(), rel=1e-12)
        assert row["detected"] == pytest.approx((column > 0).mean(), rel=1e-12)


def test_removed_bars_add_up_to_what_is_missing(folder):
    samples = table(folder, "samples.tsv")
    bars = qc.removed(samples).axes[0].patches
    widths = sum(bar.get_width() for bar in bars)
    missing = (100 * (samples["cells_in"] - samples["cells_kept"]) / samples["cells_in"]).sum()
    assert widths == pytest.approx(missing)


def test_limits_are_drawn_where_there_are_any():
    thresholds = {"min_genes": 100, "max_genes": 30000, "min_umis": None, "max_mito_percent": 9.5}
    found = qc.limits_of(thresholds | {"doublet_threshold": None})
    assert found == {"n_umis": [], "n_genes": [100, 30000], "pct_mito": [9.5], "doublet_score": []}


def test_detection_shows_the_table(folder):
    shown = table(folder, "car.tsv")
    left, right = car.detection(shown).axes[:2]
    for ax, column in ((left, "detected_fraction"), (right, "false_positive_rate")):
        points = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
        assert points == pytest.approx((100 * shown[column]).tolist())


def test_umi_bars_are_shares_of_all_t_cells():
    cells = pd.DataFrame({"sample": ["product"] * 4 + ["peak"] * 2, "car_umis": [0, 1, 1, 25, 0, 0]})
    bars = [bar.get_height() for bar in car.umis(cells, colours=COLOURS).axes[0].patches]
    assert bars[:10] == [50, 0, 0, 0, 0, 0, 0, 0, 0, 25]
    assert bars[10:] == [0] * 10


def test_labels_of_the_volcano_do_not_overlap(folder):
    figure = comparison.volcano(
        table(folder, "de.peak_vs_product.tsv"), named={"GZMB"}, **fixtures_scripts.LIMITS
    )
    figure.get_layout_engine().execute(figure)
    figure.draw_without_rendering()
    for ax in figure.axes:
        names = [text for text in ax.texts if text.get_fontstyle() == "italic"]
        assert len(names) >= 10
        boxes = [text.get_window_extent() for text in names]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_the_volcano_counts_what_passes_both_limits(folder):
    de = table(folder, "de.peak_vs_product.tsv")
    part = de[(de["population"] == "car_t") & (de["group"] == "CD4") & (de["depth"] == "equal")]
    up = (part["p_adjusted"] < 0.01) & (part["log2_fold_change"] >= 0.5)
    ambient = part["gene"].isin(["HBB", "HBA1"])
    own, leaked = (up & ~ambient).sum(), (up & ambient).sum()
    ax = comparison.volcano(de, named=(), **fixtures_scripts.LIMITS).axes[1]
    shown = f"{own:,} up and {leaked} †" if leaked else f"{own:,} up"
    assert shown in [text.get_text() for text in ax.texts]


def test_terms_of_the_claims_are_shown_wherever_they_rank(folder):
    terms = table(folder, "enrichment.peak_vs_product.tsv")
    last = terms.loc[terms["p_value"].idxmax()]
    figure = comparison.enrichment(terms, adjusted_p=0.01, named={last["term_id"]})
    assert any(text.startswith("● ") for text in texts(figure))


def test_named_reads_genes_and_terms_of_the_claims():
    genes, terms = comparison.named(fixtures_scripts.ROOT / "config/claims.yaml")
    assert {"NKG7", "LAG3", "PRF1", "CST7", "GZMB", "GNLY", "GZMK"} <= genes
    assert {"GO:0006954", "GO:0071346", "GO:0032729"} <= terms


def test_stacked_bars_are_the_fractions(folder):
    shares = table(folder, "composition.tsv")
    ax = composition.composition(shares, colours=COLOURS).axes[2]
    widths = [bar.get_width() for bar in ax.patches]
    wanted = shares[
        (shares["population"] == "car_t")
        & (shares.groupby(["population", "label"])["n"].transform("sum") > 0)
    ]
    assert sorted(widths) == pytest.approx(sorted(wanted["fraction"]))


def test_a_population_without_cells_says_why():
    cells = pd.DataFrame({"umap_1": [], "umap_2": [], "cluster": [], "sample": [], "t_state": []})
    figures = population.draw(
        cells, "car_t", counts="none.h5ad", message="9 cells are too few.", colours=COLOURS
    )
    assert all("No figure of CAR+ T cells. 9 cells are too few." in texts(figure) for figure in figures)


def test_colours_are_stable_and_apart():
    lineages = [
        "T cell",
        "B cell",
        "NK cell",
        "Monocyte/DC",
        "Red cell",
        "Platelet",
        "Plasma cell",
        "HSC",
        "unassigned",
    ]
    states = fixtures_results.STATES
    for labels in (lineages, states):
        assert len({style.colour(label) for label in labels}) == len(labels)
    assert style.colour("a new label") == style.colour("a new label")
    assert style.sample_colours(["a", "b", "c"], ["c", "a"]) == {
        "c": palette.SAMPLE_COLOURS[2],
        "a": palette.SAMPLE_COLOURS[0],
    }


@given(st.lists(st.floats(0, 100), max_size=30), st.floats(0.5, 10))
def test_spread_keeps_order_gap_and_bounds(positions, gap):
    placed = style.spread(positions, gap, 0, 100)
    assert len(placed) == len(positions)
    if len(placed) == 0:
        return
    assert placed.min() >= -1e-6 and placed.max() <= 100 + 1e-6
    order = np.argsort(positions, kind="stable")
    room = min(gap, 100 / max(len(placed) - 1, 1))
    assert (np.diff(placed[order]) >= room - 1e-6).all()


def test_spread_leaves_what_is_apart():
    assert style.spread([10, 50, 90], 5, 0, 100).tolist() == [10, 50, 90]


def test_cluster_numbers_stand_apart_on_their_own_cells():
    rng = np.random.default_rng(0)
    points = np.vstack([rng.normal(0, 1, (300, 2)), rng.normal(0, 0.9, (200, 2)), rng.normal(9, 1, (50, 2))])
    cells = pd.DataFrame(points, columns=["umap_1", "umap_2"])
    cells["cluster"] = ["0"] * 300 + ["1"] * 200 + ["2"] * 50
    places = population.number_places(cells)
    own = cells.set_index("cluster")[["umap_1", "umap_2"]]
    for name, place in places.items():
        assert (own.loc[name].to_numpy() == place).all(axis=1).any()
    gap = np.hypot(*np.subtract(places["0"], places["1"]))
    assert gap >= population.APART * np.ptp(points, axis=0).max()
