"""Simulated reads of a construct with known cells and UMIs."""

import gzip
import json

import numpy as np
from carpeak.__main__ import main
from carpeak.construct import fasta
from carpeak.construct.fasta import Record
from carpeak.construct.orf import reverse_complement
from carpeak.reads.molecules import neighbours, usable

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
        """Write the lanes; options that name them."""
        paths = self.write_named(folder)
        return [word for pair in paths for word in ("--reads", *map(str, pair))]

    def write_named(self, folder, name=""):
        """Write lane i as {name}_L{i}_R{1,2}.fastq.gz; the pairs of paths."""
        stem = f"{name}_" if name else ""
        written = []
        for number, pairs in enumerate(self.pairs):
            order = self.rng.permutation(len(pairs))
            paths = [folder / f"{stem}L{number}_R{mate}.fastq.gz" for mate in (1, 2)]
            for mate, path in enumerate(paths):
                lines = (
                    b"@r%d:%d %d:N\n%s\n+\n%s\n"
                    % (number, i, mate + 1, pairs[i][mate], b"F" * len(pairs[i][mate]))
                    for i in order
                )
                path.write_bytes(gzip.compress(b"".join(lines), 1))
            written.append(paths)
        return written


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
    rows = [line.split("\t") for line in lines]
    return {(row[0], row[2]) for row in rows if row[0]}


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


def small_reference(tmp_path, rna, contigs):
    """A reference folder as `construct --append-to` writes it."""
    genome = put(tmp_path / "ref.fa", contigs)
    row = '{0}\tx\texon\t1\t{1}\t.\t+\t.\tgene_id "{0}"; transcript_id "{0}_t";\n'
    (tmp_path / "ref.gtf").write_text("".join(row.format(name, len(sequence)) for name, sequence in contigs))
    car = put(tmp_path / "car.fa", [("CAR", rna)])
    arguments = [str(car), "--against", str(genome), "--append-to", str(genome), str(tmp_path / "ref.gtf")]
    assert main(["construct", *arguments, "--out", str(tmp_path / "made")]) == 0
    return tmp_path / "made" / "reference"


def records(number, start=0):
    return b"".join(b"@r%d 1:N\nACGT\n+\nFFFF\n" % i for i in range(start, start + number))
