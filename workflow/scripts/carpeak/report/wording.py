"""Numbers, limits and reasons as the report's reader sees them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..names import REMOVAL_REASONS

if TYPE_CHECKING:
    import pandas as pd

CUTS = {"valley": "at the valley of the scores", "expected_rate": "at the rate that the scores show"}


def rests_on(samples: pd.DataFrame) -> str:
    """On how many patients all verdicts rest; said once."""
    donors = samples["donor"].astype(str).nunique()
    who = "One patient" if donors == 1 else f"{donors} donors, pooled"
    other = "nothing of other patients" if donors == 1 else "nothing of how donors differ"
    return f"{who}: every interval covers the sampling of cells only and says {other}."


def joined(words: Sequence[str]) -> str:
    """A list of words in a sentence: a, b and c."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


CONTROLS = {
    "also_in_undetected": "Also in CAR-undetected T cells, so the CAR is not the only cause",
    "not_in_undetected": "Not in CAR-undetected T cells",
    "undetected_unclear": "CAR-undetected T cells leave open whether the CAR is the cause",
}


def controls(found: Mapping[str, Any] | None) -> str:
    """What CAR-undetected cells and an equal mix of states say of a change; nothing without one."""
    if not found or found["control"] not in CONTROLS:
        return ""
    parts = [CONTROLS[found["control"]]]
    if found["undetected"]:
        parts[0] += f" ({_effect(found['undetected'])}; CAR+ less undetected {_effect(found['difference'])})"
    if found["within_states"]:
        mix = number(found["mix"])
        parts.append(f"At an equal mix of states {_effect(found['within_states'])}; change of mix {mix}")
    return ". ".join(parts) + "."


def _effect(one: Mapping[str, float]) -> str:
    return f"{number(one['estimate'])}, {number(one['low'])} to {number(one['high'])}"


def typeset(text: str) -> str:
    """Real minus signs in powers of ten, no line break before a percent sign, one way to write P."""
    text = text.replace("adjusted p ", "adjusted P ")
    return re.sub(r"(?<=\d) %", "\u00a0%", re.sub(r"(?<=\de)-", "\u2212", text))


def removed(row: Mapping[str, Any]) -> str:
    """In words, how many barcodes of a sample were removed for which reason."""
    counts = {text: int(row.get(f"removed_{name}", 0) or 0) for name, text in REMOVAL_REASONS.items()}
    return ", ".join(f"{n:,} {text}" for text, n in counts.items() if n) or "none"


def limits_in_words(found: Mapping[str, Any]) -> str:
    """The limits of one sample as a reader would say them."""
    words = [
        _between(found.get("min_genes"), found.get("max_genes"), "genes"),
        _between(found.get("min_umis"), found.get("max_umis"), "UMIs"),
    ]
    mito, doublet = found.get("max_mito_percent"), found.get("doublet_threshold")
    if mito is not None:
        words.append(f"at most {mito:.1f}\u00a0% mitochondrial UMIs")
    if doublet is not None and not np.isnan(doublet):
        cut = CUTS.get(str(found.get("doublet_threshold_source")), "")
        words.append(f"doublet score below {doublet:.2f}{f' (cut {cut})' if cut else ''}")
    return "; ".join(filter(None, words)) or "none"


def _between(low: float | None, high: float | None, what: str) -> str:
    if low is None and high is None:
        return ""
    if low is None or high is None:
        return f"at most {high:,.0f} {what}" if low is None else f"at least {low:,.0f} {what}"
    return f"{low:,.0f} to {high:,.0f} {what}"


def number(value: float | None, digits: int = 2) -> str:
    """A number with a fixed count of decimals and a real minus; a dash where there is none."""
    if value is None or np.isnan(value):
        return "–"
    return f"{value:,.{digits}f}".replace("-", "−")


def significant(value: float | None) -> str:
    """A number with three significant digits; a dash where there is none."""
    if value is None or np.isnan(value):
        return "–"
    whole = abs(value) >= 100 or value == round(value)
    return (f"{value:,.0f}" if whole else f"{value:#.3g}").replace("-", "−")


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return "–" if value is None or np.isnan(value) else f"{int(value):,}"


def p_value(value: float | None) -> str:
    """A P value with two digits."""
    if value is None or np.isnan(value):
        return "–"
    if value < 1e-300:
        return "< 1e−300"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}".replace("-", "−").replace("e−0", "e−")


def upper_first(text: str) -> str:
    """A sentence with a capital at its start, the rest as it is."""
    return text[:1].upper() + text[1:]
