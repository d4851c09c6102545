"""Draw the rooms of the package from its imports, into docs/architecture.md: `make architecture`.

The floors are chosen here and checked by tests/unit/test_architecture.py: imports only go down, report/ is
imported by commands/ alone, and the picture and the table in the page are those that this script gives.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "workflow/scripts/carpeak"
PAGE = ROOT / "docs/architecture.md"
sys.path.insert(0, str(PACKAGE.parent))

from carpeak import fingerprint  # noqa: E402

# From the top down; a room imports from floors below its own. A new room is added here.
FLOORS = (
    ("commands",),
    ("report", "atlas"),
    ("explore",),
    ("claims", "figures", "preflight"),
    ("donors",),
    ("comparison", "compare"),
    ("seurat",),
    ("cohort", "car", "populations", "libraries", "reads", "simulate", "download"),
    ("construct", "study"),
    ("readers",),
    ("stats",),
    ("ground",),
)
GROUND = (
    "errors",
    "fingerprint",
    "home",
    "io",
    "job",
    "written",
    "names",
    "cells",
    "settings",
    "warm",
)  # leaves, used anywhere
ALONE = {"__main__": "commands", "atlas": "atlas"}  # modules of the package's own folder that are no leaves

Arrows = dict[tuple[str, str], set[tuple[str, str]]]


def room(module: Path) -> str:
    """The room of a module: its sub-package, or what stands above for modules in the package's folder."""
    parts = module.relative_to(PACKAGE).parts
    if len(parts) > 1:
        return parts[0]
    return "ground" if module.stem in GROUND else ALONE.get(module.stem, module.stem)


def modules() -> list[Path]:
    """All modules with code: a package's __init__.py holds a docstring and nothing else."""
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


def arrows() -> Arrows:
    """(importing room, imported room) -> pairs of modules, late imports and those for types included."""
    found: Arrows = {}
    for module in modules():
        for other in fingerprint.imported(module):
            ends = (room(module), room(other))
            if other.name != "__init__.py" and ends[0] != ends[1]:
                names = (str(module.relative_to(PACKAGE)), str(other.relative_to(PACKAGE)))
                found.setdefault(ends, set()).add(names)
    return dict(sorted(found.items()))


def drawn(found: Arrows) -> list[tuple[str, str]]:
    """The arrows of the picture: none to the ground, and none that follows from others."""
    ends = [pair for pair in found if "ground" not in pair]
    below: dict[str, set[str]] = {}
    for start, end in ends:
        below.setdefault(start, set()).add(end)

    def reached(start: str) -> set[str]:
        return {far for near in below.get(start, ()) for far in {near, *reached(near)}}

    return [(a, b) for a, b in ends if not any(b in reached(other) for other in below[a] - {b})]


def picture() -> str:
    """The rooms as text for Mermaid, floor by floor from the top."""
    there = {room(module) for module in modules()} - {"ground"}
    lines = ["```mermaid", "flowchart TB"]
    for number, floor in enumerate(FLOORS, start=1):
        names = [name for name in floor if name in there]
        if names:
            lines += [f'  subgraph floor{number}[" "]', "    direction LR"]
            lines += [f"    {name}[{name}]" for name in names]
            lines += ["  end"]
    lines += [f"  {start} --> {end}" for start, end in drawn(arrows())]
    return "\n".join([*lines, "```"])


def table() -> str:
    """Every room with the first sentence of its docstring and the rule files whose scripts call it."""
    called = callers()
    lines = ["| room | what lives there | called by rules in |", "|---|---|---|"]
    for floor in FLOORS[:-1]:
        for name in floor:
            file = PACKAGE / name / "__init__.py"
            file = file if file.is_file() else PACKAGE / f"{name}.py"
            if file.is_file():
                rules = ", ".join(f"`{rule}`" for rule in sorted(called.get(name, ())))
                lines.append(f"| `{name}` | {sentence(file)} | {rules} |")
    lines += [f"| `{name}.py` | {sentence(PACKAGE / f'{name}.py')} | |" for name in GROUND]
    return "\n".join(lines)


def sentence(file: Path) -> str:
    """The first paragraph of a module's docstring in one line."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def callers() -> dict[str, set[str]]:
    """Room -> rule files whose scripts import it."""
    found: dict[str, set[str]] = {}
    for rules in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for name in re.findall(r'scripts/(\w+)\.py"', rules.read_text(encoding="utf-8")):
            for module in fingerprint.imported(PACKAGE.parent / f"{name}.py"):
                found.setdefault(room(module), set()).add(rules.name)
    return found


def page(text: str) -> str:
    """The page's text with picture and table drawn anew."""
    for name, new in (("picture", picture()), ("table", table())):
        pattern = re.compile(rf"(<!-- {name}: make architecture -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not pattern.search(text):
            sys.exit(f"{PAGE}: no place for the {name} (<!-- {name}: make architecture -->)")
        text = pattern.sub(lambda match, new=new: match[1] + new + "\n" + match[2], text)
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
