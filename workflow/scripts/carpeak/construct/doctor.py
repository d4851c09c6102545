"""What is wrong with a construct: each check gives at least one finding, also when all is well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .fasta import BASES, Record
from .kmers import LENGTH, Shared, encode, simple_repeats
from .orf import Orf, frame_break, longest, reverse_complement

# Bases from the end of the RNA that reads of a 3' (from its start: a 5') library come from, mostly.
READ_WINDOW = 600
SHORT, TOO_SHORT = 500, 100
CAR_FRAME = 900  # scFv, hinge, membrane and signalling parts together; published CARs have 1,400 to 1,500
WHOLE_VECTOR = 5000
UTR3, UTR5 = 200, 20
TAIL = 60  # the transcript ends 10 to 30 bases after its poly(A) signal
FEW_PRIVATE = 150
_SIGNAL = re.compile(b"A[AT]TAAA")
_GENE = (
    re.compile(r"\bgene_symbol:(\S+)"),
    re.compile(r"\bgene(?:_name)?=(\S+)"),
    re.compile(r"\(([A-Za-z0-9._-]+)\),"),
    re.compile(r"\bgene:(\S+)"),
)


@dataclass(frozen=True)
class Construct:
    """The RNA to look for: its feature name and sequence (upper case), and where both came from."""

    name: str
    sequence: bytes
    source: Record
    place: str

    @property
    def record(self) -> Record:
        """As a FASTA record."""
        return Record(self.name, "", self.sequence)


@dataclass(frozen=True)
class CheckResult:
    """One row of construct.tsv; `level` is problem, warning, note or ok."""

    construct: str
    check: str
    level: str
    message: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Stretch:
    """A part of the construct that one gene has too: its longest interval and in how many targets."""

    best: Shared
    gene: str
    targets: int


def gene_of(target: str, description: str) -> str:
    """The gene in an Ensembl, GENCODE, RefSeq or gffread header; else the target's name."""
    if target.count("|") >= 6:  # GENCODE: transcript|gene|havana|havana|transcript name|gene name|...
        return target.split("|")[5]
    for pattern in _GENE:
        if match := pattern.search(description):
            return match.group(1)
    return target


def stretches(shared: Sequence[Shared]) -> list[Stretch]:
    """Intervals of one gene's transcripts that overlap on the construct, as one stretch each."""
    groups: list[list[Shared]] = []
    keys: list[tuple[str, str]] = []
    latest: dict[tuple[str, str], int] = {}
    for hit in shared:  # sorted by place
        key = (hit.record, gene_of(hit.target, hit.description))
        at = latest.get(key)
        if at is not None and hit.start <= max(h.end for h in groups[at]):
            groups[at].append(hit)
        else:
            latest[key] = len(groups)
            groups.append([hit])
            keys.append(key)
    return [
        Stretch(max(g, key=lambda h: (h.end - h.start, -h.mismatches)), gene, len({h.target for h in g}))
        for (_, gene), g in zip(keys, groups)
    ]


def masked(sequence: bytes, shared: Sequence[Shared]) -> bytes:
    """The sequence with all shared stretches (mismatches within them too) replaced by N."""
    letters = bytearray(sequence)
    for hit in shared:
        letters[hit.start - 1 : hit.end] = b"N" * (hit.end - hit.start + 1)
    return bytes(letters)


def examine(
    construct: Construct, shared: Sequence[Shared], *, chemistry: str, others: Sequence[Shared] = ()
) -> list[CheckResult]:
    """All findings on one construct.

    `shared` are its stretches in endogenous sequences, `others` those in the other constructs of the file.
    """
    main = longest(construct.sequence)
    return [
        *_letters(construct),
        *_length(construct, main),
        *_frame(construct, main),
        *_three_prime(construct, main, chemistry),
        *_five_prime(construct, main, chemistry),
        *_repeats(construct),
        *_shared(construct, shared),
        *_private(construct, shared, chemistry),
        *(
            CheckResult(
                construct.name,
                "other_features",
                "warning",
                f"{hit.start}-{hit.end} also occurs in {hit.target} ({hit.target_start}-{hit.target_end}): "
                "reads from there count for neither. Parts of one RNA belong into one sequence.",
                hit.start,
                hit.end,
            )
            for hit in others
        ),
    ]


def _letters(construct: Construct) -> list[CheckResult]:
    name, raw = construct.name, construct.source.sequence
    found = []
    ambiguous = len(construct.sequence.translate(None, BASES))
    if ambiguous:
        message = f"{ambiguous} letters are not A, C, G or T: reads across them are lost. Fill them in."
        level = "problem" if ambiguous > len(construct.sequence) / 2 else "warning"
        found.append(CheckResult(name, "alphabet", level, message))
    lower = sum(chr(c).islower() for c in raw)
    if lower:
        message = f"{lower} of {len(raw)} letters are lower case (masked, or a style); written in upper case"
        found.append(CheckResult(name, "letter_case", "note", message))
    given = f"{construct.source.name} {construct.source.description}".strip()
    if given != name:
        message = f"the feature is named '{name}'; the header was '{given}'"
        found.append(CheckResult(name, "name", "note", message))
    return found if ambiguous else [CheckResult(name, "alphabet", "ok", "only A, C, G and T"), *found]


def _length(construct: Construct, main: Orf) -> list[CheckResult]:
    name, size = construct.name, len(construct.sequence)
    if size < TOO_SHORT:
        return [CheckResult(name, "length", "problem", f"{size} bases are too few for reads to align to")]
    if size < SHORT:
        message = f"{size} bases: a part of a CAR. Give the whole RNA, from 5' UTR to poly(A)."
        return [CheckResult(name, "length", "warning", message)]
    if size > WHOLE_VECTOR:
        advice = _advice(construct.sequence, main)
        message = f"{size} bases look like a whole vector. Give the part that is RNA{advice}"
        return [CheckResult(name, "length", "warning", message)]
    return [CheckResult(name, "length", "ok", f"{size} bases")]


def _advice(sequence: bytes, main: Orf) -> str:
    signal = _SIGNAL.search(sequence, main.end)
    if signal is None or main.size < CAR_FRAME:
        return ": --transcript START-END."
    return (
        f": --transcript START-{signal.end() + 20}, where START is the first base after the promoter (the "
        f"frame begins at {main.start}; the first poly(A) signal after it at {signal.start() + 1})."
    )


def _frame(construct: Construct, main: Orf) -> list[CheckResult]:
    name, sequence = construct.name, construct.sequence
    where = f"longest reading frame {main.start}-{main.end} ({main.size // 3} codons)"
    reverse = longest(reverse_complement(sequence))
    if reverse.size > 1.5 * main.size and reverse.size >= 300:
        message = (
            f"the longest frame ({reverse.size // 3} codons) is on the reverse strand. Reverse-complement."
        )
        return [CheckResult(name, "reading_frame", "problem", message)]
    if (broken := frame_break(sequence, main)) is not None:
        message = f"{where}, where another frame goes on: a base is lost or gained near {broken}"
        return [CheckResult(name, "reading_frame", "warning", message, main.start, main.end)]
    lacks = [what for what, there in (("start", main.has_start), ("stop", main.has_stop)) if not there]
    if lacks:
        message = f"{where} lacks its {' and '.join(lacks)} codon: a part of the construct"
        return [CheckResult(name, "reading_frame", "warning", message, main.start, main.end)]
    if main.size < CAR_FRAME:
        message = f"{where} is short: CARs have {CAR_FRAME // 3} codons or more"
        return [CheckResult(name, "reading_frame", "warning", message, main.start, main.end)]
    return [CheckResult(name, "reading_frame", "ok", where, main.start, main.end)]


def _three_prime(construct: Construct, main: Orf, chemistry: str) -> list[CheckResult]:
    name, size = construct.name, len(construct.sequence)
    bad = "problem" if chemistry == "3p" else "note"
    after = size - main.end if main.has_stop else 0
    signals = [
        m.start() + 1 for m in _SIGNAL.finditer(construct.sequence, main.end if main.has_stop else size)
    ]
    tail = size - len(construct.sequence.rstrip(b"A"))
    if not main.has_stop or (not signals and tail < 10 and after < UTR3):
        ends = f"{after} bases after the stop codon" if main.has_stop else "within the reading frame"
        message = (
            f"ends {ends}, without 3' UTR and poly(A) signal. Reads of a 3' library start within about "
            f"{READ_WINDOW} bases of the poly(A) site, mostly past this end: such a reference is nearly "
            "blind. Add the vector up to its poly(A) signal (with a WPRE, about 0.8 kb)."
        )
        return [CheckResult(name, "three_prime_end", bad, message)]
    if not signals and tail < 10:
        level = "warning" if chemistry == "3p" else "note"
        message = f"{after} bases after the stop codon but no poly(A) signal (A[AT]TAAA): is it whole?"
        return [CheckResult(name, "three_prime_end", level, message)]
    if signals and size - signals[-1] > TAIL + 6 and tail < 10:
        message = (
            f"goes on {size - signals[-1] - 5} bases past the last poly(A) signal ({signals[-1]}); RNA ends "
            f"10 to 30 bases after a signal ({', '.join(map(str, signals[:4]))}). Cut there."
        )
        return [CheckResult(name, "three_prime_end", "warning", message)]
    sign = f"poly(A) signal at {signals[-1]}" if signals else f"{tail} A at the end"
    return [CheckResult(name, "three_prime_end", "ok", f"{after} bases after the stop codon, {sign}")]


def _five_prime(construct: Construct, main: Orf, chemistry: str) -> list[CheckResult]:
    before = main.start - 1
    if main.has_start and before >= UTR5:
        return [CheckResult(construct.name, "five_prime_end", "ok", f"{before} bases before the start codon")]
    level = "warning" if chemistry == "5p" else "note"
    begins = f"begins {before} bases before the start codon" if main.has_start else "has no start codon"
    message = f"{begins}. Reads of a 5' library begin at the cap: add the bases from the promoter's end on."
    return [CheckResult(construct.name, "five_prime_end", level, message)]


def _repeats(construct: Construct) -> list[CheckResult]:
    return [
        CheckResult(
            construct.name,
            "simple_repeat",
            "note",
            f"{start}-{end} is a simple repeat (such as poly(A)): not searched for, reads there tell nothing",
            start,
            end,
        )
        for start, end in simple_repeats(encode(construct.sequence))
    ]


def _shared(construct: Construct, shared: Sequence[Shared]) -> list[CheckResult]:
    found = []
    for stretch in stretches(shared):
        hit = stretch.best
        differing = f", {hit.mismatches} mismatch{'es' * (hit.mismatches > 1)}" if hit.mismatches else ""
        more = f" and {stretch.targets - 1} more" if stretch.targets > 1 else ""
        message = (
            f"{hit.start}-{hit.end} ({hit.end - hit.start + 1} bases{differing}) is {stretch.gene}: "
            f"{hit.target} {hit.target_start}-{hit.target_end} ({hit.strand}){more}"
        )
        found.append(CheckResult(construct.name, "shared", "warning", message, hit.start, hit.end))
    if not found:
        message = f"no stretch of {LENGTH} bases or more is shared with the sequences given"
        found.append(CheckResult(construct.name, "shared", "ok", message))
    return found


def _private(construct: Construct, shared: Sequence[Shared], chemistry: str) -> list[CheckResult]:
    hidden = masked(construct.sequence, shared)
    window = hidden[-READ_WINDOW:] if chemistry == "3p" else hidden[:READ_WINDOW]
    own, near = (len(part) - part.count(b"N") for part in (hidden, window))
    which = "last" if chemistry == "3p" else "first"
    message = (
        f"{own} of {len(hidden)} bases are its own; of the {which} {len(window)}, where reads start, {near}"
    )
    if not own:
        message += (
            ". Nothing tells its reads from endogenous ones. If the sequences given hold the construct "
        )
        message += "already, give them without it."
        return [CheckResult(construct.name, "private", "problem", message)]
    if near == 0:
        message += (
            f": a {chemistry[0]}' library can hardly show this construct. Add the UTR, which is its own."
        )
        return [CheckResult(construct.name, "private", "problem", message)]
    level = "warning" if near < FEW_PRIVATE else "ok"
    return [CheckResult(construct.name, "private", level, message)]
