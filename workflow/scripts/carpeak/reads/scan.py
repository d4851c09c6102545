"""Which reads are the construct's own: those that fit it clearly better than any endogenous look-alike.

A read is a candidate if it has a 16-base window of the construct. Candidates are aligned without gaps to the
construct and to its look-alikes (parts of transcripts that resemble it); bases count +1, mismatches -3, the
best stretch is the score. A read counts if the construct scores at least `ENOUGH` and at least `CLEARLY`
more than every look-alike: two mismatches, so that neither a sequencing error nor a variant makes an
endogenous read one of the construct.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..construct import kmers
from ..construct.fasta import Record

MATCH, MISMATCH = 1, -3
ENOUGH, CLEARLY, SIMILAR = 30, 8, 20
AROUND = 200  # bases on both sides of a similar part: reads that only reach into it must fit as a whole


class Chunk(Protocol):
    """Some reads: text in which their bases stand, apart from each other."""

    data: bytes

    def holding(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the reads in whose bases `places` of `data` lie."""


@dataclass(frozen=True)
class PrimerFit:
    """How reads fit, one value per read: the best construct (-1: none fits), its strand, and scores."""

    feature: NDArray[np.int64]
    forward: NDArray[np.bool_]
    score: NDArray[np.int64]
    other: NDArray[np.int64]
    rival: NDArray[np.int64]  # best score of another construct

    @property
    def own(self) -> NDArray[np.bool_]:
        """Whether the construct explains the read and nothing else does."""
        return self.explained & (self.score - self.other >= CLEARLY) & (self.score > self.rival)

    @property
    def explained(self) -> NDArray[np.bool_]:
        """Whether the read fits a construct at all."""
        return self.score >= ENOUGH


def lookalikes(constructs: Sequence[Record], targets: Iterable[Record]) -> list[Record]:
    """Parts of `targets` that resemble a construct (local score >= 20), with 200 bases on both sides."""
    index = kmers.Index(constructs)
    found: dict[bytes, Record] = {}
    for batch in kmers.batches(targets):
        rows = index.diagonals(batch)
        near: dict[int, list[tuple[int, int]]] = {}
        for entry, contig, diagonal in rows:
            lower, upper = int(batch.starts[contig]), int(batch.ends[contig])
            query = index.strands[entry][2]
            start, end = max(lower, int(diagonal)), min(upper, int(diagonal) + query.size)
            same = query[start - diagonal : end - diagonal] == batch.codes[start:end]
            if local_scores(np.where(same, MATCH, MISMATCH)[None])[0] < SIMILAR:
                continue
            near.setdefault(int(contig), []).extend(
                (max(start + a - AROUND, lower), min(start + b + AROUND, upper))
                for a, b in kmers.runs(same)
                if b - a >= kmers.SEED
            )
        for contig, parts in sorted(near.items()):
            for a, b in kmers.merged(parts, gap=1):
                codes = batch.codes[a:b]
                text = np.frombuffer(b"ACGTN", np.uint8)[codes].tobytes()
                place = a - int(batch.starts[contig]) + 1
                found.setdefault(
                    text, Record(f"{batch.names[contig]}:{place}", batch.descriptions[contig], text)
                )
    return list(found.values())


def local_scores(steps: NDArray[np.integer]) -> NDArray[np.int64]:
    """Best sum of consecutive values in each row (at least 0)."""
    sums = np.cumsum(steps, axis=1, dtype=np.int64)
    sums = np.concatenate([np.zeros((len(sums), 1), np.int64), sums], axis=1)
    return np.max(sums - np.minimum.accumulate(sums, axis=1), axis=1)


class Scanner:
    """Finds and judges reads of `constructs`, given what resembles them."""

    def __init__(self, constructs: Sequence[Record], similar: Sequence[Record]) -> None:
        self.number = len(constructs)
        self.constructs = kmers.Index(constructs)
        self.all = kmers.Index([*constructs, *similar])
        entries = [codes for _, _, codes in self.all.strands]
        self.sizes = np.array([codes.size for codes in entries], np.int64)
        self.offsets = np.cumsum(self.sizes) - self.sizes
        self.bases = np.concatenate(entries)
        # bases in simple repeats and ambiguous ones neither help nor hurt
        self.telling = np.concatenate([np.diff(before) for before in self.all.telling]).astype(bool)
        self.telling &= self.bases < kmers.BREAK
        self.query = np.array([query for query, _, _ in self.all.strands], np.int64)
        self.forward = np.array([strand == "+" for _, strand, _ in self.all.strands])

    def candidates(self, chunk: Chunk) -> NDArray[np.int64]:
        """Numbers of the reads of a chunk that share a window with a construct."""
        places, _ = self.constructs.seeded(kmers.encode(chunk.data))
        return chunk.holding(places)

    def fit(self, reads: Sequence[bytes]) -> PrimerFit:
        """Judge candidate reads."""
        count = len(reads)
        batch = kmers.join([Record("", "", read) for read in reads])
        rows = self.all.diagonals(batch)
        which = rows[:, 1]
        scores = self._scores(rows, batch)
        query, forward = self.query[rows[:, 0]], self.forward[rows[:, 0]]
        best = np.zeros((count, self.number), np.int64)
        sense = np.zeros((count, self.number), np.int64)
        other = np.zeros(count, np.int64)
        mine = query < self.number
        np.maximum.at(best, (which[mine], query[mine]), scores[mine])
        np.maximum.at(sense, (which[mine & forward], query[mine & forward]), scores[mine & forward])
        np.maximum.at(other, which[~mine], scores[~mine])
        feature = np.argmax(best, axis=1)
        score = best[np.arange(count), feature]
        best[np.arange(count), feature] = -1
        rival = best.max(axis=1, initial=-1)
        return PrimerFit(feature, sense[np.arange(count), feature] == score, score, other, rival)

    def _scores(self, rows: NDArray[np.int64], batch: kmers.Batch) -> NDArray[np.int64]:
        if not len(rows):
            return np.zeros(0, np.int64)
        which = rows[:, 1]
        longest = int((batch.ends - batch.starts).max())
        target = batch.starts[which][:, None] + np.arange(longest)
        place = target - rows[:, 2][:, None]
        size = self.sizes[rows[:, 0]][:, None]
        inside = (target < batch.ends[which][:, None]) & (place >= 0) & (place < size)
        at = np.where(inside, self.offsets[rows[:, 0]][:, None] + place, 0)
        letters = batch.codes[np.where(inside, target, 0)]
        steps = np.where(self.bases[at] == letters, MATCH, MISMATCH)
        steps[inside & ~self.telling[at]] = 0
        steps[~inside] = MISMATCH
        return local_scores(steps)
