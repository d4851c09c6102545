"""What hangs on the CAR calls, for the report: conclusions by each rule, and CAR+ against the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..comparison import car_contrast

if TYPE_CHECKING:
    import pandas as pd

RULES = ("umi_rule", "weighted")
SAME_CELLS = "same cells"
ADJUSTED_P = 0.05
MOST = 10  # genes per sample


def conclusions(judged: Sequence[Mapping[str, Any]], varied: set[str]) -> list[dict[str, Any]]:
    """Verdict and estimate of every claim on CAR+ cells: as reported, and by the rules in `varied`.

    `judged`: the claims of claims.json. What is compared is the verdict before it is checked under other
    choices. Where one UMI picks the same cells, expression has no variant of its own. Nothing where the run
    knows one rule only.
    """
    rows = []
    for claim in judged if varied & set(RULES) else ():
        quantity = claim.get("quantity", {})
        if quantity.get("population") != "car_t" or "main" not in claim:
            continue
        variants = claim["variants"]
        by_rule = {name: _shown(variants.get(name)) for name in RULES}
        if by_rule["umi_rule"] is None and quantity["kind"] in ("gene_change", "term_change"):
            by_rule["umi_rule"] = _shown(claim["main"]) | {"note": SAME_CELLS}
        if any(by_rule.values()):
            head = {key: claim[key] for key in ("claim", "statement")}
            rows.append(head | {"main": _shown(claim["main"]), **by_rule})
    return rows


def _shown(found: Mapping[str, Any] | None) -> Any:
    return found and {"verdict": found["verdict"], "estimate": found["estimate"], "note": ""}


def claims_that_differ(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The claims of `conclusions` on which a rule comes to another verdict than the one reported."""
    return [
        row["claim"]
        for row in rows
        if any(row[name] and row[name]["verdict"] != row["main"]["verdict"] for name in RULES)
    ]


def against_rest(table: pd.DataFrame, car: pd.DataFrame) -> list[dict[str, Any]]:
    """Per sample of `car_contrast.compare`'s table: numbers of differing genes and the first of them.

    `hidden` is the estimated share of CAR+ cells among the T cells without a UMI; missing where none is.
    """
    found = []
    for sample, part in table.groupby("sample", sort=False):
        by_rule = {rule: part[part["rule"] == rule].set_index("gene") for rule in car_contrast.RULES}
        row = car[car["sample"].astype(str) == str(sample)].iloc[0]
        detected = float(row["detected_fraction"])
        clear = {rule: rows.index[rows["p_adjusted"] < ADJUSTED_P] for rule, rows in by_rule.items()}
        changed = {rule: len(genes) for rule, genes in clear.items()}
        named = dict.fromkeys([*clear["probability"], *clear["detected"]])
        genes = [
            {"gene": gene} | {rule: _gene(rows, gene) for rule, rows in by_rule.items()}
            for gene in list(named)[:MOST]
        ]
        hidden = (float(row["car_fraction"]) - detected) / (1 - detected) if detected < 1 else float("nan")
        known = len(by_rule["probability"]) > 0
        found.append(
            {"sample": str(sample), "changed": changed, "hidden": hidden, "genes": genes, "known": known}
        )
    return found


def _gene(rows: pd.DataFrame, gene: str) -> dict[str, Any] | None:
    found = rows[rows.index == gene].to_dict("records")
    return {str(name): value for name, value in found[0].items()} if found else None
