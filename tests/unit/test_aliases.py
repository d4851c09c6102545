"""Markers under other names: by identifier, by former symbol, never by a name of another gene."""

import numpy as np
import pandas as pd
import pytest
from carpeak.libraries import aliases
from carpeak.libraries.aliases import Known
from carpeak.populations import markers
from runs import ROOT
from test_merge import library

RESOURCES = ROOT / "workflow/resources"
TCF7, HNF1A = "ENSG00000081059", "ENSG00000135100"


@pytest.fixture(scope="module")
def panel():
    return markers.genes(markers.load(ROOT / "config/markers.yaml"))


@pytest.fixture(scope="module")
def known(panel):
    return aliases.known(panel, aliases=RESOURCES / "aliases.tsv.gz", genes=RESOURCES / "genes.tsv.gz")


def test_every_gene_of_the_marker_file_is_listed(panel):
    assert {"CD3D", "KLRF1", "FOXP3", "MKI67", "CX3CR1", "HBG1", "CAVIN2"} <= set(panel)
    assert panel == sorted(set(panel))


def test_markers_are_current_symbols(panel):
    """A marker that is an alias would be taken for missing where the data name the gene rightly."""
    table = pd.read_csv(RESOURCES / "aliases.tsv.gz", sep="\t", keep_default_na=False)
    assert not set(panel) & set(table["alias"])
    listed = pd.read_csv(RESOURCES / "genes.tsv.gz", sep="\t", keep_default_na=False)
    assert not set(panel) - set(listed["symbol"]) - {"LINC02446"}


def test_former_symbols_without_identifiers(known):
    names = ["TCF1", "SDPR", "CD3D", "ACTB"]
    assert aliases.renames(names, names, known) == {"TCF1": "TCF7", "SDPR": "CAVIN2"}


def test_identifiers_decide(known):
    assert aliases.renames(["x"], [f"{TCF7}.12"], known) == {"x": "TCF7"}
    assert aliases.renames(["TCF1"], [TCF7], known) == {"TCF1": "TCF7"}
    assert aliases.renames(["TCF1"], [HNF1A], known) == {}, "this TCF1 is HNF1A"


def test_a_gene_that_is_there_keeps_its_name(known):
    assert aliases.renames(["TCF7", "TCF1"], ["a", "b"], known) == {}


def test_two_candidates_are_left_alone():
    wanted = {"NEW": Known("", frozenset({"OLD", "OLDER"}))}
    assert aliases.renames(["OLD", "OLDER"], ["a", "b"], wanted) == {}
    assert aliases.renames(["OLD"], ["a"], wanted) == {"OLD": "NEW"}


def test_libraries_are_renamed_and_told(known):
    old = library("product", ["TCF1", "CD3D", "X"], [[1, 2, 3]])
    new = library("peak", ["TCF7", "CD3D", "X"], [[4, 5, 6]])
    (first, second), used = aliases.renamed([old, new], known)
    assert list(first.var_names) == list(second.var_names) == ["TCF7", "CD3D", "X"]
    assert first.X.toarray().tolist() == [[1, 2, 3]]
    assert next(iter(old.var_names)) == "TCF1", "the library given is left as it is"
    assert aliases.report(used, ["TCF7", "CD3D", "HBB"], first.var_names) == {
        "used": {"TCF7": ["TCF1"]},
        "missing": ["HBB"],
    }


def test_lineages_of_renamed_data_are_those_of_the_original(known):
    """Every marker that has a former name bears it: all come back."""
    table = pd.read_csv(RESOURCES / "aliases.tsv.gz", sep="\t", keep_default_na=False)
    former = table[table["symbol"].isin(list(known))].drop_duplicates("symbol").set_index("symbol")["alias"]
    names = [former.get(gene, gene) for gene in known]
    assert len(former) > 60
    renamed = aliases.renames(names, [f"G{i}" for i in np.arange(len(names))], known)
    assert [renamed.get(name, name) for name in names] == list(known)
