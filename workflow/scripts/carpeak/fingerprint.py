"""A hash of the code that a script runs, so that Snakemake reruns a rule when its logic changes.

Snakemake watches a script but not what it imports. The hash covers the syntax trees of the script's
modules of this package, transitively and without docstrings: comments and formatting change nothing.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


@cache
def _parsed(path: Path) -> tuple[ast.Module, tuple[ast.Import | ast.ImportFrom, ...]]:
    """The syntax tree of the Python file `path` without docstrings, and its imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
            continue
        if not isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree, tuple(imports)


@cache
def imported(path: Path) -> set[Path]:
    """Files of this package that the Python file `path` imports, anywhere in it, not transitively."""
    found: set[Path] = set()
    for node in _parsed(path)[1]:
        if isinstance(node, ast.ImportFrom):
            found |= _from(node, path)
        else:
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE.name:
                    found |= _module(PACKAGE.parent.joinpath(*alias.name.split(".")))
    return found


def _from(node: ast.ImportFrom, path: Path) -> set[Path]:
    parts = node.module.split(".") if node.module else []
    if node.level:
        base = path.parent
        for _ in range(node.level - 1):
            base = base.parent
    elif parts and parts[0] == PACKAGE.name:
        base = PACKAGE.parent
    else:
        return set()
    target = base.joinpath(*parts)
    found = _module(target)
    for alias in node.names:  # `from carpeak import qc` names a module, `from .io import atomic` a function
        found |= _module(target / alias.name)
    return found


def _module(target: Path) -> set[Path]:
    candidates = {target.with_name(target.name + ".py"), target / "__init__.py"}
    candidates |= {folder / "__init__.py" for folder in target.parents}  # importing a module runs them
    candidates -= {PACKAGE / "__init__.py"}  # it holds the version: a release alone reruns nothing
    return {c for c in candidates if c.is_file() and PACKAGE in c.parents}


@cache
def modules(script: Path) -> tuple[Path, ...]:
    """Files of the package that `script` imports, transitively, sorted."""
    seen: set[Path] = set()
    queue = list(imported(script))
    while queue:
        path = queue.pop()
        if path not in seen:
            seen.add(path)
            queue.extend(imported(path))
    return tuple(sorted(seen))


@cache
def tree_hash(path: Path) -> str:
    """SHA-256 of the syntax tree of `path` without docstrings and positions."""
    return hashlib.sha256(ast.dump(_parsed(path)[0]).encode()).hexdigest()


def code(script: Path) -> str:
    """The hash of all modules of the package that `script` runs."""
    digest = hashlib.sha256()
    for path in modules(script):
        digest.update(f"{path.relative_to(PACKAGE)} {tree_hash(path)}\n".encode())
    return digest.hexdigest()[:16]
