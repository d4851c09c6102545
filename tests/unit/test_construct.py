"""The construct doctor against published constructs, brute force and planted faults."""

import gzip
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from carpeak.__main__ import main
from carpeak.construct import checkup, fasta, gtf, kmers, orf, reference
from carpeak.construct.doctor import gene_of, masked
from carpeak.construct.fasta import Record
from carpeak.errors import UserError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import ROOT

KNOWN = {  # ../shared/data/car_constructs/SOURCE.txt: start, end, gene, mismatches
    "Axicel_HM852952": [(1, 68, "CSF2RA", 0), (810, 1131, "CD28", 1), (1132, 1470, "CD247", 0)],
    "Tisacel_patentUS9499629B2": [
        (1, 63, "CD8A", 0),
        (790, 892, "CD8A", 0),
        (997, 1122, "TNFRSF9", 0),
        (1120, 1459, "CD247", 1),
    ],
    "Hu19-CD28Z_MN698642.1": [],
    "Idecel_patentWO2021091978A1": [],
}
DOMAINS = {"CD247", "CD8A", "TNFRSF9", "CD28", "CSF2RA"}


def bases(seed, size):
    return bytes(np.random.default_rng(seed).choice(np.frombuffer(b"ACGT", np.uint8), size))


def coding(seed, codons, start=b"ATG", stop=b"TAA"):
    """A reading frame without stops."""
    rng = np.random.default_rng(seed)
    sense = [
        c
        for c in (bytes(x) for x in rng.choice(list(b"ACGT"), (codons * 2, 3)).astype(np.uint8))
        if c not in orf.STOPS
    ]
    return start + b"".join(sense[: codons - 2]) + stop


CAR = bases(1, 60) + coding(2, 480) + bases(3, 600) + b"AATAAA" + bases(4, 20)


def put(path, *pairs, end=b"\n"):
    path.write_bytes(b"".join(b">" + n.encode() + end + s + end for n, s in pairs))
    return path


def doctor(tmp_path, car, *arguments, against=None, out="out"):
    if isinstance(car, bytes):
        car = put(tmp_path / "car.fa", ("CAR", car))
    if against is None:
        against = put(tmp_path / "mrna.fa", ("NM_1", bases(9, 2000)))
    status = main(
        ["construct", str(car), "--against", str(against), "--out", str(tmp_path / out), *map(str, arguments)]
    )
    assert status == 0
    return json.loads((tmp_path / out / "construct.json").read_text())["constructs"]


def levels(found):
    return {f["check"]: f["level"] for f in found["findings"]}


# --- known answers


@pytest.mark.parametrize("name", KNOWN)
def test_published_constructs(real_data, tmp_path, name):
    folder = real_data / "car_constructs"
    [car] = doctor(tmp_path, folder / f"{name}.fasta", against=folder / "endogenous_mrna.fasta")
    shared = [
        (s["start"], s["end"], s["gene"], s["mismatches"]) for s in car["shared"] if s["gene"] in DOMAINS
    ]
    assert shared == KNOWN[name]
    assert levels(car)["three_prime_end"] == "problem"  # all four are published without their 3' UTR


def test_axicel_is_blind_at_its_three_prime_end(real_data, tmp_path):
    folder = real_data / "car_constructs"
    [car] = doctor(tmp_path, folder / "Axicel_HM852952.fasta", against=folder / "endogenous_mrna.fasta")
    assert levels(car)["private"] == "problem"  # "the last 661 nt are all endogenous"
    [car] = doctor(
        tmp_path,
        folder / "Axicel_HM852952.fasta",
        "--chemistry",
        "5p",
        against=folder / "endogenous_mrna.fasta",
    )
    assert levels(car)["private"] == "ok"


def test_whole_vector_and_the_part_that_is_rna(real_data, tmp_path):
    folder = real_data / "car_constructs"
    vector, mrna = folder / "lentiviral_vector_tisacel.fasta", folder / "endogenous_mrna.fasta"
    [whole] = doctor(tmp_path, vector, folder / "lentiviral_vector_tisacel.gtf", against=mrna)
    message = next(f["message"] for f in whole["findings"] if f["check"] == "length")
    assert "6391" in message and "8659" in message and "-8684" in message
    [rna] = doctor(tmp_path, vector, "--transcript", "6379-8684", "--name", "tisacel", against=mrna)
    assert rna["length"] == 2306 and rna["name"] == "tisacel"
    assert levels(rna)["three_prime_end"] == levels(rna)["private"] == levels(rna)["reading_frame"] == "ok"


# --- the search, against brute force


def brute(query, target, length=kmers.LENGTH):
    """Positions of `query` that lie in a k-mer common with `target` on either strand, slowly."""
    covered = np.zeros(len(query), bool)
    letters = b"ACGT"
    for strand in (target, orf.reverse_complement(target)):
        words = {strand[i : i + length] for i in range(len(strand) - length + 1)}
        for i in range(len(query) - length + 1):
            word = query[i : i + length]
            if word in words and not word.translate(None, letters):
                covered[i : i + length] = True
    return covered


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_search_equals_brute_force(data):
    seed = data.draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    query = bytearray(bases(seed, 400))
    targets = []
    for t in range(4):
        target = bytearray(bases(seed + 1 + t, int(rng.integers(0, 500))))
        for _ in range(int(rng.integers(0, 4))):
            size = int(rng.integers(25, 90))
            at, to = int(rng.integers(0, 400 - size)), int(rng.integers(0, len(target) + 1))
            piece = bytearray(query[at : at + size])
            for _ in range(int(rng.integers(0, 3))):
                piece[int(rng.integers(size))] = rng.choice(list(b"ACGTN"))
            target[to:to] = orf.reverse_complement(bytes(piece)) if rng.random() < 0.5 else piece
        targets.append(Record(f"t{t}", "", bytes(target).lower() if t == 0 else bytes(target)))
    query[200] = ord("N") if seed % 2 else query[200]
    queries = [Record("q", "", bytes(query))]
    found = kmers.search(queries, targets, size=data.draw(st.sampled_from([1, 300, 10**6])))
    for target in targets:
        covered = np.zeros(400, bool)
        for hit in (h for h in found if h.target == target.name):
            covered[hit.start - 1 : hit.end] = True
            mine = bytes(query[hit.start - 1 : hit.end])
            its = target.sequence.upper()[hit.target_start - 1 : hit.target_end]
            its = its if hit.strand == "+" else orf.reverse_complement(its)
            assert sum(a != b or a not in b"ACGT" for a, b in zip(mine, its)) == hit.mismatches
        expected = brute(bytes(query), target.sequence.upper())
        assert not (expected & ~covered).any()
        # anything beyond lies in gaps of less than 30 bases between two exact stretches of one diagonal
        assert all(expected[a - 1] and expected[b] for a, b in kmers.runs(covered & ~expected))


def test_short_targets_on_one_diagonal_of_their_batch():
    """Joined end to end, contigs may lie on one diagonal by chance; each is found all the same."""
    query = Record("q", "", bases(3, 500))
    targets = [Record(f"t{i}", "", query.sequence[i : i + 60]) for i in range(440)]
    targets += [Record(f"u{i}", "", query.sequence[i * 61 : i * 61 + 60]) for i in range(7)]  # one diagonal
    found = {(h.target, h.start, h.end) for h in kmers.search([query], targets) if h.strand == "+"}
    expected = {(f"t{i}", i + 1, i + 60) for i in range(440)} | {
        (f"u{i}", i * 61 + 1, i * 61 + 60) for i in range(7)
    }
    assert expected <= found


def test_simple_repeats_are_told_once_not_against_every_transcript(tmp_path):
    mrna = put(tmp_path / "mrna.fa", *((f"NM_{i}", bases(100 + i, 300) + b"A" * 60) for i in range(20)))
    [car] = doctor(tmp_path, CAR + b"A" * 80, against=mrna)
    assert levels(car)["simple_repeat"] == "note"
    assert car["shared"] == []


def test_isoforms_of_one_gene_become_one_stretch(tmp_path):
    exon, other = CAR[900:1000], lambda at: orf.reverse_complement(CAR[at - 1 : at])
    mrna = put(
        tmp_path / "mrna.fa",
        (
            "NM_1 Homo sapiens CD28 molecule (CD28), transcript variant 1, mRNA",
            bases(7, 50) + other(900) + exon + other(1001) + bases(8, 50),
        ),
        (
            "NM_2 Homo sapiens CD28 molecule (CD28), transcript variant 2, mRNA",
            bases(5, 90) + other(900) + exon[:70],
        ),
    )
    [car] = doctor(tmp_path, CAR, against=mrna)
    [stretch] = car["shared"]
    assert (stretch["start"], stretch["end"], stretch["gene"], stretch["targets"]) == (901, 1000, "CD28", 2)
    assert (stretch["target_start"], stretch["target_end"]) == (52, 151)
    rows = (tmp_path / "out" / "intervals.tsv").read_text().splitlines()
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("target", "description", "gene"),
    [
        (
            "ENST00000324106.9",
            "cdna chromosome:GRCh38:2 gene:ENSG00000178562.18 gene_symbol:CD28 description:x",
            "CD28",
        ),
        ("ENST1|ENSG1|OTTHUMG1|OTTHUMT1|CD28-201|CD28|4901|protein_coding|", "", "CD28"),
        ("NM_001561.6", "Homo sapiens TNF receptor superfamily member 9 (TNFRSF9), mRNA", "TNFRSF9"),
        ("rna-1", "gene=CD247", "CD247"),
        ("chr2", "AC:CM000664.2", "chr2"),
    ],
)
def test_gene_names(target, description, gene):
    assert gene_of(target, description) == gene


# --- the checks


def test_a_whole_construct_is_well(tmp_path):
    [car] = doctor(tmp_path, CAR)
    assert set(levels(car).values()) == {"ok"}
    assert masked(CAR, []) == CAR


FAULTS = {
    "alphabet": (CAR[:500] + b"NRY" + CAR[503:], "warning", "3p"),
    "letter_case": (CAR[:500] + CAR[500:700].lower() + CAR[700:], "note", "3p"),
    "length": (CAR[100:420], "warning", "3p"),
    "reading_frame": (CAR[:700] + CAR[701:], "warning", "3p"),  # one base lost
    "three_prime_end": (CAR[:1000], "problem", "3p"),  # scFv only
    "five_prime_end": (CAR[60:], "warning", "5p"),
}


@pytest.mark.parametrize("check", FAULTS)
def test_planted_fault(tmp_path, check):
    sequence, level, chemistry = FAULTS[check]
    [car] = doctor(tmp_path, sequence, "--chemistry", chemistry)
    assert levels(car)[check] == level


def test_other_faults_of_the_frame(tmp_path):
    [car] = doctor(tmp_path, orf.reverse_complement(CAR))
    assert levels(car)["reading_frame"] == "problem"
    [car] = doctor(tmp_path, CAR[:700] + b"A" + CAR[700:])
    assert levels(car)["reading_frame"] == "warning"
    [car] = doctor(tmp_path, CAR[:80] + b"TAA" + CAR[83:])  # an early stop leaves no start
    assert levels(car)["reading_frame"] != "problem"


def test_no_3p_end_is_a_note_for_5p(tmp_path):
    [car] = doctor(tmp_path, CAR[:1000], "--chemistry", "5p")
    assert levels(car)["three_prime_end"] == "note"


def test_sequence_past_the_poly_a_signal(tmp_path):
    [car] = doctor(tmp_path, CAR + bases(77, 300).replace(b"TAAA", b"TCAA"))
    assert levels(car)["three_prime_end"] == "warning"


def test_construct_already_in_the_reference(tmp_path, capsys):
    [car] = doctor(tmp_path, CAR, against=put(tmp_path / "all.fa", ("chr1", bases(5, 3000)), ("mine", CAR)))
    assert levels(car)["private"] == "problem"
    assert "give them without it" in capsys.readouterr().out


def test_two_features_of_one_rna(tmp_path):
    file = put(tmp_path / "two.fa", ("RQR8", CAR[:800]), ("scFv", CAR[700:1400]))
    found = doctor(tmp_path, file)
    assert [levels(c)["other_features"] for c in found] == ["warning", "warning"]


def test_names_are_made_safe(tmp_path):
    file = put(tmp_path / "x.fa", ("CLL-1:CAR(v2) made in May", CAR))
    [car] = doctor(tmp_path, file)
    assert car["name"] == "CLL-1_CAR_v2" and levels(car)["name"] == "note"


# --- reading what users have

EQUIVALENT = {
    "crlf": b">CAR x\r\n" + CAR[:700] + b"\r\n" + CAR[700:] + b"\r\n",
    "old mac": b">CAR x\r" + CAR[:700] + b"\r" + CAR[700:],
    "no last line end": b">CAR\n" + CAR,
    "blank lines and spaces": b"\n\n>CAR\n\n"
    + CAR[:10]
    + b" "
    + CAR[10:20]
    + b"\n \n"
    + CAR[20:]
    + b"\n\n\n",
    "byte order mark": b"\xef\xbb\xbf>CAR\n" + CAR,
    "rna": b">CAR\n" + CAR.replace(b"T", b"U"),
    "gzip": gzip.compress(b">CAR\n" + CAR),
    "gzip of two members": gzip.compress(b">CAR\n" + CAR[:99]) + gzip.compress(CAR[99:]),
    "latin-1 header": b">CAR \xe9t\xe9\n" + CAR,
}


@pytest.mark.parametrize("case", EQUIVALENT)
def test_readable_forms(tmp_path, case):
    path = tmp_path / "car.fa"
    path.write_bytes(EQUIVALENT[case])
    [record] = fasta.read_construct(path)
    assert (record.name, record.sequence) == ("CAR", CAR)


MISTAKES = {
    "missing": (None, "no such file"),
    "empty": (b"", "empty"),
    "blank": (b"\n \n", "blank"),
    "empty gzip": (gzip.compress(b""), "empty"),
    "cut gzip": (gzip.compress(b">CAR\n" + CAR)[:-50], "damaged"),
    "no header": (CAR, "begins with '>'"),
    "no name": (b">\n" + CAR, "no name"),
    "no sequence": (b">A\n>B\n" + CAR, "'A' has no sequence"),
    "no sequence at the end": (b">A\n" + CAR + b"\n>B", "'B' has no sequence"),
    "twice": (b">A x\nACGT\n>A y\nACGT\n", "two sequences are named 'A'"),
    "protein": (b">CAR\nMALPVTALLLPLALLLHAARPDIQMTQTTSSLSASLGDRVTISCRASQD\n", "looks like protein"),
    "gap": (b">CAR\nACGT-ACGT\n", "holds '-', first at position 5"),
    "numbers": (b">CAR\n1 acgtacgt\n", "holds '1', first at position 1"),
    "inside": (b">CAR\nACG>T\n", "inside a sequence line"),
    "genbank": (b"LOCUS       CAR 1470 bp\n", "GenBank"),
    "zipped genbank": (gzip.compress(b"LOCUS       CAR 1470 bp\n"), "GenBank"),
    "zip": (b"PK\x03\x04....", "zip"),
    "utf-16": (">CAR\nACGT".encode("utf-16"), "UTF-16"),
    "fastq": (b"@read\nACGT\n+\nIIII\n", "FASTQ"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_one_sentence_and_status_1(tmp_path, capsys, case):
    content, words = MISTAKES[case]
    path = tmp_path / "car.fa"
    if content is not None:
        path.write_bytes(content)
    against = put(tmp_path / "mrna.fa", ("NM_1", bases(9, 200)))
    assert main(["construct", str(path), "--against", str(against), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert words in error and str(path) in error and error.count("\n") == 1
    assert not (tmp_path / "out" / "construct.fa").exists()


def test_other_mistakes(tmp_path, capsys):
    car, protein = (
        put(tmp_path / "car.fa", ("CAR", CAR)),
        put(tmp_path / "aa.fa", ("P", b"MALPVTALLLPLALLLHAARPDIQMT")),
    )
    mrna = put(tmp_path / "mrna.fa", ("NM_1", bases(9, 200)))
    (tmp_path / "file").write_text("x")
    for words, *arguments in (
        ("is not DNA", "--against", protein, "--out", tmp_path / "o"),
        ("nothing to compare with", "--out", tmp_path / "o"),
        ("folder cannot be made", "--against", mrna, "--out", tmp_path / "file" / "o"),
        ("give START-END", "--transcript", "5-99999", "--against", mrna, "--out", tmp_path / "o"),
        ("cannot be a feature name", "--name", "my car", "--against", mrna, "--out", tmp_path / "o"),
    ):
        assert main(["construct", str(car), *map(str, arguments)]) == 1
        assert words in capsys.readouterr().err
    assert main(["constrict"]) == 2
    assert "did you mean 'construct'" in capsys.readouterr().err
    assert main([]) == 2 and main(["--help"]) == 0


def test_as_a_command(tmp_path):
    command_line = [
        sys.executable,
        "-m",
        "carpeak",
        "construct",
        str(tmp_path / "no.fa"),
        "--out",
        str(tmp_path / "o"),
    ]
    done = subprocess.run(command_line, cwd=ROOT / "workflow" / "scripts", capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == "" and "Traceback" not in done.stderr


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(">ACGTNacgt\n\r\t @;|x1", max_size=120).map(str.encode)
    )
)
def test_no_bytes_crash_the_readers(tmp_path, content):
    path = tmp_path / "fuzz"
    path.write_bytes(content)
    for read in (fasta.read_construct, gtf.read):
        try:
            read(path)
        except UserError as error:
            assert str(path) in str(error)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=st.lists(
        st.tuples(
            st.text("abcXYZ019_.|:", min_size=1, max_size=8), st.text("ACGTN", min_size=1, max_size=200)
        ),
        min_size=1,
        unique_by=lambda pair: pair[0],
    ),
    width=st.integers(1, 80),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    block=st.integers(1, 50),
)
def test_records_come_back_whatever_the_layout(tmp_path, found, width, end, block):
    lines = [
        line
        for name, seq in found
        for line in (f">{name}", *(seq[i : i + width] for i in range(0, len(seq), width)))
    ]
    path = tmp_path / "f.fa"
    path.write_bytes(end.join(lines).encode())
    before, fasta.BLOCK = fasta.BLOCK, block
    try:
        assert [(r.name, r.sequence.decode()) for r in fasta.records(path)] == found
    finally:
        fasta.BLOCK = before


# --- annotation


def row(kind, start, end, rest='gene_id "CAR"; transcript_id "CAR";', contig="CAR", strand="+"):
    return f"{contig}\tx\t{kind}\t{start}\t{end}\t.\t{strand}\t.\t{rest}\n"


def test_exons_say_what_is_rna(tmp_path):
    annotation = tmp_path / "car.gtf"
    annotation.write_text(
        "#x\r\n"
        + row("promoter", 90, 61)
        + row("exon", 11, 60, contig="v")
        + row("exon", 58, 700, contig="v")
    )
    with (
        pytest.raises(UserError, match="no rows for 'CAR', only for CAR, v")
        if False
        else pytest.raises(UserError)
    ):
        gtf.of_contig(gtf.read(annotation), "w", only=True, path=annotation)
    annotation.write_text(row("exon", 11, 60, contig="v") + row("exon", 58, 700, contig="v"))
    [car] = checkup.load(
        str(put(tmp_path / "c.fa", ("CAR", CAR))), str(annotation), transcript=None, name=None
    )
    assert car.sequence == CAR[10:700] and car.place == "11-700"
    annotation.write_text(row("exon", 1, 100) + row("exon", 201, 700))  # spliced
    [car] = checkup.load(str(tmp_path / "c.fa"), str(annotation), transcript=None, name=None)
    assert car.sequence == CAR[:100] + CAR[200:700]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (row("exon", 1, 99999), "outside the"),
        (row("exon", 1, 99, strand="-"), "reverse strand"),
        (row("exon", 1, 99) + row("exon", 300, 400, 'transcript_id "B";'), "several transcripts"),
        ("CAR x exon 1 99\n", "line 1: 1 columns"),
        (row("exon", "one", 99), "whole numbers"),
        ("# nothing\n", "no annotation rows"),
        (row("gene", 1, 9) + row("exon", 1, 99, contig="b") + row("exon", 1, 99, contig="c"), None),
    ],
)
def test_annotation_mistakes(tmp_path, text, words):
    annotation = tmp_path / "car.gtf"
    annotation.write_text(text)
    file = str(put(tmp_path / "c.fa", ("CAR", CAR)))
    if words is None:
        assert checkup.load(file, str(annotation), transcript=None, name=None)[0].sequence == CAR
        return
    with pytest.raises(UserError, match=words):
        checkup.load(file, str(annotation), transcript=None, name=None)


def test_gff3_attributes():
    assert gtf.attributes("ID=car;Name=my CAR; note=x=y") == {"ID": "car", "Name": "my CAR", "note": "x=y"}
    assert gtf.attributes('gene_id "a b"; tag "x"; tag "y";') == {"gene_id": "a b", "tag": "x"}


# --- files for aligners


def test_gtf_rows():
    rows = [line.split("\t") for line in reference.gtf("CAR", 2306).splitlines()]
    assert [(r[0], *r[2:5], r[6]) for r in rows] == [
        ("CAR", kind, "1", "2306", "+") for kind in ("gene", "transcript", "exon")
    ]
    values = [gtf.attributes(r[8]) for r in rows]
    assert all(
        v["gene_id"] == v["gene_name"] == "CAR" and v["gene_biotype"] == "protein_coding" for v in values
    )
    assert values[1]["transcript_id"] == values[2]["transcript_id"] and values[2]["exon_number"] == "1"


GENOME = b">chr1 AC:1\n" + bases(20, 60) + b"\n" + bases(21, 33) + b"\n>chr2\n" + bases(22, 60) + b"\n"
GENES = b"#!build x\n" + b"".join(
    row("gene", 1, 50, 'gene_id "G1"; gene_name "TP53";', contig=c).encode() for c in ("chr1", "chr2")
)


def append(tmp_path, genome=GENOME, genes=GENES, name="CAR"):
    (tmp_path / "g.fa").write_bytes(genome)
    (tmp_path / "g.gtf").write_bytes(genes)
    made = (tmp_path / "new.fa", tmp_path / "new.gtf")
    seen = reference.append([Record(name, "", CAR)], (tmp_path / "g.fa", tmp_path / "g.gtf"), made)
    return seen, made[0].read_bytes(), made[1].read_bytes()


@pytest.mark.parametrize("form", ["as is", "no last line end", "gzip", "crlf", "old mac"])
def test_appending_changes_nothing_else(tmp_path, form):
    change = {
        "as is": lambda text: text,
        "no last line end": lambda text: text[:-1],
        "gzip": gzip.compress,
        "crlf": lambda text: text.replace(b"\n", b"\r\n"),
        "old mac": lambda text: text.replace(b"\n", b"\r") if text.startswith(b">") else text,
    }[form]
    seen, genome, genes = append(tmp_path, change(GENOME), change(GENES))
    assert genome == GENOME + fasta.text(Record("CAR", "", CAR))
    assert genes == GENES + reference.gtf("CAR", len(CAR)).encode()
    assert (seen.contigs, seen.genes, seen.without_sequence) == (2, 2, ())
    assert seen.line_ends_mended == (form in {"crlf", "old mac"})


@pytest.mark.parametrize("block", [1, 2, 7, 61])
def test_appending_by_small_blocks(tmp_path, monkeypatch, block):
    monkeypatch.setattr(fasta, "BLOCK", block)
    _, genome, _ = append(tmp_path, GENOME.replace(b"\n", b"\r\n"))
    assert genome == GENOME + fasta.text(Record("CAR", "", CAR))


@pytest.mark.parametrize(
    ("genome", "genes", "name", "words"),
    [
        (GENOME, GENES, "chr2", "'chr2' is already a contig"),
        (GENOME, GENES, "G1", "'G1' is already a gene"),
        (GENOME, GENES, "TP53", "'TP53' is already a gene"),
        (GENOME + b">chr1\nACGT\n", GENES, "CAR", "two contigs are named 'chr1'"),
        (GENOME.replace(b"chr", b""), GENES, "CAR", "not those of the sequences"),
        (GENOME, b"chr1 gene 1 5\n", "CAR", "line 1: no GTF row"),
    ],
)
def test_collisions_leave_nothing_behind(tmp_path, genome, genes, name, words):
    with pytest.raises(UserError, match=words):
        append(tmp_path, genome, genes, name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["g.fa", "g.gtf"]


def test_annotated_contigs_without_sequence_are_named(tmp_path):
    seen, *_ = append(tmp_path, genes=GENES + row("gene", 1, 2, 'gene_id "x";', contig="chrUn").encode())
    assert seen.without_sequence == ("chrUn",)


def test_the_reference_is_never_replaced(tmp_path):
    (tmp_path / "g.fa").write_bytes(GENOME)
    (tmp_path / "g.gtf").write_bytes(GENES)
    paths = (tmp_path / "g.fa", tmp_path / "g.gtf")
    with pytest.raises(UserError, match="would replace the reference"):
        reference.append([Record("CAR", "", CAR)], paths, paths)
    assert paths[0].read_bytes() == GENOME


def test_masked_in_the_reference_and_flagged_on_request(tmp_path):
    shared = CAR[400:500]
    genome = put(tmp_path / "g.fa", ("chr1", bases(30, 100) + shared + bases(31, 100)))
    genes = tmp_path / "g.gtf"
    genes.write_text(row("gene", 1, 300, 'gene_id "G1";', contig="chr1"))
    for choice, expected in (("mask", CAR[:400] + b"N" * 100 + CAR[500:]), ("flag", CAR)):
        doctor(tmp_path, CAR, "--append-to", genome, genes, "--shared", choice, against=genome, out=choice)
        found = {r.name: r.sequence for r in fasta.records(tmp_path / choice / "reference" / "genome.fa")}
        assert found["CAR"] == expected
    # the genome's annotation names the gene
    assert (tmp_path / "flag" / "shared.bed").read_text() == "CAR\t400\t500\tG1\t0\t+\n"
    first = {p.name: p.read_bytes() for p in (tmp_path / "mask").iterdir() if p.is_file()}
    doctor(tmp_path, CAR, "--append-to", genome, genes, against=genome, out="mask")
    assert first == {p.name: p.read_bytes() for p in (tmp_path / "mask").iterdir() if p.is_file()}


@pytest.mark.skipif(shutil.which("STAR") is None, reason="no STAR (Debian: rna-star)")
def test_star_takes_the_reference_and_counts_only_private_reads(tmp_path):
    """One cell: a private read of the CAR, one of the gene it shares a stretch with, one from that stretch."""
    shared, other = CAR[700:1000], bases(40, 4000)
    gene = other[:2000] + shared + other[2000:]
    genome = put(tmp_path / "g.fa", ("chr1", gene))
    annotation = tmp_path / "g.gtf"
    kinds = ("gene", "transcript", "exon")
    values = 'gene_id "CD28"; gene_name "CD28"; transcript_id "CD28_1";'
    annotation.write_text("".join(row(kind, 1, len(gene), values, contig="chr1") for kind in kinds))
    doctor(tmp_path, CAR, "--append-to", genome, annotation, against=genome)
    made, index = tmp_path / "out" / "reference", tmp_path / "index"
    cell = b"ACGTACGTACGTACGT"
    reads = [CAR[1600:1690], gene[100:190], shared[100:190], CAR[1700:1790]]
    with (tmp_path / "r1.fq").open("wb") as one, (tmp_path / "r2.fq").open("wb") as two:
        for i, read in enumerate(reads):
            one.write(b"@r%d\n%s\n+\n%s\n" % (i, cell + bases(50 + i, 12), b"I" * 28))
            two.write(b"@r%d\n%s\n+\n%s\n" % (i, read, b"I" * 90))
    (tmp_path / "cells.txt").write_bytes(cell + b"\n")
    star = ["STAR", "--genomeDir", str(index), "--outFileNamePrefix", f"{tmp_path}/star_"]
    build = ["--runMode", "genomeGenerate", "--genomeSAindexNbases", "5", "--sjdbOverhang", "89"]
    subprocess.run(
        [*star, *build, "--genomeFastaFiles", str(made / "genome.fa"), "--sjdbGTFfile", str(made / "genes.gtf")],
        check=True, capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    solo = [
        "--soloType",
        "CB_UMI_Simple",
        "--soloUMIlen",
        "12",
        "--soloCBwhitelist",
        str(tmp_path / "cells.txt"),
    ]
    subprocess.run(
        [*star, *solo, "--outSAMtype", "None", "--readFilesIn", str(tmp_path / "r2.fq"), str(tmp_path / "r1.fq")],
        check=True, capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    raw = tmp_path / "star_Solo.out" / "Gene" / "raw"
    genes = [line.split("\t")[1] for line in (raw / "features.tsv").read_text().splitlines()]
    lines = (raw / "matrix.mtx").read_text().splitlines()[3:]
    counts = {genes[int(gene) - 1]: int(float(count)) for gene, _, count in (line.split() for line in lines)}
    assert counts == {"CAR": 2, "CD28": 2}
