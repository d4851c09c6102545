"""The ready studies: valid, complete, and plain about what nobody has checked."""

import csv
import re

import pytest
import yaml
from carpeak.donors import audit
from carpeak.study import study
from runs import ROOT

STUDIES = ROOT / "config/studies"
PUBLIC = sorted(path.parent.name for path in STUDIES.glob("*/downloads.tsv"))


def load(name):
    source = STUDIES / name / "config.yaml"
    return study.load(yaml.safe_load(source.read_text()), source=source, workflow=ROOT / "workflow")


def test_the_first_three_and_more_are_there():
    assert {"GSE151310", "GSE235760", "GSE197268", "GSE125881", "carpall_P02", "carpall_cohort"} == set(
        PUBLIC
    )


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_study_is_valid_before_anything_is_fetched(name):
    loaded = load(name)
    assert {"product"} <= {sample.condition for sample in loaded.samples}
    for sample in loaded.samples:
        assert loaded.files(sample.path)[0].startswith("results/downloads/"), "every library is fetched"


@pytest.mark.parametrize("name", PUBLIC)
def test_rows_behind_a_hash_hold_as_well(name, tmp_path):
    """Who takes a library in deletes its '#': the whole sheet must be valid."""
    folder = tmp_path / name
    folder.mkdir()
    for file in ("config.yaml", "downloads.tsv"):
        (folder / file).write_text((STUDIES / name / file).read_text())
    sheet = (STUDIES / name / "samples.tsv").read_text()
    (folder / "samples.tsv").write_text(sheet.replace("\n#", "\n"))
    source = folder / "config.yaml"
    loaded = study.load(yaml.safe_load(source.read_text()), source=source, workflow=ROOT / "workflow")
    fetched = {one.path for sample in loaded.samples for one in loaded.downloads if one.path == sample.path}
    archives = {one.archive for one in loaded.downloads if one.archive}
    assert fetched | archives == {one.path for one in loaded.downloads}, "no download without a library"


def rows_of(table):
    """The rows of a Markdown table as dictionaries, by the text of their first field."""
    lines = [line.strip().strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    head, _, *body = [[field.strip().strip("`") for field in line] for line in lines]
    return {row[0]: dict(zip(head, row, strict=True)) for row in body}


def run_on_real_files(name):
    overview = (STUDIES / "README.md").read_text().split("\n## ")[0]
    return rows_of(overview)[name]["run on the real files?"]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_study_is_called_run_on_the_real_files_only_where_their_checksums_are_known(name):
    """Who runs a study on its real files enters their checksums and a yes; no test asks for another word."""
    with (STUDIES / name / "downloads.tsv").open() as file:
        known = [bool(row.get("sha256")) for row in csv.DictReader(file, delimiter="\t")]
    assert known
    assert run_on_real_files(name) in (["yes", "no"] if all(known) else ["no"])


@pytest.mark.parametrize("name", PUBLIC)
def test_the_readme_says_how_to_run_it_and_which_facts_are_open(name):
    text = (STUDIES / name / "README.md").read_text()
    assert f"--configfile config/studies/{name}/config.yaml" in text
    if run_on_real_files(name) == "no":
        sources = [fact["where it is from"] for fact in rows_of(text).values()]
        assert len(sources) >= 4 and all(sources)
        assert any(source.startswith("**not ") or ": **not " in source for source in sources)


def test_patients_of_gse197268_are_not_mixed_up():
    """Each library's name, its record and its file tell the same patient and time."""
    loaded = load("GSE197268")
    rows = [line.split("\t") for line in (STUDIES / "GSE197268/downloads.tsv").read_text().splitlines()[2:]]
    assert len({row[3] for row in rows}) == len(rows) == 42
    for sample in loaded.samples:
        number, time = sample.sample.removeprefix("P").split("_")
        assert sample.path.endswith(f"Patient{number}-{time}.tar.gz")
        assert sample.donor == f"P{number}"
        assert (sample.condition == "product") == (time == "Infusion")


def designs_of(name):
    """The audit of a study: decision and number of pairs by contrast and sort."""
    loaded = load(name)
    found = audit.audit(audit.libraries_of(loaded.samples), loaded.contrasts)
    return {
        (one.contrast, one.sort): (one.decision, sum(side.paired for side in one.sides)) for one in found
    }, found


def test_designs_of_public_cohorts_pass_the_audit():
    assert designs_of("GSE235760")[0] == {
        ("peak_vs_product", "CAR+"): ("paired", 5), ("peak_vs_product", "CAR-"): ("paired", 5),
    }  # fmt: skip
    sorted_apart, found = designs_of("GSE197268")
    assert sorted_apart == {
        ("peak_vs_product", "CAR++unsorted"): ("not_estimable", 6),
        ("peak_vs_product", audit.CAR_CELLS): ("paired", 6),
    }
    assert audit.choose(found, "peak_vs_product", "car_t").decision == "paired"
    for population in ("all", "t_cells", "car_t_against_undetected"):
        assert audit.choose(found, "peak_vs_product", population).decision == "not_estimable"
    assert designs_of("carpall_cohort")[0] == {
        ("late_vs_early", "CAR+"): ("paired", 5), ("early_vs_product", "CAR+"): ("concordance", 2),
    }  # fmt: skip
    assert designs_of("GSE125881")[0] == {("peak_vs_product", "CAR+"): ("paired", 4)}


def own(tmp_path, download, table="path\turl\nip.h5\thttps://example.org/a\npk.h5\thttps://example.org/b\n"):
    """A study of one's own whose two libraries are fetched; the message of what is wrong with it."""
    (tmp_path / "downloads.tsv").write_text(table)
    rows = "sample\tcondition\tdonor\tpath\nip\tproduct\tP1\tip.h5\npk\tpeak\tP1\tpk.h5\n"
    (tmp_path / "samples.tsv").write_text(rows)
    value = {"samples": "samples.tsv", "transgene": {"features": ["CAR"]}, "download": download}
    problems = study.gather(value, source=tmp_path / "config.yaml", workflow=ROOT / "workflow")[1]
    return [problem.text for problem in problems]


@pytest.mark.parametrize(
    ("download", "words"),
    [
        ({"files": "nowhere.tsv"}, "nowhere.tsv: no such file"),
        ({"files": "downloads.tsv", "mirror": "no/such/folder"}, "download.mirror: no such folder"),
        ({"files": "downloads.tsv", "miror": "x"}, "download.miror: unknown key.*did you mean 'mirror'"),
        ({}, "download: the key 'files' is missing"),
        ({"files": 3}, "download.files: 3 should be of type string"),
        ("downloads.tsv", "download: 'downloads.tsv' should be of type object"),
    ],
)
def test_mistakes_of_the_key_download(tmp_path, download, words):
    found = own(tmp_path, download)
    assert len(found) == 1, found
    assert re.search(words, found[0])


def test_mistakes_of_the_table_are_told_once_and_alone(tmp_path):
    """A table that can't be understood must not make every library look missing."""
    found = own(tmp_path, {"files": "downloads.tsv"}, table="path\turl\nip.h5\tftp://example.org/a\n")
    assert len(found) == 1
    assert "row 2: url 'ftp://example.org/a' can't be fetched; write https://" in found[0]
    found = own(tmp_path, {"files": "downloads.tsv"}, table="path\turl\nip.h5\thttps://example.org/a\n")
    assert len(found) == 1
    assert "sample 'pk': path does not exist" in found[0]
    assert "'ip'" not in found[0]
    assert own(tmp_path, {"files": "downloads.tsv"}) == []
