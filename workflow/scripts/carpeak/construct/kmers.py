"""Every exact stretch of at least 30 bases that a short construct shares with transcripts or a genome.

A stretch of 30 bases holds a 16-base window that starts at a multiple of 15, so looking up every 15th
window of the target among all windows of the construct misses nothing; each find is then compared base
by base along its diagonal. Both strands. Of a stretch, at least 16 bases must lie outside simple repeats:
poly(A) tails are shared with every transcript and are reported once instead. A genome costs one pass with
one contig in memory at a time. An aligner would do, but mappy has no wheels for Python 3.11 to 3.13.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .fasta import Record

LENGTH = 30
SEED = 16
STRIDE = LENGTH - SEED + 1
BATCH = 1 << 24
_TABLE_BITS = 22
_HASH = np.uint32(2654435769)
BREAK, QUERY_BREAK = 4, 5  # ambiguous letters match nothing, not even themselves

Codes = NDArray[np.uint8]
_LETTERS = bytes(
    {65: 0, 67: 1, 71: 2, 84: 3, 85: 3}.get(b & 0xDF, BREAK) if b > 64 else BREAK for b in range(256)
)


class Shared(NamedTuple):
    """A stretch of `record` that is one of `target` too; 1-based, ends included, forward strands."""

    record: str
    start: int
    end: int
    target: str
    target_start: int
    target_end: int
    strand: str
    mismatches: int
    description: str


@dataclass(frozen=True)
class Batch:
    """Contigs joined by breaks: contig i is ``codes[starts[i]:ends[i]]``."""

    codes: Codes
    names: list[str]
    descriptions: list[str]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def encode(sequence: bytes) -> Codes:
    """Bases as 0 to 3 (case does not count, U is T), other letters as `BREAK`."""
    return np.frombuffer(sequence.translate(_LETTERS), np.uint8)


def batches(records: Iterable[Record], *, size: int = BATCH) -> Iterator[Batch]:
    """Join records until `size` bases are reached; a longer contig is a batch of its own."""
    held: list[Record] = []
    bases = 0
    for record in records:
        held.append(record)
        bases += len(record)
        if bases >= size:
            yield join(held)
            held, bases = [], 0
    if held:
        yield join(held)


def join(held: Sequence[Record]) -> Batch:
    """One batch of these records."""
    lengths = np.array([len(r) for r in held], np.int64)
    ends = np.cumsum(lengths + 1) - 1
    codes = encode(b"-".join([r.sequence for r in held]))
    return Batch(codes, [r.name for r in held], [r.description for r in held], ends - lengths, ends)


def simple_repeats(codes: Codes, *, length: int = LENGTH) -> list[tuple[int, int]]:
    """Stretches (1-based, ends included) of at least `length` bases that repeat with a period of 1 to 3."""
    inside = np.zeros(codes.size, bool)
    for period in (1, 2, 3):
        same = (codes[period:] == codes[:-period]) & (codes[period:] < BREAK)
        for start, end in runs(same):
            if end - start + period >= length:
                inside[start : end + period] = True
    return [(start + 1, end) for start, end in runs(inside)]


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open intervals of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]


class Index:
    """All 16-base windows of a few short sequences, on both strands."""

    def __init__(self, queries: Sequence[Record]) -> None:
        self.queries = queries
        self.strands: list[tuple[int, str, Codes]] = []
        self.telling: list[NDArray[np.int64]] = []  # bases outside simple repeats before each position
        seeds, owners, places = [], [], []
        for number, query in enumerate(queries):
            forward = encode(query.sequence)
            repeated = np.zeros(forward.size, bool)
            for start, end in simple_repeats(forward):
                repeated[start - 1 : end] = True
            reverse = np.where(forward < BREAK, 3 - forward, BREAK).astype(np.uint8)[::-1]
            for strand, codes, skip in (("+", forward, repeated), ("-", reverse, repeated[::-1])):
                windows, at = _windows(codes, skip)
                seeds.append(windows)
                places.append(at)
                self.telling.append(np.concatenate(([0], np.cumsum(~skip))))
                owners.append(np.full(at.size, len(self.strands), np.int64))
                self.strands.append(
                    (number, strand, np.where(codes < BREAK, codes, QUERY_BREAK).astype(np.uint8))
                )
        seed = np.concatenate(seeds)
        order = np.argsort(seed, kind="stable")
        self.seed = seed[order]
        self.owner = np.concatenate(owners)[order]
        self.place = np.concatenate(places)[order]
        self.table = np.zeros(1 << _TABLE_BITS, bool)
        self.table[_bucket(self.seed)] = True

    def seeded(self, codes: Codes) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Places in `codes` (every 15th is tried) of windows that a query has too, and the windows."""
        windows = strided_windows(codes)
        near = np.flatnonzero(self.table[_bucket(windows)])
        near = near[codes[near * STRIDE] < BREAK]
        at = np.minimum(np.searchsorted(self.seed, windows[near]), max(self.seed.size - 1, 0))
        near = near[self.seed[at] == windows[near]] if self.seed.size else near[:0]
        return near * STRIDE, windows[near]

    def diagonals(self, batch: Batch) -> NDArray[np.int64]:
        """Rows (strand entry, contig, target minus query position), once each, where a window is common."""
        places, windows = self.seeded(batch.codes)
        first = np.searchsorted(self.seed, windows, "left")
        counts = np.searchsorted(self.seed, windows, "right") - first
        which = np.repeat(first, counts) + _ranks(counts)
        targets = np.repeat(places, counts)
        contigs = np.searchsorted(batch.starts, targets, "right") - 1
        return np.unique(np.column_stack([self.owner[which], contigs, targets - self.place[which]]), axis=0)

    def search(self, batch: Batch) -> list[Shared]:
        """All shared stretches of a batch, those on one diagonal less than 30 bases apart merged."""
        found: list[Shared] = []
        rows = self.diagonals(batch)
        rows = rows[np.argsort(rows[:, 1], kind="stable")]
        for part in np.split(rows, np.flatnonzero(np.diff(rows[:, 1])) + 1) if len(rows) else ():
            contig = int(part[0, 1])
            lower, upper = int(batch.starts[contig]), int(batch.ends[contig])
            target = batch.codes[lower:upper]
            spans = {
                (int(entry), a - lower, a - lower + b - s, s)
                for entry, _, diagonal in part
                for a, b, s in [self._overlap(int(entry), int(diagonal), lower, upper)]
            }
            for entry, start, end, offset in sorted(spans):
                found.extend(self._along(entry, target[start:end], start, offset, contig, batch))
        return found

    def _overlap(self, entry: int, diagonal: int, lower: int, upper: int) -> tuple[int, int, int]:
        size = self.strands[entry][2].size
        start = max(lower, diagonal)
        offset = start - diagonal
        return start, min(size, upper - diagonal), offset

    def _along(  # noqa: PLR0917
        self, entry: int, target: Codes, start: int, offset: int, contig: int, batch: Batch
    ) -> Iterator[Shared]:
        number, strand, query = self.strands[entry]
        same = query[offset : offset + target.size] == target
        telling = self.telling[entry][offset:]
        exact = [(a, b) for a, b in runs(same) if b - a >= LENGTH and telling[b] - telling[a] >= SEED]
        for a, b in merged(exact):
            low, high = offset + a + 1, offset + b
            if strand == "-":
                low, high = query.size - high + 1, query.size - low + 1
            yield Shared(
                self.queries[number].name,
                low,
                high,
                batch.names[contig],
                start + a + 1,
                start + b,
                strand,
                int((~same[a:b]).sum()),
                batch.descriptions[contig],
            )


def merged(intervals: Sequence[tuple[int, int]], *, gap: int = LENGTH) -> list[tuple[int, int]]:
    """Join half-open intervals that are less than `gap` apart."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if joined and start - joined[-1][1] < gap:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def search(queries: Sequence[Record], targets: Iterable[Record], *, size: int = BATCH) -> list[Shared]:
    """All stretches of >= 30 bases shared by `queries` and `targets`, sorted by query and place."""
    index = Index(queries)
    order = {query.name: i for i, query in enumerate(queries)}
    found = [hit for batch in batches(targets, size=size) for hit in index.search(batch)]
    return sorted(found, key=lambda h: (order[h.record], h.start, -h.end, h.target, h.target_start, h.strand))


def strided_windows(codes: Codes) -> NDArray[np.uint32]:
    """The 16-base windows at 0, 15, 30, ... as 32-bit numbers; ambiguous letters count as A."""
    count = (codes.size - SEED) // STRIDE + 1 if codes.size >= SEED else 0
    windows = np.zeros(count, np.uint32)
    for i in range(SEED):
        windows <<= np.uint32(2)
        windows |= codes[i : i + (count - 1) * STRIDE + 1 : STRIDE] & np.uint8(3) if count else np.uint32(0)
    return windows


def _windows(codes: Codes, skip: NDArray[np.bool_]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    count = max(codes.size - SEED + 1, 0)
    windows = np.zeros(count, np.uint32)
    clean = np.ones(count, bool)
    dull = np.ones(count, bool)
    for i in range(SEED):
        windows = windows << np.uint32(2) | (codes[i : i + count] & np.uint8(3))
        clean &= codes[i : i + count] < BREAK
        dull &= skip[i : i + count]
    at = np.flatnonzero(clean & ~dull)
    return windows[at], at


def _bucket(windows: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return windows * _HASH >> np.uint32(32 - _TABLE_BITS)


def _ranks(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
