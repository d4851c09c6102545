"""Counting a transgene from FASTQ pairs: planted molecules come back, nothing else does."""

import gzip
import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from carpeak.__main__ import main
from carpeak.construct import fasta, kmers
from carpeak.construct.fasta import Record
from carpeak.errors import UserError
from carpeak.reads import fastq, probe, scan
from carpeak.reads.barcodes import Barcodes
from carpeak.reads.molecules import collapse, correct, molecules
from carpeak.reads.transgene import count_library
from carpeak.study.geometry import PRESETS, parse
from carpeak.study.units import ReadFiles
from fixtures_reads import Lanes, bases, compare, endogenous, other_base, put, records, run, spike
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize("construct", ["tisa-cel", "axi-cel"])
def test_spiked_into_real_reads(real_data, tmp_path, construct):
    """Real 10x v3.1 background of both lanes; the construct's RNA and its endogenous look-alikes spiked in."""
    folder, constructs = real_data / "fastq_10x_v3.1_human_pbmc_chr21", real_data / "car_constructs"
    background = [[], []]
    for lane in (0, 1):
        paths = [next(folder.glob(f"*L00{lane + 1}_R{mate}_001.fastq.gz")) for mate in (1, 2)]
        for one, two in fastq.pairs(*paths):
            background[lane] += [(one.line(i, 1), two.line(i, 1)) for i in range(len(one))]
    seen = Counter(read[:16] for lane in background for read, _ in lane)
    cells = [barcode for barcode, _ in seen.most_common(300)]
    rng = np.random.default_rng(5)
    lanes = Lanes(rng, background)
    mrna = constructs / "endogenous_mrna.fasta"
    if construct == "tisa-cel":
        [vector] = fasta.read_construct(constructs / "lentiviral_vector_tisacel.fasta")
        rna = vector.sequence[6378:8684]
    else:
        rna = fasta.read_construct(constructs / "Axicel_HM852952.fasta")[0].sequence
    shared = [(hit.start, hit.end) for hit in kmers.search([Record("CAR", "", rna)], fasta.records(mrna))]
    truth = spike(lanes, rna, shared, cells, 12, number=600, antisense=False)
    endogenous(lanes, [r.sequence for r in fasta.records(mrna)], cells, 12, 400)
    found, tally = run(tmp_path, rna, mrna, cells, lanes, "--geometry", "10x-v3")
    compare(found, truth)
    assert tally["shared"] >= 200 and tally["other_strand"] >= 190


def test_nothing_is_counted_in_the_background_alone(real_data, tmp_path):
    folder, constructs = real_data / "fastq_10x_v3.1_human_pbmc_chr21", real_data / "car_constructs"
    lanes = [str(p) for p in sorted(folder.glob("*_R?_001.fastq.gz"))]
    barcodes = {one.line(i, 1)[:16] for one, _ in fastq.pairs(*lanes[:2]) for i in range(len(one))}
    (tmp_path / "all.txt").write_bytes(b"\n".join(sorted(b for b in barcodes if b"N" not in b)))
    vector = fasta.read_construct(constructs / "lentiviral_vector_tisacel.fasta")[0].sequence
    put(tmp_path / "rna.fa", [("CAR", vector[6378:8684])])
    arguments = [
        "--construct",
        str(tmp_path / "rna.fa"),
        "--against",
        str(constructs / "endogenous_mrna.fasta"),
    ]
    arguments += ["--reads", *lanes[:2], "--reads", *lanes[2:], "--cells", str(tmp_path / "all.txt")]
    assert (
        main(["reads", *arguments, "--geometry", "10x-v3", "--strand", "both", "--out", str(tmp_path / "o")])
        == 0
    )
    tally = json.loads((tmp_path / "o" / "reads.json").read_text())
    assert tally["pairs"] == 200_000 and tally["counted"] == 0 and tally["molecules"] == 0


@pytest.mark.parametrize(
    ("geometry", "barcode", "umi", "chemistry"),
    [
        ("10x-v2", 16, 10, "3p"),
        ("10x-v4", 16, 12, "5p"),
        ("seekone-dd", 17, 12, "3p"),
        ("B20U8", 20, 8, "5p"),
    ],
)
def test_every_geometry_and_end(tmp_path, geometry, barcode, umi, chemistry):
    rng = np.random.default_rng(barcode)
    rna, cells = bases(rng, 1500), [bases(rng, barcode) for _ in range(100)]
    exon = rna[600:900]
    recoded = bytes(other_base(rng, exon[i : i + 1])[0] if i % 20 == 0 else exon[i] for i in range(300))
    # a look-alike with an exact stretch, and one that differs every 20 bases and so shares no 30 bases
    mrnas = [bases(rng, 400) + rna[1000:1200] + bases(rng, 400), bases(rng, 300) + recoded + bases(rng, 300)]
    mrna = put(tmp_path / "mrna.fa", [("NM_1", mrnas[0]), ("NM_2", mrnas[1])])
    lanes = Lanes(rng, [[(bases(rng, barcode + umi), bases(rng, 90)) for _ in range(2000)] for _ in range(2)])
    five = chemistry == "5p"
    truth = spike(lanes, rna, [(1001, 1200)], cells, umi, number=300, antisense=five)
    endogenous(lanes, mrnas, cells, umi, 300, antisense=five)
    found, _ = run(tmp_path, rna, mrna, cells, lanes, "--geometry", geometry, "--chemistry", chemistry)
    compare(found, truth)


def test_without_called_cells_each_droplet_gets_its_own(tmp_path):
    """As where cells are called from the droplets later: one base off one droplet is that droplet's."""
    rng = np.random.default_rng(6)
    droplets = [bases(rng, 16) for _ in range(200)]
    rna = bases(rng, 1200)
    put(tmp_path / "rna.fa", [("CAR", rna)])
    put(tmp_path / "mrna.fa", [("NM_1", bases(rng, 900))])
    lanes = Lanes(rng)
    truth = spike(lanes, rna, [], droplets, 12, number=150, antisense=False, foreign=20)
    counted = count_library(
        ReadFiles(pairs=tuple((str(a), str(b)) for a, b in lanes.write_named(tmp_path))),
        construct=tmp_path / "rna.fa",
        against=[tmp_path / "mrna.fa"],
        cells=[],
        place="",
        geometry=parse("10x-v3"),
        strand="sense",
        droplets=pa.array([f"{word.decode()}-1" for word in droplets]),
    )
    assert {(m.barcode, m.umi) for m in counted.molecules} == truth
    assert counted.tally.molecules == len(truth) and counted.warnings == []
    with pytest.raises(UserError, match="reads have 28 bases; cDNA reads need 30"):
        pairs = tuple((str(b), str(a)) for a, b in lanes.write_named(tmp_path))
        probe.examine(pairs, parse("10x-v3"), counted.barcodes)
    strangers = Barcodes(16, {}, pa.array([bases(rng, 16).decode() for _ in range(200)]))
    with pytest.raises(
        UserError, match=r"0.0% of the first \d+ reads have a barcode of the unfiltered matrix"
    ):
        probe.examine(tuple(lanes.write_named(tmp_path)), parse("10x-v3"), strangers)


def test_the_feature_joins_the_matrix(tmp_path):
    from carpeak.readers.layouts import open_library
    from carpeak.readers.write_tenx import write_folder
    from pandas import DataFrame
    from scipy import sparse

    rng = np.random.default_rng(3)
    cells = [bases(rng, 16) for _ in range(50)]
    counts = sparse.csr_matrix(rng.poisson(0.5, (50, 20)).astype(np.int32))
    genes = DataFrame({"gene_id": [f"E{i}" for i in range(20)], "symbol": [f"G{i}" for i in range(20)]})
    write_folder(
        tmp_path / "m", counts, features=genes, barcodes=[f"{c.decode()}-1" for c in cells], software="x"
    )
    rna = bases(rng, 1200)
    lanes = Lanes(rng, ((), ()))
    truth = spike(lanes, rna, [], cells, 12, number=80, antisense=False, foreign=5)
    mrna = put(tmp_path / "mrna.fa", [("NM_1", bases(rng, 900))])
    arguments = ["--construct", str(put(tmp_path / "rna.fa", [("CAR", rna)])), "--against", str(mrna)]
    arguments += [*lanes.write(tmp_path), "--cells", str(tmp_path / "m"), "--geometry", "10x-v3"]
    assert main(["reads", *arguments, "--out", str(tmp_path / "out")]) == 0
    made = open_library(tmp_path / "out" / "matrix")
    matrix = made.matrix()
    assert list(made.symbols) == [*genes["symbol"], "CAR"]
    assert (matrix[:, :20] != counts).nnz == 0
    planted = Counter(cell for cell, _ in truth)
    planted = np.array([planted[c] for c in cells])
    assert abs(matrix[:, 20].toarray()[:, 0] - planted).sum() <= 2
    again = [
        *arguments[:-4],
        "--cells",
        str(tmp_path / "out" / "matrix"),
        "--geometry",
        "10x-v3",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(["reads", *again]) == 1  # it is there already


# --- parts


def test_each_perfect_read_of_an_enriched_library_counts():
    rng = np.random.default_rng(8)
    rna = bases(rng, 1500)
    starts = [*range(1410), *rng.integers(0, 1410, 2000)]
    fit = scan.Scanner([Record("CAR", "", rna)], []).fit([rna[a : a + 90] for a in starts])
    assert fit.own.all() and fit.forward.all() and (fit.score == 90).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(-4, 4), min_size=7, max_size=7), min_size=1, max_size=5))
def test_local_scores_against_all_stretches(rows):
    expected = [max(0, *(sum(row[i:j]) for i in range(7) for j in range(i + 1, 8))) for row in rows]
    assert scan.local_scores(np.array(rows)).tolist() == expected


def test_barcodes_are_corrected_only_where_that_is_sure():
    cells = [b"AAAA", b"AATT", b"CCCC"]
    observed = [b"AAAA", b"CCCG", b"AAAT", b"GGGG", b"CCNC", b"CACC"]
    assert correct(observed, cells, {b"CACC"}) == {b"AAAA": b"AAAA", b"CCCG": b"CCCC", b"CCNC": b"CCCC"}


@pytest.mark.parametrize(
    ("reads", "umis"),
    [
        ({b"AACC": 5, b"AACG": 1}, {b"AACC": 6}),
        ({b"AACC": 1, b"AACG": 1}, {b"AACC": 2}),
        ({b"AACC": 5, b"AAGG": 1}, {b"AACC": 5, b"AAGG": 1}),
        ({b"AACC": 5, b"AACG": 2, b"AAGG": 1}, {b"AACC": 7, b"AAGG": 1}),  # no chains
    ],
)
def test_umis_collapse(reads, umis):
    assert collapse(reads) == umis


def test_a_umi_of_two_features_is_one_molecule_or_none():
    reads = {(b"A", b"AACC", 0): 3, (b"A", b"AACC", 1): 1, (b"B", b"AACC", 0): 2, (b"B", b"AACC", 1): 2}
    assert [tuple(m) for m in molecules(reads)] == [(b"A", b"AACC", 0, 3)]


def test_geometry():
    assert parse("SeekOne-DD").split(b"A" * 17 + b"C" * 12 + b"G") == (b"A" * 17, b"C" * 12)
    assert parse("B8X8B8X10B8U8").size == 50
    assert {name: parse(name).size for name in PRESETS} == {
        "10x-v2": 26,
        "10x-v3": 28,
        "10x-v4": 28,
        "seekone-dd": 29,
    }
    for wrong, words in (
        ("10x-v5", "did you mean"),
        ("B16", "needs a barcode"),
        ("", "is unknown"),
        ("B0U2", "unknown"),
    ):
        with pytest.raises(UserError, match=words):
            parse(wrong)


@pytest.mark.parametrize("reads", [1, 3, 100])
@pytest.mark.parametrize(
    "change",
    [
        lambda t: t,
        gzip.compress,
        lambda t: t[:-1],
        lambda t: t.replace(b"\n", b"\r\n"),
        lambda t: t + b"\n\n",
    ],
)
def test_blocks(tmp_path, monkeypatch, reads, change):
    monkeypatch.setattr(fastq, "CHUNK", 17)
    (tmp_path / "a").write_bytes(change(records(10)))
    (tmp_path / "b").write_bytes(change(records(10)))
    names = [
        one.name(i)
        for one, _ in fastq.pairs(tmp_path / "a", tmp_path / "b", reads=reads)
        for i in range(len(one))
    ]
    assert names == [b"@r%d" % i for i in range(10)]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(st.binary(max_size=100), st.text("@+ACGT\n\r", max_size=60).map(str.encode)),
    reads=st.integers(1, 4),
)
def test_no_bytes_crash_the_reader(tmp_path, content, reads):
    for name in "ab":
        (tmp_path / name).write_bytes(content)
    try:
        for one, two in fastq.pairs(tmp_path / "a", tmp_path / "b", reads=reads):
            assert all(one.line(i, n) == two.line(i, n) for i in range(len(one)) for n in range(4))
    except UserError as error:
        assert str(tmp_path) in str(error)
