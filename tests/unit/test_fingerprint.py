"""The hash behind `code=`: blind to comments, awake to logic, complete."""

import ast
import shutil
import subprocess
import sys

import pytest
from carpeak import fingerprint
from runs import ROOT

SCRIPTS = ROOT / "workflow/scripts"
RULES = ROOT / "workflow/rules"
OF_THE_REPORT = {"report", "cohort_report"}  # rules that write sentences


def hash_of(folder, script):
    program = f"from pathlib import Path; from carpeak import fingerprint; print(fingerprint.code(Path({str(script)!r})))"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "scripts"


def test_comments_and_docstrings_change_nothing_and_logic_does(copy):
    script, module = copy / "filter_cells.py", copy / "carpeak/libraries/qc.py"
    before = hash_of(copy, script)
    text = module.read_text()
    module.write_text("# a comment\n" + text.replace('"""', '"""Other words. ', 1))
    assert hash_of(copy, script) == before
    module.write_text(text + "\n\nEXTRA = 1\n")
    assert hash_of(copy, script) != before
    assert hash_of(copy, copy / "embed.py") == hash_of(SCRIPTS, SCRIPTS / "embed.py"), "embed does not use qc"


def test_a_change_deep_below_is_seen(copy):
    before = hash_of(copy, copy / "filter_cells.py")
    module = copy / "carpeak/errors.py"
    module.write_text(module.read_text() + "\nEXTRA = 1\n")
    assert hash_of(copy, copy / "filter_cells.py") != before


KEPT = """
from pathlib import Path
from carpeak import fingerprint
fingerprint.recall()
print(fingerprint.code(Path("filter_cells.py").absolute()))
fingerprint.keep()
print(len(fingerprint._parsed))
"""


def with_memory(folder):
    """The hash where an earlier process may have kept what it parsed, and how many files were parsed."""
    done = subprocess.run(
        [sys.executable, "-c", KEPT], cwd=folder, capture_output=True, text=True, check=True
    )
    value, parsed = done.stdout.split()
    return f"{value}\n", int(parsed)


def test_what_is_kept_saves_the_parsing_and_changes_no_hash(copy):
    script, module = copy / "filter_cells.py", copy / "carpeak/errors.py"
    expected = hash_of(copy, script)
    first, second = with_memory(copy), with_memory(copy)
    assert first[0] == second[0] == expected
    assert first[1] > 5
    assert second[1] == 0
    module.write_text(module.read_text() + "\nEXTRA = 1\n")
    assert with_memory(copy) == (hash_of(copy, script), 1)
    assert hash_of(copy, script) != expected


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"python": 3}', '{"python": "0", "files": {}}', '{"files": [1]}']
)
def test_a_damaged_memory_is_as_none(copy, text):
    kept = copy / "carpeak/__pycache__" / fingerprint.KEPT.name
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(text)
    assert with_memory(copy)[0] == hash_of(copy, copy / "filter_cells.py")
    assert with_memory(copy)[1] == 0, "it is written anew"


def rule_scripts():
    return sorted(path for path in SCRIPTS.glob("*.py") if path.name != "unlock.py")


@pytest.mark.parametrize("script", rule_scripts(), ids=lambda path: path.stem)
def test_the_modules_found_are_those_imported(script):
    """Run every import of the script in a fresh process; what lands in sys.modules must have been found.

    Imports inside functions are found from the syntax tree and need not show up, so found >= loaded.
    """
    lines = [
        line.strip() for line in script.read_text().splitlines() if "import" in line and "carpeak" in line
    ]
    program = "\n".join(
        [*lines, "import sys", "print(*sorted(m for m in sys.modules if m.startswith('carpeak.')))"]
    )
    out = subprocess.run(
        [sys.executable, "-c", program], cwd=SCRIPTS, capture_output=True, text=True, check=True
    ).stdout
    found = {
        ".".join(p.relative_to(SCRIPTS).with_suffix("").parts).removesuffix(".__init__")
        for p in fingerprint.modules(script)
    }
    assert set(out.split()) <= found
    assert found, f"{script.name} imports nothing of the package"


def test_every_script_rule_declares_its_own_code():
    for rules in RULES.glob("*.smk"):
        for block in rules.read_text().split("\nrule ")[1:]:
            name = block.split(":", 1)[0].strip()
            if "script:" in block:
                assert f'code("{name}")' in block, f'rule {name} in {rules.name} lacks code=code("{name}")'
                assert f'scripts/{name}.py"' in block, f"rule {name} runs a script of another name"


def all_hashes(scripts):
    program = (
        "from pathlib import Path; from carpeak import fingerprint; "
        "print(*(f'{p.stem} {fingerprint.code(p.absolute())}' for p in sorted(Path().glob('*.py'))), sep='\\n')"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], cwd=scripts, capture_output=True, text=True, check=True
    ).stdout
    return dict(line.split() for line in out.splitlines())


class Reworded(ast.NodeTransformer):
    """Other words in every text, those of f-strings included."""

    def visit_Constant(self, node):
        return ast.Constant(node.value + " Other words.") if isinstance(node.value, str) else node


def test_rewording_the_report_reruns_only_the_report(copy):
    """Reword every text of a module: its hash changes; only rule report (and provenance, for its own) runs it."""
    report = copy / "carpeak/report/what_changed.py"
    before = all_hashes(copy)
    tree = ast.parse(report.read_text(encoding="utf-8"))
    report.write_text(ast.unparse(Reworded().visit(tree)), encoding="utf-8")
    after = all_hashes(copy)
    assert {name for name in before if before[name] != after[name]} <= OF_THE_REPORT
    assert before["report"] != after["report"]


@pytest.mark.parametrize("script", rule_scripts(), ids=lambda path: path.stem)
def test_no_other_rule_runs_a_sentence_of_the_report(script):
    inside = {path.stem for path in fingerprint.modules(script) if path.parent.name == "report"} - {
        "__init__"
    }
    if script.stem == "provenance":
        inside -= {"provenance"}  # what the rule of that name writes
    assert (script.stem in OF_THE_REPORT) or not inside
