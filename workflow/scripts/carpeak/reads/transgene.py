"""The molecules of a transgene in one library, from its reads."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..construct import fasta
from ..construct.fasta import Record
from ..errors import UserError
from ..io import atomic
from ..study.geometry import Geometry
from ..study.units import ReadFiles
from . import bam, pairs, probe
from .barcodes import Barcodes, demand_size, of_cells
from .count import Reads, ReadTally, count
from .molecules import Molecule
from .scan import Scanner, lookalikes

if TYPE_CHECKING:
    import pyarrow as pa

HEADER = "cell\tbarcode\tumi\tfeature\treads\n"


@dataclass(frozen=True)
class Counted:
    """Molecules of `names` (constructs, by number) with what became of all reads."""

    names: list[str]
    molecules: list[Molecule]
    barcodes: Barcodes
    tally: ReadTally
    strand: str
    warnings: list[str]

    @property
    def positive(self) -> int:
        """Cells with at least one molecule."""
        return len({m.barcode for m in self.molecules} & self.barcodes.cells.keys())

    def summary(self) -> dict[str, Any]:
        """Numbers as JSON values."""
        return {
            "features": self.names,
            "strand": self.strand,
            "cells": len(self.barcodes.cells),
            "cells_with_umis": self.positive,
            **self.tally.summary(),
            "warnings": self.warnings,
        }

    def write(self, path: Path) -> None:
        """Write one row per molecule; `cell` is its name in the matrix, empty for a droplet without cell."""
        cells, lines = self.barcodes.cells, [HEADER]
        for m in self.molecules:
            row = (cells.get(m.barcode, ""), m.barcode.decode(), m.umi.decode(), self.names[m.feature])
            lines.append("\t".join(row) + f"\t{m.reads}\n")
        with atomic(path) as temporary:
            temporary.write_bytes(gzip.compress("".join(lines).encode(), 6, mtime=0))


def strand_of(chemistry: str | None, given: str | None = None) -> str:
    """The strand of the RNA that reads show: its own in 3' libraries (and where unsaid), else the other."""
    return given or ("antisense" if chemistry == "5p" else "sense")


def read_constructs(path: str | Path) -> list[Record]:
    """The constructs of a FASTA file in upper case."""
    return [Record(r.name, r.description, r.sequence.upper()) for r in fasta.read_construct(path)]


def count_library(
    source: ReadFiles,
    *,
    construct: str | Path,
    against: Sequence[str | Path],
    cells: Sequence[str],
    place: str | Path,
    geometry: Geometry | None,
    strand: str,
    droplets: pa.Array | None = None,
    whitelist: str | Path | None = None,
) -> Counted:
    """Count the constructs of a FASTA file in the reads of one library.

    `cells` are the names of its matrix (`place` says which, for messages), `droplets` those of its
    unfiltered matrix; `against` are FASTA files of the species' transcripts.
    """
    constructs = read_constructs(construct)
    if source.bams:
        heads = [bam.barcodes_at_head(path) for path in source.bams]
        size = len(heads[0][0])
    else:
        heads, size = [], _demanded(geometry).barcode_size
    if whitelist:
        demand_size(whitelist, size)
    known = Barcodes(size, of_cells(cells, size, place) if len(cells) else {}, droplets, whitelist)
    chunks: Iterator[Reads]
    if source.bams:
        tags = zip(source.bams, heads)
        warnings = [line for path, head in tags for line in probe.examine_tags(path, head, known)]
        chunks = chain.from_iterable(bam.chunks(path) for path in source.bams)
    else:
        layout = _demanded(geometry)
        warnings = probe.examine(source.pairs, layout, known)
        chunks = pairs.chunks(source.pairs, layout)
    similar = lookalikes(constructs, chain.from_iterable(fasta.records(path) for path in against))
    found, tally = count(chunks, Scanner(constructs, similar), strand=strand, barcodes=known)
    if tally.other_strand > tally.counted + tally.no_cell:
        warnings.append(
            f"{tally.other_strand} reads fit the construct's other strand, {tally.counted + tally.no_cell} "
            "this one: check the chemistry (3p or 5p), and that the FASTA shows the construct's sense strand."
        )
    return Counted([record.name for record in constructs], found, known, tally, strand, warnings)


def _demanded(geometry: Geometry | None) -> Geometry:
    if geometry is None:
        msg = "FASTQ files need the geometry of their kit, such as 10x-v3. Name it."
        raise UserError(msg)
    return geometry
