"""Verdicts on claims where the study holds several donors: each donor one vote, never their cells pooled.

Built on the table of the donors' effects (`donors.evidence`). A verdict that changes under a variant which
decides is indeterminate, as with one donor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..comparison import ambient_marks
from ..donors import patients as exact
from ..donors import verdict as rules
from ..donors.audit import UNPAIRED
from ..donors.evidence import DESCRIBED, STATED
from ..donors.verdict import Verdict
from ..errors import UserError
from ..study.design import MISSING
from . import donor_words

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [
    "claim", "verdict", "seen", "decision", "reasons", "sort", "donors", "clearly_for", "clearly_against",
    "limit", "estimate", "low", "high", "new_low", "new_high", "tau", "i2", "p_value", "p_adjusted", "floor",
]  # fmt: skip
TEXTS = ("variant", "reasons", "sort", "donor", "covariates")
DECIDING = ("unintegrated", "equal_depth")
DECIDED = (rules.SUPPORTED, rules.OPPOSED, rules.ABSENT, rules.HETEROGENEOUS)
OF_A_CHANGE = (rules.SUPPORTED, rules.OPPOSED)
AMBIENT, CHANGED = "ambient", "changes"
NO_PATIENTS, FEW_PATIENTS = "no_patients", "few_patients"
NUMBERS = ("estimate", "low", "high", "new_low", "new_high", "tau", "i2", "p_value")
PER_DONOR = ("donor", "n_reference", "n_test", "counts", "effect", "low", "high")
# Where a claim declares none: a gene 1.5-fold; of a set a quarter of its genes 1.5-fold, in the mean 0.15; of
# two subsets with a third each, a lead of five points in a hundred.
LIMITS = {"gene_change": 0.58, "term_change": 0.15, "largest_subset": 0.2, "majority": 0.2}
UNIT = "log2, mean over donors"


def judge(
    claims: Sequence[Mapping[str, Any]],
    effects: pd.DataFrame,
    *,
    ambient: frozenset[str] = frozenset(),
    patients: pd.DataFrame | None = None,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """The verdict on every claim that `effects` (the table of `donors.evidence.measure`) speaks of, by id.

    Each is a row of COLUMNS; `ambient` are claims whose gene most likely comes from ambient RNA. `patients`
    is the patients' table, if the study has one. Holm's adjustment covers all claims that are tested. Raises
    UserError where a claim names a column that the patients' table lacks.
    """
    named = {claim["id"]: claim["quantity"] for claim in claims}
    main = {str(name): part for name, part in effects[effects["variant"] == ""].groupby("claim", sort=False)}
    limits = [limit(named[name]) for name in main]
    first = [_one(part, named[name], patients, seed) for name, part in main.items()]
    final = rules.family(first, limits)
    found = {}
    for (name, part), one in zip(main.items(), final, strict=True):
        varied = effects[(effects["claim"] == name) & effects["variant"].isin(DECIDING)]
        against = _against(varied, named[name], one)
        if name in ambient and (one.verdict in OF_A_CHANGE or one.seen not in ("", rules.UNCLEAR)):
            against.append(AMBIENT)
        found[name] = _row(part, one, named[name], against)
    return found


def read(table: pd.DataFrame) -> pd.DataFrame:
    """The table of effects as it was before it was written: no text is missing, donors are text."""
    return table.assign(**{name: table[name].fillna("").astype(str) for name in TEXTS})


def limit(quantity: Mapping[str, Any]) -> float:
    """The least effect of interest of a claim over donors, log2; a claim's own holds for genes only."""
    own = quantity.get("min_effect") if quantity["kind"] == "gene_change" else None
    return float(LIMITS.get(quantity["kind"], 0.0) if own is None else own)


def _associated(
    counted: pd.DataFrame, quantity: Mapping[str, Any], patients: pd.DataFrame | None, seed: int
) -> Verdict:
    """A ratio of cells against a column of the patients' table."""
    missing = Verdict(
        rules.NOT_ESTIMABLE, "", len(counted), 0, 0, None, float("nan"), float("nan"), (NO_PATIENTS,)
    )
    if patients is None:
        return missing
    column = quantity["column"]
    if not {"patient", column} <= set(patients.columns):
        lacking = column if "patient" in patients else "patient"
        msg = (
            f"donors.patients: the table lacks the column '{lacking}'; "
            f"it has {', '.join(patients.columns)}. Name one of these in the claim."
        )
        raise UserError(msg)
    known = patients[~patients[column].isna() & ~patients[column].astype(str).isin(MISSING)]
    values = dict(zip(known["patient"].astype(str), known[column], strict=True))
    sign = -1 if quantity["direction"] == "down" else 1
    both = counted.assign(effect=sign * counted["effect"], value=counted["donor"].map(values)).dropna(
        subset=["value"]
    )
    try:
        if "value" in quantity:
            found = exact.fisher(both["effect"], (both["value"].astype(str) == quantity["value"]).to_numpy())
        else:
            found = exact.spearman(both["effect"], _graded(both["value"], column), seed=seed)
    except ValueError:  # fewer than five patients, or all alike
        return replace(missing, n=len(both), reasons=(FEW_PATIENTS,))
    return rules.of_association(found)


def _graded(values: pd.Series, column: str) -> np.ndarray:
    """The values of an ordered column as numbers."""
    try:
        return values.astype(float).to_numpy()
    except ValueError as error:
        msg = (
            f"donors.patients: the column '{column}' is to be ordered, but holds text: {error}. Write grades "
            "as numbers, or name in the claim the `value` whose patients are compared with the others."
        )
        raise UserError(msg) from None


def _one(
    part: pd.DataFrame, quantity: Mapping[str, Any], patients: pd.DataFrame | None = None, seed: int = 0
) -> Verdict:
    """The verdict on one claim from the donors that count, before Holm's adjustment."""
    counted = part[part["counts"] == "yes"]
    if quantity["kind"] == "patient_association":
        return _associated(counted, quantity, patients, seed)
    decision, reasons = str(part["decision"].iloc[0]), listed(part["reasons"].iloc[0])
    if decision == DESCRIBED:
        effect = counted["effect"].to_numpy(dtype=float)
        return Verdict(
            rules.INDETERMINATE if len(effect) else rules.NOT_ESTIMABLE, "", len(effect),
            int((effect == 0).sum()), int((effect != 0).sum()), None, float("nan"), float("nan"),
        )  # fmt: skip
    return _tested(counted, quantity, decision, reasons)


def _tested(
    counted: pd.DataFrame, quantity: Mapping[str, Any], decision: str, reasons: Sequence[str]
) -> Verdict:
    """The verdict from the effects of the donors that count."""
    sign = -1 if quantity["direction"] == "down" else 1
    options: dict[str, Any] = {
        "limit": limit(quantity),
        "decision": decision,
        "reasons": reasons,
        "covariates": _covariates(counted),
    }
    effect = sign * counted["effect"].to_numpy(dtype=float)
    variance = counted["variance"].to_numpy(dtype=float)
    if decision != UNPAIRED or not len(counted):
        return rules.one(effect, variance, **options)
    in_test = counted["n_test"].to_numpy() > 0
    if quantity["kind"] != "majority":
        return rules.one(effect, variance, in_test=in_test, **options)
    # said of both sides: each side's donors by themselves, and the less favourable side decides
    options["covariates"] = None
    sides = [rules.one(effect[side], variance[side], **options) for side in (~in_test, in_test)]
    lacking = [one for one in sides if one.pooled is None]
    return lacking[0] if lacking else min(sides, key=lambda one: one.pooled.low if one.pooled else 0.0)


def _covariates(counted: pd.DataFrame) -> np.ndarray | None:
    """What the formula adjusts the donors' effects for, donors x columns."""
    if "covariates" not in counted or not (counted["covariates"] != "").all() or counted.empty:
        return None
    return np.array([[float(one) for one in row.split(";")] for row in counted["covariates"]])


def listed(text: Any) -> list[str]:
    """The keys of a field that lists them with commas."""
    return str(text).split(",") if isinstance(text, str) and text else []


def _against(varied: pd.DataFrame, quantity: Mapping[str, Any], main: Verdict) -> list[str]:
    """Keys of the variants that decide and come to another verdict than one that says something.

    The same for what one or two donors show.
    """
    found = []
    for variant, part in varied.groupby("variant", sort=False):
        other = _one(part, quantity)
        if main.verdict in DECIDED and other.verdict not in (main.verdict, rules.NOT_ESTIMABLE):
            found.append(f"{CHANGED}:{variant}:{other.verdict}")
        alike = other.n == main.n
        if main.seen not in ("", rules.UNCLEAR) and alike and other.seen != main.seen:
            found.append(f"{CHANGED}:{variant}:{other.seen}")
    return found


def _row(
    part: pd.DataFrame, one: Verdict, quantity: Mapping[str, Any], against: Sequence[str]
) -> dict[str, Any]:
    """A row of COLUMNS; numbers are test against reference, whichever way the statement goes."""
    first = part.iloc[0].fillna("")
    numbers = dict.fromkeys(NUMBERS, float("nan"))
    if one.pooled is not None:
        numbers = {name: float(getattr(one.pooled, name)) for name in NUMBERS}
    if str(first["decision"]) == UNPAIRED:  # of a patient with one side no change is to be expected
        numbers |= {"new_low": float("nan"), "new_high": float("nan")}
    if one.association is not None:
        numbers |= {
            name: float(getattr(one.association, name)) for name in ("estimate", "low", "high", "p_value")
        }
    if quantity["direction"] == "down":
        turned = {"low": "high", "high": "low", "new_low": "new_high", "new_high": "new_low"}
        numbers |= {name: -numbers[turned.get(name, name)] for name in ("estimate", *turned)}
    return {
        "claim": str(first["claim"]),
        "verdict": rules.INDETERMINATE if against and not one.seen else one.verdict,
        "seen": rules.UNCLEAR if against and one.seen else one.seen,
        "decision": _of_one_side(quantity, str(first["decision"])),
        "reasons": ",".join(dict.fromkeys([*listed(first["reasons"]), *one.reasons, *against])),
        "sort": str(first["sort"]),
        "donors": one.n,
        "clearly_for": one.clearly_for,
        "clearly_against": one.clearly_against,
        "limit": limit(quantity),
        **numbers,
        "p_adjusted": one.p_adjusted,
        "floor": one.floor,
    }


def _of_one_side(quantity: Mapping[str, Any], decision: str) -> str:
    """A majority needs no pairs: it is said of each side, and the less favourable one decides."""
    return STATED if decision == UNPAIRED and quantity["kind"] == "majority" else decision


def table(judged: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The verdicts of `judged` that donors gave, as `tables/donors.verdicts.tsv` has them."""
    import pandas as pd

    rows = [{"claim": one["claim"], **one["donors"]} for one in judged if "donors" in one]
    return pd.DataFrame(rows, columns=COLUMNS)


def judged(
    entries: Sequence[Mapping[str, Any]],
    claims: Sequence[Mapping[str, Any]],
    effects: pd.DataFrame,
    de: pd.DataFrame,
    *,
    patients: pd.DataFrame | None = None,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """`entries` (of claims.json), those that donors speak to with the donors' verdict and effects.

    `effects` is the table of `donors.evidence.measure`, `de` the changed genes at equal depth, which names
    ambient RNA; for the rest see `judge`. What the pooled cells gave stays under ``cells``, without deciding.
    """
    effects = read(effects)
    named = {claim["id"]: claim["quantity"] for claim in claims}
    found = judge(claims, effects, ambient=ambient(claims, de), patients=patients, seed=seed)
    main = effects[(effects["variant"] == "") & (effects["donor"] != "")]
    result = []
    for entry in entries:
        one = found.get(entry["claim"])
        if one is None:
            result.append(dict(entry))
            continue
        rows = main.loc[main["claim"] == entry["claim"], list(PER_DONOR)].to_dict("records")
        changed = {
            "verdict": one["verdict"],
            **{key: _number(one[key]) for key in ("estimate", "low", "high")},
            "reason": donor_words.reason(one),
            "unit": _unit(named[entry["claim"]]),
            "variants": {},
            "also": {},
            "cells": {key: entry[key] for key in ("verdict", "estimate", "low", "high", "unit")},
            "donors": {key: _number(value) for key, value in one.items() if key != "claim"},
            "effects": [{key: _number(value) for key, value in row.items()} for row in rows],
        }
        result.append({**entry, **changed})
    return result


def _unit(quantity: Mapping[str, Any]) -> str:
    if quantity["kind"] != "patient_association":
        return UNIT
    return "log2 odds ratio over patients" if "value" in quantity else "Spearman's rho over patients"


def ambient(claims: Sequence[Mapping[str, Any]], de: pd.DataFrame) -> frozenset[str]:
    """The claims whose gene is marked as ambient RNA in the cells that they speak of."""
    if ambient_marks.COLUMN not in de:
        return frozenset()
    marked = de[ambient_marks.is_marked(de)]
    keys = set(zip(marked["population"], marked["group"], marked["gene"], strict=True))
    parts = ("population", "group", "gene")
    return frozenset(
        claim["id"] for claim in claims if tuple(claim["quantity"].get(part) for part in parts) in keys
    )


def _number(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
