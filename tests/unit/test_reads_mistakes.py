"""What users hand over instead of the right reads: each is one sentence that says what to do."""

import argparse
import gzip
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from carpeak.__main__ import main
from carpeak.commands import read_options
from carpeak.construct.orf import reverse_complement
from carpeak.errors import UserError
from carpeak.io import read_json
from carpeak.reads import fastq
from carpeak.reads.barcodes import of_cells
from carpeak.study import units
from fixtures_reads import Lanes, bases, put, records, recovered, spike

# --- the sheet of lanes


def sheet(tmp_path, *rows, header="sample\tlane\tr1\tr2"):
    (tmp_path / "units.tsv").write_text("\n".join([header, *rows]) + "\n")
    return tmp_path / "units.tsv"


def test_units(tmp_path):
    for name in ("a1", "a2", "b1", "b2", "c1", "c2", "d.bam"):
        (tmp_path / name).write_bytes(records(1))
    rows = ["peak\tL1\ta1\ta2\t\r", "product\tL1\tb1\tb2\r", "", f"peak\tL2\t{tmp_path / 'c1'}\tc2\r"]
    path = sheet(tmp_path, *rows, "relapse\tL1\t\t\td.bam", header="sample\tlane\tr1\tr2\tbam")
    folder = str(tmp_path)
    product = units.ReadFiles(pairs=((f"{folder}/b1", f"{folder}/b2"),))
    assert units.read(path) == {
        "peak": units.ReadFiles(pairs=((f"{folder}/a1", f"{folder}/a2"), (f"{folder}/c1", f"{folder}/c2"))),
        "product": product,
        "relapse": units.ReadFiles(bams=(f"{folder}/d.bam",)),
    }
    options = argparse.Namespace(reads=[], bam=[], units=str(path), sample="product")
    assert read_options.chosen(options) == product
    for change, words in (
        ({"sample": "Product"}, "did you mean 'product'"),
        ({"sample": None}, "name the reads once"),
        ({"reads": [["a", "b"]]}, "name the reads once"),
        ({"units": None, "sample": None}, "name the reads once"),
        ({"units": None, "sample": None, "reads": [["a", "a"]]}, "named twice"),
    ):
        with pytest.raises(UserError, match=words):
            read_options.chosen(argparse.Namespace(**{**vars(options), **change}))


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        ("sample\tlane\tR1\tr2", ["p\tL1\ta1\ta2"], "R1: unknown key; valid keys: sample, lane, r1"),
        ("sample,lane,r1,r2", ["p,L1,a1,a2"], "separated by tabs"),
        ("sample\tlane\tr1\tr2", ["p\tL1\ta1"], "row 2: needs r1 and r2, or bam"),
        ("sample\tlane\tr1\tr2\tbam", ["p\tL1\ta1\ta2\tb1"], "row 2: needs r1 and r2, or bam"),
        ("sample\tr1\tr2", ["p\ta1\ta2"], "the key 'lane' is missing"),
        ("sample\tlane\tr1\tr2", ["p\tL1\ta1\ta2", "p\tL1\tb1\tb2"], "row 3: duplicate row: p lane L1"),
        ("sample\tlane\tr1\tr2", ["p\tL1\ta1\ta1"], "duplicate file: .*a1"),
        ("sample\tlane\tr1\tr2", ["p\tL1\ta1\ta2", "q\tL1\t./a1\tb2"], "duplicate file: .*/a1 .row 2"),
        ("sample\tlane\tr1\tr2", ["p\tL1\ta1\tzz"], "row 2: there is no such file"),
        ("sample\tlane\tr1\tr2\tbam", ["p\tL1\ta1\ta2", "p\tL2\t\t\tb1"], "FASTQ pairs and BAM files"),
        ("sample\tlane\tr1\tr2", [], "no row"),
    ],
)
def test_mistakes_in_units(tmp_path, header, rows, words):
    for name in ("a1", "a2", "b1", "b2"):
        (tmp_path / name).write_bytes(records(1))
    with pytest.raises(UserError, match=words):
        units.read(sheet(tmp_path, *rows, header=header))


# --- damaged files


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
    names = ["P4_ACGTACGT-1", "AAAAACGT", "ACGTTTTT-1_3"]
    assert of_cells(names, 8, "m") == dict(zip((b"ACGTACGT", b"AAAAACGT", b"ACGTTTTT"), names))
    for names, words in (
        (["ACGTACGT-1", "ACGTACGT-2"], "one library only"),
        (["cell_1"], "no barcode"),
        (["ACGTACGTACGTACGT"], "16 bases, the geometry 8.*10x-v2, 10x-v3, 10x-v4 fit"),
        ([], "no cells"),
    ):
        with pytest.raises(UserError, match=words):
            of_cells(names, 8, "m")


# --- the wrong files, kit or library: a small right library, and what is done to it


CELLS, UMI = 16, 12


class Library:
    """Arguments of a run that works, and the parts that mistakes are made of."""

    def __init__(self, folder):
        self.folder, self.rng = folder, np.random.default_rng(4)
        self.cells = [bases(self.rng, CELLS) for _ in range(40)]
        self.rna = bases(self.rng, 1200)
        self.lanes = Lanes(self.rng)
        self.truth = spike(self.lanes, self.rna, [], self.cells, UMI, number=60, antisense=False, foreign=10)
        kit = [*self.cells, *(bases(self.rng, CELLS) for _ in range(500))]
        self.files = {
            "--construct": put(folder / "rna.fa", [("CAR", self.rna)]),
            "--against": put(folder / "mrna.fa", [("NM_1", bases(self.rng, 900))]),
            "--cells": self.write("cells.tsv", b"".join(b"%s-1\n" % c for c in self.cells)),
            "--whitelist": self.write("kit.txt.gz", gzip.compress(b"\n".join(kit) + b"\n")),
            "--geometry": "10x-v3",
        }
        self.reads = self.lanes.write(folder)

    def write(self, name, content):
        (self.folder / name).write_bytes(content)
        return self.folder / name

    def lines(self, lane, mate):
        return gzip.decompress((self.folder / f"L{lane}_R{mate}.fastq.gz").read_bytes())

    def change(self, lane, mate, change):
        path = self.folder / f"L{lane}_R{mate}.fastq.gz"
        path.write_bytes(gzip.compress(change(self.lines(lane, mate)), 1))

    def run(self):
        given = [str(part) for pair in self.files.items() for part in pair]
        return main(["reads", *given, *map(str, self.reads), "--out", str(self.folder / "out")])


def on_bases(change):
    """Change the bases of every record, and its qualities in length."""

    def apply(text):
        lines = text.split(b"\n")
        for i in range(1, len(lines), 4):
            lines[i] = change(lines[i])
            lines[i + 2] = b"F" * len(lines[i])
        return b"\n".join(lines)

    return apply


def swap(library):
    library.reads = ["--reads", library.reads[2], library.reads[1]]


def swap_long(library):
    for lane in (0, 1):  # barcode reads of 90 bases: nothing is wrong with their length
        library.change(lane, 1, on_bases(lambda read: read + b"T" * 62))
    swap(library)


def shorten(library):
    library.change(0, 1, on_bases(lambda read: read[:26]))


def shift(library):
    library.change(0, 1, on_bases(lambda read: b"AC" + read))


def other_library(library):
    cells = [bases(library.rng, CELLS) for _ in range(40)]
    library.files["--cells"] = library.write("others.tsv", b"\n".join(cells))


def other_kit(library):
    other_library(library)
    del library.files["--whitelist"]


def long_barcodes(library):
    library.files["--geometry"] = "seekone-dd"


def wrong_list(library):
    library.files["--whitelist"] = library.write("list.txt", b"A" * 17 + b"\n")


def one_lane_twice(library):
    copies = [shutil.copy(path, library.folder / f"copy{path[-10:]}") for path in library.reads[1:3]]
    library.reads = [*library.reads, "--reads", *copies]


def one_file_twice(library):
    library.reads = [*library.reads, *library.reads[:3]]


def short_cdna(library):
    library.change(0, 2, on_bases(lambda read: read[:25]))


def cut(library):
    path = library.folder / "L1_R2.fastq.gz"
    path.write_bytes(path.read_bytes()[:-100])


def fewer(library):
    library.change(1, 1, lambda text: b"\n".join(text.split(b"\n")[:-9]) + b"\n")


def no_geometry(library):
    del library.files["--geometry"]


MISTAKES = {
    swap: r"L0_R1.fastq.gz: reads have 28 bases; cDNA reads need 30 at least. r1 and r2 seem to be swapped",
    swap_long: r"have one in .*L0_R1.fastq.gz: r1 and r2 are swapped",
    shorten: r"reads have 26 bases, the geometry needs 28. 10x-v2 has 26",
    shift: r"of the library's cells; \d\d% have one with geometry X2B16U12: choose that",
    other_library: r"0.0% of the first \d+ reads .* so the reads are of another library than the matrix",
    other_kit: r"0.0% of the first \d+ reads have a barcode of the library's cells. .* must be of one library",
    long_barcodes: r"has 16 bases, the geometry 17. Choose the geometry of the kit .10x-v2, 10x-v3, 10x-v4 fit",
    wrong_list: r"list.txt: barcode '.*' has 17 bases, the geometry 16.* .seekone-dd fit",
    one_lane_twice: r"begin with the same read: the same lane is given twice",
    one_file_twice: r"L0_R1.fastq.gz: the file is named twice",
    short_cdna: r"L0_R2.fastq.gz: reads have 25 bases; cDNA reads need 30 at least.$",
    cut: r"L1_R2.fastq.gz: the gzip file is damaged or cut short",
    fewer: r"one has more reads than the other",
    no_geometry: r"need the geometry of their kit",
}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_is_one_sentence(tmp_path, capsys, mistake):
    library = Library(tmp_path)
    mistake(library)
    assert library.run() == 1
    said = capsys.readouterr().err
    assert said.count("carpeak: ") == 1 and "Traceback" not in said
    assert re.search(MISTAKES[mistake], said.strip().split("carpeak: ")[1]), said
    assert not list((tmp_path / "out").glob("*"))


def iupac(library):
    letters = bytearray(library.rna)
    letters[100:900:50] = b"RYSWKMBDHVNRYSWK"
    put(library.folder / "rna.fa", [("CAR", bytes(letters))])


def windows(library):
    library.files["--construct"].write_bytes(b">CAR\r\n" + library.rna.lower() + b"\r\n")


def several(library):
    put(library.folder / "rna.fa", [("tag", bases(library.rng, 400)), ("CAR", library.rna)])


def unknown_letters(library):
    for lane in (0, 1):  # one N in each barcode
        library.change(lane, 1, on_bases(lambda read: read[:3] + b"N" + read[4:]))
    library.files["--geometry"] = "B3X1B12U12"
    library.write("cells.tsv", b"".join(b"%s\n" % (c[:3] + c[4:]) for c in library.cells))
    library.write("kit.txt.gz", b"".join(b"%s\n" % (c[:3] + c[4:]) for c in library.cells))


def unzipped(library):
    library.reads = [part.removesuffix(".gz") for part in library.reads]
    for part in library.reads[1:3] + library.reads[4:6]:
        Path(part).write_bytes(gzip.decompress(Path(f"{part}.gz").read_bytes()))


@pytest.mark.parametrize("form", [iupac, windows, several, unknown_letters, unzipped])
def test_forms_that_are_read(tmp_path, form):
    library = Library(tmp_path)
    form(library)
    assert library.run() == 0
    found, truth = {umi for _, umi in recovered(tmp_path / "out")}, {umi.decode() for _, umi in library.truth}
    assert len(found ^ truth) <= 0.02 * len(truth)


def test_barcodes_with_an_n_are_corrected(tmp_path):
    library = Library(tmp_path)
    library.change(0, 1, on_bases(lambda read: b"N" + read[1:]))
    assert library.run() == 0
    truth = {(f"{cell.decode()}-1", umi.decode()) for cell, umi in library.truth}
    assert len(recovered(tmp_path / "out") ^ truth) <= 0.02 * len(truth)


def backwards(library):
    put(library.folder / "rna.fa", [("CAR", reverse_complement(library.rna))])


def other_end(library):
    library.files["--chemistry"] = "5p"


def older_kit(library):
    library.files["--geometry"] = "10x-v2"


WARNINGS = {
    backwards: r"reads fit the construct's other strand, .* and that the FASTA shows the construct's sense strand",
    other_end: r"check the chemistry .3p or 5p",
    older_kit: r"reads have 28 bases, the geometry uses 26 of them. 10x-v3 or 10x-v4 has 28",
}


@pytest.mark.parametrize("doubt", WARNINGS, ids=lambda doubt: doubt.__name__)
def test_what_may_be_right_is_a_warning(tmp_path, capsys, doubt):
    library = Library(tmp_path)
    doubt(library)
    assert library.run() == 0
    assert re.search(rf"warning: .*{WARNINGS[doubt]}", capsys.readouterr().out)
    assert re.search(WARNINGS[doubt], " ".join(read_json(tmp_path / "out" / "reads.json")["warnings"]))


def test_a_right_library_has_no_warning(tmp_path):
    assert Library(tmp_path).run() == 0
    assert read_json(tmp_path / "out" / "reads.json")["warnings"] == []
