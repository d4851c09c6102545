"""The run's first job: alone, before anything heavy, refusing with one message and keeping what was finished."""

import re

import pytest
from fixtures_libraries import write_study, write_trio
from runs import snakemake, tables


def started(study):
    """The rules of the last run's jobs, in the order of their start, from Snakemake's log."""
    log = max((study / ".snakemake/log").glob("*.log"))
    return re.findall(r"^(?:local)?rule (\w+):", log.read_text(), flags=re.M)


def test_the_demo_is_looked_at_first(small):
    table = (small / "results/preflight.tsv").read_text().splitlines()
    assert table[0].split("\t")[:5] == ["sample", "condition", "donor", "layout", "cells"]
    assert [line.split("\t")[4] for line in table[1:]] == ["1000", "1000"]
    assert "RQR8" in (small / "results/preflight.txt").read_text()


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "study")


def run(study, *options, check=True):
    return snakemake(study, "qc", "--configfile", str(study / "config.yaml"), *options, check=check)


def test_a_broken_library_is_refused_before_anything_heavy_and_what_was_finished_is_kept(study):
    run(study)
    assert started(study)[0] == "preflight", "nothing starts before it"
    before = tables(study)
    whole = (study / "pk/matrix.mtx.gz").read_bytes()
    (study / "pk/matrix.mtx.gz").write_bytes(whole[:3000])
    refused = run(study, check=False)
    text = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert started(study) == ["preflight"]
    assert text.count("carpeak: ") == 1, "one message, once"
    assert "sample 'pk'" in text
    assert "pk/matrix.mtx.gz: the gzip file is cut short" in text
    assert "Traceback" not in text
    assert {k: v for k, v in tables(study).items() if k != "preflight.tsv"} == {
        k: v for k, v in before.items() if k != "preflight.tsv"
    }
    assert not list((study / "results").rglob(".tmp-*"))
    (study / "pk/matrix.mtx.gz").write_bytes(whole)
    run(study)
    assert "ingest" not in started(study), "nothing has changed for it"
    assert tables(study) == before


@pytest.mark.slow
def test_a_changed_library_is_read_again_in_the_same_run(study):
    """What reading the table through ancient() would break: the job that looks first must not hide the change."""
    run(study)
    write_trio(study / "pk", seed=7)
    run(study)
    rules = started(study)
    assert rules[0] == "preflight"
    assert rules.count("ingest") == 1


def test_all_libraries_are_told_of_at_once(study):
    (study / "ip/matrix.mtx.gz").write_bytes((study / "ip/matrix.mtx.gz").read_bytes()[:3000])
    (study / "pk/barcodes.tsv.gz").unlink()
    text = run(study, check=False).stderr
    assert "ip/matrix.mtx.gz" in text
    assert "barcodes.tsv" in text


@pytest.mark.parametrize(
    "name",
    [
        "it's $(touch hacked) Größe",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("with blanks", "it's", "$(touch hacked)", "a;touch hacked", "Größe-数据")
        ),
    ],
)
def test_a_strange_folder_is_read_and_never_executed(study, name):
    (study / "ip").rename(study / name)
    sheet = study / "samples.tsv"
    sheet.write_text(sheet.read_text().replace("P1\tip", f"P1\t{name}"))
    snakemake(
        study, "results/ingest/ip.h5ad", "results/preflight.tsv", "--configfile", str(study / "config.yaml")
    )
    assert not list(study.rglob("hacked"))


@pytest.mark.slow
def test_the_study_may_stand_in_a_strange_folder(tmp_path):
    study = write_study(tmp_path / "Anna's $(touch hacked) Größe")
    run(study)
    assert not list(tmp_path.rglob("hacked"))


def test_mistakes_of_the_command_line_are_one_message(study):
    done = run(study, "--config", "qc={preset: strict}", check=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "qc.preset: 'strict' is not one of: paper, adaptive" in text
    assert "Traceback" not in text
