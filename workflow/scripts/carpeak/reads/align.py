"""``python -m carpeak align``: FASTQ pairs to a count matrix with STARsolo, the construct included."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

from ..construct import fasta
from ..errors import UserError
from ..io import atomic
from . import units
from .count import STRANDS
from .geometry import PRESETS, parse
from .star import index_command, plan, size_of, solo_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--reference", required=True, type=Path, metavar="DIR", help="genome.fa and genes.gtf"
    )
    units.add_arguments(parser)
    parser.add_argument("--whitelist", required=True, metavar="LIST", help="all barcodes of the kit")
    parser.add_argument("--geometry", required=True, help=f"{', '.join(PRESETS)}, or parts such as B16U12")
    parser.add_argument(
        "--chemistry", choices=("3p", "5p"), default="3p", help="end that is read (default: 3p)"
    )
    parser.add_argument(
        "--strand", choices=STRANDS, help="strand of the cDNA read (default: 3p sense, 5p antisense)"
    )
    parser.add_argument("--memory", type=float, metavar="GB", help="memory to use (default: what is free)")
    parser.add_argument("--threads", type=int, default=1, help="default: 1")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results")


def run(options: argparse.Namespace) -> None:
    """Build the index where there is none beside the reference, then count."""
    geometry = parse(options.geometry)
    strand = options.strand or ("sense" if options.chemistry == "3p" else "antisense")
    if shutil.which("STAR") is None:
        msg = "STAR is not installed. It is Debian's package rna-star and bioconda's star."
        raise UserError(msg)
    files = units.lanes(options)
    for path in (options.whitelist, *(p for pair in files for p in pair)):
        with fasta.open_bytes(path, fastq=True):
            pass
    options.out.mkdir(parents=True, exist_ok=True)
    index = build(options.reference, memory=options.memory, threads=options.threads)
    whitelist = options.out / "whitelist.txt"
    with fasta.open_bytes(options.whitelist) as packed, atomic(whitelist) as plain, plain.open("wb") as file:
        shutil.copyfileobj(packed, file)
    command = solo_command(
        files, index, whitelist, options.out, geometry=geometry, strand=strand, threads=options.threads
    )
    call(command)
    whitelist.unlink()
    print(f"written to {options.out / 'Solo.out' / 'Gene'}: raw and filtered (the path for samples.tsv)")


def build(reference: Path, *, memory: float | None, threads: int) -> Path:
    """The index beside a reference, built anew where the reference is younger; never left half made."""
    index, genome, genes = reference / "star", reference / "genome.fa", reference / "genes.gtf"
    for path in (genome, genes):
        with fasta.open_bytes(path):
            pass
    last = index / "SAindex"
    if last.exists() and last.stat().st_mtime_ns >= max(p.stat().st_mtime_ns for p in (genome, genes)):
        return index
    bases, contigs = size_of(genome)
    chosen = plan(bases, contigs, free=int(memory * 1e9) if memory else _free())
    print(
        f"index of {bases} bases: about {chosen.memory / 1e9:.1f} GB of memory, sparsity {chosen.sparse}",
        flush=True,
    )
    part = reference / "star.part"
    for left in (part, Path(f"{part}.tmp"), Path(f"{part}.log")):
        shutil.rmtree(left, ignore_errors=True)
    part.mkdir()
    Path(f"{part}.log").mkdir()
    call(index_command(chosen, genome, genes, part, threads=threads))
    shutil.rmtree(index, ignore_errors=True)
    part.rename(index)
    shutil.rmtree(f"{part}.log")
    return index


def _free() -> int:
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
