"""The lock and the conda files: same pins, hashed, and free of any host."""

import ast
import re
import sys

import pytest
import yaml
from carpeak import fingerprint
from runs import ROOT

ENVS = ROOT / "envs"
sys.path.insert(0, str(ENVS))
import make_conda  # noqa: E402

LOCK = (ENVS / "requirements.txt").read_text()


def test_every_requirement_is_pinned_and_hashed():
    blocks = re.split(r"\n(?=[a-zA-Z0-9])", "\n" + LOCK)[1:]
    assert len(blocks) > 80
    for block in blocks:
        assert re.match(r"[A-Za-z0-9_.-]+==", block), block[:60]
        assert "--hash=sha256:" in block, block[:60]


LISTS = {
    **{name: ENVS / f"{name}.txt" for name in ("requirements", "test", "notebook")},
    "bench": ROOT / "benchmarks/requirements.txt",
}


@pytest.mark.parametrize("file", [*LISTS.values(), *(path.with_suffix(".in") for path in LISTS.values())])
def test_no_index_or_host_is_named(file):
    text = file.read_text()
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)


@pytest.mark.parametrize("name", ["test", "notebook", "bench"])
def test_other_locks_agree_with_the_run_lock(name):
    run, other = make_conda.pins(LOCK), make_conda.pins(LISTS[name].read_text())
    assert {package: other.get(package) for package in run} == run
    assert set(other) > set(run)


@pytest.mark.parametrize("stage", sorted(make_conda.STAGES))
def test_conda_files_hold_the_pins_of_the_lock(stage):
    versions = make_conda.pins(LOCK)
    file = yaml.safe_load((ENVS / f"{stage}.yaml").read_text())
    *conda, pip = file["dependencies"]
    programs = make_conda.PROGRAMS.get(stage, [])
    assert [entry.split("=")[0] for entry in conda if entry not in programs] == ["python", "pip"]
    assert set(programs) < set(conda) and ("bioconda" in file["channels"]) == bool(programs)
    for requirement in pip["pip"]:
        name, version = requirement.split("==")
        assert versions[name] == version
    assert len(pip["pip"]) == len(make_conda.STAGES[stage])


def test_named_core_is_locked():
    versions = make_conda.pins(LOCK)
    assert versions["snakemake"].startswith("9.")
    assert versions["harmonypy"].startswith("2.")
    assert {"scanpy", "anndata", "gseapy", "matplotlib"} <= versions.keys()
    assert tuple(map(int, versions["pynndescent"].split(".")[:2])) < (0, 6), "scanpy 1.11.5 breaks with 0.6"


DISTRIBUTION = {"yaml": "pyyaml", "sklearn": "scikit-learn", "PIL": "pillow"}


def third_party(script):
    """Distributions that a rule needs: those its own modules import anywhere, and the others at their top."""
    names = set()
    own = fingerprint.imported(script)
    for path in [script, *fingerprint.modules(script)]:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree) if path in own or path == script else tree.body:
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").split(".")[0])
    names -= {*sys.stdlib_module_names, "carpeak", ""}
    return {DISTRIBUTION.get(name, name) for name in names}


def test_conda_files_hold_what_their_rules_import():
    seen = 0
    for rules in (ROOT / "workflow/rules").glob("*.smk"):
        for block in rules.read_text().split("\nrule ")[1:]:
            name, stage = block.split(":", 1)[0].strip(), re.search(r"envs/(\w+)\.yaml", block)
            if stage and "script:" in block:
                needed = third_party(ROOT / f"workflow/scripts/{name}.py")
                assert needed <= set(make_conda.STAGES[stage[1]]), f"{name} in envs/{stage[1]}.yaml"
                seen += 1
    assert seen >= 15
