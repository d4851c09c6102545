"""Gene-set files: ids, line endings, duplicates, wrong species, and libraries fetched from Enrichr."""

import gzip
import hashlib

import gseapy
import pytest
import requests
from carpeak.comparison import gene_sets
from carpeak.comparison.gene_sets import GeneSet
from carpeak.errors import UserError


def written(tmp_path, text, name="own.gmt", encoding="utf-8"):
    path = tmp_path / name
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "GO:0006954\tinflammatory response\tB\tA",
            GeneSet("GO:0006954", "inflammatory response", ("A", "B")),
        ),
        (
            "inflammatory response (GO:0006954)\t\tB\tA",
            GeneSet("GO:0006954", "inflammatory response", ("A", "B")),
        ),
        (
            "inflammatory response (GO:0006954)\tGO:0006954\tB",
            GeneSet("GO:0006954", "inflammatory response", ("B",)),
        ),
        ("inflammatory response\tGO:0006954\tB", GeneSet("GO:0006954", "inflammatory response", ("B",))),
        ("HALLMARK_X\thttp://www.gsea-msigdb.org/x\tA", GeneSet("HALLMARK_X", "HALLMARK_X", ("A",))),
        ("hsa00010\tGlycolysis\tA", GeneSet("hsa00010", "Glycolysis", ("A",))),
        ("My set\tna\tA", GeneSet("My set", "My set", ("A",))),
        ("Weights\t\tA,1.0\tB,0.5\tA", GeneSet("Weights", "Weights", ("A", "B"))),
        ("Blank fields\t\tA\t\tB\t", GeneSet("Blank fields", "Blank fields", ("A", "B"))),
    ],
)
def test_one_line(tmp_path, line, expected):
    assert gene_sets.read_gmt(written(tmp_path, line + "\n")) == [expected]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["own.gmt", "own.gmt.gz"])
def test_line_ends_and_compression(tmp_path, end, name):
    text = end.join(["S\tone\tA\tB", "", "T\ttwo\tC", ""])
    path = written(tmp_path, text, name, encoding="utf-8-sig")
    assert gene_sets.read_gmt(path) == [GeneSet("S", "one", ("A", "B")), GeneSet("T", "two", ("C",))]
    assert gene_sets.label(path) == "own"


def test_same_set_twice_is_read_once_and_two_sets_of_one_name_are_refused(tmp_path):
    assert len(gene_sets.read_gmt(written(tmp_path, "S\tx\tA\tB\nS\tx\tB\tA\n"))) == 1
    with pytest.raises(UserError, match=r"own\.gmt, line 3: two sets called 'S' differ"):
        gene_sets.read_gmt(written(tmp_path, "S\tx\tA\nT\tx\tA\nS\tx\tB\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("S one A B\n", "line 1: no tab"),
        ("", "holds no gene set"),
        ("S\tdescription only\n", "holds no gene set"),
        ("S\t\udcff\n", "not a readable GMT file"),
    ],
)
def test_broken_files_are_told(tmp_path, text, message):
    path = tmp_path / "own.gmt"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=message):
        gene_sets.read_gmt(path)


def test_missing_and_truncated_files_are_told(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        gene_sets.read_gmt(tmp_path / "none.gmt")
    path = tmp_path / "cut.gmt.gz"
    path.write_bytes(gzip.compress(b"S\tx\tA\n" * 1000)[:-12])
    with pytest.raises(UserError, match="not a readable GMT file"):
        gene_sets.read_gmt(path)


def test_two_files_of_one_name_are_refused(tmp_path):
    (tmp_path / "other").mkdir()
    paths = [written(tmp_path, "S\tx\tA\n"), written(tmp_path / "other", "S\tx\tA\n", "own.gmt.gz")]
    with pytest.raises(UserError, match="Rename one"):
        gene_sets.read_all(paths)
    assert list(gene_sets.read_all(paths[:1])) == ["own"]


def test_other_species_are_noticed():
    human = [f"GENE{i}" for i in range(1000)]
    mouse = [GeneSet("S", "S", tuple(gene.capitalize() for gene in human))]
    with pytest.raises(UserError, match="another species"):
        gene_sets.check_known(mouse, human, source="own")
    gene_sets.check_known(
        [GeneSet("S", "S", tuple(human[:100]))], human, source="a few sets of a large data set"
    )
    gene_sets.check_known([GeneSet("S", "S", tuple(human))], human[:20], source="many sets, few tested genes")
    gene_sets.check_known(mouse, [], source="nothing was tested")
    partly = [GeneSet("S", "S", (*human[:11], *(f"x{i}" for i in range(89))))]
    gene_sets.check_known(partly, human, source="11 %")
    with pytest.raises(UserError, match="9 of 100 genes"):
        gene_sets.check_known(
            [GeneSet("S", "S", (*human[:9], *partly[0].genes[11:], "y", "z"))], human, source="9 %"
        )


def test_fetching_without_network_says_what_to_do(monkeypatch):
    def unreachable(**_):
        raise requests.ConnectionError

    monkeypatch.setattr(gseapy, "get_library_name", unreachable)
    with pytest.raises(UserError, match="Give a GMT file or GO_BP"):
        gene_sets.fetch("KEGG_2021_Human")


def test_fetching_an_unknown_library_names_the_nearest(monkeypatch):
    monkeypatch.setattr(gseapy, "get_library_name", lambda **_: ["KEGG_2021_Human", "Reactome_2022"])
    with pytest.raises(UserError, match="did you mean 'KEGG_2021_Human'"):
        gene_sets.fetch("KEGG_2021_human")


def test_fetched_library_is_written_sorted_with_its_checksum(monkeypatch, tmp_path):
    asked = {}

    def library(name, **options):
        asked.update(options, name=name)
        return {"b (GO:0000002)": ["Z", "A", "A"], "a (GO:0000001)": ["C"]}

    monkeypatch.setattr(gseapy, "get_library_name", lambda **_: ["GO_X"])
    monkeypatch.setattr(gseapy, "get_library", library)
    path, checksum = tmp_path / "GO_X.gmt", tmp_path / "GO_X.gmt.sha256"
    gene_sets.write_gmt(gene_sets.fetch("GO_X"), path, checksum)
    assert asked["name"] == "GO_X"
    assert asked["max_size"] > 30_000  # by default gseapy drops sets of more than 2,000 genes
    assert path.read_text() == "a (GO:0000001)\t\tC\nb (GO:0000002)\t\tA\tZ\n"
    assert checksum.read_text() == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  GO_X.gmt\n"
    assert [one.term_id for one in gene_sets.read_gmt(path)] == ["GO:0000001", "GO:0000002"]
    gene_sets.check_cached(path)
    path.write_text("a\t\tB\n")
    with pytest.raises(UserError, match="changed since it was fetched"):
        gene_sets.check_cached(path)


@pytest.mark.parametrize(
    ("name", "sets"),
    [
        ("enrichr.GO_Biological_Process_2021.gmt", 6036),
        ("enrichr.KEGG_2016.gmt", 293),
        ("h.all.v7.5.1.symbols.gmt", 50),
        ("c2.cp.kegg.v7.5.1.symbols.gmt", 186),
        ("KEGG_hsa_2022-08-06.symbols.gmt", 347),
        ("GO_BP_org.Hs.eg.db_3.16.symbols.gmt.gz", 15975),
    ],
)
def test_real_libraries(real_data, name, sets):
    found = gene_sets.read_gmt(real_data / "genesets" / name)
    assert len(found) == sets
    ids = {one.term_id for one in found}
    assert ("GO:0006954" in ids) == ("GO" in name)
    assert all(not one.term.startswith("http") for one in found)
