"""FASTQ pairs as reads with barcodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..study.geometry import Geometry
from . import fastq
from .count import Origin
from .fastq import Block, demand_mates


class Pairs:
    """Some pairs of a lane: barcode reads and cDNA reads."""

    def __init__(
        self, barcodes: Block, reads: Block, geometry: Geometry, files: tuple[str | Path, str | Path]
    ) -> None:
        self.barcodes, self.reads, self.geometry, self.files = barcodes, reads, geometry, files
        self.data = reads.data

    def __len__(self) -> int:
        return len(self.reads)

    def holding(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the pairs in whose cDNA `places` of `data` lie; they are checked to be pairs."""
        chosen = self.reads.holding(places)
        for read in chosen[[0, -1]] if chosen.size else ():
            demand_mates(self.barcodes, self.reads, int(read), *self.files)
        return chosen

    def sequence(self, read: int) -> bytes:
        """The bases of the cDNA read."""
        return self.reads.line(read, 1)

    def origin(self, read: int) -> Origin | None:
        """Barcode and UMI; None where the barcode read is too short."""
        line = self.barcodes.line(read, 1)
        return Origin(*self.geometry.split(line)) if len(line) >= self.geometry.size else None


def chunks(files: Sequence[tuple[str | Path, str | Path]], geometry: Geometry) -> Iterator[Pairs]:
    """All pairs of all lanes.

    Raises UserError where a lane begins with the read that another begins with: one file under two names.
    """
    heads: dict[bytes, str | Path] = {}
    for first, second in files:
        for number, (barcodes, reads) in enumerate(fastq.pairs(first, second)):
            if not number:
                other = heads.setdefault(barcodes.name(0), first)
                if other != first:
                    msg = f"{other} and {first} begin with the same read: the same lane is given twice. "
                    msg += "Name each lane once."
                    raise UserError(msg)
            yield Pairs(barcodes, reads, geometry, (first, second))
