"""Each statement of a text against what its tables and its other numbers give.

Verdicts: ``agrees``; ``depends`` (only by cutting decimals off, by one convention, or beyond the follow-up);
``disagrees``; ``not_recomputable`` (and what is missing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import recompute, rounding, summaries
from .conditions import LackingError
from .rounding import Printed
from .tables import Cohort

AGREES, DEPENDS, DISAGREES, LACKS = "agrees", "depends", "disagrees", "not_recomputable"
EXTRA_DIGITS = 2  # shown of a recomputed value beyond the printed one, where they differ


@dataclass(frozen=True)
class Verdict:
    """One statement: `stated` and `recomputed` as text, and how the verdict came about, in keys."""

    id: str
    place: str
    says: str
    stated: str
    recomputed: str
    verdict: str
    computed_by: str = ""
    rounding: str = ""
    methods: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    n: int | None = None
    total: int | None = None


def examine(cohort: Cohort) -> list[Verdict]:
    """The verdict on every statement, in the order of the text.

    Statements that only repeat a quantity are not among them: `crosschecks` compares these with each other.
    """
    asked = [one for one in cohort.statements if "compute" in one or "quantity" not in one]
    found = [_examine(cohort, statement) for statement in asked]
    return _symmetry_by_majority(found)


def _examine(cohort: Cohort, statement: Mapping[str, Any]) -> Verdict:
    stated = statement["value"]
    text = " to ".join(stated) if isinstance(stated, list) and _numbers(stated) else _joined(stated)
    base = Verdict(statement["id"], statement["place"], statement["says"], text, "", LACKS)
    compute = statement.get("compute")
    if not compute:
        return replace(base, missing=("compute",))
    kind, spec = next(iter(compute.items()))
    base = replace(base, computed_by=kind)
    if kind in recompute.METHODS:
        try:
            found = recompute.METHODS[kind](cohort, spec)
        except LackingError as error:
            return replace(base, missing=error.names)
        return _against_tables(base, stated, found)
    return _SUMMARIES[kind](base, stated, spec)


def _against_tables(base: Verdict, stated: Any, found: recompute.Found) -> Verdict:
    base = replace(base, patients=found.patients, n=found.n, total=found.total)
    if found.words is not None:
        said = {stated} if isinstance(stated, str) else set(stated)
        said = set() if said == {"none"} else said
        same = {word.lower() for word in said} == {word.lower() for word in found.words}
        return replace(
            base, recomputed=", ".join(found.words) or "none", verdict=AGREES if same else DISAGREES
        )
    if found.value != found.value:
        return replace(base, missing=("values",))
    shown = _printed(stated)
    if found.method == "at_most":
        reached = float(shown.value) <= found.value
        verdict = replace(
            base, recomputed=f"at most {found.value:g}", verdict=AGREES if reached else DISAGREES
        )
        return replace(verdict, methods=("at_most",))
    return replace(_numeric(base, shown, {found.method: found.value}))


def _numeric(base: Verdict, shown: Printed, values: Mapping[str, float]) -> Verdict:
    """A printed number against the values that different methods give."""
    rules = {name: rounding.rule(shown, value) for name, value in values.items()}
    agreed = {name: rule for name, rule in rules.items() if rule}
    if not agreed:
        texts = dict.fromkeys(
            rounding.as_printed(value, shown.decimals, more=EXTRA_DIGITS) for value in values.values()
        )
        return replace(base, recomputed=" or ".join(texts), verdict=DISAGREES, methods=_named(values))
    best = min(agreed.values(), key=["exact", "comparison", *rounding.RULES].index)
    value = next(values[name] for name, rule in agreed.items() if rule == best)
    whole = shown.comparison and float(value).is_integer()
    more = EXTRA_DIGITS if best == "cut" else 0
    text = rounding.as_printed(value, 0 if whole else shown.decimals, more=more)
    verdict = DEPENDS if best == "cut" else AGREES
    return replace(base, recomputed=text, verdict=verdict, rounding=best, methods=_named(agreed))


def _percent_of(base: Verdict, stated: Any, spec: Any) -> Verdict:
    verdict = _numeric(base, _printed(stated), summaries.percent_of(spec))
    return replace(verdict, n=spec["n"], total=spec["total"])


def _sum_of(base: Verdict, stated: Any, spec: Any) -> Verdict:
    return _numeric(base, _printed(stated), summaries.sum_of(spec))


def _p_value(base: Verdict, stated: Any, spec: Any) -> Verdict:
    return _numeric(base, _printed(stated), summaries.p_value(spec))


def _interval_of(base: Verdict, stated: Any, spec: Any) -> Verdict:
    low, high = (_printed(one) for one in stated)
    found = summaries.interval_of(spec)
    same = [
        name
        for name, bounds in found.items()
        if all(
            rounding.rule(shown, value) in ("exact", "half_up", "half_even")
            for shown, value in zip((low, high), bounds)
        )
    ]
    chosen = found[same[0] if same else "clopper_pearson"]
    text = " to ".join(rounding.as_printed(value, low.decimals) for value in chosen)
    verdict = replace(
        base, recomputed=text, verdict=AGREES if same else DISAGREES, n=spec["n"], total=spec["total"]
    )
    return replace(verdict, methods=tuple(same) if same else ("clopper_pearson",))


def _symmetric(base: Verdict, stated: Any, spec: Any) -> Verdict:
    low, high = (_printed(one) for one in stated)
    estimate = _printed(spec["estimate"])
    other_low, other_high, symmetric = summaries.mirrored(
        low, high, estimate, percent=spec.get("percent", True)
    )
    if symmetric:
        return replace(base, recomputed=base.stated, verdict=AGREES, methods=("symmetric",))
    digits, middle = max(low.decimals, high.decimals), float(estimate.value)
    ways = {
        f"{low.text} to {rounding.as_printed(other_high, digits)}": middle - float(low.value),
        f"{rounding.as_printed(other_low, digits)} to {high.text}": float(high.value) - middle,
    }
    n = spec.get("n")
    if n and spec.get("percent", True):
        ways = {way: half for way, half in ways.items() if summaries.wide_enough(middle, half, n)} or ways
    return replace(base, recomputed=" or ".join(ways), verdict=DEPENDS, methods=("not_symmetric",))


def _symmetry_by_majority(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """An interval that is not symmetric is wrong only where most of the text's intervals are."""
    asked = [one for one in verdicts if one.computed_by == "symmetric"]
    symmetric = sum(one.verdict == AGREES for one in asked)
    if symmetric <= len(asked) / 2:
        return list(verdicts)
    return [
        replace(one, verdict=DISAGREES, n=symmetric, total=len(asked))
        if one.computed_by == "symmetric" and one.verdict == DEPENDS
        else one
        for one in verdicts
    ]


def _remainder_of(base: Verdict, stated: Any, spec: Any) -> Verdict:
    shown, parts = _printed(stated), [_printed(one) for one in spec]
    value, slack = summaries.remainder(parts)
    fits = abs(float(shown.value) - value) <= slack + shown.unit / 2 + 1e-9
    text = rounding.as_printed(value, shown.decimals)
    return replace(base, recomputed=text, verdict=AGREES if fits else DISAGREES, methods=("remainder",))


def _at_most(base: Verdict, stated: Any, spec: Any) -> Verdict:
    fits = float(_printed(stated).value) <= spec
    return replace(
        base, recomputed=f"at most {spec:g}", verdict=AGREES if fits else DISAGREES, methods=("at_most",)
    )


def _median_against_rate(base: Verdict, stated: Any, spec: Any) -> Verdict:
    rules = summaries.median_rules(float(_printed(stated).value), **spec)
    kept = tuple(name for name, fits in rules.items() if fits)
    verdict = AGREES if "first_at_half" in kept else DEPENDS if kept else DISAGREES
    relation = "above" if spec["rate_percent"] > 50 else "at most"
    return replace(base, recomputed=f"{relation} {spec['at']:g}", verdict=verdict, methods=kept)


def _rate_within_follow_up(base: Verdict, stated: Any, spec: Any) -> Verdict:
    held = float(_printed(stated).value) <= spec["median_follow_up_days"]
    text = f"median follow-up {spec['median_follow_up_days']:g} days"
    method = () if held else ("beyond_follow_up",)
    return replace(base, recomputed=text, verdict=AGREES if held else DEPENDS, methods=method)


def _smallest_p(base: Verdict, stated: Any, spec: Any) -> Verdict:
    shown = _printed(stated)
    attainable = summaries.attainable_p(spec["pairs"])
    fitting = [p for p in attainable if rounding.rule(shown, p)]
    if fitting:
        return _numeric(replace(base, n=spec["pairs"]), shown, {"signed_rank_exact": fitting[0]})
    nearest = min(attainable, key=lambda p: abs(p - float(shown.value)))
    text = rounding.as_printed(nearest, shown.decimals + EXTRA_DIGITS)
    return replace(base, recomputed=text, verdict=DISAGREES, methods=("signed_rank_exact",), n=spec["pairs"])


_SUMMARIES = {
    "percent_of": _percent_of,
    "sum_of": _sum_of,
    "p_value": _p_value,
    "interval_of": _interval_of,
    "symmetric": _symmetric,
    "remainder_of": _remainder_of,
    "at_most": _at_most,
    "median_against_rate": _median_against_rate,
    "rate_within_follow_up": _rate_within_follow_up,
    "smallest_p": _smallest_p,
}


def _printed(text: Any) -> Printed:
    shown = rounding.printed(text) if isinstance(text, str) else None
    if shown is None:
        msg = f"a statement's value is no number: {text!r}"
        raise ValueError(msg)
    return shown


def _numbers(values: Sequence[str]) -> bool:
    return all(rounding.printed(value) for value in values)


def _joined(stated: str | Sequence[str]) -> str:
    return stated if isinstance(stated, str) else ", ".join(stated)


def _named(values: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in values if name)
