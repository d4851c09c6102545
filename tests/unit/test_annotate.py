"""Labels: real labelled blood, and planted T cells with the traps of CAR-T libraries."""

from dataclasses import replace

import anndata
import numpy as np
import pandas as pd
import pbmc3k
import pytest
from carpeak import io
from carpeak.errors import UserError
from carpeak.populations import (
    annotate,
    axes,
    embed,
    equal_depth,
    lineages,
    marker_panels,
    markers,
    programmes,
    singler,
    states,
)
from carpeak.settings import AnnotationSettings, EmbeddingSettings, Override
from carpeak.stats import matrix, stored
from runs import ROOT
from scipy import sparse
from scipy.stats import rankdata

MARKERS = markers.load(ROOT / "config/markers.yaml")
MODEL = axes.load(ROOT / "workflow/resources/t_states.json")
SETTINGS = AnnotationSettings(markers=str(ROOT / "config/markers.yaml"))
EMBEDDING = EmbeddingSettings(n_variable_genes=1000, n_pcs=20, exclude_genes=())


def embedded(counts, genes, samples, transgene=None):
    transgene = np.zeros(len(genes), dtype=bool) if transgene is None else transgene
    names = [f"{s}_{i}" for i, s in enumerate(samples)]
    result = embed.embed(
        counts,
        cells=names,
        genes=genes,
        batch=samples,
        transgene=transgene,
        settings=EMBEDDING,
        resolution=0.5,
        seed=0,
    )
    cells = lineages.Cells(
        counts, names, genes, np.asarray(samples), transgene, result.clusters["cluster"].to_numpy(dtype=str)
    )
    return result, cells


def space(result, name):
    """Points and neighbours of an embedding, with or without Harmony."""
    nearest = tuple(result.neighbors[f"{name}_{part}"] for part in ("indices", "distances"))
    return result.points.filter(like=f"{name}_").to_numpy(float), nearest


def test_lineages_of_pbmc3k(real_data):
    """Against Seurat's published clusters of the same cells."""
    counts, genes, truth = pbmc3k.read(real_data)
    result, cells = embedded(counts, genes, ["pbmc"] * counts.shape[0])
    found, _ = lineages.lineages(cells, *space(result, "pc"), MARKERS["lineages"])
    lineage = truth.map(
        {
            "B": "B cell",
            "NK": "NK cell",
            "CD14+ Mono": "Monocyte/DC",
            "FCGR3A+ Mono": "Monocyte/DC",
            "DC": "Monocyte/DC",
            "Platelet": "Platelet",
        }
    ).where(~truth.fillna("").str.contains("T"), "T cell")
    known = lineage.notna()
    for name, recall, precision in (
        ("T cell", 0.97, 0.97),
        ("B cell", 0.95, 0.97),
        ("Monocyte/DC", 0.97, 0.97),
        ("NK cell", 0.9, 0.95),
    ):
        truly, called = (lineage == name)[known], (found["label"] == name)[known]
        assert (truly & called).sum() / truly.sum() >= recall, name
        assert (truly & called).sum() / called.sum() >= precision, name
    assert found["label"].isin(["HSC", "Red cell", "Plasma cell"]).mean() < 0.01


@pytest.mark.parametrize(
    ("pattern", "lineage"), [("T", "T cell"), ("^B$", "B cell"), ("Mono", "Monocyte/DC")]
)
def test_cells_sorted_for_one_lineage(real_data, pattern, lineage):
    """The same blood, one lineage taken out of it: no other cells tell which genes are its own."""
    counts, genes, truth = pbmc3k.read(real_data)
    chosen = np.flatnonzero(truth.fillna("").str.contains(pattern))
    assert len(chosen) > 300
    result, cells = embedded(counts[chosen], genes, ["pbmc"] * len(chosen))
    found, _ = lineages.lineages(cells, *space(result, "pc"), MARKERS["lineages"])
    assert (found["label"] == lineage).mean() >= 0.92
    assert (~found["label"].isin([lineage, "unassigned"])).mean() <= 0.02


PLANTED = {  # the ends of the axes, those that matter most last
    "CD4 Tn": {"memory": 0, "cd8": 0},
    "CD4 Tem": {"memory": 1, "effector": 1, "cytotoxic": 0, "cd8": 0},
    "CD8 Tn": {"memory": 0, "cd8": 1},
    "CD8 Teff": {"memory": 1, "effector": 1, "cytotoxic": 1, "cd8": 1},
    "Treg": {"memory": 1, "effector": 0, "treg": 1, "cd8": 0},
}


def planted_level(axis, gene, end):
    """UMIs in a cell of 2,000 that give the mean log expression at an end of an axis."""
    place = list(axis.weights).index(gene)
    weight = axis.weights[gene]
    level = axis.parts[place, end, 0] / (2 * weight) if weight else 0.0
    return max(level / 1.8, np.expm1(level) / 5, 0.002)


def t_cells(*, with_treg=True, seed=0, n=1600):
    """T cells of two libraries planted at the axes' ends; RQR8 mimics CD8A in a third of the cells."""
    generator = np.random.default_rng(seed)
    genes = list(dict.fromkeys([*MODEL.every_gene(), "MKI67", "TOP2A", "TYMS"]))
    genes += [f"X{i}" for i in range(600)] + ["RQR8"]
    place = {g: i for i, g in enumerate(genes)}
    names = [s for s in PLANTED if with_treg or s != "Treg"]
    truth = generator.choice(names, size=n)
    samples = np.where(np.arange(n) < n // 2, "product", "peak")
    mean = np.tile(generator.gamma(0.3, 8.0, len(genes)), (n, 1))  # 600 of no programme: most of the RNA
    mean[:, : len(MODEL.every_gene())] = 0.02
    for state, ends in PLANTED.items():
        inside = np.flatnonzero(truth == state)
        full = {"treg": 0, **ends} if state.startswith("CD4") else ends
        for name, end in full.items():
            for gene in MODEL.axes[name].weights:
                mean[inside, place[gene]] = planted_level(MODEL.axes[name], gene, end)
    mean[:, place["CD8A"]] = np.where(np.char.startswith(truth.astype(str), "CD8"), 0.8, 0.02)
    for gene in ("IL2RA", "TNFRSF9"):
        mean[:, place[gene]] = np.where(samples == "product", 1.0, 0.1)
    cycling = generator.random(n) < np.where(samples == "product", 0.2, 0.05)
    for gene in ("MKI67", "TOP2A", "TYMS"):
        mean[:, place[gene]] = np.where(cycling, 2.0, 0.02)
    car = generator.random(n) < 0.33
    mean[car, place["CD8A"]] += 0.8
    mean[:, place["RQR8"]] = np.where(car, 2.0, 0.0)
    shift = 2 ** generator.normal(scale=0.2, size=len(genes))
    depth = np.where(samples == "peak", 2600, 4000) * generator.lognormal(0, 0.3, n)
    mean = mean * np.where((samples == "peak")[:, None], shift, 1.0)
    mean = mean / mean.sum(axis=1, keepdims=True) * depth[:, None]
    counts = sparse.csr_matrix(generator.poisson(mean).astype(np.int32))
    return counts, genes, samples, truth, car, cycling


def labelled(counts, genes, samples):
    names = [f"{s}_{i}" for i, s in enumerate(samples)]
    transgene = np.array([g == "RQR8" for g in genes])
    cells = lineages.Cells(counts, names, genes, np.asarray(samples), transgene, np.repeat("0", len(names)))
    return states.label_states(cells, MARKERS, MODEL)[0], cells


def test_planted_states_in_both_libraries():
    counts, genes, samples, truth, car, cycling = t_cells()
    found, cells = labelled(counts, genes, samples)
    right = (found["t_state_canonical"] == truth).to_numpy()
    for sample in ("product", "peak"):
        assert right[samples == sample].mean() >= 0.85
        for state in PLANTED:
            inside = samples == sample
            share = (found["t_state_canonical"] == state).to_numpy()[inside].mean()
            assert abs(share - (truth[inside] == state).mean()) < 0.06
    cd4 = ~np.char.startswith(truth.astype(str), "CD8")
    assert (
        found["t_lineage"][cd4 & car] == "CD4"
    ).mean() >= 0.9  # RQR8 reads under CD8A do not make CD8 cells
    marked = states.cycling(cells, MARKERS["cycling"])
    assert marked[~cycling].mean() < 0.02
    assert marked[cycling].mean() > 0.5
    assert (found["agreement_canonical"] & right).mean() >= 0.7
    assert found["t_state_paper"].isin(markers.labels(MARKERS, "t_cells", "paper")).all()


def test_activation_makes_no_treg():
    counts, genes, samples, *_ = t_cells(with_treg=False)
    found, _ = labelled(counts, genes, samples)
    for scheme in markers.SCHEMES:
        assert (found[f"t_state_{scheme}"] == "Treg").mean() < 0.01


def test_the_record_is_written_where_a_state_has_no_cells(tmp_path):
    """No regulatory cells, so no certainty of their axis: the record is JSON all the same."""
    counts, genes, samples, *_ = t_cells(with_treg=False, n=400)
    names = [str(i) for i in range(len(samples))]
    transgene = np.array([g == "RQR8" for g in genes])
    cells = lineages.Cells(counts, names, genes, np.asarray(samples), transgene, np.repeat("0", len(names)))
    frame, _, found = states.label_states(cells, MARKERS, MODEL)
    record = states.resolution(frame, cells.samples, found, MARKERS)
    assert found["certainty"].isna().any()
    io.write_json(io.plain(record), tmp_path / "resolution.json")
    axes_read = io.read_json(tmp_path / "resolution.json")["axes"]
    assert any(
        row["certainty"] is None and not row["told_apart"] for row in axes_read if row["axis"] == "treg"
    )


def test_a_name_is_as_fine_as_the_chances_carry():
    chances = np.array([[0.6, 0.3, 0.1], [0.45, 0.4, 0.15], [0.3, 0.3, 0.4], [0.34, 0.33, 0.05]])
    three = {"CD4 A": {"lineage": "CD4"}, "CD4 B": {"lineage": "CD4"}, "CD4 C": {"lineage": "CD4"}}
    found = states.named(chances, three, {"CD4 A/B": ["CD4 A", "CD4 B"]})
    assert found["label"].tolist() == ["CD4 A", "CD4 A/B", "CD4", "unassigned"]
    assert found["probability"].round(2).tolist() == [0.6, 0.85, 1.0, 0.0]
    agree = states.agreement(
        pd.Series(["CD4 A", "CD4 A", "CD4", "unassigned"]),
        pd.Series(["CD4 A/B", "CD4 C", "CD4 B", "CD4 A"]),
        three,
        {"CD4 A/B": ["CD4 A", "CD4 B"]},
    )
    assert agree.tolist() == [True, False, True, False]


def test_rank_scores_are_those_of_ucell():
    """Against the definition on dense ranks: Mann-Whitney's U among all genes, ranks beyond the last cut."""
    generator = np.random.default_rng(0)
    dense = generator.poisson(generator.gamma(0.5, 1.0, 2000), size=(6, 2000))
    genes = [f"G{i}" for i in range(2000)]
    listed = {"a": ["G3", "G10", "G500"], "b": ["G7", "absent"], "none": ["absent"]}
    found = programmes.scores(sparse.csr_matrix(dense), genes, list(listed.values()))
    for column, name in enumerate(listed):
        place = [genes.index(g) for g in listed[name] if g in genes]
        for cell in range(6):
            ranks = rankdata(-dense[cell], method="average")
            n = len(place)
            if n == 0:
                assert found[cell, column] == 0
                continue
            cut = np.where(ranks[place] > 1500, 1501, ranks[place])
            cut = np.where(dense[cell][place] == 0, 1501, cut)
            smallest = n * (n + 1) / 2
            expected = 1 - (cut.sum() - smallest) / (n * 1500 - smallest)
            np.testing.assert_allclose(found[cell, column], max(expected, 0), atol=1e-12)


def test_label_tables_empty_inherited_and_overridden():
    counts, genes, samples, *_ = t_cells(n=400)
    transgene = np.array([g == "RQR8" for g in genes])
    result, cells = embedded(counts, genes, samples, transgene)
    data = anndata.AnnData(
        counts,
        obs=pd.DataFrame({"sample": samples}, index=list(cells.cells)),
        var=pd.DataFrame({"transgene": transgene}, index=genes),
    )
    found = result.points, result.clusters, result.neighbors
    t_labels, scores, record = annotate.annotate(
        data, *found, population="t_cells", settings=SETTINGS, model=MODEL
    )
    assert {row["sample"] for row in record["states"]} == {"product", "peak"}
    assert t_labels.columns.tolist()[: len(annotate.STATE_COLUMNS)] == annotate.STATE_COLUMNS
    half = result.points.iloc[::2], result.clusters.iloc[::2], result.neighbors
    car_labels, *_ = annotate.annotate(
        data, *half, population="car_t", settings=SETTINGS, model=MODEL, inherited=t_labels
    )
    pd.testing.assert_series_equal(
        car_labels["t_state"].reset_index(drop=True), t_labels["t_state"].iloc[::2].reset_index(drop=True)
    )
    mark = scores["fingerprint"].iloc[0]
    by_hand = Override("t_cells", "CD8 Tem", cluster="0", expect=mark)
    settings = replace(SETTINGS, overrides=(by_hand,))
    changed, *_ = annotate.annotate(data, *found, population="t_cells", settings=settings, model=MODEL)
    inside = (changed["cluster"] == "0").to_numpy()
    assert (changed["t_state"][inside] == "CD8 Tem").all()
    assert (changed["t_lineage"][inside] == "CD8").all()
    assert (changed["t_state"][~inside] == t_labels["t_state"][~inside]).all()
    for population, columns in (("all", annotate.LINEAGE_COLUMNS), ("car_t", annotate.STATE_COLUMNS)):
        none = result.points.iloc[:0], result.clusters.iloc[:0], result.neighbors
        empty = annotate.annotate(data, *none, population=population, settings=SETTINGS, model=MODEL)
        assert empty[0].columns.tolist() == columns
        assert all(len(part) == 0 for part in empty)


def test_a_deep_library_is_also_named_as_a_shallow_one_would_be(tmp_path):
    """Two libraries, one thinned to half: its sibling's names at equal depth are those of thinned counts."""
    counts, genes, samples, *_ = t_cells(n=400)
    shallow = np.where(samples == "peak", 0.5, 1.0)
    counts = matrix.thin(counts, shallow, seed=5)
    transgene = np.zeros(len(genes), dtype=bool)
    result, cells = embedded(counts, genes, samples, transgene)
    obs = pd.DataFrame({"sample": samples}, index=list(cells.cells))
    data = anndata.AnnData(counts, obs=obs, var=pd.DataFrame({"transgene": transgene}, index=genes))
    found = result.points, result.clusters, result.neighbors
    labels, *_ = annotate.annotate(data, *found, population="t_cells", settings=SETTINGS, model=MODEL)
    assert labels.columns.tolist() == annotate.STATE_COLUMNS + equal_depth.COLUMNS
    peak = samples == "peak"
    for full, equal in (("t_state", "t_state_equal_depth"), ("t_lineage", "t_lineage_equal_depth")):
        assert (labels[full] == labels[equal])[peak].all(), "the shallow library keeps its names"
    deep = np.flatnonzero(~peak)
    share = matrix.depth_shares(cells.factors() * matrix.TARGET_SUM, samples)["product"]
    assert share < 0.6
    thinned = replace(
        cells,
        counts=matrix.thin(counts[deep], np.full(len(deep), share), seed=equal_depth.SEED),
        cells=[cells.cells[i] for i in deep],
        samples=samples[deep],
        clusters=cells.clusters[deep],
    )
    by_hand, *_ = states.label_states(thinned, MARKERS, MODEL)
    named = by_hand[f"t_state_{SETTINGS.scheme}"]
    assert labels["t_state_equal_depth"].to_numpy()[deep].tolist() == named.tolist()
    data.write_h5ad(tmp_path / "counts.h5ad")
    on_disk = stored.read(tmp_path / "counts.h5ad")
    again, *_ = annotate.annotate(on_disk, *found, population="t_cells", settings=SETTINGS, model=MODEL)
    pd.testing.assert_frame_equal(again, labels)
    clusters = replace(SETTINGS, states="clusters")
    plain, *_ = annotate.annotate(data, *found, population="t_cells", settings=clusters, model=MODEL)
    assert plain.columns.tolist() == annotate.STATE_COLUMNS, "names of clusters have no depth"


def test_a_reference_puts_singler_beside_the_states(tmp_path, monkeypatch):
    """Every T cell has SingleR's own label and whether it can be true beside the state; CAR+ cells keep both."""
    counts, genes, samples, *_ = t_cells(n=400)
    transgene = np.array([g == "RQR8" for g in genes])
    result, cells = embedded(counts, genes, samples, transgene)
    obs = pd.DataFrame({"sample": samples}, index=list(cells.cells))
    data = anndata.AnnData(counts, obs=obs, var=pd.DataFrame({"transgene": transgene}, index=genes))
    found = result.points, result.clusters, result.neighbors
    plain, *_ = annotate.annotate(data, *found, population="t_cells", settings=SETTINGS, model=MODEL)
    monkeypatch.setattr(singler, "SHARED_GENES", 100)
    most = {line: plain["t_state"][plain["t_lineage"] == line].mode()[0] for line in ("CD4", "CD8")}
    kinds = {f"{line} cells": state for line, state in most.items()}
    levels = np.log1p(1e4 * counts.toarray() / counts.sum(axis=1))
    means = {
        name: np.asarray(levels)[(plain["t_state"] == state).to_numpy()].mean(axis=0)
        for name, state in kinds.items()
    }
    path = tmp_path / "reference.csv"
    pd.DataFrame(means, index=genes).to_csv(path)
    settings = replace(SETTINGS, reference=str(path))
    labels, *_ = annotate.annotate(data, *found, population="t_cells", settings=settings, model=MODEL)
    assert labels.columns.tolist() == [*plain.columns, *annotate.REFERENCE_COLUMNS]
    pd.testing.assert_frame_equal(labels[plain.columns.tolist()], plain)
    assert set(labels["singler"]) <= set(kinds)
    for lineage, state in most.items():
        of_state = labels[labels["t_state"] == state]
        assert of_state["singler_agreement"].mean() > 0.8
        assert (of_state["singler_agreement"] == of_state["singler"].str.startswith(lineage)).all()
    data.write_h5ad(tmp_path / "counts.h5ad")
    on_disk = stored.read(tmp_path / "counts.h5ad")
    again, *_ = annotate.annotate(on_disk, *found, population="t_cells", settings=settings, model=MODEL)
    pd.testing.assert_frame_equal(again, labels)
    half = result.points.iloc[::2], result.clusters.iloc[::2], result.neighbors
    car, *_ = annotate.annotate(
        data, *half, population="car_t", settings=settings, model=MODEL, inherited=labels
    )
    assert car["singler"].tolist() == labels["singler"].iloc[::2].tolist()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("lineages:", "linages:", "'lineages' is missing"),
        (
            "      without: [CD3D, CD3E, CD79A]\n    - genes: [FCGR3A",
            "      witout: [CD3D]\n    - genes: [FCGR3A",
            "did you mean 'without'",
        ),
        ("  paper:", "  published:", "'paper' is missing"),
        ("      lineage: CD4\n", "      lineage: CD5\n", "must be CD4 or CD8"),
        ("axes: {treg: low, memory: low}", "axes: {treg: low, memoy: low}", "low or high for axes of CD4"),
        ("axes: {treg: low, memory: low}", "axes: {treg: low, memory: high}", "make exactly one state"),
        ("    CD4 Tn/Tcm: [CD4 Tn, CD4 Tcm]", "    CD4 Tn/Tcm: [CD4 Tn, CD4 Tmc]", "did you mean"),
    ],
)
def test_marker_file_mistakes(tmp_path, before, after, message):
    text = (ROOT / "config/markers.yaml").read_text()
    assert before in text
    path = tmp_path / "markers.yaml"
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(UserError, match=message):
        markers.load(path)


def test_what_every_cluster_expresses_is_a_lineage_and_what_leaks_is_not():
    """T cells in both clusters, with much HBB from lysed red cells; then a cluster of monocytes beside them."""
    panels = {name: MARKERS["lineages"][name] for name in ("T cell", "Red cell", "Monocyte/DC")}
    genes = marker_panels.panel_genes(panels)
    smoothed = np.full((40, len(genes)), 0.05)
    smoothed[:, [genes.index(g) for g in ("CD3D", "CD3E", "CD3G", "TRAC", "CD2")]] = 1.2
    smoothed[:, [genes.index(g) for g in ("HBB", "HBA1", "HBA2")]] = 1.5
    smoothed[::4] *= 2.5  # some cells have more of everything, so that the rest looks low beside them
    clusters = np.repeat(["0", "1"], 20)
    shared = marker_panels.everywhere(smoothed, clusters, genes, panels)
    assert {g for g, one in zip(genes, shared) if one} == set(panels["T cell"][0]["genes"])
    without, with_shared = (marker_panels.relative(smoothed, clusters, shared=s) for s in (None, shared))
    scores, old = (marker_panels.score_panels(one, genes, panels) for one in (with_shared, without))
    assert (scores.argmax(axis=1) == 0).all()
    assert scores[:, 0].min() > lineages.SEED_SCORE > np.median(old[:, 0])

    monocytes = np.flatnonzero(clusters == "1")
    smoothed[np.ix_(monocytes, np.flatnonzero(shared))] = 0.1
    assert not marker_panels.everywhere(smoothed, clusters, genes, panels).any()
