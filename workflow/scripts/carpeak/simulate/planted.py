"""What the simulator planted beside what the run found: the one study whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..names import POSITIVE

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["kind", "sample", "name", "planted", "found", "found_low", "found_high", "of"]
CD4 = ("CD4 Tn", "CD4 Tem")  # states whose planted effects count for CD4 cells
MIN_SHARE = 0.02  # of the true CAR+ T cells of a library, from which a state is listed


def table(
    *,
    cells: pd.DataFrame,
    genes: pd.DataFrame,
    terms: pd.DataFrame,
    car: pd.DataFrame,
    calls: pd.DataFrame,
    labels: pd.DataFrame,
    composition: pd.DataFrame,
    de: pd.DataFrame,
    enrichment: pd.DataFrame,
    limits: Mapping[str, float],
) -> pd.DataFrame:
    """One row per planted number (COLUMNS); shares are of kept cells.

    `cells`, `genes` and `terms` are the truth files; `calls` is car/calls.parquet, `labels` those of the
    T cells; `limits` holds adjusted_p and log2_fold_change, beyond which a gene counts as changed, and fdr,
    what the CAR's caller may get wrong. Kinds: car_share, wrong_calls, state_share, right_states,
    genes (of `of` genes planted in CD4 cells, those that were found), term, decoys.
    """
    import pandas as pd

    kept = labels[["cell", "t_state"]].merge(cells, on="cell").merge(calls[["cell", "car_call"]], on="cell")
    kept["car"] = kept["car"].astype(str).str.lower() == "true"
    rows: list[dict[str, Any]] = []
    for sample, part in kept.groupby("sample", sort=False):
        rows += _cells(str(sample), part, car, composition, limits["fdr"])
    rows += _genes(genes, de, limits)
    rows += _terms(terms, enrichment, limits["adjusted_p"])
    return pd.DataFrame(rows, columns=COLUMNS)


def _cells(
    sample: str, kept: pd.DataFrame, car: pd.DataFrame, composition: pd.DataFrame, fdr: float
) -> list[dict[str, Any]]:
    """The CAR and the states of one library; `kept` are the cells that were taken for T cells."""
    row = car[car["sample"] == sample].iloc[0]
    rows: list[dict[str, Any]] = [
        {
            "kind": "car_share",
            "planted": kept["car"].mean(),
            "found": row["car_fraction"],
            "found_low": row["car_fraction_low"],
            "found_high": row["car_fraction_high"],
            "of": len(kept),
        }
    ]
    called = kept[kept["car_call"] == POSITIVE]
    if len(called):
        rows.append(
            {"kind": "wrong_calls", "planted": fdr, "found": 1 - called["car"].mean(), "of": len(called)}
        )
    true = kept[kept["car"] & (kept["kind"] == "singlet") & (kept["state"] != "")]
    shares = true["state"].value_counts(normalize=True)
    there = composition[(composition["population"] == "car_t") & (composition["sample"] == sample)]
    there = there.set_index("label")
    for state in sorted(shares.index[shares >= MIN_SHARE]):
        found = there.loc[state] if state in there.index else {}
        rows.append(
            {
                "kind": "state_share",
                "name": state,
                "planted": shares[state],
                "found": found.get("fraction", 0.0),
                "found_low": found.get("fraction_low", np.nan),
                "found_high": found.get("fraction_high", np.nan),
                "of": len(called),
            }
        )
    judged = true[true["car_call"] == POSITIVE]
    if len(judged):
        right = (judged["state"] == judged["t_state"]).mean()
        rows.append({"kind": "right_states", "planted": 1.0, "found": right, "of": len(judged)})
    return [{"sample": sample, "name": "", "found_low": np.nan, "found_high": np.nan} | one for one in rows]


def _genes(genes: pd.DataFrame, de: pd.DataFrame, limits: Mapping[str, float]) -> list[dict[str, Any]]:
    """Tested genes with a planted effect of at least the limit in CD4 cells, and those that were found."""
    tested = de[(de["population"] == "car_t") & (de["group"] == "CD4") & (de["depth"] == "equal")]
    tested = tested.set_index("gene")
    planted = genes.set_index("gene")["planted"].fillna("").map(effect)
    rows = []
    for name, sign in (("up", 1), ("down", -1)):
        wanted = planted.index[sign * planted >= limits["log2_fold_change"]].intersection(tested.index)
        rows_of = tested.loc[wanted]
        found = (rows_of["p_adjusted"] < limits["adjusted_p"]) & (
            sign * rows_of["log2_fold_change"] >= limits["log2_fold_change"]
        )
        if len(wanted):
            counted = {"planted": len(wanted), "found": int(found.sum()), "of": len(wanted)}
            rows.append({"kind": "genes", "sample": "", "name": name} | counted)
    return rows


def effect(planted: str) -> float:
    """The mean log2 effect in CD4 cells out of a gene's `planted` (state:effect;...); 0 for none."""
    parts = dict(part.split(":") for part in planted.split(";") if part)
    return float(np.mean([float(parts.get(state, 0)) for state in CD4]))


def _terms(terms: pd.DataFrame, enrichment: pd.DataFrame, adjusted_p: float) -> list[dict[str, Any]]:
    up = enrichment[
        (enrichment["population"] == "car_t")
        & (enrichment["group"] == "CD4")
        & (enrichment["direction"] == "up")
    ]
    p = up.set_index("term_id")["p_adjusted"]
    rows: list[dict[str, Any]] = [
        {"kind": "term", "sample": "", "name": row["term"], "planted": 1, "found": p.get(row["term_id"], 1.0)}
        for row in terms[terms["role"] == "planted"].to_dict("records")
    ]
    decoys = terms.loc[terms["role"] == "decoy", "term_id"]
    if len(decoys):
        found = int((p.reindex(decoys).fillna(1.0) < adjusted_p).sum())
        rows.append(
            {"kind": "decoys", "sample": "", "name": "", "planted": 0, "found": found, "of": len(decoys)}
        )
    return rows
