"""The marker file: lineage panels and T-cell state schemes, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import UserError, nearest
from ..names import UNASSIGNED

SCHEMES = ("canonical", "paper")
T_LINEAGES = ("CD4", "CD8")
GENE_KEYS = ("genes", "without", "required", "anchors", "start", "support")


def load(path: str | Path) -> dict[str, Any]:
    """Read a marker file: ``lineages``, ``t_lineage`` and ``t_states`` as in config/markers.yaml.

    Raises UserError naming the file, the label and the remedy.
    """
    from ..study.config import load_yaml

    try:
        value = load_yaml(path)
    except UserError as error:
        msg = f"{error}. Start from a copy of config/markers.yaml."
        raise UserError(msg) from None
    for key in ("lineages", "t_lineage", "t_states"):
        if not isinstance(value, Mapping) or not isinstance(value.get(key), Mapping):
            msg = f"{path}: the top-level key '{key}' is missing. Start from a copy of config/markers.yaml."
            raise UserError(msg)
    for label, panels in value["lineages"].items():
        _check_panels(path, f"lineages: {label}", panels, {"genes", "without"})
    for name in T_LINEAGES:
        rule = value["t_lineage"].get(name)
        if not isinstance(rule, Mapping) or not rule.get("anchors") or "support" not in rule:
            msg = f"{path}: t_lineage: {name} needs the lists 'anchors' and 'support'"
            raise UserError(msg)
        for key in ("anchors", "support", "start"):
            _check_genes(path, f"t_lineage: {name}", key, rule.get(key, []))
    _check_genes(path, "the end", "cycling", value.get("cycling", []))
    for scheme in SCHEMES:
        states = value["t_states"].get(scheme)
        if not isinstance(states, Mapping) or not states:
            msg = f"{path}: t_states: the scheme '{scheme}' is missing; {' and '.join(SCHEMES)} are needed"
            raise UserError(msg)
        for label, state in states.items():
            _check_state(path, f"t_states: {scheme}: {label}", state)
    return dict(value)


def genes(markers: Mapping[str, Any]) -> list[str]:
    """Every gene that a marker file names, sorted."""
    panels = [panel for several in markers["lineages"].values() for panel in several]
    panels += list(markers["t_lineage"].values())
    panels += [state for scheme in SCHEMES for state in markers["t_states"][scheme].values()]
    named = [panel.get(key) or [] for panel in panels for key in GENE_KEYS]
    return sorted({gene for several in [*named, markers.get("cycling") or []] for gene in several})


def _check_panels(path: str | Path, place: str, panels: Any, keys: set[str]) -> None:
    if not isinstance(panels, list) or not panels:
        msg = f"{path}: {place}: expected a list of panels, each with a list 'genes'"
        raise UserError(msg)
    for panel in panels:
        _check_panel(path, place, panel, keys)


def _check_panel(path: str | Path, place: str, panel: Any, keys: set[str]) -> None:
    if not isinstance(panel, Mapping) or not panel.get("genes"):
        msg = f"{path}: {place}: a panel needs a list 'genes'"
        raise UserError(msg)
    for key, genes in panel.items():
        if key not in keys:
            hint = nearest(str(key), keys)
            msg = f"{path}: {place}: unknown key '{key}'{hint}; known: {', '.join(sorted(keys))}"
            raise UserError(msg)
        if key in {"genes", "without", "required"}:
            _check_genes(path, place, key, genes)


def _check_genes(path: str | Path, place: str, key: str, genes: Any) -> None:
    if not (isinstance(genes, list) and all(isinstance(gene, str) for gene in genes)):
        msg = f"{path}: {place}: '{key}' must be a list of gene symbols, as text"
        raise UserError(msg)


def _check_state(path: str | Path, place: str, state: Any) -> None:
    _check_panel(path, place, state, {"lineage", "genes", "without", "required"})
    if state.get("lineage") not in T_LINEAGES:
        msg = f"{path}: {place}: 'lineage' must be CD4 or CD8"
        raise UserError(msg)


def labels(markers: Mapping[str, Any], population: str, scheme: str) -> list[str]:
    """Every label that cells of `population` can get, `unassigned` last."""
    known = markers["lineages"] if population == "all" else markers["t_states"][scheme]
    return [*known, UNASSIGNED]
