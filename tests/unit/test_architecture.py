"""The rooms of the package: docs/architecture.md shows the code's own imports, and they only go down."""

import sys

import pytest
from runs import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import draw_architecture as draw

FLOOR = {name: number for number, floor in enumerate(draw.FLOORS) for name in floor}


@pytest.fixture(scope="module")
def arrows():
    return draw.arrows()


def test_the_page_shows_the_code():
    text = draw.PAGE.read_text()
    assert draw.page(text) == text, "draw it anew: make architecture"


def test_every_room_has_a_floor():
    rooms = {draw.room(module) for module in draw.modules()}
    assert len(rooms) > 15
    assert rooms <= set(FLOOR), "add the room to FLOORS in docs/draw_architecture.py"


def test_imports_only_go_down(arrows):
    """So there is no circle either."""
    upward = {pair: pairs for pair, pairs in arrows.items() if FLOOR[pair[0]] >= FLOOR[pair[1]]}
    assert not upward


def test_an_upward_import_would_be_seen(tmp_path, monkeypatch):
    package = tmp_path / "carpeak"
    for name, text in (
        ("stats/a.py", "def f():\n    from ..report import b\n"),  # late, inside a function
        ("report/b.py", "from carpeak.errors import UserError\n"),
        ("errors.py", ""),
    ):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    monkeypatch.setattr(draw, "PACKAGE", package)
    monkeypatch.setattr(draw.fingerprint, "PACKAGE", package)
    assert set(draw.arrows()) == {("stats", "report"), ("report", "ground")}


def test_only_commands_import_the_report(arrows):
    assert {start for start, end in arrows if end == "report"} <= {"commands"}


def test_the_ground_imports_no_room(arrows):
    assert not [pair for pair in arrows if pair[0] == "ground"]


def test_only_commands_know_snakemake():
    knowing = {
        draw.room(module)
        for module in draw.modules()
        if any(line.split()[:1] in (["import"], ["from"]) and "snakemake" in line.split()[1]
               for line in module.read_text().splitlines() if line.strip())
    }  # fmt: skip
    assert knowing <= {"commands"}


def test_packages_hold_one_docstring_and_nothing_else():
    """The fingerprint counts them: code there would rerun every rule that imports the package."""
    import ast

    for file in draw.PACKAGE.glob("*/__init__.py"):
        body = ast.parse(file.read_text()).body
        assert len(body) == 1 and isinstance(body[0], ast.Expr), file
