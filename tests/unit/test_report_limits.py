"""The methods of the report: limits with who set them, and references that are whole."""

import dataclasses
import re

from carpeak.report import limits_used, methods, references
from carpeak.settings import CarSettings, QcSettings, Settings, TransgeneSettings

USUAL = Settings(samples="samples.tsv", transgene=TransgeneSettings(features=("CAR",)))
FOUND = {"product": {"max_mito_percent": 9.26, "doublet_threshold": None}}


def who(settings, thresholds=FOUND, claims=None):
    listed = limits_used.listed(settings, thresholds=thresholds, claims=claims)
    return {one.key or one.what: (one.value, one.set_by) for one in listed}


def test_every_limit_tells_who_set_it():
    changed = dataclasses.replace(USUAL, qc=QcSettings(min_genes=250), car=CarSettings(fdr=0.01))
    found = who(changed)
    assert found["qc.min_genes"] == ("250", "configuration")
    assert found["car.fdr"] == ("0.01", "configuration")
    assert found["enrichment.adjusted_p"] == ("0.01", "default")
    assert found["highest mitochondrial share, in percent, product"] == ("9.26", "the data")
    assert not any("doublet score" in what for what in found)


def test_what_a_preset_gives_is_its_own():
    paper = dataclasses.replace(USUAL, preset="paper", qc=QcSettings(preset="paper", doublets=False))
    assert who(paper)["qc.doublets"] == ("no", "preset paper")
    assert who(dataclasses.replace(paper, preset="recommended"))["qc.doublets"] == ("no", "configuration")


def test_limits_of_claims_are_listed_once_with_their_claims(tmp_path):
    file = tmp_path / "claims.yaml"
    quantity = "{kind: gene_change, gene: GZMB, min_effect: 0.58}"
    file.write_text(f"claims:\n- {{id: A, quantity: {quantity}}}\n- {{id: B, quantity: {quantity}}}\n")
    assert who(USUAL, claims=file)["min_effect"] == ("0.58", "claims file")
    assert "A and B" in limits_used.listed(USUAL, thresholds={}, claims=file)[-1].what


def test_references_are_cited_only_where_they_were_used():
    harmony = {
        work.key for work in references.cited("Embedding and clusters", USUAL, paper=False, called=False)
    }
    assert "korsunsky2019" in harmony
    embedding = dataclasses.replace(USUAL.embedding, integration="none")
    without = dataclasses.replace(USUAL, embedding=embedding)
    assert "korsunsky2019" not in {
        work.key for work in references.cited("Embedding and clusters", without, paper=False, called=False)
    }
    assert [w.key for w in references.cited("Verdicts", USUAL, paper=True, called=False)][-1] == "zhang2025"


def test_the_bibtex_file_has_whole_entries():
    text = references.bibtex([*references.WORKS.values(), *references.WORKS.values()])
    assert text.count("@article{") == len(references.WORKS)
    assert text.count("{") == text.count("}")
    for work in references.WORKS.values():
        entry = re.search(rf"@article{{{work.key},(.*?)\n}}", text, flags=re.DOTALL)[1]
        for name in ("author", "title", "journal", "year", "doi"):
            assert re.search(rf"^  {name} = {{.+}},?$", entry, flags=re.MULTILINE)
        assert work.doi.startswith("10.")


def test_what_is_done_otherwise_with_many_cells_is_told():
    def text(n_cells):
        integration = {"all": {"n_cells": n_cells}, "car_t": {"n_cells": None}}
        found = methods.paragraphs(USUAL, thresholds={}, integration=integration, versions={})
        return " ".join(said for _, said in found)

    assert "20,000 of its cells" in text(50_000)
    assert "pynndescent" not in text(50_000)
    assert "neighbours were sought approximately" in text(50_001)
    assert "each edge" not in text(200_000)
    assert "each edge of more than 200,000 cells once" in text(200_001)
