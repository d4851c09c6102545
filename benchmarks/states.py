"""Measure the T-cell states on real labelled cells; writes docs/states.md.

usage: python benchmarks/states.py [--data FOLDER] [--out docs/states.md] [--sets NAME ...]

Sets on which the axes were learned are marked; the others judge them. A cell without a name counts as wrong
in `balanced accuracy, all cells`, and not at all in `of called cells`.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import labelled
import numpy as np
import pandas as pd
from carpeak.populations import axes, lineages, markers, states
from labelled import ROOT, Labelled

NAIVE = {"CD4 Tn", "CD8 Tn"}
MEMORY = {"Tcm", "Tem", "CTL", "Teff", "Tcm/Tem", "Tem/CTL", "Tem/Teff", "memory"}
LEARNED_ON = {"facs_mudan", "pbmc3k"}


def model() -> axes.Model:
    """The axes as shipped."""
    return axes.load(ROOT / "workflow/resources/t_states.json")


def sets(folder: Path, genes: list[str]) -> dict[str, Labelled]:
    """The labelled sets, the two halves of the sorted cells apart."""
    found = [
        labelled.facs(folder, "mudan", genes),
        labelled.facs(folder, "casi", genes),
        labelled.malt(folder, genes),
        labelled.mimitou(folder, genes),
        labelled.pbmc3k(folder, genes),
    ]
    return {one.name: one for one in found}


def call(cells: Labelled, axes_model: axes.Model) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels of one library's T cells and what was found of it."""
    n = len(cells.gate)
    inside = lineages.Cells(
        cells.counts,
        [str(i) for i in range(n)],
        cells.genes,
        np.repeat("library", n),
        np.zeros(len(cells.genes), dtype=bool),
        np.repeat("0", n),
    )
    file = markers.load(ROOT / "config/markers.yaml")
    frame, _, found = states.label_states(inside, file, axes_model)
    return frame, found


def memory_of(names: pd.Series) -> np.ndarray:
    """naive, memory or "" by the name of a state."""
    rest = names.str.split(" ", n=1).str[-1]
    return np.where(names.isin(NAIVE), "naive", np.where(rest.isin(MEMORY), "memory", ""))


def balanced(right: pd.Series, truth: np.ndarray) -> float:
    """Mean over the true classes of the share that is right."""
    return float(np.mean([right[truth == one].mean() for one in np.unique(truth)]))


def measures(cells: Labelled, frame: pd.DataFrame) -> dict[str, float]:
    """What is asked of the states, for one set."""
    lineage = frame["t_lineage"].to_numpy()
    known = np.isin(cells.lineage, ["CD4", "CD8"])
    called = known & (lineage != "unassigned")
    result = {
        "cells": int(known.sum()),
        "genes": float(np.median(np.diff(cells.counts.indptr))),
        "lineage_right": float((lineage == cells.lineage)[called].mean()),
        "lineage_uncalled": float(1 - called.sum() / known.sum()),
    }
    for one in ("CD4", "CD8"):
        inside = known & (cells.lineage == one)
        if inside.any():
            result[f"{one}_right"] = float((lineage == one)[inside & called].mean())
    for one, experienced in (("CD4", ["memory"]), ("CD8", ["memory", "cytotoxic"])):
        chosen = (cells.lineage == one) & np.isin(cells.gate, ["naive", *experienced])
        truth = np.where(cells.gate[chosen] == "naive", "naive", "memory")
        if len(np.unique(truth)) < 2:
            continue
        for column in ("t_state_canonical", "t_state_paper", "t_state_ranks_canonical"):
            given = memory_of(frame.loc[chosen, column].reset_index(drop=True))
            right = pd.Series(given == truth)
            name = column.removeprefix("t_state_")
            result[f"{one}_memory_{name}"] = balanced(right, truth)
            some = given != ""
            result[f"{one}_memory_{name}_called"] = balanced(right[some], truth[some])
    deep = (np.diff(cells.counts.indptr) >= 1000) & (cells.lineage == "CD4") & (cells.gate != "helper")
    for name, chosen in (("treg_deep", deep), ("treg", (cells.lineage == "CD4") & (cells.gate != "helper"))):
        true = chosen & (cells.gate == "regulatory")
        given = chosen & (frame["t_state_canonical"] == "Treg").to_numpy()
        if true.sum() >= 5:
            result[f"{name}_recall"] = float((given & true).sum() / true.sum())
            result[f"{name}_precision"] = float((given & true).sum() / max(given.sum(), 1))
            result[f"{name}_n"] = int(true.sum())
    result["agreement"] = float(frame["agreement_canonical"].mean())
    return result


def reliability(called: list[tuple[Labelled, pd.DataFrame]]) -> tuple[np.ndarray, np.ndarray]:
    """Probability of naive or memory (paper's scheme), and whether it is right, in cells of such gates."""
    chances, right = [], []
    for cells, frame in called:
        for lineage in ("CD4", "CD8"):
            gates = np.isin(cells.gate, ["naive", "memory", "cytotoxic"]) & (cells.lineage == lineage)
            names = frame["t_state_paper"]
            inside = gates & names.str.startswith(lineage + " ").to_numpy()
            truth = np.where(cells.gate[inside] == "naive", "naive", "memory")
            chances.append(frame["probability_paper"].to_numpy()[inside])
            right.append(memory_of(names[inside]) == truth)
    return np.concatenate(chances).astype(float), np.concatenate(right)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = os.environ.get("CARPEAK_TEST_DATA", ROOT.parent / "shared/data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/states.md")
    options = parser.parse_args()
    axes_model = model()
    for name, cells in sets(options.data, axes_model.every_gene()).items():
        if options.sets and name not in options.sets:
            continue
        frame, found = call(cells, axes_model)
        print(name)
        print(pd.Series(measures(cells, frame)).round(3).to_string())
        print(found.round(3).to_string())
        print(pd.crosstab(frame["t_state_canonical"], [cells.lineage, cells.gate]).to_string())


if __name__ == "__main__":
    main()
