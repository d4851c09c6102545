"""Measure the T-cell states on real labelled cells.

usage: python benchmarks/states.py [--data FOLDER] [--docs docs/states.md]

Writes the tables of docs/states.md (between its two marks) and workflow/resources/label_error.tsv. Each set
is named by axes learned from the other studies only (`fit_states.cross_fitted`).
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import fit_states
import labelled
import numpy as np
import pandas as pd
from carpeak.populations import axes
from fit_states import call
from labelled import ROOT, Labelled

NAIVE = {"CD4 Tn", "CD8 Tn"}
MEMORY = {"Tcm", "Tem", "CTL", "Teff", "Tcm/Tem", "Tem/CTL", "Tem/Teff", "memory"}
# Gated by CD45RA alone, without CCR7 or CD62L: naive CD8 cells and terminal effectors (Temra) together
NO_GATE = {("cite_malt", "CD8 Tn")}


def model() -> axes.Model:
    """The axes as shipped."""
    return axes.load(ROOT / "workflow/resources/t_states.json")


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
            if one == "CD4":  # regulatory cells are no naive cells, and the gates of memory do not part them
                treg = (frame.loc[chosen, column] == "Treg").to_numpy()
                result[f"{one}_naive_{name}"] = balanced(right | (treg & (truth == "memory")), truth)
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


def reliability(
    called: list[tuple[Labelled, pd.DataFrame]], scheme: str = "paper"
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the names of naive and memory cells, and whether they are right.

    Right is a name of the gate's lineage and end. Clusters (PBMC 3k, Kang) are no truth of CD4 and CD8;
    there cells of the cluster's lineage are asked, and the probability is that within the lineage.
    """
    chances, right = [], []
    for cells, frame in called:
        names = frame[f"t_state_{scheme}"].astype(str)
        lineage, end = names.str[:3].to_numpy(), memory_of(names)
        chance = frame[f"probability_{scheme}"].to_numpy(dtype=float)
        inside = np.isin(cells.gate, ["naive", "memory", "cytotoxic"]) & (end != "")
        for label in (one for of, one in NO_GATE if of == cells.name):
            inside &= ~((cells.lineage == label[:3]) & (cells.gate == "naive"))
        same = lineage == cells.lineage
        if labelled.STUDY[cells.name] in {"pbmc3k", "kang"}:
            inside &= same
            cd8 = frame["probability_cd8"].to_numpy(dtype=float)
            chance = chance / np.where(lineage == "CD8", cd8, 1 - cd8)
        chances.append(chance[inside])
        right.append((same & (end == np.where(cells.gate == "naive", "naive", "memory")))[inside])
    return np.concatenate(chances), np.concatenate(right)


def errors(cells: Labelled, frame: pd.DataFrame) -> pd.DataFrame:
    """Per label with a gate of its own: cells of the gate that got it, and cells of other gates that did."""
    known = np.isin(cells.gate, ["naive", "memory", "cytotoxic", "regulatory"])
    experienced = np.isin(cells.gate, ["memory", "cytotoxic"])
    state = {
        "CD4 Tn": (cells.lineage == "CD4") & (cells.gate == "naive"),
        "CD8 Tn": (cells.lineage == "CD8") & (cells.gate == "naive"),
        "Treg": cells.gate == "regulatory",
    }
    of_paper = {
        "CD4 Tem": (cells.lineage == "CD4") & experienced,
        "CD8 Teff": (cells.lineage == "CD8") & experienced,
    }
    lineage = {name: cells.lineage == name for name in ("CD4", "CD8")}
    asked = [("canonical", state), ("paper", state | of_paper), ("lineage", lineage)]
    rows = []
    for scheme, gates in asked:
        given = frame["t_lineage" if scheme == "lineage" else f"t_state_{scheme}"].to_numpy()
        judged = np.ones(len(given), dtype=bool) if scheme == "lineage" else known
        for label, true in gates.items():
            inside = judged
            if (cells.name, label) in NO_GATE:
                inside = inside & ~true
            named, yes, no = given == label, inside & true, inside & ~true
            rows.append(
                (cells.name, scheme, label, (named & yes).sum(), yes.sum(), (named & no).sum(), no.sum())
            )
    return pd.DataFrame(
        rows, columns=["set", "scheme", "label", "hits", "true_cells", "false", "other_cells"]
    )


SHOWN = {
    "cells": "T cells",
    "genes": "genes a cell (median)",
    "lineage_right": "CD4/CD8 right, of called",
    "lineage_uncalled": "CD4/CD8 not called",
    "CD4_memory_canonical": "CD4 naive/memory, `canonical`, all cells",
    "CD4_memory_canonical_called": "the same, of called cells",
    "CD4_memory_paper": "CD4 naive/memory, `paper`, all cells",
    "CD4_memory_paper_called": "the same, of called cells",
    "CD4_naive_paper": "the same, all cells, `Treg` counted as not naive",
    "CD4_memory_ranks_canonical": "CD4 naive/memory by rank scores, all cells",
    "CD8_memory_canonical": "CD8 naive/experienced, `canonical`, all cells",
    "CD8_memory_paper": "CD8 naive/experienced, `paper`, all cells",
    "treg_deep_recall": "regulatory cells of 1,000 genes and more: recall",
    "treg_deep_precision": "the same: precision",
    "treg_deep_n": "the same: cells",
    "treg_recall": "regulatory cells, all: recall",
    "treg_precision": "the same: precision",
    "agreement": "both lines of evidence agree",
}
START, END = "<!-- measured -->", "<!-- /measured -->"


def tables(measured: dict[str, dict[str, float]], expected: np.ndarray, right: np.ndarray) -> str:
    """The measures by set, and the reliability, in Markdown."""
    names = list(measured)
    lines = ["| | " + " | ".join(names) + " |"]
    lines.append("|---" * (len(names) + 1) + "|")
    for key, text in SHOWN.items():
        values = [measured[name].get(key) for name in names]
        whole = key in {"cells", "genes", "treg_deep_n"}
        cells = ["" if v is None else (f"{v:,.0f}" if whole else f"{v:.2f}") for v in values]
        lines.append(f"| {text} | " + " | ".join(cells) + " |")
    lines += ["", "| probability given | cells | mean probability | found right |", "|---|---|---|---|"]
    place = np.minimum((expected * 10).astype(int), 9)
    for tenth in np.unique(place):
        inside = place == tenth
        values = f"{inside.sum():,} | {expected[inside].mean():.2f} | {right[inside].mean():.2f}"
        lines.append(f"| {tenth / 10:.1f} to {(tenth + 1) / 10:.1f} | {values} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = os.environ.get("CARPEAK_TEST_DATA", ROOT.parent / "shared/data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--docs", type=Path, default=ROOT / "docs/states.md")
    options = parser.parse_args()
    _, folds, every = fit_states.cross_fitted(options.data)
    measured, called, wrong = {}, [], []
    for name, cells in every.items():
        frame, _ = call(cells, folds[labelled.STUDY[name]])
        measured[name] = measures(cells, frame)
        called.append((cells, frame))
        # clusters are no gates, and a library without the genes CD4, CD8A and CD8B is like no user's
        if labelled.STUDY[name] not in {"pbmc3k", "kang"} and "CD8B" in cells.genes:
            wrong.append(errors(cells, frame))
    text = options.docs.read_text(encoding="utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    shown = tables(measured, *reliability(called))
    options.docs.write_text(f"{before}{START}\n\n{shown}\n\n{END}{after}", encoding="utf-8")
    table = pd.concat(wrong, ignore_index=True)
    table.to_csv(ROOT / "workflow/resources/label_error.tsv", sep="\t", index=False)
    print(shown)


if __name__ == "__main__":
    main()
