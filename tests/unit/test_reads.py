"""Counting a transgene from FASTQ pairs: planted molecules come back, nothing else does."""

import argparse
import gzip
import json
import os
import shutil
from collections import Counter

import numpy as np
import pytest
from carpeak.__main__ import main
from carpeak.construct import fasta, kmers
from carpeak.construct.fasta import Record
from carpeak.construct.orf import reverse_complement
from carpeak.errors import UserError
from carpeak.reads import align, fastq, scan, star, units
from carpeak.reads.count import cell_barcodes
from carpeak.reads.geometry import PRESETS, parse
from carpeak.reads.molecules import collapse, correct, molecules, neighbours, usable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

BASES = np.frombuffer(b"ACGT", np.uint8)


def bases(rng, size):
    return rng.choice(BASES, size).tobytes()


def put(path, records):
    path.write_bytes(b"".join(fasta.text(Record(name, "", sequence)) for name, sequence in records))
    return path


class Lanes:
    """Reads of two lanes, written as FASTQ pairs."""

    def __init__(self, rng, background=((), ())):
        self.rng = rng
        self.pairs = [list(lane) for lane in background]

    def add(self, barcode, umi, read, lane=None, *, errors=0.005):
        letters = np.frombuffer(read, np.uint8).copy()
        wrong = self.rng.random(letters.size) < errors
        letters[wrong] = self.rng.choice(BASES, wrong.sum())
        lane = self.rng.integers(2) if lane is None else lane
        self.pairs[lane].append((barcode + umi, letters.tobytes()))

    def write(self, folder):
        arguments = []
        for number, pairs in enumerate(self.pairs):
            order = self.rng.permutation(len(pairs))
            names = [folder / f"L{number}_R{mate}.fastq.gz" for mate in (1, 2)]
            for mate, path in enumerate(names):
                lines = (
                    b"@r%d:%d %d:N\n%s\n+\n%s\n"
                    % (number, i, mate + 1, pairs[i][mate], b"F" * len(pairs[i][mate]))
                    for i in order
                )
                path.write_bytes(gzip.compress(b"".join(lines), 1))
            arguments += ["--reads", *map(str, names)]
        return arguments


def other_base(rng, word):
    at = int(rng.integers(len(word)))
    return word[:at] + rng.choice([bytes((b,)) for b in b"ACGT" if b != word[at]]) + word[at + 1 :]


def spike(lanes, rna, shared, cells, umi_size, *, number, antisense, foreign=200):
    """Add molecules of `rna` and all that must not count; the (cell, UMI) pairs that must come back."""
    rng, length = lanes.rng, 90
    private = np.ones(len(rna), bool)
    hidden = np.zeros(len(rna), bool)  # a read that starts here lies within one shared stretch
    for start, end in shared:
        private[start - 1 : end] = False
        hidden[start - 1 : max(end - length, start - 1)] = True
    own = np.concatenate(([0], np.cumsum(private)))
    clear, hidden = np.flatnonzero(own[length:] - own[:-length] >= 20), np.flatnonzero(hidden)
    truth = set()

    def read(at):
        piece = rna[at : at + length]
        return reverse_complement(piece) if antisense else piece

    while len(truth) < number:
        cell, umi = cells[rng.integers(len(cells))], bases(rng, umi_size)
        if not usable(umi) or any((cell, near) in truth for near in neighbours(umi)):
            continue
        truth.add((cell, umi))
        copies = 1 + rng.poisson(1.5)
        for copy in range(copies):  # PCR copies over both lanes, now and then a base off in UMI or barcode
            bad_umi = copy >= 2 and rng.random() < 0.2
            bad_barcode = rng.random() < 0.1
            lanes.add(
                other_base(rng, cell) if bad_barcode else cell,
                other_base(rng, umi) if bad_umi else umi,
                read(rng.choice(clear)),
            )
    for _ in range(foreign):
        cell, umi = cells[rng.integers(len(cells))], bases(rng, umi_size)
        if hidden.size:
            lanes.add(cell, umi, read(rng.choice(hidden)))  # from a shared stretch
        lanes.add(bases(rng, len(cell)), umi, read(rng.choice(clear)))  # no cell's barcode
        lanes.add(cell, umi, reverse_complement(read(rng.choice(clear))))  # the other strand
        lanes.add(cell, b"N" + umi[1:], read(rng.choice(clear)))
        lanes.add(cell, b"A" * umi_size, read(rng.choice(clear)), errors=0)
    return truth


def endogenous(lanes, mrnas, cells, umi_size, number, *, antisense=False):
    """Reads of look-alikes, with more sequencing errors than usual."""
    for sequence in mrnas:
        for _ in range(number):
            at = int(lanes.rng.integers(max(len(sequence) - 90, 1)))
            piece = sequence[at : at + 90]
            piece = reverse_complement(piece) if antisense else piece
            lanes.add(cells[lanes.rng.integers(len(cells))], bases(lanes.rng, umi_size), piece, errors=0.02)


def recovered(folder):
    lines = gzip.decompress((folder / "molecules.tsv.gz").read_bytes()).decode().splitlines()[1:]
    return {tuple(line.split("\t")[:2]) for line in lines}


def run(tmp_path, rna, mrna, cells, lanes, *arguments):
    listed = tmp_path / "barcodes.tsv"
    listed.write_text("".join(f"{cell.decode()}-1\n" for cell in cells))
    common = [
        "--construct",
        str(put(tmp_path / "rna.fa", [("CAR", rna)])),
        "--against",
        str(mrna),
        "--cells",
        str(listed),
    ]
    status = main(["reads", *common, *lanes.write(tmp_path), *arguments, "--out", str(tmp_path / "out")])
    assert status == 0
    return recovered(tmp_path / "out"), json.loads((tmp_path / "out" / "reads.json").read_text())


def compare(found, truth):
    truth = {(f"{cell.decode()}-1", umi.decode()) for cell, umi in truth}
    assert len(truth - found) <= 0.02 * len(truth), "missed"
    assert len(found - truth) <= 0.02 * len(truth), "never planted"


# --- the whole way


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


def test_the_feature_joins_the_matrix(tmp_path):
    from carpeak.readers import open_library
    from carpeak.simulate.cellranger import write_folder
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


# --- the STAR route, on a small reference: the construct and look-alikes as contigs, since a genome is too large


def small_reference(tmp_path, rna, contigs):
    """A reference folder as `construct --append-to` writes it."""
    genome = put(tmp_path / "ref.fa", contigs)
    row = '{0}\tx\texon\t1\t{1}\t.\t+\t.\tgene_id "{0}"; transcript_id "{0}_t";\n'
    (tmp_path / "ref.gtf").write_text("".join(row.format(name, len(sequence)) for name, sequence in contigs))
    car = put(tmp_path / "car.fa", [("CAR", rna)])
    arguments = [str(car), "--against", str(genome), "--append-to", str(genome), str(tmp_path / "ref.gtf")]
    assert main(["construct", *arguments, "--out", str(tmp_path / "made")]) == 0
    return tmp_path / "made" / "reference"


@pytest.mark.skipif(shutil.which("STAR") is None, reason="no STAR (Debian: rna-star)")
@pytest.mark.parametrize(("geometry", "umi", "chemistry"), [("10x-v2", 10, "5p"), ("seekone-dd", 12, "3p")])
def test_star_counts_the_planted_molecules(tmp_path, geometry, umi, chemistry):
    from carpeak.readers import open_library

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
    assert align.build(reference, memory=1, threads=1) == reference / "star"
    assert (reference / "star" / "SAindex").stat().st_mtime_ns == made  # kept
    os.utime(reference / "genome.fa")
    align.build(reference, memory=1, threads=1)
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
    (tmp_path / "r.fq").write_bytes(records(1))
    (tmp_path / "kit.txt").write_text("ACGT\n")
    arguments = ["--reference", str(tmp_path), "--reads", str(tmp_path / "r.fq"), str(tmp_path / "r.fq")]
    arguments += [
        "--whitelist",
        str(tmp_path / "kit.txt"),
        "--geometry",
        "10x-v3",
        "--out",
        str(tmp_path / "o"),
    ]
    if shutil.which("STAR"):
        assert main(["align", *arguments]) == 1
        assert "genome.fa: there is no such file" in capsys.readouterr().err
    (tmp_path / "g.fq.gz").write_bytes(gzip.compress(records(1)))
    mixed = [(str(tmp_path / "r.fq"), str(tmp_path / "g.fq.gz"))]
    with pytest.raises(UserError, match="some FASTQ files are gzipped"):
        star.solo_command(
            mixed, tmp_path, tmp_path, tmp_path, geometry=parse("10x-v3"), strand="sense", threads=1
        )
    with pytest.raises(UserError, match="in one part each"):
        star.solo_command(
            [], tmp_path, tmp_path, tmp_path, geometry=parse("B8X8B8U8"), strand="sense", threads=1
        )
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["align", *arguments]) == 1
    assert "STAR is not installed" in capsys.readouterr().err


# --- the sheet of lanes


def sheet(tmp_path, *rows, header="sample\tlane\tr1\tr2"):
    (tmp_path / "units.tsv").write_text("\n".join([header, *rows]) + "\n")
    return tmp_path / "units.tsv"


def test_units(tmp_path):
    for name in ("a1", "a2", "b1", "b2", "c1", "c2"):
        (tmp_path / name).write_bytes(records(1))
    last = f"peak\tL2\t{tmp_path / 'c1'}\tc2\r"
    path = sheet(tmp_path, "peak\tL1\ta1\ta2\r", "product\tL1\tb1\tb2\r", "", last)
    folder = str(tmp_path)
    assert units.read(path) == {
        "peak": [(f"{folder}/a1", f"{folder}/a2"), (f"{folder}/c1", f"{folder}/c2")],
        "product": [(f"{folder}/b1", f"{folder}/b2")],
    }
    options = argparse.Namespace(reads=[], units=str(path), sample="product")
    assert units.lanes(options) == [(f"{folder}/b1", f"{folder}/b2")]
    for change, words in (
        ({"sample": "Product"}, "did you mean 'product'"),
        ({"sample": None}, "name the FASTQ files once"),
        ({"reads": [["a", "b"]]}, "name the FASTQ files once"),
        ({"units": None, "sample": None}, "name the FASTQ files once"),
    ):
        with pytest.raises(UserError, match=words):
            units.lanes(argparse.Namespace(**{**vars(options), **change}))


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        ("sample\tlane\tR1\tr2", ["p\tL1\ta1\ta2"], "no column 'r1'"),
        ("sample,lane,r1,r2", ["p,L1,a1,a2"], "parted by tabs"),
        ("sample\tlane\tr1\tr2", ["p\tL1\ta1"], "line 2: no r2"),
        ("sample\tlane\tr1\tr2", ["p\tL1\ta1\ta2", "p\tL1\tb1\tb2"], "line 3: p lane L1 stands there twice"),
        ("sample\tlane\tr1\tr2", ["p\tL1\ta1\ta1"], "stands there twice"),
        ("sample\tlane\tr1\tr2", ["p\tL1\ta1\tzz"], "no such file"),
        ("sample\tlane\tr1\tr2", [], "no rows"),
    ],
)
def test_mistakes_in_units(tmp_path, header, rows, words):
    for name in ("a1", "a2", "b1", "b2"):
        (tmp_path / name).write_bytes(records(1))
    with pytest.raises(UserError, match=words):
        units.read(sheet(tmp_path, *rows, header=header))


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


def records(number, start=0):
    return b"".join(b"@r%d 1:N\nACGT\n+\nFFFF\n" % i for i in range(start, start + number))


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


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        (records(5), records(4), "more reads than the other"),
        (records(5), records(5, 1), "not in the same order"),
        (records(5), records(5)[:-8], "ends within record 5"),
        (records(5), records(2) + b"x" + records(3, 2), "record 3 is not FASTQ"),
        (records(5), b">a\nACGT\n+\nIIII\n", "record 1 is not FASTQ"),
        (records(5), gzip.compress(records(500))[:-60], "damaged"),
        (b"", b"", "empty"),
    ],
)
def test_damaged_pairs(tmp_path, one, two, words):
    (tmp_path / "a").write_bytes(one)
    (tmp_path / "b").write_bytes(two)
    with pytest.raises(UserError, match=words):
        list(fastq.pairs(tmp_path / "a", tmp_path / "b", reads=2))


def test_cells_of_one_library():
    assert cell_barcodes(["ACGT-1", "AAAA-1"], "m") == {b"ACGT": "ACGT-1", b"AAAA": "AAAA-1"}
    for names, words in (
        (["AC-1", "AC-2"], "one library only"),
        (["cell_1"], "no barcode"),
        ([], "no cells"),
    ):
        with pytest.raises(UserError, match=words):
            cell_barcodes(names, "m")
