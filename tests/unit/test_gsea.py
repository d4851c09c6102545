"""Preranked GSEA: the sign follows the planted change, marked genes and untested sets stay out."""

import gseapy
import numpy as np
import pandas as pd
import pytest
from carpeak.comparison import ambient_marks, gsea
from carpeak.comparison.gene_sets import GeneSet
from carpeak.settings import EnrichmentLimits

GENES = [f"G{i:04d}" for i in range(1500)]
UP, DOWN, SPREAD, SMALL = GENES[:40], GENES[40:80], GENES[100:1500:35], GENES[200:204]
SETS = {
    "made": [
        GeneSet("S:UP", "up", tuple(sorted(UP))),
        GeneSet("S:DOWN", "down", tuple(sorted(DOWN))),
        GeneSet("S:SPREAD", "all over", tuple(SPREAD)),
        GeneSet("S:SMALL", "too small", tuple(SMALL)),
    ]
}
LIMITS = EnrichmentLimits()


def de(*, shift=0.15, marked=()):
    rng = np.random.default_rng(3)
    auc = pd.Series(rng.normal(0.5, 0.05, len(GENES)), index=GENES)
    auc[UP] += shift
    auc[DOWN] -= shift
    table = pd.DataFrame({"gene": GENES, "auc": auc.to_numpy(), "population": "car_t", "group": "CD4"})
    return table.assign(**{ambient_marks.COLUMN: np.where(table["gene"].isin(list(marked)), "Red cell", "")})


def found(table, seed=0):
    return gsea.preranked(table, SETS, limits=LIMITS, seed=seed).set_index("term_id")


def test_sets_lie_at_the_end_where_they_were_planted():
    table = found(de())
    assert table.loc["S:UP", "nes"] > 1.5 and table.loc["S:UP", "p_adjusted"] < 0.05
    assert table.loc["S:DOWN", "nes"] < -1.5 and table.loc["S:DOWN", "p_adjusted"] < 0.05
    assert table.loc["S:SPREAD", "p_value"] > 0.05
    assert "S:SMALL" not in table.index
    assert set(table.loc["S:UP", "leading_genes"].split(";")) <= set(UP)
    reversed_ = found(de(shift=-0.15))
    assert reversed_.loc["S:UP", "nes"] < -1.5
    assert found(de(shift=0)).loc[["S:UP", "S:DOWN"], "p_adjusted"].min() > 0.05


def test_the_score_is_subramanians():
    """The running sum by hand: hits weighted by the rank statistic, misses evenly."""
    table = de()
    ranks = (table.set_index("gene")["auc"] - 0.5).sort_values(ascending=False)
    hit = ranks.index.isin(UP)
    steps = np.where(hit, ranks.abs() / ranks.abs()[hit].sum(), -1 / (~hit).sum()).cumsum()
    by_hand = steps[np.argmax(np.abs(steps))]
    assert found(table).loc["S:UP", "es"] == pytest.approx(by_hand, abs=1e-9)
    assert found(table).loc["S:UP", "leading_genes"].split(";") == list(
        ranks.index[: steps.argmax() + 1][hit[: steps.argmax() + 1]]
    )


def test_scores_and_normalised_scores_are_gseapys():
    """One library of sets, 1,000 permutations there: its normalised scores carry their error."""
    table = de()
    ranks = (table.set_index("gene")["auc"] - 0.5).sort_values(ascending=False)
    sets = {one.term_id: list(one.genes) for one in SETS["made"][:3]}
    theirs = gseapy.prerank(
        ranks, sets, outdir=None, min_size=1, permutation_num=1000, threads=1, seed=1, no_plot=True
    ).res2d.set_index("Term")
    ours = found(table)
    for term in sets:
        assert ours.loc[term, "es"] == pytest.approx(float(theirs.loc[term, "ES"]), abs=1e-6)
        assert ours.loc[term, "nes"] == pytest.approx(float(theirs.loc[term, "NES"]), rel=0.1)
    spread = float(theirs.loc["S:SPREAD", "NOM p-val"])
    assert ours.loc["S:SPREAD", "p_value"] == pytest.approx(spread, abs=0.1)


def test_genes_marked_as_ambient_take_no_part():
    assert "S:UP" not in found(de(marked=UP[:35])).index, "five of its genes are left"
    assert found(de(marked=UP[:10])).loc["S:UP", "size"] == 30


def test_the_same_input_gives_the_same_table():
    pd.testing.assert_frame_equal(found(de()), found(de()))


def test_nothing_tested_gives_the_header():
    table = gsea.preranked(de().iloc[:0], SETS, limits=LIMITS, seed=0)
    assert table.empty and list(table.columns) == gsea.COLUMNS
