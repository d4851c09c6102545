"""The report's words, tables and figure on donors, and the audit at the command line."""

import json

import donor_cohort as cohort
import numpy as np
import pytest
from carpeak import io
from carpeak.claims import by_donor, donor_words
from carpeak.commands import check
from carpeak.donors import audit, compare, evidence, shifts
from carpeak.figures import forest, style
from carpeak.report import donors, donors_first, inputs

UP = {"NKG7": 1.5, "GZMB": 1.2, **{f"SET{k}": 0.8 for k in range(15)}}


def results(folder, names, *, effect=UP, both=True):
    """The files that the section reads, of a cohort with these donors."""
    rng = np.random.default_rng(1)
    libraries = []
    for rank, donor in enumerate(names):
        for number, side in enumerate(("product", "peak")):
            if both or number == rank % 2:
                change = effect if side == "peak" else {}
                libraries.append(
                    cohort.library(donor, side, cells=250, effect=change, shares=cohort.SHARES[side], rng=rng)
                )
    found, variants = cohort.evidence_of(libraries, draws=0)
    effects = evidence.measure(cohort.CLAIMS, found, variants)
    entries = [
        {"claim": one["id"], "statement": f"Statement {one['id']}.", "verdict": "supported", "estimate": 1.0,
         "low": 0.5, "high": 1.5, "reason": "", "unit": "log2", "quantity": one["quantity"]}
        for one in cohort.CLAIMS
    ]  # fmt: skip
    io.write_table(effects, folder / "effects.tsv")
    cells = io.read_table(folder / "effects.tsv")
    judged = by_donor.judged(entries, cohort.CLAIMS, cells, cells.assign(population="", group="", gene=""))
    io.write_json({"claims": judged}, folder / "claims.json")
    genes, _ = compare.compare(
        found, {}, transgene=found.genes == "CAR", sizes=(5, 500), second_engine=len(names) > 2
    )
    io.write_table(genes.assign(ambient_from=""), folder / "genes.tsv")
    io.write_table(shifts.shifts(found), folder / "shifts.tsv")
    io.write_table(audit.table(found.designs), folder / "design.tsv")
    read = [io.read_table(folder / f"{name}.tsv") for name in ("design", "genes", "shifts")]
    return inputs.DonorTables(read[0], [read[1]], [read[2]], [], None), judged


def test_one_donor_has_no_section():
    assert donors.section(None, []) is None


def test_three_donors(tmp_path):
    found = donors.section(*results(tmp_path, "ABC"))
    (design,) = found["designs"]
    assert design["decision"] == "tested over pairs" and [row["donor"] for row in design["rows"]] == list(
        "ABC"
    )
    rows = {row["claim"]: row for row in found["claims"]}
    assert rows["C7"]["donors"] == 3 and rows["C7"]["clearly_for"] == 3 and rows["C7"]["word"] == ""
    assert rows["C7"]["low"] < rows["C7"]["estimate"] < rows["C7"]["high"]
    assert "3 of them stand behind a verdict" in donors.rests_on(found["claims"])
    assert {row["donor"] for row in found["shifts"]} == {"mean"}
    assert all(row["p_value"] >= 0 for row in found["genes"]) and len(found["agreement"]) == 3
    reasons = [one["reason"] for one in json.loads((tmp_path / "claims.json").read_text())["claims"]]
    assert all(reason.startswith("3 patients: ") for reason in reasons)


def test_every_patient_has_a_sign(tmp_path):
    """What a patient shows is told beside the sum: signs are those of its own interval and the limit."""
    tables, judged = results(tmp_path, "ABC")
    judged = json.loads(json.dumps(judged))
    gene = next(one for one in judged if one["claim"] == "C7")
    template = gene["effects"][0]
    gene["effects"] = [
        template | {"donor": name, "effect": effect, "low": effect - 0.3, "high": effect + 0.3, "counts": counts}
        for name, effect, counts in (("A", 1.0, "yes"), ("B", -1.0, "yes"), ("C", 0.35, "yes"), ("D", 2.0, "no"))
    ]  # fmt: skip
    row = next(one for one in donors.section(tables, judged)["claims"] if one["claim"] == "C7")
    assert [one["what"] for one in row["patients"]] == ["for", "against", "unclear", "few"]
    assert row["patients"][0]["title"].startswith("A, clearly for it: 1.00 (0.70 to 1.30); ")
    gene["quantity"] = gene["quantity"] | {"direction": "down"}
    row = next(one for one in donors.section(tables, judged)["claims"] if one["claim"] == "C7")
    assert [one["what"] for one in row["patients"]] == ["against", "for", "unclear", "few"]
    gene["donors"] = gene["donors"] | {"decision": "unpaired"}
    row = next(one for one in donors.section(tables, judged)["claims"] if one["claim"] == "C7")
    assert [one["what"] for one in row["patients"]] == ["level"] * 3 + ["few"] and row["seen"] == "–"


def test_groups_and_times_are_told(tmp_path):
    import dataclasses

    import pandas as pd

    tables, judged = results(tmp_path, "AB")
    values = {"population": "car_t", "group": "all", "gene": "NKG7", "donors": 6, "log2_fold_change": 1.0,
              "log2_fold_change_low": 0.5, "log2_fold_change_high": 1.5, "p_value": 0.01, "p_adjusted": 0.02,
              "larger_p_value": 0.01, "larger_p_adjusted": 0.02}  # fmt: skip
    outcome = pd.DataFrame([values | {"level": "yes", "against": one} for one in (np.nan, "no")])
    times = pd.DataFrame(
        [values | {"test": "peak", "reference": "product"}, values | {"test": "trend", "reference": np.nan}]
    )
    tables = dataclasses.replace(tables, outcomes=[outcome], times=times)
    groups, over = donors.section(tables, judged)["beyond"]
    assert [row["compared"] for row in groups["rows"]] == ["yes: test against reference", "yes more than no"]
    assert [row["compared"] for row in over["rows"]] == ["peak against product", "trend, per step"]
    names = [name for name, _ in donors.files(["peak_vs_product"], tables)]
    assert {"tables/donors.outcome.peak_vs_product.tsv", "tables/donors.times.tsv"} <= set(names)


def test_two_donors_are_told_without_a_verdict_on_patients(tmp_path):
    found = donors.section(*results(tmp_path, "AB"))
    rows = {row["claim"]: row for row in found["claims"]}
    assert rows["C7"]["word"] == "Concordant: seen in both patients" and np.isnan(rows["C7"]["estimate"])
    assert not found["genes"] and not found["agreement"]
    assert {row["donor"] for row in found["shifts"]} == {"A", "B"}
    reasons = {
        one["claim"]: one["reason"] for one in json.loads((tmp_path / "claims.json").read_text())["claims"]
    }
    assert reasons["C7"] == (
        "Concordant: seen in both patients. Nothing can be said of other patients from 2 patients."
    )


def test_donors_with_one_side_each_are_told_why(tmp_path):
    found = donors.section(*results(tmp_path, "AB", both=False))
    (design,) = found["designs"]
    assert design["decision"] == "not estimable"
    assert "no donor has both sides" in design["why"].lower() and "one side only: A, B" in design["why"]
    reasons = {
        one["claim"]: one["reason"] for one in json.loads((tmp_path / "claims.json").read_text())["claims"]
    }
    assert reasons["C7"].startswith("No donor has both sides")
    assert donors.rests_on([{"donors": 0}]).startswith("No claim could be judged")


@pytest.mark.parametrize("names", ["ABCDEF", "AB"])
def test_forest_plot_has_a_panel_per_claim_and_repeats(tmp_path, names):
    results(tmp_path, names)
    claims = io.read_json(tmp_path / "claims.json")["claims"]
    bytes_of = []
    for number in range(2):
        fig = forest.forest(claims, footer="Simulated data")
        panels = [ax for ax in fig.axes if ax.axison]
        assert len(panels) == len(cohort.CLAIMS)
        labels = [text.get_text() for text in panels[0].get_yticklabels()]
        assert labels == [*names, *(["all"] if len(names) > 2 else [])]
        assert sum(len(ax.patches) for ax in panels) == (len(cohort.CLAIMS) if len(names) > 2 else 0)
        style.save(fig, tmp_path / f"{number}.svg", tmp_path / f"{number}.png")
        bytes_of.append((tmp_path / f"{number}.svg").read_bytes())
    assert bytes_of[0] == bytes_of[1]
    assert forest.forest([]).axes[0].texts[0].get_text().startswith("No claim has an effect")


def test_the_first_screen_counts_patients(tmp_path):
    """Counts, who had too few cells, and genes over patients; nothing of the cells."""
    tables, judged = results(tmp_path, "ABCD")
    found = donors.section(tables, judged)
    seen = donors_first.seen(found["claims"], tables.design)
    assert (seen["patients"], seen["both_sides"]) == (4, 4)
    row = next(one for one in seen["rows"] if one["claim"] == "C7")
    assert (row["seen"], row["verdict"], row["too_few"]) == ("4 of 4", "supported", 0)
    fewer = [one | {"donors": 3} for one in found["claims"]]
    assert {one["too_few"] for one in donors_first.seen(fewer, tables.design)["rows"]} == {1}
    (text,) = [one.text for one in donors_first.genes(tables.genes[0])]
    part = tables.genes[0].query("population == 'car_t' and group == 'CD4'")
    up = part[(part["larger_p_adjusted"] < 0.05) & (part["log2_fold_change"] > 0)]
    assert "NKG7" in set(up["gene"]) and text.startswith(
        f"Genes of CD4 CAR+ T cells over 4 patients: {len(up)} rose"
    )
    assert (part["larger_p_value"] == part[["p_value", "trend_p_value"]].max(axis=1)).all()
    pairs, _ = results(tmp_path, "AB")
    assert "2 patients can be compared, a test takes three" in donors_first.genes(pairs.genes[0])[0].text


def test_a_patient_without_cells_is_shown(tmp_path):
    tables, judged = results(tmp_path, "ABC")
    for one in judged:
        one["effects"] = [row for row in one.get("effects", ()) if row["donor"] != "B"]
    row = next(one for one in donors.section(tables, judged)["claims"] if one["claim"] == "C7")
    assert [(one["donor"], one["what"] == "few") for one in row["patients"]] == [
        ("A", False), ("B", True), ("C", False),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("names", ["ABCD", "AB"])
def test_the_page_holds_the_section(tmp_path, names):
    import fixtures_results
    import fixtures_scripts
    from html_page import Page

    (tmp_path / "donors").mkdir()
    results(tmp_path / "donors", names)
    fixtures_results.make(tmp_path, cells=300)
    settings = fixtures_scripts.config()
    fixtures_scripts.draw(tmp_path)
    fixtures_scripts.make_provenance(tmp_path, settings)
    details = io.read_json(tmp_path / "results/claims.json")
    over_donors = io.read_json(tmp_path / "donors/claims.json")["claims"]
    by_id = {"C4": over_donors[0], "C5": over_donors[1], "C6": over_donors[2], "C7a": over_donors[3]}
    for one in details["claims"]:
        one |= {key: value for key, value in by_id.get(one["claim"], {}).items() if key != "claim"}
    io.write_json(details, tmp_path / "results/claims.json")
    style.save(
        forest.forest(over_donors),
        tmp_path / "results/figures/donors.svg",
        tmp_path / "results/figures/donors.png",
    )
    page = fixtures_scripts.make_report(
        tmp_path, settings, design="donors/design.tsv", donor_genes=["donors/genes.tsv"],
        donor_shifts=["donors/shifts.tsv"],
    )  # fmt: skip
    parsed = Page(page)
    assert parsed.wrong == [] and parsed.open == []
    assert '<section id="donors">' in page and 'href="#donors"' in page
    assert 'id="seen"' in page and "with both sides" in page
    assert 'id="t-patients"' in page and '<i class="for" title="A, clearly for it' in page
    assert "Each patient counts once" in page
    assert ("Genes, with the patient as the unit" in page) == (names == "ABCD")
    assert ("Concordant: seen in both patients" in page) == (names == "AB")


def test_check_prints_the_audit(tmp_path, capsys):
    sheet = tmp_path / "samples.tsv"
    rows = [("A_0", "product", "A"), ("B_1", "peak", "B"), ("C_0", "product", "C"), ("C_1", "peak", "C")]
    for name, _, _ in rows:
        folder = tmp_path / name
        folder.mkdir()
    sheet.write_text(
        "sample\tcondition\tdonor\tpath\n" + "".join(f"{s}\t{c}\t{d}\t{s}\n" for s, c, d in rows)
    )
    import argparse

    with pytest.raises(Exception, match="problem"):  # the folders are empty; the audit comes first
        check.run(argparse.Namespace(study=str(sheet), config=None))
    out = capsys.readouterr().out
    assert "Contrast peak_vs_product: one pair: this patient only (3 patients, 1 with both sides)" in out
    assert "One side only: A, B." in out
    assert "  A      A_0      none" in out


def test_words_exist_for_every_key():
    assert set(donor_words.DECISIONS) >= {
        audit.PAIRED, audit.CONCORDANCE, audit.SINGLE, audit.UNPAIRED, audit.NOT_ESTIMABLE,
    }  # fmt: skip
    from carpeak.donors import verdict

    assert set(donor_words.SEEN) == {
        verdict.SEEN, verdict.UNSEEN, verdict.CONCORDANT, verdict.DISCORDANT, verdict.OPPOSITE, verdict.UNCLEAR,
    }  # fmt: skip
    for factor in (*audit.FACTORS[1:], "sort", "condition"):
        assert donor_words.one_sentence([f"aliased:{factor}"])
