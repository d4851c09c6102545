"""A corpus of hostile and odd studies, each through `carpeak check`: read rightly, or one clear sentence.

The third such table (test_bad_inputs.py, test_nothing_slips.py): rows that passed without a word, misled, or took
long when they were tried, and odd ones beside them that must be read.
"""

import gzip
import os
import shutil
import socket
import time
import zipfile

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from carpeak import home
from carpeak.__main__ import main
from fixtures_libraries import (
    CAR,
    CELLS,
    CONFIG,
    GENES,
    N_GENES,
    SHEET,
    barcodes,
    counts,
    ids,
    write_h5,
    write_study,
    write_trio,
)
from scipy import sparse
from spoil_study import both, instead, library

REFUSED, CARRIED_ON = "refused", "carried on"
SECONDS = 5.0
DENSE = counts().toarray()
LOG = np.log1p(DENSE / DENSE.sum(axis=1, keepdims=True) * 1e4).astype(np.float32)
PER_MILLION = DENSE / DENSE.sum(axis=1, keepdims=True) * 1e6
MARKERS = yaml.safe_load((home.workflow().parent / "config/markers.yaml").read_text(encoding="utf-8"))


def rounded(values):
    return library(matrix=sparse.csr_matrix(np.rint(values).astype(int)))


def text(name, change):
    """Change the text of one file of the first library."""

    def spoil(f):
        path = f / "ip" / name
        new = change(gzip.decompress(path.read_bytes()).decode())
        path.write_bytes(gzip.compress(new if isinstance(new, bytes) else new.encode()))

    return spoil


def h5ad(values, *, layers=None, raw=None, obs=None, var=None):
    def write(path):
        rows = pd.DataFrame(index=barcodes(CELLS)) if obs is None else obs
        genes = pd.DataFrame({"gene_ids": ids([*GENES, CAR])}, index=[*GENES, CAR]) if var is None else var
        data = anndata.AnnData(values, obs=rows, var=genes, layers=layers)
        if raw is not None:
            data.raw = anndata.AnnData(raw, obs=rows, var=genes)
        data.write_h5ad(path)

    return instead("x.h5ad", write)


def table(*, extra=None, genes=None, turned=False, delimiter=","):
    """A dense table, with a further row (or column) of values."""

    def write(path):
        names = [*GENES, CAR] if genes is None else genes
        values = DENSE if extra is None else np.column_stack([DENSE, extra])
        rows, columns = (barcodes(CELLS), names) if turned else (names, barcodes(CELLS))
        values = values if turned else values.T
        lines = [delimiter.join(["", *columns])]
        lines += [delimiter.join([name, *map(str, row)]) for name, row in zip(rows, values, strict=True)]
        path.write_text("\n".join(lines) + "\n")

    return instead("x.csv", write)


def packed_with_doubles(path):
    """A zip as macOS makes it, with a file of its own beside each."""
    folder = write_trio(path.parent / "unpacked")
    with zipfile.ZipFile(path, "w") as file:
        for one in folder.iterdir():
            file.write(one, f"ip/{one.name}")
            file.writestr(f"__MACOSX/ip/._{one.name}", b"\0\5")


def sheet(content):
    return lambda f: (f / "samples.tsv").write_text(content, encoding="utf-8")


def row(old, new):
    return sheet(SHEET.replace(old, new, 1))


def column(name, value):
    return sheet(f"{name}\t" + SHEET.replace("\nip", f"\n{value}\tip").replace("\npk", "\n\tpk"))


def config(content):
    return lambda f: (f / "config.yaml").write_text(content, encoding="utf-8")


def key(line, **files):
    """A line of the configuration, and the files it names (`__` stands for the dot)."""

    def spoil(f):
        for name, content in files.items():
            (f / name.replace("__", ".")).write_bytes(
                content if isinstance(content, bytes) else content.encode()
            )
        (f / "config.yaml").write_text(CONFIG + line + "\n", encoding="utf-8")

    return spoil


def claims(*quantities):
    listed = "".join(
        f"- {{id: A{n}, statement: s, quantity: {{{quantity}}}}}\n" for n, quantity in enumerate(quantities)
    )
    return key("claims: c.yaml", c__yaml="claims:\n" + listed)


def markers(change):
    def spoil(f):
        value = yaml.safe_load(yaml.safe_dump(MARKERS))
        change(value)
        key("annotation: {markers: m.yaml}", m__yaml=yaml.safe_dump(value, sort_keys=False))(f)

    return spoil


def lineage(name):
    return markers(lambda value: value["lineages"].update({name: [{"genes": ["CD19"]}]}))


def no_file(name, make):
    """Something else in place of a file or folder."""

    def spoil(f):
        path = f / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        make(path)

    return spoil


def bind(path):
    os.chdir(path.parent)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


def reads(first, second, sheet_of_reads="sample\tlane\tr1\tr2\nip\tL1\ta.fq\tb.fq\n"):
    return key(
        "units: u.tsv\nconstruct: {fasta: car.fa, against: [tx.fa]}\nreads: {geometry: 10x-v3}",
        **{"a__fq": first, "b__fq": second, "u__tsv": sheet_of_reads, "car__fa": DNA, "tx__fa": DNA},
    )


def fastq(length, n=50):
    rng = np.random.default_rng(length)
    bases = ("".join(rng.choice(list("ACGT"), length)) for _ in range(n))
    return "".join(f"@r{i}\n{read}\n+\n{'I' * length}\n" for i, read in enumerate(bases))


def construct(content):
    return key("construct: {fasta: car.fa, against: [tx.fa]}", car__fa=content, tx__fa=DNA)


def patients(content):
    return key("donors: {patients: p.tsv}", p__tsv=content)


def reference(content):
    return key("annotation: {method: singler, reference: r.csv}", r__csv=content)


SAMPLES = pd.DataFrame({"s": pd.Categorical([None] * 20 + ["a"] * 40)}, index=barcodes(CELLS))
SELECTED = "sample\tcondition\tdonor\tpath\tselect\nip\tproduct\tP1\tx.h5ad\ts=a\npk\tpeak\tP1\tpk\t\n"
TWO_PATHS = "sample\tcondition\tdonor\tpath\traw_path\nip\tproduct\tP1\tip\t{}\npk\tpeak\tP1\tpk\t\n"
CLASH = "sample\tcondition\tdonor\tpath\nip\tproduct\tP1\tip\nIP\tpeak\tP1\tpk\n"
DNA = ">CLL1_scFv\n" + "ATGGCTCTTCCAGTTACTGCATTGCTTCTCCCTTTGGCC" * 30 + "TGA\n"
GENE = "kind: gene_change, population: car_t, group: CD4, gene: {}"
SUBSET = "kind: largest_subset, population: car_t, condition: test, label: {}"
GTF = "1\tx\tgene\t1\t9\t.\t+\t.\t{}\n"
GENOME = "reference: {fasta: g.fa, gtf: g.gtf}"
FEATURE_TYPES = ["Gene Expression"] * len(GENES)

MATRICES = [
    ("counts per million, rounded", rounded(PER_MILLION), REFUSED, ["all cells hold nearly the same sum", "normalised"]),
    ("counts per 10,000, rounded", rounded(PER_MILLION / 100), REFUSED, ["all cells hold nearly the same sum"]),
    ("thinned to one depth", library(matrix=sparse.csr_matrix(np.random.default_rng(0).multinomial(500, np.full(N_GENES, 1 / N_GENES), CELLS))), REFUSED, ["thinned to one depth"]),
    ("true and false", h5ad(sparse.csr_matrix(DENSE > 2)), REFUSED, ["true or false"]),
    ("ones alone, of few cells each", library(matrix=sparse.csr_matrix((DENSE > 3).astype(np.int32))), REFUSED, ["every value is 1"]),
    ("a row of sums", table(extra=DENSE.sum(axis=1), genes=[*GENES, CAR, "Total"]), REFUSED, ["Total: no gene is called so", "Remove"]),
    ("a column of clusters", table(extra=np.arange(CELLS), genes=[*GENES, CAR, "seurat_clusters"], turned=True), REFUSED, ["seurat_clusters: no gene"]),
    ("HTSeq's rest", table(extra=np.arange(CELLS), genes=[*GENES, CAR, "__no_feature"]), REFUSED, ["__no_feature: no gene"]),
    ("genes that are dates", both(genes=["1-Mar", "2-Sep", *GENES[2:], CAR]), CARRIED_ON, ["2 gene names are dates (1-Mar, 2-Sep)"]),
    ("the CAR as antibody", library(types=[*FEATURE_TYPES, "Antibody Capture"]), REFUSED, ["CLL1_scFv is of type Antibody Capture here"]),
    ("the CAR as custom feature", both(types=[*FEATURE_TYPES, "Custom"]), REFUSED, ["CLL1_scFv is of type Custom here"]),
    ("a macaque's identifiers", both(gene_ids=[f"ENSMMUG{i:011d}" for i in range(len(GENES))] + [CAR]), REFUSED, ["another species than man (ENSMMUG"]),
    ("a zebrafish", both(genes=[g.lower() for g in GENES] + [CAR], gene_ids=[f"ENSDARG{i:011d}" for i in range(len(GENES))] + [CAR]), REFUSED, ["another species than man (ENSDARG"]),
    ("Entrez numbers", both(genes=[str(900 + i) for i in range(len(GENES))] + [CAR], gene_ids=[str(900 + i) for i in range(len(GENES))] + [CAR]), REFUSED, ["none of the", "marker genes", "(900,"]),
    ("fewer genes than a cell must have", lambda f: None, CARRIED_ON, ["ip: lists 35 genes, and qc.min_genes is 100: every cell will be removed"]),
    ("quoted features", text("features.tsv.gz", lambda t: "".join("\t".join(f'"{x}"' for x in line.split("\t")) + "\n" for line in t.splitlines())), CARRIED_ON, ["CLL1_scFv", "Nothing is wrong"]),
    ("blanks behind names", text("features.tsv.gz", lambda t: t.replace("CD3E", "CD3E ").replace("\n", "  \n")), CARRIED_ON, ["Nothing is wrong"]),
    ("line ends of old Macs", text("barcodes.tsv.gz", lambda t: t.replace("\n", "\r")), CARRIED_ON, ["Nothing is wrong"]),
    ("byte-order marks", text("features.tsv.gz", lambda t: "\ufeff" + t), CARRIED_ON, ["Nothing is wrong"]),
    ("Windows-1252 features", text("features.tsv.gz", lambda t: t.replace("CD3E", "CD3\u20ac").encode("cp1252")), REFUSED, ["features.tsv.gz: not readable as text"]),
    ("files that macOS leaves", lambda f: [(f / "ip" / f"._{p.name}").write_bytes(b"\0\5\x16\7") for p in list((f / "ip").iterdir())], CARRIED_ON, ["Nothing is wrong"]),
    ("a zip of macOS", instead("x.zip", packed_with_doubles), CARRIED_ON, ["Nothing is wrong"]),
    ("300 MB of blanks in a gzip", text("matrix.mtx.gz", lambda t: t[:60] + " " * 300_000_000), REFUSED, ["matrix.mtx.gz: a line of more than"]),
    ("log values, counts in raw", h5ad(LOG, raw=counts().astype(np.float32)), CARRIED_ON, ["h5ad, raw/X"]),
    ("log values, counts in a layer", h5ad(LOG, layers={"counts": counts()}), CARRIED_ON, ["h5ad, layers/counts"]),
    ("log values in the layer of counts", h5ad(counts(), layers={"counts": sparse.csr_matrix(LOG)}), CARRIED_ON, ["h5ad, X "]),
    ("spliced and unspliced beside log values", h5ad(LOG, layers={"spliced": counts(), "unspliced": counts(seed=3)}), REFUSED, ["no raw counts", "layers['counts']"]),
    ("a category that is missing for some", lambda f: (h5ad(counts(), obs=SAMPLES)(f), sheet(SELECTED)(f)), CARRIED_ON, ["40 of 60 cells (s=a)"]),
    ("0.5 in one place", h5ad(np.where(np.arange(DENSE.size).reshape(DENSE.shape) == 7, 2.5, DENSE)), REFUSED, ["fractional values"]),
    ("a count beyond 2^31", h5ad(sparse.csr_matrix(DENSE.astype(np.int64) << 30)), REFUSED, ["too large for a count"]),
    ("an h5 whose shape is turned", instead("x.h5", lambda p: (write_h5(p), h5py.File(p, "a")["matrix/shape"].write_direct(np.array([CELLS, N_GENES])))), REFUSED, ["x.h5: the matrix has 60 genes x 35 cells"]),
    ("the same library under two names", lambda f: (shutil.rmtree(f / "pk"), write_trio(f / "pk", matrix=counts(seed=1), cells=barcodes(CELLS, 5))), CARRIED_ON, ["pk: 60 of 60 cells hold exactly the counts of a cell of ip: is one a copy of the other?"]),
    ("path as raw_path", sheet(TWO_PATHS.format("ip")), REFUSED, ["path and raw_path are the same"]),
    ("a table of two genes", table(), CARRIED_ON, ["Nothing is wrong"]),
]  # fmt: skip

RAW = np.vstack([DENSE, np.random.default_rng(3).poisson(0.1, (500, N_GENES))])
ALL = (*barcodes(CELLS), *(f"TTTTTTTTTTTT{i:04d}-1" for i in range(500)))


def droplets(values=RAW, *, cells=ALL, **options):
    """The unfiltered matrix of the first library, and the sheet that names it."""

    def spoil(f):
        write_trio(f / "raw", sparse.csr_matrix(values), cells=list(cells), **options)
        sheet(TWO_PATHS.format("raw"))(f)

    return spoil


def overlapping(f):
    """Two libraries out of one file, by columns that share cells."""
    values = sparse.csr_matrix(np.vstack([DENSE, counts(seed=2).toarray()]))
    names = [*barcodes(CELLS), *(f"{b}z" for b in barcodes(CELLS, 2))]
    h5ad(
        values, obs=pd.DataFrame({"a": ["x"] * 60 + ["y"] * 60, "b": ["p"] * 100 + ["q"] * 20}, index=names)
    )(f)
    rows = "ip\tproduct\tP1\tx.h5ad\ta=x\npk\tpeak\tP1\tx.h5ad\tb=p\n"
    sheet("sample\tcondition\tdonor\tpath\tselect\n" + rows)(f)


CELLS_AND_DROPLETS = [
    ("droplets of this library", droplets(), CARRIED_ON, ["Nothing is wrong"]),
    ("droplets of another library with the same barcodes", droplets(np.vstack([RAW[::-1][:60], RAW[60:]])), REFUSED, ["other counts here than in path", "correct the row in the sheet"]),
    ("droplets without counts", droplets(RAW * 0), REFUSED, ["median ratio of UMIs 0.00"]),
    ("normalised droplets", droplets(RAW / 2), REFUSED, ["raw: fractional values"]),
    ("half of the cells among the droplets", droplets(RAW[30:], cells=ALL[30:]), REFUSED, ["only 30 of the 60 cells"]),
    ("droplets of other genes", droplets(genes=[*(g.capitalize() for g in GENES), CAR]), REFUSED, ["lists other genes than the matrix of the cells"]),
    ("droplets without the CAR", droplets(RAW[:, :-1], genes=GENES), CARRIED_ON, ["ip: raw_path lacks the feature CLL1_scFv"]),
    ("no droplet beside the cells", droplets(DENSE, cells=barcodes(CELLS)), CARRIED_ON, ["ip: raw_path holds no droplet beside the cells"]),
    ("libraries that share cells", overlapping, CARRIED_ON, ["pk: 60 of 100 cells hold exactly the counts of a cell of ip"]),
    ("a library joined to itself", library(matrix=sparse.csr_matrix(np.vstack([DENSE[:30], DENSE[:30]]))), CARRIED_ON, ["ip: 30 of 60 cells hold exactly the counts of another cell"]),
    ("counts times ten", library(matrix=sparse.csr_matrix(DENSE * 10)), REFUSED, ["every value is a multiple of 10"]),
]  # fmt: skip

SHEETS = [
    ("samples that differ by capitals", sheet(CLASH), REFUSED, ["column 'sample': 'ip' and 'IP' differ by capital letters alone"]),
    ("donors that differ by capitals", row("peak\tP1", "peak\tp1"), REFUSED, ["column 'donor': 'P1' and 'p1'"]),
    ("conditions that differ by capitals", sheet(SHEET + "p2\tPeak\tP1\tip/\n"), REFUSED, ["column 'condition': 'peak' and 'Peak'"]),
    ("a name of Cyrillic letters", row("ip\tproduct", "\u0456p\tproduct"), REFUSED, ["row 2: sample"]),
    ("a zero-width blank", row("ip\tproduct", "ip\u200b\tproduct"), REFUSED, ["row 2: sample: 'ip\\u200b'"]),
    ("a hard blank at the end", row("product", "product\u00a0"), CARRIED_ON, ["Nothing is wrong"]),
    ("a number with an underline", column("flow_car_percent", "1_0"), REFUSED, ["row 2: flow_car_percent: '1_0'"]),
    ("a number in Arabic digits", column("flow_car_percent", "٣"), REFUSED, ["row 2: flow_car_percent"]),
    ("a formula", column("flow_car_percent", "=1+1"), REFUSED, ["row 2: flow_car_percent: '=1+1'"]),
    ("an address as path", row("P1\tip", "P1\thttps://example.org/x.h5"), REFUSED, ["path does not exist", "The key download fetches"]),
    ("10,000 rows", sheet(SHEET + "".join(f"s{i}\tpeak\tP1\tpk\n" for i in range(10_000))), REFUSED, ["10,002 rows", "One row is one library"]),
    ("900 rows of one file", sheet(SHEET + "".join(f"s{i}\tpeak\tP1\tpk\n" for i in range(900))), REFUSED, ["name the same path", "more"]),
    ("1,000 columns", sheet("\t".join(["sample", "condition", "donor", "path", *(f"c{i}" for i in range(1000))]) + "\nip\tproduct\tP1\tip\n"), REFUSED, ["unknown column 'c0'", "and 94"]),
    ("a line separator of Unicode", row("P1\tip", "P1\u2028\tip"), CARRIED_ON, ["Nothing is wrong"]),
    *((f"a sample called {name}", row("ip\tproduct", f"{name}\tproduct"), CARRIED_ON, ["Nothing is wrong"]) for name in ("nan", "None", "1e3", "CON", "2024-01-01", "all", "car_t", "x" * 64)),
]  # fmt: skip

PLACES = [
    *((f"{what} as matrix", no_file("ip/matrix.mtx.gz", make), REFUSED, [f"matrix.mtx.gz{told}"]) for what, make, told in (("a pipe", os.mkfifo, " (a pipe or device)"), ("a broken link", lambda p: p.symlink_to("nowhere"), " (a broken link)"), ("a circle", lambda p: p.symlink_to(p.name), " (a broken link)"), ("a socket", bind, " (a pipe or device)"))),
    *((f"{what} as config.yaml", no_file("config.yaml", make), REFUSED, [told]) for what, make, told in (("a pipe", os.mkfifo, "a pipe or device"), ("a folder", lambda p: p.mkdir(), "a folder, not a file"), ("a socket", bind, "a pipe or device"), ("a broken link", lambda p: p.symlink_to("nowhere"), "no such file"))),
    ("a socket as library", no_file("ip", bind), REFUSED, ["a pipe or device"]),
    ("a device as library", row("P1\tip", "P1\t/dev/zero"), REFUSED, ["/dev/zero: a pipe or device"]),
    ("a folder named like a file", lambda f: ((f / "ip").rename(f / "x.h5"), row("P1\tip", "P1\tx.h5")(f)), CARRIED_ON, ["Nothing is wrong"]),
    ("a folder that holds itself", lambda f: (f / "ip/self").symlink_to("."), CARRIED_ON, ["Nothing is wrong"]),
]  # fmt: skip

CONFIGURATIONS = [
    ("an octal number", key("qc: {min_genes: 010}"), REFUSED, ["YAML takes 010 for another number", "line 3"]),
    ("a number to base 60", key("qc: {min_genes: 1:30}"), REFUSED, ["YAML takes 1:30 for another number"]),
    ("a hexadecimal number", key("seed: 0x1F"), REFUSED, ["YAML takes 0x1F for another number"]),
    ("an exponent without a point", key("qc: {min_genes: 1e3}"), REFUSED, ["qc.min_genes: '1e3' should be of type integer (YAML takes it for a text"]),
    ("no, which is false", key("title: no"), REFUSED, ["title: False should be of type string (YAML takes yes, no"]),
    ("a date", key("title: 2026-11-21"), REFUSED, ["put quotes around the text"]),
    ("a contrast of on", key("contrasts: {a: {test: on, reference: product}}"), REFUSED, ["contrasts.a.test: True", "quotes"]),
    ("an empty block", key("qc:"), REFUSED, ["qc: empty, should be of type object: fill it, or leave the key out"]),
    ("half a surrogate pair", key('title: "\\ud800"'), REFUSED, ["config.yaml: not valid YAML"]),
    ("100,000 keys", key("\n".join(f"k{i}: 1" for i in range(90_000))), REFUSED, ["90,000 unknown keys"]),
    ("300,000 values", key("title: [" + "1," * 300_000 + "]"), REFUSED, ["more than 200,000 values"]),
    ("an object of Python", key('title: !!python/object/apply:os.system ["touch hacked"]'), REFUSED, ["not valid YAML", "line 3"]),
    ("gene sets named like a folder here", key("enrichment: {gene_sets: [ip]}"), REFUSED, ["enrichment.gene_sets: not a file"]),
    ("gene sets to be fetched", key("enrichment: {gene_sets: [KEGG_2021_Human]}"), CARRIED_ON, ["Not looked at: gene sets that the run fetches from Enrichr (KEGG_2021_Human)"]),
    ("a feature of Cyrillic letters", config(CONFIG.replace(CAR, "\u0421LL1_scFv")), REFUSED, ["Closest feature names: CLL1_scFv"]),
    ("patients without their column", patients("x\ty\n1\t2\n"), REFUSED, ["p.tsv: the column 'patient' is missing"]),
    ("a patient twice", patients("patient\tr\nP1\ta\nP1\tb\n"), REFUSED, ["the patient 'P1' has 2 rows"]),
    ("other patients", patients("patient\tr\nP9\ta\n"), REFUSED, ["none of its patients (P9) is a donor of the sheet (P1)"]),
    ("patients in Latin-1", patients("patient\tr\nP1\té\n".encode("latin-1")), REFUSED, ["p.tsv: not UTF-8"]),
    ("a reference with infinity", reference("gene,T cell,B cell\nCD3D,inf,0\n"), REFUSED, ["infinite values"]),
    ("a reference with a type twice", reference("gene,T cell,T cell\nCD3D,5,0\n"), REFUSED, ["the column 'T cell' occurs twice"]),
]  # fmt: skip

NAMED = [
    ("a claim on a label that no cell gets", claims(SUBSET.format("CD8 Tm")), REFUSED, ["claim A0: no cell can be called 'CD8 Tm' (did you mean 'CD8 Tem'?)"]),
    ("a claim on a lineage that is none", claims("kind: lineages_present, labels: [T cell, Foo], largest: T cell"), REFUSED, ["no cell can be called 'Foo'"]),
    ("a largest lineage that is not claimed", claims("kind: lineages_present, labels: [T cell], largest: B cell"), REFUSED, ["largest, 'B cell', is not among its labels"]),
    ("a majority over itself", claims("kind: majority, population: all, label: T cell, over: T cell"), REFUSED, ["label and over are the same"]),
    ("a gene in small letters", claims(GENE.format("gzmb")), CARRIED_ON, ["claims on genes that no library lists", "A0 (gzmb)"]),
    ("claims that contradict each other", claims(GENE.format("GZMB"), GENE.format("GZMB, direction: down")), CARRIED_ON, ["Nothing is wrong"]),
    ("3,000 claims", claims(*[GENE.format("GZMB")] * 3000), CARRIED_ON, ["Nothing is wrong"]),
    ("no T cells in the markers", markers(lambda m: m["lineages"].update({"T cells": m["lineages"].pop("T cell")})), REFUSED, ["lineages: 'T cell' is missing (did you mean 'T cells'?)"]),
    ("a gene for and against", markers(lambda m: m["lineages"].update({"T cell": [{"genes": ["CD3D"], "without": ["CD3D"]}]})), REFUSED, ["CD3D is among 'genes' and 'without'"]),
    ("a scheme of one's own", markers(lambda m: m["t_states"].update(mine=m["t_states"]["paper"])), REFUSED, ["t_states: unknown key 'mine'"]),
    ("an unknown part of the markers", markers(lambda m: m.update(colours=[])), REFUSED, ["top level: unknown key 'colours'"]),
    ("a gene with a blank", markers(lambda m: m["lineages"]["B cell"][0]["genes"].append("CD19 ")), REFUSED, ["gene symbols, as text without blanks"]),
    *((f"a lineage called {name!r}", lineage(name), REFUSED, ["can't be a label"]) for name in ("unassigned", "", 3, " B", "not a T cell")),
    ("a coarser name that is a state", markers(lambda m: m["coarser"]["canonical"].update({next(iter(m["t_states"]["canonical"])): list(m["t_states"]["canonical"])[:2]})), REFUSED, ["is a state of the scheme already"]),
    ("a construct of N", construct(">CLL1_scFv\n" + "N" * 900 + "\n"), REFUSED, ["no 16 known bases in a row"]),
    ("a construct of three bases", construct(">CLL1_scFv\nATG\n"), REFUSED, ["no 16 known bases in a row"]),
    ("a transcriptome as construct", construct("".join(f">r{i}\n{'ACGTT' * 5}\n" for i in range(50_000))), REFUSED, ["at most 50 sequences"]),
    ("a chromosome as construct", construct(">CLL1_scFv\n" + "ACGT" * 1_250_000 + "\n"), REFUSED, ["300,000 bases"]),
    ("RNA as construct", construct(DNA.replace("T", "U")), CARRIED_ON, ["Nothing is wrong"]),
    ("GFF3 for GTF", key(GENOME, g__fa=DNA, g__gtf=GTF.format("ID=a")), REFUSED, ['g.gtf: its first row has no gene_id']),
    ("swapped mates", reads(fastq(90), fastq(28)), REFUSED, ["b.fq: reads have 28 bases", "seem to be swapped"]),
    ("reads of another kit", reads(fastq(16), fastq(90)), REFUSED, ["a.fq: reads have 16 bases, the geometry needs 28"]),
    ("a first mate that is cut", reads(gzip.compress(fastq(28).encode())[:100], fastq(90)), REFUSED, ["a.fq: the gzip file is damaged or cut short"]),
    ("one file as both mates", reads(fastq(28), fastq(28)), REFUSED, ["b.fq: reads have 28 bases"]),
    ("empty reads", reads("", fastq(90)), REFUSED, ["a.fq: the file is empty"]),
]  # fmt: skip

ROWS = [
    pytest.param(*one[1:], id=f"{kind}: {one[0]}")
    for kind, rows in {
        "matrix": MATRICES,
        "cells": CELLS_AND_DROPLETS,
        "sheet": SHEETS,
        "place": PLACES,
        "configuration": CONFIGURATIONS,
        "named": NAMED,
    }.items()
    for one in rows
]


@pytest.mark.parametrize(("spoil", "outcome", "words"), ROWS)
def test_a_hostile_study(tmp_path, monkeypatch, capsys, spoil, outcome, words):
    monkeypatch.chdir(tmp_path)
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
    assert not (tmp_path / "hacked").exists()
    if outcome == REFUSED:
        assert err.startswith("carpeak: ") and err.count("carpeak: ") == 1, "one message"
        assert len(err) < 20_000
    assert taken < SECONDS
