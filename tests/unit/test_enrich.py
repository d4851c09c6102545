"""Over-representation: against scipy's hypergeometric test, a hand-made table, and planted terms."""

import time

import numpy as np
import pandas as pd
import pytest
from carpeak.comparison import enrichment, gene_sets
from carpeak.comparison.gene_sets import GeneSet
from carpeak.settings import ChangeLimits, EnrichmentLimits
from runs import ROOT
from scipy import stats

OPTIONS = {"limits": EnrichmentLimits()}
BUNDLED = ROOT / "workflow/resources/go_bp.gmt.gz"


def libraries(**sets):
    """Libraries by name, ready to be tested."""
    return {name: enrichment.GeneSetMatrix.of(value) for name, value in sets.items()}


def de_table(genes, up=(), down=(), *, population="car_t", group="CD4", depth="equal"):
    """A DE table in which `up` and `down` are clearly changed and nothing else is."""
    genes, up, down = list(genes), set(up), set(down)
    change = np.array([1.0 if g in up else -1.0 if g in down else 0.1 for g in genes])
    return pd.DataFrame(
        {"population": population, "group": group, "gene": genes, "depth": depth, "log2_fold_change": change}
        | {"p_adjusted": np.where(np.abs(change) == 1, 1e-6, 0.5)}
    )


def rest(genes):
    """A set of all genes, which is never tested (max_size): with it every gene is annotated."""
    return GeneSet("REST", "", (*genes, *(f"Z{i}" for i in range(600))))


@pytest.fixture(scope="module")
def go():
    return gene_sets.read_gmt(BUNDLED)


@pytest.fixture(scope="module")
def tested(go):
    """9,000 genes, as many as are tested in a real comparison."""
    known = sorted({gene for one in go for gene in one.genes})
    return list(np.random.default_rng(1).choice(known, 9000, replace=False))


def test_equals_hypergeometric_and_benjamini_hochberg_over_all_tested_terms(go, tested):
    rng = np.random.default_rng(2)
    up, down = set(rng.choice(tested, 300, replace=False)), set(rng.choice(tested, 40, replace=False))
    table = enrichment.over_representation(de_table(tested, up, down - up), libraries(GO_BP=go), **OPTIONS)
    assert list(table.columns) == enrichment.COLUMNS
    background = set(tested) & {gene for one in go for gene in one.genes}
    for direction, query in (("up", up), ("down", down - up)):
        sets = {one.term_id: set(one.genes) & background for one in go}
        sets = {name: genes for name, genes in sets.items() if 10 <= len(genes) <= 500}
        size = np.array([len(genes) for genes in sets.values()])
        overlap = np.array([len(genes & query) for genes in sets.values()])
        p = stats.hypergeom.sf(overlap - 1, len(background), size, len(query))
        expected = pd.DataFrame(
            {
                "overlap": overlap,
                "set_size": size,
                "p_value": p,
                "p_adjusted": stats.false_discovery_control(p),
            },
            index=list(sets),
        ).query("overlap > 0")
        found = table[table["direction"] == direction].set_index("term_id")
        assert set(found.index) == set(expected.index)
        expected = expected.loc[found.index]
        assert (found[["overlap", "set_size"]] == expected[["overlap", "set_size"]]).all().all()
        np.testing.assert_allclose(found["p_value"], expected["p_value"], rtol=1e-12)
        np.testing.assert_allclose(found["p_adjusted"], expected["p_adjusted"], rtol=1e-12)
        a, m, k, n = found["overlap"], found["set_size"], len(query), len(background)
        odds = (a + 0.5) * (n - m - k + a + 0.5) / ((m - a + 0.5) * (k - a + 0.5))
        np.testing.assert_allclose(found["odds_ratio"], odds, rtol=1e-12)
        for name, row in found.iloc[:50].iterrows():
            assert row["genes"].split(";") == sorted(sets[name] & query)
        assert found["p_value"].is_monotonic_increasing


def test_one_table_by_hand():
    """4 of 5 changed genes in a set of 10, out of 100: p = sum over x >= 4 of C(10,x) C(90,5-x) / C(100,5)."""
    genes = [f"G{i:03d}" for i in range(100)]
    sets = [GeneSet("S", "a set", tuple(genes[:10])), GeneSet("O", "other", tuple(genes[50:70])), rest(genes)]
    changed = [*genes[:4], "G099"]
    table = enrichment.over_representation(
        de_table(genes, changed), libraries(own=sets), limits=EnrichmentLimits(max_size=50)
    )
    assert len(table) == 1  # the other set holds no changed gene and is not listed ...
    row = table.iloc[0]
    p = (210 * 90 + 252) / 75287520
    assert row["p_value"] == pytest.approx(p, rel=1e-12)
    assert row["p_adjusted"] == pytest.approx(2 * p, rel=1e-12)  # ... but counts in the adjustment
    assert (row["overlap"], row["set_size"], row["genes"]) == (4, 10, "G000;G001;G002;G003")
    assert row["odds_ratio"] == pytest.approx(4.5 * 89.5 / (6.5 * 1.5))


def test_size_limits_hold_within_the_background():
    genes = [f"G{i:03d}" for i in range(100)]
    unmeasured = [f"X{i:03d}" for i in range(600)]
    sets = [
        GeneSet("small", "", tuple(genes[:9] + unmeasured[:50])),
        GeneSet("large but measured small", "", tuple(genes[:30] + unmeasured)),
    ]
    table = enrichment.over_representation(de_table(genes, genes[:5]), libraries(own=sets), **OPTIONS)
    assert list(table["term_id"]) == ["large but measured small"]
    assert table["set_size"].item() == 30


def test_which_genes_count_as_changed():
    de = pd.DataFrame(
        {
            "log2_fold_change": [0.5, 0.49, -0.5, 2, np.nan, 2],
            "p_adjusted": [0.001, 0.001, 0.001, 0.01, 0.001, np.nan],
        }
    )
    limits = ChangeLimits(adjusted_p=0.01, log2_fold_change=0.5)
    assert list(enrichment.changed(de, "up", limits)) == [True, False, False, False, False, False]
    assert list(enrichment.changed(de, "down", limits)) == [False, False, True, False, False, False]
    marked = de.assign(ambient_from=["NK cell", "", "", "", np.nan, ""])
    assert not enrichment.changed(marked, "up", limits).any(), "ambient RNA is no change of T cells"
    assert list(enrichment.changed(marked, "down", limits)) == [False, False, True, False, False, False]


def test_gene_names_keep_their_case():
    """gseapy.enrich would turn C1orf genes into upper case and could join two names."""
    genes = [f"C1orf{i:03d}" for i in range(60)] + [f"G{i:03d}" for i in range(60)]
    sets = [GeneSet("S", "", tuple(genes[:10])), GeneSet("U", "", tuple(g.upper() for g in genes[:60]))]
    table = enrichment.over_representation(de_table(genes, genes[:20]), libraries(own=sets), **OPTIONS)
    assert list(table["term_id"]) == ["S"]
    assert table["overlap"].item() == 10


def test_populations_groups_and_libraries_are_apart():
    genes = [f"G{i:03d}" for i in range(100)]
    sets = [GeneSet("S", "", tuple(genes[:20]))]
    de = pd.concat(
        [de_table(genes, genes[:8]), de_table(genes[:50], down=genes[:8], population="t_cells", group="CD8")],
        ignore_index=True,
    )
    sets.append(rest(genes))
    options = {"limits": EnrichmentLimits(max_size=40)}
    table = enrichment.over_representation(de, libraries(one=sets, two=sets), **options)
    got = table[["population", "group", "direction", "library"]].to_numpy().tolist()
    assert got == [
        ["car_t", "CD4", "up", "one"],
        ["car_t", "CD4", "up", "two"],
        ["t_cells", "CD8", "down", "one"],
        ["t_cells", "CD8", "down", "two"],
    ]
    assert list(table["p_value"]) == pytest.approx(
        [stats.hypergeom.sf(7, 100, 20, 8)] * 2 + [stats.hypergeom.sf(7, 50, 20, 8)] * 2, rel=1e-12
    )


def test_sensitivity_takes_each_variant_from_its_table():
    genes = [f"G{i:03d}" for i in range(100)]
    sets = [GeneSet("A", "", tuple(genes[:20])), GeneSet("B", "", tuple(genes[40:60]))]
    de = pd.concat([de_table(genes, genes[:8], depth="full"), de_table(genes, depth="equal")])
    other = pd.concat([de_table(genes, genes[40:48], depth=d) for d in ("full", "equal")]).assign(
        variant="unintegrated"
    )
    table = enrichment.sensitivity(de, other, libraries(own=sets), groups=[("car_t", "CD4")], **OPTIONS)
    assert list(table.columns) == ["variant", *enrichment.COLUMNS]
    assert table[["variant", "term_id", "overlap"]].to_numpy().tolist() == [
        ["full_depth", "A", 8],
        ["unintegrated", "B", 8],
    ]


def test_sensitivity_is_for_the_groups_that_claims_ask_for():
    genes = [f"G{i:03d}" for i in range(100)]
    sets = libraries(own=[GeneSet("A", "", tuple(genes[:20]))])
    de = pd.concat(
        [
            de_table(genes, genes[:8], depth="full", population=p, group=g)
            for p in ("car_t", "t_cells")
            for g in ("all", "CD4")
        ]
    )
    groups = [("car_t", "CD4"), ("t_cells", "all")]
    table = enrichment.sensitivity(de, de.iloc[:0].assign(variant=""), sets, groups=groups, **OPTIONS)
    assert table[["population", "group"]].to_numpy().tolist() == [list(one) for one in groups]


def test_named_sets_are_tested_whatever_their_size():
    genes = [f"G{i:03d}" for i in range(1000)]
    sets = [
        GeneSet("L", "", tuple(genes[:600])),
        GeneSet("T", "", tuple(genes[:3])),
        GeneSet("S", "", tuple(genes[:20])),
    ]
    de = de_table(genes, genes[:8])
    table = enrichment.over_representation(de, libraries(own=sets), **OPTIONS)
    assert list(table["term_id"]) == ["S"]
    table = enrichment.over_representation(de, libraries(own=sets), **OPTIONS, named=["L"])
    up, down = table[table["direction"] == "up"], table[table["direction"] == "down"]
    assert list(up["term_id"]) == ["S", "L"]
    assert down[["term_id", "overlap", "p_value"]].to_numpy().tolist() == [["L", 0, 1.0]], (
        "of a set in question it is told that none of its genes changed"
    )
    table = up
    assert table["p_adjusted"].iloc[0] == pytest.approx(2 * table["p_value"].iloc[0])


def test_no_rows_give_a_table_with_columns_only():
    empty = de_table([])
    table = enrichment.over_representation(empty, libraries(own=[GeneSet("S", "", ("A",))]), **OPTIONS)
    assert len(table) == 0
    assert list(table.columns) == enrichment.COLUMNS
    varied = enrichment.sensitivity(empty, empty.assign(variant=""), {}, groups=[("car_t", "CD4")], **OPTIONS)
    assert len(varied) == 0
    assert list(varied.columns) == ["variant", *enrichment.COLUMNS]


def test_planted_term_is_on_top_and_decoy_below(go, tested):
    """30 % of a term's genes change; a decoy shares half of them and is larger."""
    rng = np.random.default_rng(3)
    planted = sorted(set(next(one for one in go if one.term_id == "GO:0071346").genes) & set(tested))
    others = [gene for gene in tested if gene not in planted]
    up = planted[: int(0.3 * len(planted))] + list(rng.choice(others, 60, replace=False))
    shared = planted[: int(0.15 * len(planted))]
    decoy = GeneSet("DECOY", "", tuple(sorted([*shared, *rng.choice(others, 150, replace=False)])))
    table = enrichment.over_representation(de_table(tested, up), libraries(GO_BP=[*go, decoy]), **OPTIONS)
    ids = list(table["term_id"])
    assert ids.index("GO:0071346") < 20
    assert ids.index("DECOY") > ids.index("GO:0071346")


def test_gseapy_gives_the_same_numbers(go, tested):
    """One oracle of another hand: gseapy's test, set by set, on 300 changed genes."""
    from gseapy.stats import calc_pvalues

    up = set(np.random.default_rng(7).choice(tested, 300, replace=False))
    table = enrichment.over_representation(de_table(tested, up), libraries(GO_BP=go), **OPTIONS)
    background = set(tested) & {gene for one in go for gene in one.genes}
    wanted = {one.term_id: sorted(set(one.genes) & background) for one in go}
    asked = {name: wanted[name] for name in table["term_id"][:300]}
    ids, p_value, odds_ratio, *_ = calc_pvalues(up, asked, background=background)
    found = table.set_index("term_id").loc[list(ids)]
    np.testing.assert_allclose(found["p_value"], p_value, rtol=1e-10)
    np.testing.assert_allclose(found["odds_ratio"], odds_ratio, rtol=1e-10)


def test_genes_without_any_annotation_are_no_background():
    """50 unannotated genes beside 50 annotated: the test is that of the 50."""
    genes = [f"G{i:03d}" for i in range(100)]
    sets = [GeneSet("S", "", tuple(genes[:20])), GeneSet("O", "", tuple(genes[20:50]))]
    de = de_table(genes, [*genes[:8], genes[30], genes[90]])
    row = enrichment.over_representation(de, libraries(own=sets), **OPTIONS).iloc[0]
    assert row[["overlap", "set_size", "query", "background"]].tolist() == [8, 20, 9, 50]
    assert row["p_value"] == pytest.approx(stats.hypergeom.sf(7, 50, 20, 9))


def test_genes_marked_as_ambient_rna_leave_query_background_and_sets():
    genes = [f"G{i:03d}" for i in range(100)]
    sets = [GeneSet("S", "", tuple(genes[:20])), GeneSet("O", "", tuple(genes[20:]))]
    de = de_table(genes, genes[:8]).assign(ambient_from="")
    de.loc[[0, 1, 15, 60], "ambient_from"] = "Monocyte/DC"  # two of the changed, two that did not change
    row = enrichment.over_representation(de, libraries(own=sets), **OPTIONS).iloc[0]
    assert row[["overlap", "set_size", "query", "background"]].tolist() == [6, 17, 6, 96]
    assert row["p_value"] == pytest.approx(stats.hypergeom.sf(5, 96, 17, 6))


def test_redundant_terms_are_folded_into_their_leader():
    genes = [f"G{i:03d}" for i in range(400)]
    sets = [
        GeneSet("A", "", tuple(genes[:20])),
        GeneSet("B", "", (*genes[:14], *genes[100:130])),  # its changed genes are all A's
        GeneSet("C", "", tuple(genes[40:60])),  # other genes
        GeneSet("D", "", (*genes[46:60], genes[300])),  # C's
        GeneSet("N", "", (genes[0], *genes[200:260])),  # not significant
        rest(genes),
    ]
    de = de_table(genes, [*genes[:18], *genes[44:58]])
    options = {"limits": EnrichmentLimits(max_size=100)}
    table = enrichment.over_representation(de, libraries(own=sets), **options).set_index("term_id")
    assert table["leader"].to_dict() == {"A": "A", "B": "A", "C": "C", "D": "C", "N": ""}


def test_a_study_takes_less_work_than_asking_gseapy_set_by_set(go, tested):
    """The same six lists of 300 changed genes both ways, on the machine at hand: two thirds or less."""
    from gseapy.stats import calc_pvalues

    rng = np.random.default_rng(4)
    lists = {group: rng.choice(tested, (2, 300), replace=False) for group in ("all", "CD4", "CD8")}
    de = pd.concat(de_table(tested, *both, population="car_t", group=group) for group, both in lists.items())
    started = time.process_time()
    enrichment.over_representation(de, libraries(GO_BP=go), **OPTIONS)
    ours = time.process_time() - started
    background = set(tested)
    sets = {one.term_id: background & set(one.genes) for one in go}
    sets = {name: genes for name, genes in sets.items() if 10 <= len(genes) <= 500}
    started = time.process_time()
    for both in lists.values():
        for query in both:
            hit = {name: genes for name, genes in sets.items() if not genes.isdisjoint(query)}
            assert len(next(iter(calc_pvalues(set(query), hit, background=background)))) == len(hit)
    theirs = time.process_time() - started
    print(f"{ours:.2f} s, gseapy set by set {theirs:.2f} s")
    assert ours < 0.7 * theirs
