"""Counting a transgene from a BAM file as Cell Ranger writes it: the same molecules as from its FASTQ pairs."""

import gzip
import json

import numpy as np
import pysam
import pytest
from carpeak.__main__ import main
from carpeak.construct.orf import reverse_complement
from carpeak.errors import UserError
from carpeak.reads import bam
from fixtures_reads import Lanes, bases, compare, endogenous, put, recovered, spike

SPLIT = 16  # bases of a barcode


def segment(number, pair, *, flag, cells, header, rng):
    """A read as the aligner leaves it: corrected barcode where it can be, on either strand where mapped."""
    barcode, umi, read = pair[0][:SPLIT], pair[0][SPLIT:], pair[1]
    record = pysam.AlignedSegment(header)
    record.query_name = f"r{number}"
    record.flag = flag
    if not flag & 4:
        record.reference_id, record.reference_start, record.cigarstring = 0, number, f"{len(read)}M"
    record.query_sequence = (reverse_complement(read) if flag & 16 else read).decode()
    record.query_qualities = pysam.qualitystring_to_array("F" * len(read))
    record.set_tag("CR", barcode.decode())
    record.set_tag("UR", umi.decode())
    if barcode in cells:
        record.set_tag("CB", f"{barcode.decode()}-1")
        record.set_tag("UB", umi.decode())
    return record


def write_bam(path, pairs, cells, *, flags=(4, 0, 16), tags=True):
    rng = np.random.default_rng(0)
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6"}, "SQ": [{"SN": "chr1", "LN": 10**6}], "PG": [{"ID": "STAR"}]}
    )
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for number, pair in enumerate(pairs):
            flag = int(rng.choice(flags))
            record = segment(number, pair, flag=flag, cells=set(cells), header=header, rng=rng)
            if not tags:
                record.set_tags([])
            file.write(record)
            if not flag & 4 and number % 3 == 0:  # the read fits elsewhere too
                record.flag |= 0x100
                file.write(record)
    return path


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Planted molecules with PCR copies, errors and look-alikes; the reads of both lanes, and the truth."""
    folder = tmp_path_factory.mktemp("bam")
    rng = np.random.default_rng(11)
    rna, cells = bases(rng, 1500), [bases(rng, SPLIT) for _ in range(100)]
    mrna = bases(rng, 400) + rna[1000:1200] + bases(rng, 400)
    lanes = Lanes(rng, [[(bases(rng, 28), bases(rng, 90)) for _ in range(500)] for _ in range(2)])
    truth = spike(lanes, rna, [(1001, 1200)], cells, 12, number=300, antisense=False, foreign=50)
    endogenous(lanes, [mrna], cells, 12, 300)
    put(folder / "rna.fa", [("CAR", rna)])
    put(folder / "mrna.fa", [("NM_1", mrna)])
    (folder / "cells.tsv").write_text("".join(f"{cell.decode()}-1\n" for cell in cells))
    pairs = [pair for lane in lanes.pairs for pair in lane]
    return folder, pairs, cells, truth, lanes


def run(folder, out, *reads):
    arguments = ["--construct", str(folder / "rna.fa"), "--against", str(folder / "mrna.fa")]
    return main(["reads", *arguments, "--cells", str(folder / "cells.tsv"), *reads, "--out", str(out)])


def test_the_planted_molecules_come_back(library, tmp_path):
    folder, pairs, cells, truth, lanes = library
    half = len(pairs) // 2  # two files, as two runs leave them
    paths = [
        write_bam(tmp_path / f"{i}.bam", part, cells) for i, part in enumerate((pairs[:half], pairs[half:]))
    ]
    assert run(folder, tmp_path / "out", "--bam", str(paths[0]), "--bam", str(paths[1])) == 0
    found = recovered(tmp_path / "out")
    compare(found, truth)
    assert run(folder, tmp_path / "fastq", *lanes.write(tmp_path), "--geometry", "10x-v3") == 0
    # secondary alignments and strands change nothing; a barcode that the aligner corrected stays its own
    assert found == recovered(tmp_path / "fastq")
    tally = json.loads((tmp_path / "out" / "reads.json").read_text())
    assert tally["pairs"] == len(pairs)


def test_a_corrected_barcode_is_not_corrected_again(library, tmp_path):
    """A barcode of the kit that is one base off a cell's is another droplet's."""
    folder, pairs, cells, _, lanes = library
    cell = cells[0]
    other = (b"A" if cell[:1] != b"A" else b"C") + cell[1:]
    read = next(read for barcode, read in pairs if barcode[:SPLIT] in set(cells))
    near = [(other + bases(lanes.rng, 12), read) for _ in range(30)]
    path = write_bam(tmp_path / "a.bam", [*pairs, *near], [*cells, other], flags=(4,))
    assert run(folder, tmp_path / "a", "--bam", str(path)) == 0
    path = write_bam(tmp_path / "b.bam", pairs, cells, flags=(4,))
    assert run(folder, tmp_path / "b", "--bam", str(path)) == 0
    assert recovered(tmp_path / "a") == recovered(tmp_path / "b")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("options", "change", "words"),
    [
        ({"flags": (0, 16)}, None, "has no unmapped reads, so its aligner left out those of the construct"),
        ({"tags": False}, None, r"no read has a barcode (tag CB or CR)"),
        ({}, truncate, "damaged or cut short"),
        ({}, lambda path: path.write_bytes(b"CRAM\3\0"), "not a BAM file"),
        ({}, lambda path: path.write_text("@HD\tVN:1.6\n"), "not a BAM file"),
        ({}, lambda path: path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()))), "not a BAM"),
        ({}, lambda path: path.unlink(), "there is no such file"),
        ({"cells": "others"}, None, "0.0% of the first"),
    ],
)
def test_mistakes(library, tmp_path, capfd, options, change, words):
    folder, pairs, cells, _, lanes = library
    if options.pop("cells", None):
        pairs = [(bases(lanes.rng, 28), read) for _, read in pairs]
    path = write_bam(tmp_path / "x.bam", pairs[:800], cells, **options)
    if change:
        change(path)
    assert run(folder, tmp_path / "out", "--bam", str(path)) == 1
    said = capfd.readouterr().err
    assert words in said and "Traceback" not in said and "[E::" not in said
    assert not (tmp_path / "out").exists()


def test_an_index_tells_at_once_that_no_read_is_unmapped(library, tmp_path, monkeypatch):
    _, pairs, cells, _, _ = library
    for name, flags in (("mapped", (0, 16)), ("both", (0, 4))):
        path = write_bam(tmp_path / f"{name}.bam", pairs[:500], cells, flags=flags)
        pysam.sort("-o", str(tmp_path / f"{name}.sorted.bam"), str(path))
        pysam.index(str(tmp_path / f"{name}.sorted.bam"))
    assert sum(map(len, bam.chunks(tmp_path / "both.sorted.bam"))) == 500
    read = []
    monkeypatch.setattr(bam, "Segments", lambda records, _: read.append(records))
    with pytest.raises(UserError, match="no unmapped reads"):
        list(bam.chunks(tmp_path / "mapped.sorted.bam", reads=10))
    assert not read
