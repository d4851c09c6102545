"""The report's section on donors: what designs allow, what each donor says, how far two engines agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..claims import donor_words
from ..donors.audit import CAR_CELLS
from ..donors.subgroups import TREND
from ..donors.units import AGAINST_REST
from ..names import in_reading_order

if TYPE_CHECKING:
    import pandas as pd

    from .inputs import DonorTables

NOTES = {
    "only_reference": "no library at the other side",
    "only_test": "no library at the other side",
    "technical_replicates": "several libraries, summed",
    "differs:batch": "sides differ in batch",
    "differs:chemistry": "sides differ in chemistry",
}
SORTS = {
    "unsorted": "",
    "CAR+": "sorted for the CAR",
    "CAR-": "sorted against the CAR",
    CAR_CELLS: "sorted for the CAR and not sorted, CAR+ cells alone",
}
SHOWN = {  # what one patient shows: sign, words
    "for": ("+", "clearly for it"),
    "against": ("\N{MINUS SIGN}", "clearly against it"),
    "unclear": ("?", "not clear"),
    "few": ("\N{MIDDLE DOT}", "too few cells, or one side only"),
    "level": ("\N{BULLET}", "one side"),
}
NAMED = 8  # so many patients have their names in the strip, more have signs
NUMBERS = ("estimate", "low", "high", "new_low", "new_high", "tau", "p_adjusted")
MAX_GENES = 30
FEW_GENES = 10
POPULATIONS = {"t_cells": "T cells", "car_t": "CAR+ T cells"}


def section(tables: DonorTables | None, judged: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What the template's section needs; None in a study of one donor. `judged` are those of claims.json."""
    if tables is None:
        return None
    designs = _designs(tables.design)
    names = list(dict.fromkeys(one["contrast"] for one in designs))
    patients = in_reading_order(row["donor"] for one in designs for row in one["rows"])
    return {
        "designs": designs,
        "claims": [_claim(one, patients) for one in judged if "donors" in one],
        "shown": [{"what": what, "sign": sign, "words": words} for what, (sign, words) in SHOWN.items()],
        "named": NAMED,
        "genes": [
            row | {"contrast": name}
            for name, table in zip(names, tables.genes, strict=False)
            for row in _genes(table)
        ],
        "agreement": [text for table in tables.genes for text in _agreement(table)],
        "shifts": [row for table in tables.shifts for row in _shifts(table)],
        "beyond": _beyond(tables),
    }


def _beyond(tables: DonorTables) -> list[dict[str, Any]]:
    """The tables on groups of patients and on more than two times, with their first genes."""
    found = []
    for table in tables.outcomes:
        told = [
            f"{level}: test against reference" if against == "" else f"{level} more than {against}"
            for level, against in zip(table["level"], table["against"].fillna(""), strict=True)
        ]
        found.append(
            _first(
                table.assign(compared=told),
                "Groups of patients",
                "How genes change within each group, and how much more in one than in another. A patient is "
                "compared with itself. All genes: tables/donors.outcome.CONTRAST.tsv.",
            )
        )
    if tables.times is not None:
        table = tables.times
        told = [
            "trend, per step" if test == TREND else f"{test} against {reference}"
            for test, reference in zip(table["test"], table["reference"], strict=True)
        ]
        found.append(
            _first(
                table.assign(compared=told),
                "Over all times",
                "Every time against every earlier one, and the trend over their order, from one model with "
                "the patient blocked. All genes: tables/donors.times.tsv.",
            )
        )
    return [one for one in found if one["rows"]]


def _first(table: pd.DataFrame, title: str, text: str) -> dict[str, Any]:
    """The first genes of every comparison of all CAR+ T cells."""
    part = table[(table["population"] == "car_t") & (table["group"] == "all")]
    rows = part.groupby("compared", sort=False).head(FEW_GENES).assign(cells=POPULATIONS["car_t"])
    return {
        "title": title,
        "text": text,
        "rows": [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")],
    }


def _designs(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One entry per contrast and sort, with its donors."""
    found = []
    table = table.fillna("").astype(str)
    for (contrast, sort), part in table.groupby(["contrast", "sort"], sort=False):
        first = part.iloc[0]
        why = donor_words.one_sentence(first["reasons"].split(","))
        rows = [
            {
                "donor": row["donor"],
                "reference": row["libraries_reference"].replace(",", ", ") or "–",
                "test": row["libraries_test"].replace(",", ", ") or "–",
                "note": "; ".join(NOTES.get(key, key) for key in row["notes"].split(",") if key),
                "used": row["used"] == "yes",
            }
            for row in part.to_dict("records")
        ]
        found.append(
            {
                "contrast": contrast,
                "sort": SORTS.get(str(sort), str(sort)),
                "decision": donor_words.DECISIONS[first["decision"]],
                "why": why,
                "test": first["test"],
                "reference": first["reference"],
                "rows": rows,
            }
        )
    return found


def _claim(entry: Mapping[str, Any], donors: Sequence[str]) -> dict[str, Any]:
    """A row of the table of claims by donors; who of `donors` has no effect is shown too."""
    found = entry["donors"]
    effects = {str(row["donor"]): row for row in entry.get("effects", ())}
    patients = [
        _patient(effects[name], entry) if name in effects else _without(name)
        for name in in_reading_order([*donors, *effects])
    ]
    tested = found["decision"] != "unpaired" and entry["quantity"]["kind"] != "patient_association"
    return {
        "patients": patients,
        "seen": f"{found['clearly_for']} of {found['donors']}" if tested and found["donors"] else "–",
        "claim": entry["claim"],
        "statement": entry["statement"],
        "verdict": entry["verdict"],
        "word": donor_words.seen(found["seen"], found["donors"]).rstrip("."),
        "donors": found["donors"],
        "clearly_for": found["clearly_for"],
        "clearly_against": found["clearly_against"],
        **{
            key: _nan(found[key])
            for key in ("estimate", "low", "high", "new_low", "new_high", "tau", "p_adjusted")
        },
    }


def _patient(row: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, str]:
    """What one patient shows: a key of SHOWN, and the numbers behind it."""
    found, effect = entry["donors"], float(row["effect"])
    down = entry["quantity"].get("direction") == "down"
    if row["low"] is None:  # a count has no interval
        what, numbers = ("for" if effect == 0 else "against"), ""
    else:
        clear = (row["low"] > 0 or row["high"] < 0) and abs(effect) >= found["limit"]
        what = ("for" if (effect > 0) != down else "against") if clear else "unclear"
        numbers = f": {effect:.2f} ({row['low']:.2f} to {row['high']:.2f})"
    if found["decision"] == "unpaired" or entry["quantity"]["kind"] == "patient_association":
        what = "level"
    if row["counts"] != "yes":
        what = "few"
    cells = f"{row['n_reference']:,} and {row['n_test']:,} cells"
    return {
        "donor": str(row["donor"]),
        "what": what,
        "sign": SHOWN[what][0],
        "title": f"{row['donor']}, {SHOWN[what][1]}{numbers}; {cells}",
    }


def _without(donor: str) -> dict[str, str]:
    """A patient of whom nothing could be measured."""
    sign, words = SHOWN["few"]
    return {"donor": donor, "what": "few", "sign": sign, "title": f"{donor}, {words}"}


def _nan(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _genes(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The first genes of every comparison of CAR+ T cells that was tested."""
    part = table[(table["population"] == "car_t") & table["p_value"].notna()]
    rows = part.groupby("group", sort=False).head(MAX_GENES)
    beyond = table[table["population"] == AGAINST_REST].set_index(["group", "gene"])
    names = {"log2_fold_change": "beyond", "larger_p_adjusted": "beyond_p"}
    rows = rows.join(beyond[list(names)].rename(columns=names), on=["group", "gene"])
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _agreement(table: pd.DataFrame) -> list[str]:
    """How far the second engine agrees with the first, by group."""
    found = []
    part = table[table["deseq2_log2_fold_change"].notna() & table["p_value"].notna()]
    for (population, group), one in part.groupby(["population", "group"], sort=False):
        r = np.corrcoef(one["log2_fold_change"], one["deseq2_log2_fold_change"])[0, 1]
        first, second = one["larger_p_adjusted"] < 0.05, one["deseq2_p_adjusted"] < 0.05
        name = POPULATIONS[str(population)] if group == "all" else f"{group} {POPULATIONS[str(population)]}"
        found.append(
            f"{name}: log2 changes by limma-voom and by PyDESeq2 correlate with r = {r:.3f} over "
            f"{len(one):,} genes; adjusted P is below 0.05 for {int(first.sum()):,} and "
            f"{int(second.sum()):,} of them, {int((first & second).sum()):,} by both."
        )
    return found


def _shifts(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Composition: the mean over donors where there is one, else every donor."""
    if table.empty:
        return []
    means = table[table["donor"] == "mean"]
    part = means if len(means) else table
    rows = part.assign(cells=part["population"].map(POPULATIONS)).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def files(contrasts: Sequence[str], tables: DonorTables | None = None) -> list[tuple[str, str]]:
    """Files that a run with several donors leaves beside the others, and what each holds."""
    found = [
        ("tables/design.tsv", "which donors have both sides of a contrast, and what can't be told from it"),
        ("tables/donors.claims.tsv", "every donor's own effect behind every claim"),
        ("tables/donors.verdicts.tsv", "the mean over donors, its intervals and the verdict"),
    ]
    for name in contrasts:
        found += [
            (f"tables/donors.de.{name}.tsv", "genes compared over donors"),
            (f"tables/donors.sets.{name}.tsv", "gene sets compared over donors"),
            (f"tables/donors.composition.{name}.tsv", "shares by donor and in the mean, with log-ratios"),
        ]
        if tables and tables.outcomes:
            found.append((f"tables/donors.outcome.{name}.tsv", "genes compared within groups of patients"))
    if tables and tables.times is not None:
        found.append(("tables/donors.times.tsv", "genes compared over all times"))
    return found


def rests_on(claims: Sequence[Mapping[str, Any]]) -> str:
    """On what verdicts rest where donors give them."""
    n = [one["donors"] for one in claims if one["donors"]]
    if not n:
        return "No claim could be judged over donors: see the section on donors."
    counted = f"{min(n)}" if min(n) == max(n) else f"{min(n)} to {max(n)}"
    return (
        f"Each patient counts once, however many cells: {counted} of them stand behind a verdict. Intervals "
        "are of the mean over patients."
    )
