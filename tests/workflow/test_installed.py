"""carpeak as a wheel in an environment of its own: no checkout is in sight."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from carpeak.report import provenance
from runs import ROOT, demo, tables

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (path,) = folder.glob("carpeak-*.whl")
    return path


def pip(*words):
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def carpeak(wheel, tmp_path_factory):
    """Runs the command of the installed wheel; its dependencies are those of the environment of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    pip("--python", str(folder / "bin/python"), "install", "--no-deps", "--no-index", str(wheel))
    (site,) = folder.glob("lib/python*/site-packages")
    # no .pth of that folder is followed, so that a checkout installed there stays out
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SNAKEMAKE"))}

    def run(*words, cwd, status=0):
        command = [str(folder / "bin/carpeak"), *map(str, words)]
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
        assert done.returncode == status, done.stdout[-3000:] + done.stderr[-8000:]
        return done.stdout + done.stderr

    run.site = site
    return run


def test_the_wheel_carries_the_workflow_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for kept in ("rules/car.smk", "schemas/config.schema.yaml", "report/umap.rst", "resources/genes.tsv.gz"):
        assert f"carpeak/share/workflow/{kept}" in names
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    if tracked:
        shipped = {name.removeprefix("carpeak/share/") for name in names if name.startswith("carpeak/share/")}
        assert shipped <= set(tracked)
        modules = {n for n in tracked if n.startswith("workflow/scripts/carpeak/")}
        assert {n.removeprefix("workflow/scripts/") for n in modules} <= names
    assert not [
        name
        for name in names
        if re.search(r"tests?/|__pycache__|^carpeak/share/workflow/scripts/carpeak", name)
    ]
    assert wheel.stat().st_size < 5_000_000


def test_dependencies_are_those_of_the_lock():
    lines = (ROOT / "envs/requirements.in").read_text().splitlines()
    wanted = [line.split("#")[0].strip() for line in lines]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == [line for line in wanted if line and not line.startswith("hatchling")]


def test_the_command_of_the_wheel_finds_its_workflow(carpeak, tmp_path):
    assert "carpeak run my_study" in carpeak("--help", cwd=tmp_path)
    out = carpeak("demo", "here", "-n", "--cores", "1", cwd=tmp_path)
    assert re.search(r"^report +1$", out, re.MULTILINE)
    assert not [place for place in ("workflow", "Snakefile", "config") if str(ROOT / place) in out]
    assert str(carpeak.site / "carpeak/share") in out
    refused = carpeak(
        "run", carpeak.site / "carpeak/share/config/config.yaml", "--use-conda", cwd=tmp_path, status=1
    )
    assert "needs a clone" in refused


def test_the_commit_of_another_project_is_not_taken_for_the_workflows(tmp_path):
    """An environment often lies within the repository of the user's own project, which ignores it."""
    for words in (
        ["init", "-q"],
        ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed/rule.smk").touch()
    assert provenance.commit(tmp_path / "installed") is None
    subprocess.run(["git", "add", "installed"], cwd=tmp_path, check=True)
    assert provenance.commit(tmp_path / "installed")["changed"]


@pytest.mark.slow
def test_a_study_runs_from_another_folder(carpeak, small, tmp_path):
    """The demo has the tables of a run from the checkout; its matrices then serve for a study of one's own."""
    out = carpeak("demo", "here", "--cores", "2", *demo(), cwd=tmp_path)
    assert f"The report: {(tmp_path / 'here/results/report.html').as_uri()}" in out
    assert tables(tmp_path / "here") == tables(small)
    carpeak("init", "mine", "here/demo", cwd=tmp_path)
    assert "FILL_IN" in carpeak("run", "mine", cwd=tmp_path, status=1)
    sheet = tmp_path / "mine/samples.tsv"
    text = sheet.read_text()
    for sample in ("product", "peak"):
        text = text.replace(f"{sample}\tFILL_IN\tFILL_IN", f"{sample}\t{sample}\tP4")
    sheet.write_text(text)
    assert "Nothing is wrong" in carpeak("check", "mine", cwd=tmp_path)
    carpeak("run", "mine", "--cores", "2", "qc", cwd=tmp_path)
    assert (tmp_path / "mine/results/tables/samples.tsv").is_file()
    assert sorted(p.name for p in Path(tmp_path).iterdir()) == ["here", "mine"], (
        "nothing is written elsewhere"
    )
