"""The shipped gene sets and genes: complete, as their README says, and equal to an independent export."""

import csv
import gzip
import hashlib
import importlib.util
import re
import sqlite3

import pytest
from carpeak.comparison import gene_sets
from runs import ROOT

RESOURCES = ROOT / "workflow/resources"
CLAIMED = {"GO:0006954": "inflammatory response", "GO:0071346": "interferon", "GO:0032729": "interferon"}
MARKERS = [
    "CD3D",
    "CD3E",
    "CD4",
    "CD8A",
    "CD8B",
    "TCF7",
    "LEF1",
    "CCR7",
    "SELL",
    "IL7R",
    "GZMB",
    "GZMK",
    "GNLY",
    "NKG7",
    "LAG3",
    "PRF1",
    "CST7",
    "FOXP3",
    "IL2RA",
    "HBA1",
    "HBA2",
    "HBB",
    "HBG1",
    "PF4",
    "PPBP",
    "LYZ",
    "IFITM3",
    "MS4A1",
    "KLRD1",
    "MKI67",
    "TOP2A",
    "MT-CO1",
    "MT-ND1",
    "XIST",
    "RPS4Y1",
    "MALAT1",
    "TRAC",
    "TRBC1",
    "IGKC",
]


@pytest.fixture(scope="module")
def genes():
    with gzip.open(RESOURCES / "genes.tsv.gz", "rt") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def go():
    return {one.term_id: one for one in gene_sets.read_gmt(RESOURCES / "go_bp.gmt.gz")}


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_resources", RESOURCES / "make_resources.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_checksums_and_dates_stand_in_the_readme():
    text = (RESOURCES / "README.md").read_text()
    for name in ("go_bp.gmt.gz", "genes.tsv.gz", "aliases.tsv.gz"):
        assert hashlib.sha256((RESOURCES / name).read_bytes()).hexdigest() in text
    assert re.search(r"Gene Ontology, release \d{4}-\d\d-\d\d", text)
    assert "CC BY 4.0" in text


def test_terms(go):
    for term_id, name in CLAIMED.items():
        assert name in go[term_id].term
    assert all(re.fullmatch(r"GO:\d{7}", term_id) for term_id in go)
    sizes = [len(one.genes) for one in go.values()]
    assert min(sizes) == 5
    assert max(sizes) <= 1000
    assert (RESOURCES / "go_bp.gmt.gz").stat().st_size < 4_000_000


def test_annotations_are_propagated(go):
    """A child's genes are its parent's: positive regulation of IFN-gamma production is regulation of it."""
    assert set(go["GO:0032729"].genes) < set(go["GO:0032649"].genes)
    assert "IFNG" in go["GO:0071346"].genes or "STAT1" in go["GO:0071346"].genes


def test_equal_to_an_independent_export(real_data, go):
    other = gene_sets.read_gmt(real_data / "genesets/GO_BP_org.Hs.eg.db_3.16.symbols.gmt.gz")
    mitochondrial = {"ATP6", "ATP8", "COX1", "COX2", "COX3", "CYTB"} | {
        f"ND{i}" for i in (1, 2, 3, 4, 5, 6, "4L")
    }
    names = {name: f"MT-{name}" for name in mitochondrial} | {f"COX{i}": f"MT-CO{i}" for i in (1, 2, 3)}
    names |= {"CYTB": "MT-CYB", "RNR1": "MT-RNR1", "RNR2": "MT-RNR2"}
    other_sets = {one.term_id: {names.get(gene, gene) for gene in one.genes} for one in other}
    expected = {term_id: sets for term_id, sets in other_sets.items() if 5 <= len(sets) <= 1000}
    assert set(expected) == set(go)
    assert all(expected[term_id] == set(go[term_id].genes) for term_id in go)


def test_genes(genes):
    symbols = [row["symbol"] for row in genes]
    assert 20_000 < len(genes) < 30_000
    assert len(set(symbols)) == len(genes) == len({row["gene_id"] for row in genes})
    assert set(MARKERS) <= set(symbols)
    assert all(re.fullmatch(r"ENSG\d{11}", row["gene_id"]) for row in genes)
    by_symbol = {row["symbol"]: row for row in genes}
    assert by_symbol["GZMB"]["gene_id"] == "ENSG00000100453"
    assert by_symbol["HLA-A"]["gene_id"] == "ENSG00000206503"  # not one of the alternate haplotypes
    assert by_symbol["XIST"]["chromosome"] == "X"
    mitochondrial = {row["symbol"] for row in genes if row["chromosome"] == "MT"}
    assert len(mitochondrial) == 13
    assert all(symbol.startswith("MT-") for symbol in mitochondrial)
    types = {row["type"] for row in genes}
    assert types == {"protein_coding", "lncRNA", "IG", "TR"}


def test_ids_agree_with_a_real_matrix(real_data, genes):
    h5py = pytest.importorskip("h5py")
    path = next((real_data / "carpall_P02/h5").glob("*.h5"))
    with h5py.File(path) as file:
        names = file["matrix/features/name"][:].astype(str)
        ids = file["matrix/features/id"][:].astype(str)
    real = dict(zip(names, ids, strict=True))
    shared = [row for row in genes if row["symbol"] in real]
    assert len(shared) > 20_000
    assert sum(real[row["symbol"]] == row["gene_id"] for row in shared) > 0.995 * len(shared)


@pytest.mark.parametrize(
    ("alias", "symbol"),
    [
        *[("TCF1", "TCF7"), ("GPR56", "ADGRG1"), ("KIAA0101", "PCLAF"), ("MLF1IP", "CENPU")],
        *[("FAM64A", "PIMREG"), ("HIST1H4C", "H4C3"), ("SDPR", "CAVIN2"), ("CD20", None), ("HBG1", None)],
    ],
)
def test_aliases(alias, symbol):
    """Known renamings; no name of two genes (CD20 is MS4A1, and was KRT20), no symbol in use."""
    with gzip.open(RESOURCES / "aliases.tsv.gz", "rt") as file:
        named = {row["alias"]: row["symbol"] for row in csv.DictReader(file, delimiter="\t")}
    assert named.get(alias) == symbol


def test_script_on_small_databases(tmp_path, maker, monkeypatch):
    """Two genes and their terms: propagation, names, mitochondrial symbols, alternate loci, small RNA."""
    org, go = sqlite3.connect(tmp_path / "org.sqlite"), sqlite3.connect(tmp_path / "go.sqlite")
    org.executescript("""
        CREATE TABLE gene_info (_id, gene_name, symbol); CREATE TABLE genetype (_id, gene_type);
        CREATE TABLE chromosomes (_id, chromosome); CREATE TABLE ncbi2ensembl (_id, ensembl_id);
        CREATE TABLE ensembl (_id, ensembl_id); CREATE TABLE go_bp_all (_id, go_id, evidence);
        INSERT INTO gene_info VALUES (1, 'one', 'B'), (2, 'two', 'COX1'), (3, 'microRNA 1', 'MIR1'), (4, 'four', 'A');
        CREATE TABLE alias (_id, alias_symbol);
        INSERT INTO alias VALUES (1, 'B'), (1, 'OLD'), (1, 'A'), (1, 'BOTH'), (4, 'BOTH'), (4, 'A'), (3, 'OTHER');
        INSERT INTO genetype VALUES (1, 'protein-coding'), (2, 'protein-coding'), (3, 'ncRNA'), (4, 'protein-coding');
        INSERT INTO chromosomes VALUES (1, 'X'), (1, 'Y'), (2, 'MT'), (3, '1'), (4, '2');
        INSERT INTO ncbi2ensembl VALUES (1, 'E1'), (3, 'E3'), (4, 'E4');
        INSERT INTO ensembl VALUES (1, 'E1'), (1, 'E1b'), (2, 'E2');
        INSERT INTO go_bp_all VALUES (1, 'GO:1', 'IEA'), (1, 'GO:1', 'IDA'), (2, 'GO:1', 'IEA'), (4, 'GO:2', 'IEA');
    """)
    go.executescript("""
        CREATE TABLE go_term (go_id, term, ontology);
        INSERT INTO go_term VALUES ('GO:1', 'first', 'BP'), ('GO:2', 'second', 'BP');
    """)
    monkeypatch.setattr(maker, "SMALLEST", 2)
    assert maker.gene_sets(org, go) == "GO:1\tfirst\tB\tMT-CO1\n"
    assert maker.genes(org).splitlines() == [
        "symbol\tgene_id\tchromosome\ttype",
        "A\tE4\t2\tprotein_coding",
        "B\tE1\tX\tprotein_coding",
        "MT-CO1\tE2\tMT\tprotein_coding",
    ]
    assert maker.aliases(org, {"A", "B", "TCF7"}) == "alias\tsymbol\nOLD\tB\nTCF1\tTCF7\n"
    first = maker.write("text\n", tmp_path / "x.gz")
    data = (tmp_path / "x.gz").read_bytes()
    assert maker.write("text\n", tmp_path / "x.gz") == first
    assert data == (tmp_path / "x.gz").read_bytes()
    assert data[4:8] == b"\0\0\0\0"
