"""Figures: what they show is what the tables hold, nothing overlaps, and empty studies draw too."""

import itertools

import fixtures_results
import fixtures_scripts
import numpy as np
import pandas as pd
import pytest
import yaml
from carpeak import io
from carpeak.figures import (
    car,
    claim_genes,
    comparison,
    composition,
    expression,
    palette,
    population,
    qc,
    style,
)
from carpeak.libraries import barcode_ranks
from carpeak.stats import matrix
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import PathCollection

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
    names = ["qc_metrics", "qc_removed", "qc_ranks", "car_umap", "car_detection", "car_umis"]
    names += [f"{kind}.{name}" for kind in ("umap", "markers") for name in ("all", "t_cells", "car_t")]
    names += [f"{kind}.peak_vs_product" for kind in fixtures_scripts.COMPARED]
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


MANY = [f"patient{i}_{side}" for i in range(1, 6) for side in ("product", "peak")]


def _many_cells():
    generator = np.random.default_rng(0)
    n = 4000 * len(MANY)
    return pd.DataFrame(
        {
            "sample": np.repeat(MANY, 4000),
            "umap_1": generator.normal(size=n),
            "umap_2": generator.normal(size=n),
            "car_umis": generator.poisson(0.5, n),
            "car_call": "positive",
        }
    )


def test_ten_libraries_have_titles_that_do_not_touch():
    figure = car.on_umap(_many_cells(), samples=MANY)
    figure.get_layout_engine().execute(figure)
    figure.draw_without_rendering()
    boxes = [ax._left_title.get_window_extent() for ax in figure.axes if ax.get_title(loc="left")]
    assert len(boxes) == len(MANY)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_ten_libraries_are_named_beside_their_bars():
    figure = car.umis(_many_cells(), colours=style.sample_colours(MANY))
    figure.get_layout_engine().execute(figure)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert [text.get_text().split(" (")[0] for text in legend.get_texts()] == MANY
    names, bars = legend.get_window_extent(), figure.axes[0].get_window_extent()
    assert not names.overlaps(bars)
    assert names.y0 >= 0 and names.y1 <= figure.bbox.y1


def test_shares_of_ten_libraries_are_points_with_against_without_harmony(folder):
    de, varied = table(folder, "de.peak_vs_product.tsv"), table(folder, "sensitivity.de.peak_vs_product.tsv")
    generator = np.random.default_rng(1)
    rows = [(state, name) for state in ("CD4 Tn", "CD8 Teff") for name in MANY]
    shares = pd.DataFrame(rows, columns=["label", "sample"]).assign(population="car_t")
    first, second = generator.random((2, len(rows)))
    figure = comparison.sensitivity(
        shares.assign(fraction=first),
        shares.assign(fraction=second, variant="unintegrated").sample(frac=1, random_state=0),
        de,
        varied,
        colours=style.sample_colours(MANY),
    )
    (points,) = [a for a in figure.axes[0].collections if isinstance(a, PathCollection)]
    np.testing.assert_allclose(points.get_offsets(), 100 * np.column_stack([first, second]))


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
    here = shares[shares["population"] == "car_t"]
    large = here.groupby("label")["fraction"].transform("max") >= composition.SMALL
    other = here[~large].groupby("sample")["fraction"].sum()
    wanted = [*here.loc[large, "fraction"], *(other if (~large).sum() > len(other) else [])]
    assert sorted(widths) == pytest.approx(sorted(wanted))
    assert sum(widths) == pytest.approx(here["sample"].nunique())


def test_axes_name_the_cells_that_their_shares_are_of(folder):
    shares = table(folder, "composition.tsv")
    axes = composition.composition(shares, colours=COLOURS).axes
    assert [ax.get_title(loc="left") for ax in axes[:3]] == [
        "% of all cells",
        "% of T cells",
        "% of CAR+ T cells",
    ]
    assert [ax.get_xlabel() for ax in axes[3:]] == ["% of T cells", "% of CAR+ T cells"]
    for ax, cells in zip(axes[3:], ("t_cells", "car_t")):
        part = shares[(shares["population"] == cells) & (shares["sample"] == "peak")].set_index("label")
        names = [text.get_text() for text in ax.get_yticklabels()]
        shown = next(line for line in ax.lines if line.get_label() == "peak").get_xdata()
        assert shown == pytest.approx(100 * (part["n"] / part["total"])[names].to_numpy())
    tables = [table(folder, f"{name}.tsv") for name in ("composition", "sensitivity.composition")]
    tables += [table(folder, f"{name}.peak_vs_product.tsv") for name in ("de", "sensitivity.de")]
    assert comparison.sensitivity(*tables, colours=COLOURS).axes[0].get_xlabel() == "% of CAR+ T cells"
    removed = qc.removed(table(folder, "samples.tsv")).axes[0]
    assert removed.get_xlabel() == "removed barcodes (% of those read)"


def test_small_labels_set_no_colours_of_a_dot_plot():
    values = pd.DataFrame(
        [("CD4 Tn", "CD3D", 1.0, 0.6), ("unassigned", "CD3D", 4.0, 1.0), ("CD4 Tem", "CD3D", 0.5, 0.3)],
        columns=["label", "gene", "mean", "detected"],
    )
    ax = population.dots(values, {"CD4 Tn": 300, "CD4 Tem": 20, "unassigned": 2}).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["CD4 Tn  (300)", "CD4 Tem  (20)"]
    assert ax.collections[0].get_array().tolist() == [1.0, 0.5]
    assert "1 labels, 2 cells" in ax.get_xlabel()


def test_a_gene_that_hardly_any_cell_detects_is_not_dark():
    values = pd.DataFrame([("CD4 Tn", "MKI67", 0.03, 0.02)], columns=["label", "gene", "mean", "detected"])
    ax = population.dots(values, {"CD4 Tn": 300}).axes[0]
    assert ax.collections[0].get_array().tolist() == pytest.approx([0.1])


def test_claims_genes_are_drawn_at_their_means(folder):
    shown = table(folder, "claim_genes.peak_vs_product.tsv")
    sides = {"test": "peak", "reference": "infusion product"}
    figure = claim_genes.claim_genes(shown, sides=sides, colours=style.SIDE_COLOURS)
    ax = figure.axes[0]
    gene = ax.get_title(loc="left")
    part = shown[shown["gene"] == gene]
    dots = [one for one in ax.collections if isinstance(one, PathCollection)]
    drawn = sorted(float(one.get_offsets()[0][0]) for one in dots)
    assert len(drawn) == 14 and drawn == pytest.approx(sorted(part["mean"]))
    assert "infusion product" in texts(figure)
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names[-3:] == ["CD4 Tn (CAR+)", "CD4 Tem (CAR+)", "CD8 Teff (CAR+)"]


def test_states_have_one_order_and_enough_contrast():
    markers = yaml.safe_load((fixtures_scripts.ROOT / "config/markers.yaml").read_text())
    for scheme, states in markers["t_states"].items():
        names = [*states, *markers["coarser"].get(scheme, {}), "CD4", "CD8", "unassigned"]
        assert min(palette.contrast(palette.colour(name)) for name in names) >= 3
        assert len({palette.colour(name) for name in names}) == len(names)
    assert palette.contrast("#FFFFFF") == pytest.approx(1) and palette.contrast("#000000") == pytest.approx(
        21
    )
    for colour in (*palette.COLOURS.values(), *palette.SPARE_COLOURS):
        assert palette.contrast(colour) >= 2.9
    mixed = ["unassigned", "CD8", "CD8 Tn", "CD4", "Treg", "CD4 Tem", "CD4 Tn/Tcm", "CD4 Tn", "T cell"]
    wanted = ["T cell", "CD4 Tn", "CD4 Tn/Tcm", "CD4 Tem", "CD4", "Treg", "CD8 Tn", "CD8", "unassigned"]
    assert palette.ordered(mixed) == wanted


def test_rank_curves_are_those_of_the_droplets():
    rng = np.random.default_rng(0)
    totals = np.concatenate([rng.poisson(2000, 300), rng.poisson(30, 5000), np.zeros(50, dtype=int)])
    is_cell = np.arange(len(totals)) < 300
    curve = barcode_ranks.curve(totals, is_cell)
    falling = np.sort(totals)[::-1]
    assert curve["umis"] == [int(falling[rank - 1]) for rank in curve["rank"]]
    assert curve["rank"][0] == 1 and curve["rank"][-1] == (totals > 0).sum()
    widths = np.diff([0, *curve["rank"]])
    assert (widths * curve["cells"]).sum() == pytest.approx(300, abs=0.5)
    assert barcode_ranks.curve(np.zeros(4, dtype=int), np.zeros(4, dtype=bool))["rank"] == []


def test_a_population_without_cells_says_why():
    cells = pd.DataFrame({"umap_1": [], "umap_2": [], "cluster": [], "sample": [], "t_state": []})
    figures = population.draw(
        cells, "car_t", counts="none.h5ad", message="9 cells are too few.", conditions={"product": "product"}
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


def test_names_on_a_umap_are_not_written_over_each_other():
    places = {"Treg": (1.0, 1.0), "CD4 Tcm": (1.1, 1.02), "CD8 Tn": (9.0, 1.0)}
    moved = population._apart(places, width=10, height=10)
    assert abs(moved["Treg"][1] - moved["CD4 Tcm"][1]) >= 0.49
    assert moved["CD8 Tn"] == (9.0, 1.0), "far enough to the side"
