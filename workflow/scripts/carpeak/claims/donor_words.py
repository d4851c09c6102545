"""What the keys of the donors' audit and verdicts mean, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..donors.audit import CAR_CELLS, UNSORTED

if TYPE_CHECKING:
    from ..donors.audit import Design, Library

DECISIONS = {
    "paired": "tested over pairs",
    "concordance": "two pairs: side by side, no test",
    "single": "one pair: this patient only",
    "unpaired": "tested over unpaired donors",
    "not_estimable": "not estimable",
}
REASONS = {
    "no_patients": "the study names no table of patients (donors.patients)",
    "few_patients": "fewer than five patients have both values, or all have the same",
    "no_pairs": "no donor has both sides, so the change can't be told from the difference between people",
    "aliased:batch": "every donor's two sides differ in batch too: time and batch can't be told apart",
    "aliased:chemistry": "the two sides were made with different chemistry in every donor",
    "aliased:sort": "the libraries were sorted for the CAR, and not alike on both sides or not apart",
    "car_cells_only": (
        "one side was sorted for the CAR and the other was not: what CAR+ cells are and express is compared, "
        "never their share"
    ),
    "aliased:condition": "one of the two conditions has no library",
    "aliased:formula": "in the donors with enough cells the change can't be told from the formula's columns",
    "few_df": "the formula has too many columns for so few donors: two degrees of freedom must be left",
}
SEEN = {
    "seen_in_this_patient": "Seen in this patient.",
    "opposite_in_this_patient": "The opposite is seen in this patient.",
    "concordant": "Concordant: seen in both patients.",
    "opposite_in_both": "The opposite is seen in both patients.",
    "discordant": "Discordant: one patient shows it, the other the opposite.",
    "unclear": "Not clear in both patients.",
}
UNCLEAR_IN_ONE = "Not clear in this patient."
LEAST = 3  # patients of whom something can be said of others
VARIANTS = {"unintegrated": "without Harmony", "equal_depth": "at equal depth"}


def reason(one: Mapping[str, Any]) -> str:
    """Why a claim has its verdict: on how many patients it rests and what they show.

    `one` is a row of `by_donor.COLUMNS`.
    """
    n = int(one["donors"])
    keys = str(one["reasons"]).split(",") if one["reasons"] else []
    if one["estimate"] is not None and one["tau"] != one["tau"] and one["p_value"] == one["p_value"]:
        return (
            f"{_patients(n)}: {one['estimate']:.2f} ({one['low']:.2f} to {one['high']:.2f}), exact p "
            f"{one['p_value']:.2g}, {one['p_adjusted']:.2g} after Holm."
        )
    if one["decision"] == "described":
        return f"True of {one['clearly_for']} of {_patients(n)}; a count is described, not tested."
    if one["verdict"] == "not_estimable":
        why = one_sentence(keys)
        if not n:
            return why or "No patient has enough cells on the sides that it speaks of."
        told = filter(None, [seen(one["seen"], n), *map(_against, keys), why])
        return " ".join([*told, f"Nothing can be said of other patients from {_patients(n)}."])
    if one["decision"] == "unpaired":
        shown = (
            f"{_patients(n)}, each with one side: difference between the sides {one['estimate']:.2f} "
            f"({one['low']:.2f} to {one['high']:.2f}), between patients of a side sd {one['tau']:.2f}; "
            f"p {one['p_value']:.2g}, {one['p_adjusted']:.2g} after Holm."
        )
        return " ".join([shown, *filter(None, map(_against, keys))])
    shown = (
        f"{_patients(n)}: {one['clearly_for']} clearly for it, {one['clearly_against']} clearly against; "
        f"mean {one['estimate']:.2f} ({one['low']:.2f} to {one['high']:.2f}), between patients sd "
        f"{one['tau']:.2f}, a new patient {one['new_low']:.2f} to {one['new_high']:.2f}; "
        f"p {one['p_value']:.2g}, {one['p_adjusted']:.2g} after Holm."
    )
    return " ".join([shown, *filter(None, map(_against, keys))])


def seen(key: str, n: int) -> str:
    """What one or two patients show, as a sentence; empty from three on."""
    return UNCLEAR_IN_ONE if key == "unclear" and n == 1 else SEEN.get(key, "")


def designs(found: Sequence[Design]) -> str:
    """The audit for a reader at the command line: a table of donors and sides, and what may be said."""
    lines = []
    for one in found:
        rows = [("donor", one.reference, one.test)]
        rows += [(side.donor, _names(side.reference), _names(side.test)) for side in one.sides]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        sort = {UNSORTED: "", CAR_CELLS: ", CAR+ cells alone"}.get(one.sort, f", {one.sort} libraries")
        lines += [f"Contrast {one.contrast}{sort}: {decision(one)}"]
        lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines.append("")
    return "\n".join(lines)


def _names(libraries: Sequence[Library]) -> str:
    return ", ".join(one.sample for one in libraries) or "none"


def decision(one: Design) -> str:
    """What a design allows, and why no more."""
    pairs = sum(side.paired for side in one.sides)
    counted = f"{_patients(len(one.sides))}, {pairs} with both sides"
    why = one_sentence(list(one.reasons))
    return f"{DECISIONS[one.decision]} ({counted}).{f' {why}' if why else ''}"


def one_sentence(keys: list[str]) -> str:
    """The reasons of the audit as one sentence; empty where there is nothing to say."""
    parts = [REASONS.get(key, "") for key in keys]
    parts += filter(None, map(_named, keys))
    alone = [key.partition(":")[2] for key in keys if key.startswith("one_sided:")]
    if alone:
        parts.append(f"one side only: {', '.join(alone)}")
    text = "; ".join(filter(None, parts))
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _named(key: str) -> str:
    """A reason that names a column or numbers, in words; empty for others."""
    what, _, rest = key.partition(":")
    if what == "few_unpaired":
        reference, _, test = rest.partition("+")
        return f"without pairs six donors a side are needed, here are {reference} and {test}"
    if what == "constant":
        return f"{rest} is the same on both sides of every donor, so that blocking the donor covers it"
    if what == "aliased" and key not in REASONS:
        together = rest.replace("+", " and ")
        return f"the change between the conditions can't be told from {together}"
    return ""


def _against(key: str) -> str:
    """What speaks against a verdict, in words; empty for the audit's keys."""
    if key == "ambient":
        return "Most likely ambient RNA, which says nothing of T cells."
    what, _, rest = key.partition(":")
    if what != "changes":
        return ""
    variant, _, other = rest.partition(":")
    return f"{other.replace('_', ' ').capitalize()} {VARIANTS[variant]}."


def _patients(n: int) -> str:
    return "one patient" if n == 1 else f"{n} patients"
