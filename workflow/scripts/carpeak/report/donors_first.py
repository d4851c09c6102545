"""The first screen of a study with several donors: in how many patients what was seen, and their genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..comparison import ambient_marks
from .headline import NAMED, Finding

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANT = 0.05  # of P adjusted over genes (Benjamini and Hochberg)
PLACE = {"population": "car_t", "group": "CD4"}
CELLS = "CD4 CAR+ T cells"
TABLE = "t-donor-genes"  # id of the section's table


def seen(claims: Sequence[Mapping[str, Any]], design: pd.DataFrame) -> dict[str, Any]:
    """The statements with the number of patients that show each, from rows of `donors.section`.

    `design` is tables/design.tsv. A patient without enough cells is counted apart.
    """
    first = design[design["contrast"] == design["contrast"].iloc[0]]
    patients = sorted(set(first["donor"].astype(str)))
    sides = [
        set(first["donor"][first[f"libraries_{side}"].fillna("") != ""].astype(str))
        for side in ("reference", "test")
    ]
    rows = [
        {
            **{key: one[key] for key in ("claim", "statement", "seen", "word", "verdict")},
            "too_few": len(patients) - one["donors"] if one["donors"] else 0,
        }
        for one in claims
    ]
    return {"patients": len(patients), "both_sides": len(sides[0] & sides[1]), "rows": rows}


def genes(table: pd.DataFrame) -> list[Finding]:
    """What `table` (tables/donors.de.CONTRAST.tsv) says of genes over patients."""
    part = table[(table["population"] == PLACE["population"]) & (table["group"] == PLACE["group"])]
    if part.empty:
        return [Finding(f"Genes of {CELLS} are not compared: no patient has enough of them.", "donors")]
    n = int(part["donors"].max())
    tested = part[part["p_value"].notna()] if "p_value" in part else part.iloc[:0]
    who = "one patient" if n == 1 else f"{n} patients"
    if tested.empty:
        text = f"Genes of {CELLS} are not tested: {who} can be compared, a test takes three."
        if (part["decision"] == "not_estimable").any():
            text = f"Genes of {CELLS} are not tested: the design does not allow it."
        return [Finding(text, "donors")]
    found = tested[tested["larger_p_adjusted"] < SIGNIFICANT]
    own = found[~ambient_marks.is_marked(found)]
    own = own.sort_values("larger_p_value", kind="stable")
    up, down = (own[sign * own["log2_fold_change"] > 0] for sign in (1, -1))
    parts = [f"{len(rows):,} {verb}{_named(rows)}" for verb, rows in (("rose", up), ("fell", down))]
    texts = [f"Genes of {CELLS} over {who}: {' and '.join(parts)} (adjusted P < {SIGNIFICANT:g})."]
    if len(found) - len(own):
        texts.append(f"{len(found) - len(own):,} more are left out: probably ambient RNA.")
    return [Finding(text, TABLE) for text in texts]


def _named(rows: pd.DataFrame) -> str:
    return f" ({', '.join(rows['gene'].head(NAMED))} first)" if len(rows) else ""
