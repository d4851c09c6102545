"""The STAR route, on a small reference: the construct and look-alikes as contigs, since a genome is too large."""

import gzip
import os
import shutil
from collections import Counter

import numpy as np
import pytest
from carpeak.__main__ import main
from carpeak.errors import UserError
from carpeak.reads import align, star
from carpeak.study.geometry import parse
from fixtures_reads import Lanes, bases, endogenous, records, small_reference, spike


@pytest.mark.skipif(shutil.which("STAR") is None, reason="no STAR (Debian: rna-star)")
@pytest.mark.parametrize(("geometry", "umi", "chemistry"), [("10x-v2", 10, "5p"), ("seekone-dd", 12, "3p")])
def test_star_counts_the_planted_molecules(tmp_path, geometry, umi, chemistry):
    from carpeak.readers.layouts import open_library

    rng = np.random.default_rng(umi)
    size = parse(geometry).size - umi
    rna, cells = bases(rng, 1500), sorted(bases(rng, size) for _ in range(60))
    mrnas = [("CD28", bases(rng, 400) + rna[1000:1200] + bases(rng, 400)), ("GAPDH", bases(rng, 900))]
    reference = small_reference(tmp_path, rna, mrnas)
    lanes, five = Lanes(rng), chemistry == "5p"
    truth = spike(lanes, rna, [(1001, 1200)], cells, umi, number=300, antisense=five, foreign=40)
    endogenous(lanes, [sequence for _, sequence in mrnas], cells, umi, 200, antisense=five)
    (tmp_path / "kit.txt.gz").write_bytes(gzip.compress(b"\n".join(cells) + b"\n"))
    arguments = [
        "--reference",
        str(reference),
        *lanes.write(tmp_path),
        "--whitelist",
        str(tmp_path / "kit.txt.gz"),
    ]
    arguments += ["--geometry", geometry, "--chemistry", chemistry, "--out", str(tmp_path / "star")]
    assert main(["align", *arguments]) == 0
    library = open_library(tmp_path / "star" / "Solo.out" / "Gene" / "raw")
    counts = library.matrix()[:, list(library.symbols).index("CAR")].toarray()[:, 0]
    found = dict(zip(library.barcodes.to_pylist(), counts))
    planted = Counter(cell.decode() for cell, _ in truth)
    # masking loses reads with few bases of their own, at most some per cent; nothing is added
    assert all(found[cell] <= planted[cell] for cell in found)
    assert sum(found.values()) >= 0.9 * len(truth)
    assert not list(reference.glob("*.part*"))
    made = (reference / "star" / "SAindex").stat().st_mtime_ns
    assert align.build(reference, free=10**9, threads=1) == reference / "star"
    assert (reference / "star" / "SAindex").stat().st_mtime_ns == made  # kept
    os.utime(reference / "genome.fa")
    align.build(reference, free=10**9, threads=1)
    assert (reference / "star" / "SAindex").stat().st_mtime_ns > made  # the reference is newer


@pytest.mark.parametrize(("free", "sparse"), [(64, 1), (32, 2), (16, 4)])
def test_the_index_fits_the_memory(free, sparse):
    chosen = star.plan(3_100_000_000, 194, free=free * 10**9)
    assert chosen.sparse == sparse and chosen.sa_index_bases == 14
    assert chosen.memory <= 0.8 * free * 10**9
    # STAR's manual: about 30 GB for the human genome; Cell Ranger's index (sparsity 3) asks for 16 GB
    assert star.memory(3_100_000_000, sa_index_bases=14, sparse=1) / 1e9 == pytest.approx(31, rel=0.05)


def test_too_little_memory_says_what_is_needed():
    with pytest.raises(UserError, match="at the least, 4 GB are free"):
        star.plan(3_100_000_000, 194, free=4 * 10**9)
    assert star.plan(20_000, 8, free=10**9).sa_index_bases == 6


def test_star_mistakes(tmp_path, capsys, monkeypatch):
    for name, content in (("r.fq", records(1)), ("g.fq.gz", gzip.compress(records(1)))):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "kit.txt").write_text("ACGT\n")
    mixed = [(str(tmp_path / "r.fq"), str(tmp_path / "g.fq.gz"))]
    places = {"index": tmp_path, "whitelist": tmp_path, "out": tmp_path, "strand": "sense", "threads": 1}
    for geometry, words in (("10x-v3", "some FASTQ files are gzipped"), ("B8X8B8U8", "in one part each")):
        with pytest.raises(UserError, match=words):
            star.solo_command(mixed, geometry=parse(geometry), **places)
    with pytest.raises(UserError, match="needs FASTQ pairs"):
        align.check((), parse("10x-v3"), tmp_path / "kit.txt")
    with pytest.raises(UserError, match="barcode of bases"):
        align.check(mixed, parse("10x-v3"), tmp_path / "kit.txt")
    with pytest.raises(UserError, match=r"genome.fa: there is no such file"):
        align.build(tmp_path, free=10**9, threads=1)
    monkeypatch.setenv("PATH", str(tmp_path))
    arguments = ["--reference", str(tmp_path), "--reads", *map(str, mixed[0])]
    arguments += ["--whitelist", str(tmp_path / "kit.txt"), "--geometry", "10x-v3"]
    assert main(["align", *arguments, "--out", str(tmp_path / "o")]) == 1
    said = capsys.readouterr().err
    assert "STAR is not installed" in said and "rna-star" in said and "conda" in said
