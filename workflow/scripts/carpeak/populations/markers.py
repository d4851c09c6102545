"""The marker file: lineage panels and T-cell state schemes, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from ..errors import UserError, nearest
from ..names import NOT_T, T_CELL, UNASSIGNED

SCHEMES = ("canonical", "paper")
T_LINEAGES = ("CD4", "CD8")
GENE_KEYS = ("genes", "without")
AXES = {"CD4": ("treg", "memory", "effector", "cytotoxic"), "CD8": ("memory", "effector", "cytotoxic")}
ENDS = ("low", "high")
TOP_KEYS = ("coarser", "cycling")
NO_LABELS = (UNASSIGNED, NOT_T, *T_LINEAGES)  # what cells without a state are called


def load(path: str | Path) -> dict[str, Any]:
    """Read a marker file: ``lineages``, ``t_states`` and ``coarser`` as in config/markers.yaml.

    Raises UserError naming the file, the label and the remedy.
    """
    from ..study.config import load_yaml

    try:
        value = load_yaml(path)
    except UserError as error:
        msg = f"{error}. Start from a copy of config/markers.yaml."
        raise UserError(msg) from None
    for key in ("lineages", "t_states"):
        if not isinstance(value, Mapping) or not isinstance(value.get(key), Mapping):
            msg = f"{path}: the top-level key '{key}' is missing. Start from a copy of config/markers.yaml."
            raise UserError(msg)
    _check_keys(path, "top level", value, (*TOP_KEYS, "lineages", "t_states"))
    if T_CELL not in value["lineages"]:
        hint = nearest(T_CELL, [str(label) for label in value["lineages"]])
        msg = f"{path}: lineages: '{T_CELL}' is missing{hint}: the cells that can carry the CAR are called so"
        raise UserError(msg)
    for label, panels in value["lineages"].items():
        _check_label(path, "lineages", label)
        _check_panels(path, f"lineages: {label}", panels, {"genes", "without"})
    _check_genes(path, "the end", "cycling", value.get("cycling", []))
    for scheme in SCHEMES:
        states = value["t_states"].get(scheme)
        if not isinstance(states, Mapping) or not states:
            msg = f"{path}: t_states: the scheme '{scheme}' is missing; {' and '.join(SCHEMES)} are needed"
            raise UserError(msg)
        for label, state in states.items():
            _check_label(path, f"t_states: {scheme}", label)
            _check_state(path, f"t_states: {scheme}: {label}", state)
        _check_combinations(path, scheme, states)
        _check_coarser(path, scheme, states, _coarser_of(path, value).get(scheme) or {})
    _check_keys(path, "t_states", value["t_states"], SCHEMES)
    return dict(value)


def genes(markers: Mapping[str, Any]) -> list[str]:
    """Every gene that a marker file names, sorted."""
    panels = [panel for several in markers["lineages"].values() for panel in several]
    panels += [state for scheme in SCHEMES for state in markers["t_states"][scheme].values()]
    named = [panel.get(key) or [] for panel in panels for key in GENE_KEYS]
    return sorted({gene for several in [*named, markers.get("cycling") or []] for gene in several})


def _check_keys(path: str | Path, place: str, value: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in value:
        if key not in known:
            msg = f"{path}: {place}: unknown key '{key}'{nearest(str(key), known)}; known: {', '.join(known)}"
            raise UserError(msg)


def _check_label(path: str | Path, place: str, label: Any) -> None:
    if not isinstance(label, str) or not label.strip() or label != label.strip() or label in NO_LABELS:
        msg = f"{path}: {place}: {label!r} can't be a label: give a name, as text without blanks at its ends"
        raise UserError(msg)


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
        if key in GENE_KEYS:
            _check_genes(path, place, key, genes)
    both = sorted(set(panel["genes"]) & set(panel.get("without") or []))
    if both:
        msg = f"{path}: {place}: {', '.join(both)} is among 'genes' and 'without': a gene speaks for one"
        raise UserError(msg)


def _check_genes(path: str | Path, place: str, key: str, genes: Any) -> None:
    if not (isinstance(genes, list) and all(isinstance(g, str) and g and g == g.strip() for g in genes)):
        msg = f"{path}: {place}: '{key}' must be a list of gene symbols, as text without blanks"
        raise UserError(msg)


def _check_state(path: str | Path, place: str, state: Any) -> None:
    _check_panel(path, place, state, {"lineage", "axes", "genes"})
    if state.get("lineage") not in T_LINEAGES:
        msg = f"{path}: {place}: 'lineage' must be CD4 or CD8"
        raise UserError(msg)
    known = AXES[state["lineage"]]
    named = state.get("axes")
    if (
        not isinstance(named, Mapping)
        or not set(named) <= set(known)
        or not all(end in ENDS for end in named.values())
    ):
        msg = (
            f"{path}: {place}: 'axes' must say low or high for axes of {state['lineage']} cells: "
            f"{', '.join(known)}"
        )
        raise UserError(msg)


def _check_combinations(path: str | Path, scheme: str, states: Mapping[str, Any]) -> None:
    """Every combination of ends is one state's: then the chances of a lineage's states add up to one."""
    for lineage, known in AXES.items():
        inside = {label: state["axes"] for label, state in states.items() if state["lineage"] == lineage}
        for ends in product(ENDS, repeat=len(known)):
            combination = dict(zip(known, ends))
            fit = [
                label
                for label, named in inside.items()
                if all(combination[axis] == end for axis, end in named.items())
            ]
            if len(fit) != 1:
                told = ", ".join(f"{axis} {end}" for axis, end in combination.items())
                msg = (
                    f"{path}: t_states: {scheme}: {lineage} cells with {told} fit "
                    f"{' and '.join(fit) or 'no state'}; the 'axes' must make exactly one state of them"
                )
                raise UserError(msg)


def _coarser_of(path: str | Path, value: Mapping[str, Any]) -> Mapping[str, Any]:
    coarser = value.get("coarser") or {}
    if not isinstance(coarser, Mapping):
        msg = f"{path}: coarser: expected schemes, each with names and their states"
        raise UserError(msg)
    return coarser


def _check_coarser(path: str | Path, scheme: str, states: Mapping[str, Any], coarser: Any) -> None:
    if not isinstance(coarser, Mapping):
        msg = f"{path}: coarser: {scheme}: expected names, each with a list of states"
        raise UserError(msg)
    for name, members in coarser.items():
        _check_label(path, f"coarser: {scheme}", name)
        if name in states:
            msg = f"{path}: coarser: {scheme}: '{name}' is a state of the scheme already; give another name"
            raise UserError(msg)
        listed = members if isinstance(members, list) else []
        unknown = [one for one in listed if not isinstance(one, str) or one not in states]
        if not isinstance(members, list) or len(members) < 2 or unknown:
            hint = nearest(str(unknown[0]), states) if unknown else ""
            msg = f"{path}: coarser: {scheme}: {name}: must list two or more states of the scheme{hint}"
            raise UserError(msg)


def labels(markers: Mapping[str, Any], population: str, scheme: str) -> list[str]:
    """Every label that cells of `population` can get, `unassigned` last."""
    if population == "all":
        return [*markers["lineages"], UNASSIGNED]
    return [*markers["t_states"][scheme], *coarse_labels(markers, scheme), UNASSIGNED]


def coarse_labels(markers: Mapping[str, Any], scheme: str) -> list[str]:
    """The names of a scheme that join several states: those of the file, then CD4 and CD8."""
    return [*((markers.get("coarser") or {}).get(scheme) or {}), *T_LINEAGES]
