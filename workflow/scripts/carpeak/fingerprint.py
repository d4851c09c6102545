"""A hash of the code that a script runs, so that Snakemake reruns a rule when its logic changes.

Snakemake watches a script but not what it imports. The hash covers the syntax trees of the script's
modules of this package, transitively and without docstrings: comments and formatting change nothing.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
KEPT = PACKAGE / "__pycache__" / f"fingerprints.{sys.implementation.cache_tag}.json"
_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class _Source:
    """What counts of a Python file: the hash of its syntax tree, and its imports (level, module, names)."""

    tree: str
    imports: tuple[tuple[int, str, tuple[str, ...]], ...]


_known: dict[str, _Source] = {}  # by the hash of a file's bytes
_used: set[str] = set()  # by this process
_parsed: set[str] = set()


def recall() -> None:
    """Take over what an earlier run kept of the files it parsed; what can't be read changes nothing.

    Parsing the package was 2 of the 4 s of CPU that a dry run takes, and under a cluster every job reads the
    workflow twice. Files are known by their content, so nothing kept can be out of date. It lies where
    Python keeps what it compiled.
    """
    try:
        found = json.loads(KEPT.read_text(encoding="utf-8"))
        if found["python"] != sys.version:  # syntax trees differ
            return
        for content, (tree, imports) in found["files"].items():
            named = tuple((int(level), str(module), tuple(names)) for level, module, names in imports)
            _known[content] = _Source(str(tree), named)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return


def keep() -> None:
    """Write what this run used for the next one, if anything is new; a failure costs that run the parsing."""
    if not _parsed:
        return
    files = {content: (source.tree, source.imports) for content, source in _known.items() if content in _used}
    beside = KEPT.with_name(f"{KEPT.name}.{os.getpid()}")
    try:
        KEPT.parent.mkdir(exist_ok=True)
        beside.write_text(json.dumps({"python": sys.version, "files": files}), encoding="utf-8")
        beside.replace(KEPT)
    except OSError:
        return


@cache
def _source(path: Path) -> _Source:
    """What counts of the Python file `path`: known by its content, or parsed."""
    content = path.read_bytes()
    name = hashlib.sha256(content).hexdigest()
    _used.add(name)
    if name not in _known:
        _known[name] = _parse(content.decode("utf-8"))
        _parsed.add(name)
    return _known[name]


def _parse(text: str) -> _Source:
    tree = ast.parse(text)
    imports: list[tuple[int, str, tuple[str, ...]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imports.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.Import):
            imports += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return _Source(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(imports))


@cache
def imported(path: Path) -> set[Path]:
    """Files of this package that the Python file `path` imports, anywhere in it, not transitively."""
    found: set[Path] = set()
    for level, module, names in _source(path).imports:
        found |= _files(level, module, names, path)
    return found


def _files(level: int, module: str, names: Iterable[str], path: Path) -> set[Path]:
    parts = module.split(".") if module else []
    if level:
        base = path.parent
        for _ in range(level - 1):
            base = base.parent
    elif parts and parts[0] == PACKAGE.name:
        base = PACKAGE.parent
    else:
        return set()
    target = base.joinpath(*parts)
    found = set(_module(target))
    for name in names:  # `from carpeak import qc` names a module, `from .io import atomic` a function
        found |= _module(target / name)
    return found


@cache
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


def tree_hash(path: Path) -> str:
    """SHA-256 of the syntax tree of `path` without docstrings and positions."""
    return _source(path).tree


def code(script: Path) -> str:
    """The hash of all modules of the package that `script` runs."""
    digest = hashlib.sha256()
    for path in modules(script):
        digest.update(f"{path.relative_to(PACKAGE)} {tree_hash(path)}\n".encode())
    return digest.hexdigest()[:16]
