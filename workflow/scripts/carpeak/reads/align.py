"""FASTQ pairs to a count matrix with STARsolo, the construct included."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..construct import fasta
from ..errors import UserError
from ..io import atomic
from ..study.geometry import Geometry
from . import probe
from .barcodes import Barcodes, demand_size
from .star import Plan, index_command, plan, size_of, solo_command

Lanes = Sequence[tuple[str, str]]


def demand_star() -> None:
    """Raise UserError where STAR is not to be found."""
    if shutil.which("STAR") is None:
        msg = (
            "STAR is not installed. It is Debian's package rna-star and bioconda's star; Snakemake installs "
        )
        msg += "it with --software-deployment-method conda."
        raise UserError(msg)


def star_version() -> str:
    """What STAR says of its version."""
    return subprocess.run(["STAR", "--version"], capture_output=True, text=True, check=False).stdout.strip()


def check(pairs: Lanes, geometry: Geometry, whitelist: str | Path) -> list[str]:
    """Warnings on the lanes; UserError where they can't be those of the kit, or were given as BAM files."""
    if not pairs:
        msg = "counting all genes needs FASTQ pairs (r1 and r2), not a BAM file."
        raise UserError(msg)
    demand_size(whitelist, geometry.barcode_size)
    return probe.examine(pairs, geometry, Barcodes(geometry.barcode_size, {}, whitelist=whitelist))


def align(
    pairs: Lanes,
    index: Path,
    whitelist: str | Path,
    out: Path,
    *,
    geometry: Geometry,
    strand: str,
    threads: int,
) -> None:
    """Count all genes of one library into ``out/Solo.out/Gene``: raw and filtered."""
    out.mkdir(parents=True, exist_ok=True)
    plain = out / "whitelist.txt"
    with fasta.open_bytes(whitelist) as packed, atomic(plain) as temporary, temporary.open("wb") as file:
        shutil.copyfileobj(packed, file)
    call(solo_command(pairs, index, plain, out, geometry=geometry, strand=strand, threads=threads))
    plain.unlink()


def align_into(pairs: Lanes, index: Path, whitelist: str | Path, out: Path, **options: Any) -> dict[str, str]:
    """Leave ``out/filtered`` and ``out/raw``, nothing else; STARsolo's summary as texts by name.

    The options are those of `align`. Folders that were there are replaced.
    """
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    align(pairs, index, whitelist, part, **options)
    counts = part / "Solo.out" / "Gene"
    rows = csv.reader((counts / "Summary.csv").read_text().splitlines())
    numbers = {row[0]: row[1] for row in rows if len(row) == 2}
    out.mkdir(parents=True, exist_ok=True)
    for kind in ("filtered", "raw"):
        shutil.rmtree(out / kind, ignore_errors=True)
        (counts / kind).rename(out / kind)
    shutil.rmtree(part)
    return numbers


def build(reference: Path, *, free: int, threads: int) -> Path:
    """The index beside a reference, built anew where the reference is younger; never left half made."""
    index, genome, genes = reference / "star", reference / "genome.fa", reference / "genes.gtf"
    for path in (genome, genes):
        with fasta.open_bytes(path):
            pass
    last = index / "SAindex"
    if last.exists() and last.stat().st_mtime_ns >= max(p.stat().st_mtime_ns for p in (genome, genes)):
        return index
    chosen = plan(*size_of(genome), free=free)
    print(f"the index needs {chosen.memory / 1e9:.1f} GB of memory (sparsity {chosen.sparse})", flush=True)
    make_index(chosen, genome, genes, index, threads=threads)
    return index


def make_index(chosen: Plan, genome: Path, genes: Path, index: Path, *, threads: int) -> None:
    """Build an index as planned; `index` appears whole or not at all."""
    part = index.with_name(f"{index.name}.part")
    logs = Path(f"{part}.log")
    for left in (part, logs, Path(f"{part}.tmp")):
        shutil.rmtree(left, ignore_errors=True)
    part.mkdir(parents=True)
    logs.mkdir()
    call(index_command(chosen, genome, genes, part, threads=threads))
    shutil.rmtree(index, ignore_errors=True)
    part.rename(index)
    shutil.rmtree(logs)


def free_memory() -> int:
    """Bytes of memory that are free."""
    import psutil

    return int(psutil.virtual_memory().available)


def call(command: list[str]) -> None:
    """Run STAR; UserError with what it says where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        told = [line for line in said if "EXITING" in line or "SOLUTION" in line] or said[-3:]
        msg = f"STAR stopped with status {done.returncode}: {' '.join(told)}"
        raise UserError(msg)
