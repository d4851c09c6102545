"""The claims of a list are asked together: a change counts where the whole list rarely shows a false one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scipy.special import ndtr, ndtri

from . import quantities
from .verdict import INDETERMINATE, NOT_ESTIMABLE, OPPOSED, SUPPORTED, Finding

LEVEL = 0.05
LEADS = ("majority", "largest_subset")  # decided by the sign of a lead, not by a limit
JUDGED_BY_INTERVAL = (*LEADS, "gene_change", "term_change", "share_change")


def adjusted(
    findings: Sequence[Finding], asked: Sequence[Mapping[str, Any]], *, floor: float | None
) -> list[Finding]:
    """The findings, those indeterminate that hold alone but not by Holm (1979) over the list.

    `asked` are the quantities of the claims, `floor` that of `library_effect`. The list is made of the claims
    that an interval judges and that can be estimated. `supported` and `opposed` stand where the interval lies
    beyond its limit at the level that Holm's step asks for, too: 99.75 % for the surest of twenty. Wider
    intervals are had from the 95 % ones by the normal law. `absent` is no finding of a change and is left
    as it is, as over donors.
    """
    tested = [
        number
        for number, (found, quantity) in enumerate(zip(findings, asked, strict=True))
        if quantity["kind"] in JUDGED_BY_INTERVAL and found.verdict != NOT_ESTIMABLE and found.low is not None
    ]
    decided = {
        n: _p(findings[n], asked[n], floor) for n in tested if findings[n].verdict in (SUPPORTED, OPPOSED)
    }
    result = list(findings)
    holds = True
    for step, number in enumerate(sorted(decided, key=lambda n: decided[n])):
        holds &= decided[number] * (len(tested) - step) < LEVEL
        if not holds:
            result[number] = _doubtful(findings[number], len(tested))
    return result


def _p(found: Finding, quantity: Mapping[str, Any], floor: float | None) -> float:
    """Two-sided p of the finding against its limit."""
    assert found.estimate is not None and found.low is not None and found.high is not None
    bound = found.low if found.estimate > 0 else found.high
    error = abs(found.estimate - bound) / float(ndtri(0.975))
    limit = 0.0 if quantity["kind"] in LEADS else quantities.limit_of(quantity, floor)
    beyond = abs(found.estimate) - limit
    return float(2 * ndtr(-beyond / error)) if error > 0 else 0.0


def _doubtful(found: Finding, n: int) -> Finding:
    reason = f"{found.reason} {found.verdict.capitalize()} if asked alone; of {n} claims asked together one "
    return found._replace(verdict=INDETERMINATE, reason=f"{reason}may come out so by chance (Holm).")
