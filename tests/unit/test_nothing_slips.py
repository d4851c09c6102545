"""Odd files and odd values: each is one clean message or is read rightly, and quickly.

Rows are as in test_bad_inputs.py, for what was found later: numbers that are no numbers, files that are none, text
of another kind, what `check` opens beside the matrices.
"""

import gzip
import os
import shutil
import time

import h5py
import numpy as np
import pytest
from carpeak.__main__ import main
from fixtures_libraries import CAR, CONFIG, GENES, SHEET, write_gz, write_h5, write_study, write_trio
from spoil_study import instead

REFUSED, CARRIED_ON = "refused", "carried on"
SECONDS = 5.0


def config(text):
    return lambda f: (f / "config.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())


def key(text):
    return config(CONFIG + text + "\n")


def sheet(text):
    return lambda f: (f / "samples.tsv").write_text(text)


def column(name, value):
    return sheet(f"{name}\t" + SHEET.replace("\nip", f"\n{value}\tip").replace("\npk", "\n\tpk"))


def claims(text):
    def spoil(f):
        (f / "c.yaml").write_text(text)
        key("claims: c.yaml")(f)

    return spoil


def files(more, then):
    def spoil(f):
        for name, content in more.items():
            (f / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        then(f)

    return spoil


def fifo(name, then):
    def spoil(f):
        os.mkfifo(f / name)
        then(f)

    return spoil


def loop(f):
    (f / "x").symlink_to(f / "y")
    (f / "y").symlink_to(f / "x")
    (f / "samples.tsv").write_text(SHEET.replace("P1\tip", "P1\tx").replace("P1\tpk", "P1\tx"))


def strings_for_data(path):
    write_h5(path)
    with h5py.File(path, "a") as file:
        n = len(file["matrix/data"])
        del file["matrix/data"]
        file["matrix/data"] = np.array(["many"] * n, dtype="S")


def odd_hdf5(path):
    with h5py.File(path, "w") as file:
        file["nothing"] = np.arange(3)


def features(change):
    def spoil(f):
        path = f / "ip/features.tsv.gz"
        write_gz(path, change(gzip.decompress(path.read_bytes()).decode()))

    return spoil


def matrix_bytes(change):
    def spoil(f):
        path = f / "ip/matrix.mtx.gz"
        path.write_bytes(change(path.read_bytes()))

    return spoil


def plain_matrix(f):
    text = gzip.decompress((f / "ip/matrix.mtx.gz").read_bytes()).rstrip(b"\n")
    (f / "ip/matrix.mtx.gz").unlink()
    (f / "ip/matrix.mtx").write_bytes(text)


def not_finite(text):
    return [(f"{text.format('...')} of {value}", key(text.format(value)), REFUSED, ["is not a finite number"]) for value in (".nan", ".inf", "-.inf")]  # fmt: skip


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi")
)
DIGITS = "9" * 5000
PROTEIN = ">CLL1_scFv\n" + "MALPVTALLLPLALLLHAARPEVQLQESGPGLVKPSETLSLTCTVSGGSIS" * 4 + "\n"
DNA = ">CLL1_scFv\n" + "ATGGCTCTTCCAGTTACTGCATTGCTTCTCCCTTTGGCC" * 30 + "TGA\n"
CONSTRUCT = "construct: {fasta: car.fa, against: [tx.fa]}"
GENOME = "reference: {fasta: g.fa, gtf: g.gtf}"
OVERRIDE = "annotation: {overrides: [{population: all, cluster: 3, label: B cel, expect: abc}]}"
CLAIM = "claims:\n- {{id: A, statement: s, quantity: {{kind: gene_change, population: car_t, group: CD4, gene: GZMB, min_effect: {}}}}}\n"

ROWS = [
    *not_finite("embedding: {{resolution: {{all: {}}}}}"),
    *not_finite("car: {{fdr: {}}}"),
    *not_finite("qc: {{mads: {}}}"),
    *not_finite("qc: {{doublet_rate_per_1000: {}}}"),
    *not_finite("qc: {{max_mito_percent: {}}}"),
    *not_finite("enrichment: {{log2_fold_change: {}}}"),
    ("a claim's effect of .nan", claims(CLAIM.format(".nan")), REFUSED, ["min_effect", "is not a finite number"]),
    ("flow_car_percent of nan", column("flow_car_percent", "nan"), REFUSED, ["row 2: flow_car_percent", "finite"]),
    ("flow_car_percent of inf", column("flow_car_percent", "inf"), REFUSED, ["row 2: flow_car_percent", "finite"]),
    ("lanes of a half", column("lanes", "0.5"), REFUSED, ["row 2: lanes"]),
    ("doublet rate above a half", column("doublet_percent", "70"), REFUSED, ["row 2: doublet_percent"]),
    ("lanes and doublet rate", sheet("lanes\tdoublet_percent\t" + SHEET.replace("\nip", "\n4\t2.5\tip").replace("\npk", "\n\t0\tpk")), CARRIED_ON, ["Nothing is wrong"]),
    ("an integer of 5,000 digits", key(f"seed: {DIGITS}"), REFUSED, ["config.yaml", "not valid YAML"]),
    ("an integer of 300 digits", key(f"seed: {'9' * 300}"), REFUSED, ["seed", "finite"]),
    ("a seed beyond 31 bits", key("seed: 4294967296"), REFUSED, ["seed"]),
    ("5,000 digits in the sheet", column("flow_car_percent", DIGITS), REFUSED, ["row 2", "4,096 characters"]),
    ("a field of a megabyte", sheet(SHEET.replace("P1\tip", "P1\t" + "x" * 1_000_000)), REFUSED, ["row 2", "field of more than 4,096 characters"]),
    ("a value of a megabyte", key("title: [" + "x" * 1_000_000 + "]"), REFUSED, ["title", "characters)"]),
    ("aliases of aliases", config(BOMB), REFUSED, ["config.yaml", "aliases make more than"]),
    ("an alias within itself", config(CONFIG + "qc: &q {preset: *q}\n"), REFUSED, ["the alias 'q' holds itself"]),
    ("nested a thousand deep", config("a: " + "[" * 5000), REFUSED, ["config.yaml", "nested too deeply"]),
    ("a contrast named 1", key("contrasts: {1: {test: peak, reference: product}}"), REFUSED, ["contrasts.1: 1 is no text", "quotes"]),
    ("a contrast name with a line end", key('contrasts: {"peak\\n": {test: peak, reference: product}}'), REFUSED, ["contrasts"]),
    ("a configuration in UTF-16", config(CONFIG.encode("utf-16")), REFUSED, ["config.yaml: not UTF-8 text"]),
    ("a configuration in Latin-1", config((CONFIG + "title: Größe\n").encode("latin-1")), REFUSED, ["config.yaml: not UTF-8 text (line 3)"]),
    ("a NUL in the configuration", config(CONFIG.encode() + b"title: a\0b\n"), REFUSED, ["NUL character in line 3"]),
    ("a folder as sheet", lambda f: ((f / "samples.tsv").unlink(), (f / "samples.tsv").mkdir()), REFUSED, ["samples.tsv/config.yaml: no such file"]),
    ("a folder as the configuration's sheet", lambda f: ((f / "samples.tsv").unlink(), (f / "samples.tsv").mkdir(), (f / "samples.tsv/config.yaml").write_text("samples: .\ntransgene: {features: [x]}\n")), REFUSED, ["a folder, not a file"]),
    ("a pipe as claims", fifo("c.yaml", key("claims: c.yaml")), REFUSED, ["claims: not a file"]),
    ("a pipe as a matrix", fifo("p", sheet(SHEET.replace("P1\tip", "P1\tp"))), REFUSED, ["p: a pipe or device, not a file"]),
    ("links in a circle", loop, REFUSED, ["path does not exist"]),
    ("an h5 whose data are texts", instead("s.h5", strings_for_data), REFUSED, ["s.h5", "texts in place of numbers"]),
    ("an HDF5 file of another kind", instead("o.h5", odd_hdf5), REFUSED, ["o.h5: not a count matrix in a known layout"]),
    ("a NUL in a gene name", features(lambda t: t.replace("CD3E", "CD3\0E")), REFUSED, ["features.tsv.gz: a NUL character in line 2"]),
    ("a matrix without a final newline", matrix_bytes(lambda b: gzip.compress(gzip.decompress(b).rstrip(b"\n"))), CARRIED_ON, ["Nothing is wrong"]),
    ("a plain one without", plain_matrix, CARRIED_ON, ["Nothing is wrong", "matrix.mtx ends without a line end"]),
    ("a gzip with trailing zeros", matrix_bytes(lambda b: b + bytes(512)), CARRIED_ON, ["Nothing is wrong"]),
    ("a gzip that is cut, with zeros", matrix_bytes(lambda b: b[:-200] + bytes(512)), REFUSED, ["matrix.mtx.gz"]),
    ("a protein as construct", files({"car.fa": PROTEIN, "tx.fa": DNA}, key(CONSTRUCT)), REFUSED, ["car.fa"]),
    ("a protein to compare with", files({"car.fa": DNA, "tx.fa": PROTEIN}, key(CONSTRUCT)), REFUSED, ["tx.fa: these letters are not nucleotides"]),
    ("a construct of another name", files({"car.fa": DNA.replace(CAR, "other"), "tx.fa": DNA}, key(CONSTRUCT)), REFUSED, ["'other' is not among transgene.features"]),
    ("a sound construct", files({"car.fa": DNA, "tx.fa": DNA}, key(CONSTRUCT)), CARRIED_ON, ["Nothing is wrong. Not looked at: what the construct shares"]),
    ("a protein as genome", files({"g.fa": PROTEIN, "g.gtf": "1\tx\tgene\t1\t9\t.\t+\t.\tgene_id \"a\";\n"}, key(GENOME)), REFUSED, ["g.fa: these letters are not nucleotides"]),
    ("a table as GTF", files({"g.fa": DNA, "g.gtf": "gene\tstart\n"}, key(GENOME)), REFUSED, ["g.gtf: its first row has 2 columns"]),
    ("a misspelt label by hand", key(OVERRIDE), REFUSED, ["annotation.overrides, entry 1", "B cell"]),
    ("a label by hand", key(OVERRIDE.replace("B cel,", "B cell,")), CARRIED_ON, ["Not looked at: whether the clusters and cells"]),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "outcome", "words"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_what_slipped_through(tmp_path, monkeypatch, capsys, spoil, outcome, words):
    spoil(write_study(tmp_path))
    monkeypatch.chdir(tmp_path)
    started = time.process_time()
    status = main(["check", "samples.tsv"])
    taken = time.process_time() - started
    out, err = capsys.readouterr()
    assert status == (1 if outcome == REFUSED else 0), err
    told = err if outcome == REFUSED else out
    assert not [word for word in words if word not in told], told[:2000]
    assert "Traceback" not in out + err
    assert len(err) < 5000
    assert taken < SECONDS


UNITS = "sample\tlane\tr1\tr2\nip\t{}\ta.fq\tb.fq\n"


@pytest.mark.parametrize("lane", ["../$(id)", "a b", "L1;ls", "x" * 80, "-rf"])
def test_a_lane_is_a_plain_name(tmp_path, lane):
    from carpeak.errors import UserError
    from carpeak.study import units

    (tmp_path / "u.tsv").write_text(UNITS.format(lane))
    with pytest.raises(UserError, match="row 2: lane"):
        units.read(tmp_path / "u.tsv")


def test_missing_keys_of_a_claim_are_each_told_once(tmp_path):
    from carpeak import home
    from carpeak.errors import UserError
    from carpeak.study import claims_file

    (tmp_path / "c.yaml").write_text("claims:\n- {id: A, quantity: {kind: majority}}\n- {id: B}\n")
    with pytest.raises(UserError) as refused:
        claims_file.read(tmp_path / "c.yaml", home.workflow() / "schemas/claims.schema.yaml")
    lines = str(refused.value).splitlines()
    assert len(lines) == len(set(lines))


def test_a_car_counted_from_reads_beside_a_matrix_that_lacks_it(tmp_path):
    from carpeak.preflight import preflight

    write_study(tmp_path)
    for name in ("ip", "pk"):
        shutil.rmtree(tmp_path / name)

        write_trio(tmp_path / name, genes=GENES, seed=1 if name == "ip" else 2)
    rows = [
        {
            "sample": n,
            "condition": "c",
            "donor": "d",
            "path": str(tmp_path / n),
            "raw_path": None,
            "select": "",
        }
        | {"adds_transgene": n == "ip"}
        for n in ("ip", "pk")
    ]
    found = preflight.examine(rows, features=[CAR])
    assert found.problems == []
    assert "without the feature CLL1_scFv" in found.limits["pk"][0]


def test_a_file_of_this_machine_is_not_quoted():
    from carpeak.download import checks
    from carpeak.errors import UserError

    with pytest.raises(UserError) as refused:
        checks.check_head(b"root:x:0:0:secret", name="x.h5", source="file:///etc/passwd")
    assert "root" not in str(refused.value)
    with pytest.raises(UserError, match="begins with"):
        checks.check_head(b"Not found........", name="x.h5", source="https://example.org/x.h5")
