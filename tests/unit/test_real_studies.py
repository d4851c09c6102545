"""Studies made of real cells (benchmarks/real_studies.py): the truth is what they say, and nulls stay nulls."""

import numpy as np
import pytest
import real
import real_studies
from carpeak.comparison import enrichment, gene_sets
from carpeak.populations import axes, markers
from carpeak.stats.ranksum import PSEUDOCOUNT
from runs import ROOT

REACTOME = "genesets_more/ReactomePathways_2022.gmt"
SEED = 8001  # none of docs/real.tsv


@pytest.fixture(scope="module")
def material(real_data):
    """A labelled set, CAR UMIs of sorted cells, and Reactome's sets."""
    needed = [real_data / name for name in ("facs_zheng_dev", "carpall_P02", REACTOME)]
    if missing := [path.name for path in needed if not path.exists()]:
        pytest.skip(f"not among the real data: {', '.join(missing)}")
    wanted = sorted(set(markers.genes(markers.load(ROOT / "config/markers.yaml"))))
    source = real_studies.read_source(real_data, "facs_casi", wanted)
    libraries = gene_sets.read_all([real_data / REACTOME, ROOT / "workflow/resources/go_bp.gmt.gz"])
    sets = {one.term_id: frozenset(one.genes) for one in libraries[real.REACTOME.stem]}
    return source, real_studies.car_cells(real_data), sets, libraries


def made(material, design, seed=SEED):
    source, car, sets, _ = material
    return real_studies.make(source, car, sets, design=design, seed=seed)


def test_no_cell_is_in_both_libraries(material):
    source = material[0]
    study = made(material, "null")
    both = (study.product, study.peak)
    rows = [{(*row.indices[:50], *row.data[:50]) for row in one.counts} for one in both]
    assert not rows[0] & rows[1]
    assert sum(one.counts.shape[0] for one in both) <= source.counts.shape[0]
    again = made(material, "null")
    assert (again.peak.counts != study.peak.counts).nnz == 0
    other = made(material, "null", seed=SEED + 1)
    assert other.peak.counts.shape != study.peak.counts.shape or (other.peak.counts != study.peak.counts).nnz


def test_the_planted_changes_are_there(material):
    """Means of planted genes over those of the same cells without the change (the same seed)."""
    plain, study = made(material, "null"), made(material, "genes")
    assert len(study.changed) >= 2 * real_studies.CHANGED
    place = {gene: i for i, gene in enumerate(study.genes)}

    def level(library):
        return np.asarray(library.counts[np.flatnonzero(library.truth["t_cell"])].sum(axis=0)).ravel()

    before = [level(one) for one in (plain.product, plain.peak)]
    after = [level(one) for one in (study.product, study.peak)]
    kept = [b.astype(float) / np.maximum(a, 1) for a, b in zip(before, after, strict=True)]
    single = {gene: change for gene, change in study.changed.items() if gene in study.single}
    up = [place[gene] for gene, change in single.items() if change > 0]
    down = [place[gene] for gene, change in single.items() if change < 0]
    assert len(up) == len(down) == real_studies.CHANGED
    assert np.mean(kept[0][up]) == pytest.approx(0.5, abs=0.02)
    assert np.mean(kept[1][down]) == pytest.approx(0.5, abs=0.02)
    planted = [place[gene] for gene in {*study.changed, *study.in_set}]
    rest = np.setdiff1d(np.arange(len(study.genes)), planted)
    assert (before[0][rest] == after[0][rest]).all()
    assert max(map(abs, single.values())) < 1, "the pseudocount takes a little of a twofold change"
    assert PSEUDOCOUNT > 0


def test_car_shares_and_umis_are_as_stated(material):
    study = made(material, "mix")
    for library, share in zip((study.product, study.peak), real_studies.CAR_SHARE["mix"], strict=True):
        t_cell, car = library.truth["t_cell"], library.truth["car"]
        assert not car[~t_cell].any()
        assert car[t_cell].mean() == pytest.approx(share, abs=0.06)
        umis = library.truth["car_umis"]
        assert umis[car].mean() > 20 * umis[~car].mean()
    naive = [one.truth["naive"][one.truth["t_cell"]].mean() for one in (study.product, study.peak)]
    assert naive[0] > naive[1] + 0.25


@pytest.mark.slow
def test_a_null_of_real_cells_stays_one(material):
    """Two halves of one library: no gene beyond what adjusted P < 0.01 lets pass, and no claim of a change."""
    study = made(material, "null")
    matrices = {name: enrichment.GeneSetMatrix.of(sets) for name, sets in material[3].items()}
    model = axes.load(ROOT / "workflow/resources/t_states.json")
    tables = real.analysed(study, matrices, model)
    found = real.measures(study, tables)
    assert found["genes: not planted, called changed"] <= 2
    assert 0.935 <= found["genes: the same, in 1 % of the cells of both"] <= 0.965, (
        "0.92 without half a detection"
    )
    assert found["claims of a change: supported"] == found["claims of a change: opposed"] == 0
    assert found["CAR calls: false among positive"] <= 0.10, "twice the nominal rate"
    assert found["lineage: T cells found"] >= 0.95 and found["lineage: T cells among called"] >= 0.95
    # The set has no naive CD4 cells and lacks CD4 itself: nothing may be said of states that it can't tell apart.
    judged = {one["claim"]: one for one in tables["judged"]}
    for claim, state in (("G6b", "CD4 Tn"), ("G6c", "CD4 Tem")):
        assert judged[claim]["verdict"] == "indeterminate"
        assert f"misnamed to tell apart: {state}" in judged[claim]["reason"]


@pytest.mark.slow
def test_planted_genes_and_the_planted_set_are_found(material):
    study = made(material, "genes")
    matrices = {name: enrichment.GeneSetMatrix.of(sets) for name, sets in material[3].items()}
    model = axes.load(ROOT / "workflow/resources/t_states.json")
    found = real.measures(study, real.analysed(study, matrices, model))
    assert found["genes: planted, found with the right sign"] >= 0.5
    assert found["genes: not planted, called changed"] <= 0.02 * 2 * real_studies.CHANGED + 2
    assert found["sets: planted one, significant"] == 1
