"""STARsolo's command lines: an index that fits the machine's memory, and counting as Cell Ranger does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..construct import fasta
from ..errors import UserError
from ..study.geometry import Geometry

SPARSEST = 8
READ = 100
SHARE = 0.8  # of the memory that is free; the rest is for reads, buffers and the other programs


@dataclass(frozen=True)
class Plan:
    """Options of an index and the memory it needs."""

    sa_index_bases: int
    chromosome_bits: int
    sparse: int
    memory: int  # bytes

    def options(self) -> list[str]:
        """As STAR's arguments."""
        return [
            *("--genomeSAindexNbases", str(self.sa_index_bases)),
            *("--genomeChrBinNbits", str(self.chromosome_bits)),
            *("--genomeSAsparseD", str(self.sparse)),
        ]


def size_of(path: str | Path) -> tuple[int, int]:
    """Bases and contigs of a FASTA file."""
    bases = contigs = 0
    for piece in fasta.pieces(path):
        if piece.header:
            contigs += 1
        else:
            bases += len(piece.data.translate(None, fasta.WHITESPACE))
    return bases, contigs


def memory(bases: int, *, sa_index_bases: int, sparse: int) -> int:
    """Bytes of an index in memory: sequence, suffix array (both strands) and its table of prefixes.

    With the 3.1 Gb of the human genome 30 GB, as STAR's manual says, and 13 GB at sparsity 3.
    """
    bits = int(math.log2(max(bases, 2))) + 2
    return int(bases + 2 * bases * bits / 8 / sparse + 4 ** (sa_index_bases + 1) / 3 * (bits + 2) / 8)


def plan(bases: int, contigs: int, *, free: int) -> Plan:
    """The densest index (fastest search) that fits; UserError that says what would be needed otherwise."""
    prefix = max(1, min(14, int(math.log2(max(bases, 2)) / 2 - 1)))
    bits = max(1, min(18, int(math.log2(max(bases / contigs, READ)))))
    for sparse in range(1, SPARSEST + 1):
        need = memory(bases, sa_index_bases=prefix, sparse=sparse)
        if need <= free * SHARE:
            return Plan(prefix, bits, sparse, need)
    msg = f"an index of {bases / 1e9:.1f} Gb needs {need / SHARE / 1e9:.0f} GB of memory at the least, "
    msg += f"{free / 1e9:.0f} GB are free. Use a larger machine, or carpeak reads."
    raise UserError(msg)


def index_command(
    chosen: Plan, genome: str | Path, genes: str | Path, index: Path, *, threads: int
) -> list[str]:
    """Build an index."""
    return [
        *("STAR", "--runMode", "genomeGenerate", "--runThreadN", str(threads)),
        *("--genomeDir", str(index), "--genomeFastaFiles", str(genome), "--sjdbGTFfile", str(genes)),
        *("--sjdbOverhang", str(READ - 1), *chosen.options()),
        *("--limitGenomeGenerateRAM", str(max(int(chosen.memory / SHARE), 2_000_000_000))),
        *("--outTmpDir", f"{index}.tmp", "--outFileNamePrefix", f"{index}.log/"),
    ]


def packed(paths: Sequence[str]) -> bool:
    """Whether files are gzipped (by content); UserError where some are and some are not."""
    flags = []
    for path in paths:
        with Path(path).open("rb") as file:
            flags.append(file.read(2) == b"\x1f\x8b")
    if any(flags) and not all(flags):
        msg = f"{paths[flags.index(False)]}: some FASTQ files are gzipped and this is not. Use gzip."
        raise UserError(msg)
    return any(flags)


def solo_command(
    files: Sequence[tuple[str, str]],
    index: Path,
    whitelist: Path,
    out: Path,
    *,
    geometry: Geometry,
    strand: str,
    threads: int,
) -> list[str]:
    """Count all lanes as one library, with the choices that make STARsolo count as Cell Ranger does.

    Raises UserError for a geometry in several parts.
    """
    if len(geometry.barcode) != 1 or len(geometry.umi) != 1:
        msg = (
            "STARsolo is called for barcode and UMI in one part each. For other geometries use carpeak reads."
        )
        raise UserError(msg)
    (barcode,), (umi,) = geometry.barcode, geometry.umi
    unpack = ["--readFilesCommand", "gzip", "-dc"] if packed([p for pair in files for p in pair]) else []
    return [
        *("STAR", "--runThreadN", str(threads), "--genomeDir", str(index)),
        *("--readFilesIn", ",".join(two for _, two in files), ",".join(one for one, _ in files), *unpack),
        *("--soloType", "CB_UMI_Simple", "--soloCBwhitelist", str(whitelist), "--soloBarcodeReadLength", "0"),
        *("--soloCBstart", str(barcode[0] + 1), "--soloCBlen", str(barcode[1] - barcode[0])),
        *("--soloUMIstart", str(umi[0] + 1), "--soloUMIlen", str(umi[1] - umi[0])),
        *("--soloStrand", {"sense": "Forward", "antisense": "Reverse", "both": "Unstranded"}[strand]),
        *("--soloCBmatchWLtype", "1MM_multi_Nbase_pseudocounts", "--soloUMIdedup", "1MM_CR"),
        *("--soloUMIfiltering", "MultiGeneUMI_CR", "--soloCellFilter", "EmptyDrops_CR"),
        *("--clipAdapterType", "CellRanger4", "--outFilterScoreMin", "30", "--outSAMtype", "None"),
        *("--outFileNamePrefix", f"{out}/"),
    ]
