"""Every bad input that a user may bring, as a table: how it is made, what becomes of it, what is said.

*Refused*: exit status 1, one message with the expected words, no traceback, nothing written. *Carried on*:
exit status 0, and a note with the expected words (none where the input is merely unusual).
"""

import gzip
import shutil

import numpy as np
import pytest
from carpeak.__main__ import main
from carpeak.preflight import survey
from carpeak.readers import text as reading
from fixtures_libraries import (
    CAR,
    CELLS,
    CONFIG,
    GENES,
    SHEET,
    barcodes,
    counts,
    ids,
    write_gz,
    write_h5,
    write_h5ad,
    write_study,
    write_trio,
)
from scipy import sparse
from spoil_study import both, instead, library

REFUSED, CARRIED_ON = "refused", "carried on"


def lines_of(path):
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def edit(path, change):
    """Change the list of lines of a gzipped file in place."""
    lines = lines_of(path)
    write_gz(path, "\n".join(change(lines) or lines) + "\n")


def cut(path, share=0.6):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def in_folder(name, change):
    """Spoil the file `name` of the first library."""
    return lambda f: change(f / "ip" / name)


def last_entry(value):
    def change(lines):
        lines[-1] = " ".join([*lines[-1].split()[:2], value])

    return in_folder("matrix.mtx.gz", lambda path: edit(path, change))


def matrix_lines(change):
    return in_folder("matrix.mtx.gz", lambda path: edit(path, change))


def sheet(text, encoding="utf-8"):
    return lambda f: (f / "samples.tsv").write_bytes(text.encode(encoding))


def in_sheet(old, new):
    return sheet(SHEET.replace(old, new, 1))


def named(name):
    return in_sheet("ip\tproduct", f"{name}\tproduct")


def config(text):
    return lambda f: (f / "config.yaml").write_text(text)


def key(text):
    return config(CONFIG + text + "\n")


def file(name, content, then=None):
    """Write a further file, and then do something else."""

    def spoil(f):
        (f / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        if then:
            then(f)

    return spoil


def moved(name):
    """Give the first library's folder another name."""

    def spoil(f):
        (f / "ip").rename(f / name)
        (f / "samples.tsv").write_text(SHEET.replace("P1\tip", f"P1\t{name}"))

    return spoil


def with_raw(make):
    def spoil(f):
        make(f / "raw")
        (f / "samples.tsv").write_text(
            "sample\tcondition\tdonor\tpath\traw_path\nip\tproduct\tP1\tip\traw\npk\tpeak\tP1\tpk\t\n"
        )

    return spoil


def and_then(*steps):
    def spoil(f):
        for step in steps:
            step(f)

    return spoil


def linked(f):
    (f / "again").symlink_to(f / "ip", target_is_directory=True)
    (f / "samples.tsv").write_text(SHEET.replace("P1\tpk", "P1\tagain"))


def table(path, genes_by_cells):
    lines = ["," + ",".join(barcodes(CELLS))]
    lines += [f"{gene}," + ",".join(map(str, row)) for gene, row in zip([*GENES, CAR], genes_by_cells)]
    path.write_text("\n".join(lines) + "\n")


def without_car_umis(f):
    shutil.rmtree(f / "ip")
    matrix = counts().tolil()
    matrix[:, len(GENES)] = 0
    write_trio(f / "ip", matrix.tocsr())


MOUSE = [g.capitalize() for g in GENES]
PROTEIN = [*["Gene Expression"] * len(GENES), "Gene Expression", "Antibody Capture"]
GMT = "SET\tna\t" + "\t".join(GENES[:12]) + "\n"
GMT_KEY = "enrichment: {gene_sets: [sets.gmt]}"
HTML = "<!DOCTYPE html><html><body>404 Not Found</body></html>"
DENSE = counts().toarray().astype(np.float32)


def write_proteins(path):
    import anndata
    import pandas as pd

    names = [*GENES, CAR]
    var = pd.DataFrame({"feature_types": "Antibody Capture"}, index=names)
    anndata.AnnData(DENSE, obs=pd.DataFrame(index=barcodes(CELLS)), var=var).write_h5ad(path)


NO_CELLS = sparse.csr_matrix((0, len(GENES) + 1), dtype=np.int32)

LIBRARIES = [
    ("missing folder", lambda f: shutil.rmtree(f / "ip"), REFUSED, ["sample 'ip'", "path does not exist"]),
    ("missing raw_path", with_raw(lambda path: None), REFUSED, ["raw_path does not exist", "raw"]),
    ("empty folder", instead("e", lambda p: p.mkdir()), REFUSED, ["sample 'ip'", "folder is empty"]),
    ("empty h5", instead("e.h5", lambda p: p.touch()), REFUSED, ["e.h5", "file is empty", "again"]),
    ("empty matrix.mtx.gz", in_folder("matrix.mtx.gz", lambda p: p.write_bytes(b"")), REFUSED, ["matrix.mtx.gz", "empty"]),
    ("truncated matrix", in_folder("matrix.mtx.gz", cut), REFUSED, ["matrix.mtx.gz", "cut short", "again"]),
    ("truncated barcodes", in_folder("barcodes.tsv.gz", cut), REFUSED, ["barcodes.tsv.gz", "cut short"]),
    ("truncated features", in_folder("features.tsv.gz", cut), REFUSED, ["features.tsv.gz", "cut short"]),
    ("trailer missing", in_folder("matrix.mtx.gz", lambda p: p.write_bytes(p.read_bytes()[:-4])), REFUSED, ["matrix.mtx.gz", "cut short"]),
    ("truncated droplets", with_raw(lambda p: cut(write_trio(p) / "matrix.mtx.gz")), REFUSED, ["raw/matrix.mtx.gz", "cut short"]),
    ("droplets of another library", with_raw(lambda p: write_trio(p, seed=9)), REFUSED, ["none of the library's 60 cells", "same library"]),
    ("truncated h5", instead("c.h5", lambda p: cut(write_h5(p), 0.8)), REFUSED, ["c.h5", "cut short or damaged"]),
    ("truncated h5ad", instead("c.h5ad", lambda p: cut(write_h5ad(p, counts()), 0.8)), REFUSED, ["c.h5ad", "cut short or damaged"]),
    ("a letter", instead("letter.txt", lambda p: p.write_text("Dear colleague")), REFUSED, ["letter.txt", "not a count matrix", "Give"]),
    ("random bytes", instead("x.bin", lambda p: p.write_bytes(np.random.default_rng(0).bytes(4000))), REFUSED, ["x.bin", "not a count matrix"]),
    ("html named h5", instead("x.h5", lambda p: p.write_text(HTML)), REFUSED, ["x.h5", "not a count matrix"]),
    ("html in the matrix", in_folder("matrix.mtx.gz", lambda p: write_gz(p, HTML)), REFUSED, ["matrix.mtx.gz", "line 1"]),
    ("plain text named gz", in_folder("matrix.mtx.gz", lambda p: p.write_text("%%MatrixMarket")), REFUSED, ["matrix.mtx.gz", "line 1"]),
    ("no matrix file", in_folder("matrix.mtx.gz", lambda p: p.unlink()), REFUSED, ["not a count matrix", "barcodes.tsv.gz"]),
    ("no barcodes file", in_folder("barcodes.tsv.gz", lambda p: p.unlink()), REFUSED, ["barcodes.tsv", "missing"]),
    ("no features file", in_folder("features.tsv.gz", lambda p: p.unlink()), REFUSED, ["features.tsv", "missing"]),
    ("barcodes too few", in_folder("barcodes.tsv.gz", lambda p: edit(p, lambda x: x[1:])), REFUSED, ["lists 59 names", "60 cells"]),
    ("barcodes too many", in_folder("barcodes.tsv.gz", lambda p: edit(p, lambda x: [*x, "A-1"])), REFUSED, ["lists 61 names"]),
    ("features too few", in_folder("features.tsv.gz", lambda p: edit(p, lambda x: x[1:])), REFUSED, ["lists 34 names"]),
    ("features too many", in_folder("features.tsv.gz", lambda p: edit(p, lambda x: [*x, x[0]])), REFUSED, ["lists 36 names"]),
    ("entries missing", matrix_lines(lambda x: x[:-5]), REFUSED, ["matrix.mtx.gz", "announces"]),
    ("entries too many", matrix_lines(lambda x: [*x, "1 1 1"]), REFUSED, ["matrix.mtx.gz", "announces"]),
    ("gene out of range", matrix_lines(lambda x: [*x[:2], "99 1 1", *x[3:]]), REFUSED, ["gene or cell that is not listed"]),
    ("cell zero", matrix_lines(lambda x: [*x[:2], "1 0 1", *x[3:]]), REFUSED, ["gene or cell that is not listed"]),
    ("words for numbers", matrix_lines(lambda x: [x[0], "many few none", *x[2:]]), REFUSED, ["matrix.mtx.gz", "three numbers"]),
    ("negative", last_entry("-2"), REFUSED, ["sample 'ip'", "negative values (the lowest is -2", "raw"]),
    ("negative in h5ad", instead("n.h5ad", lambda p: write_h5ad(p, DENSE - 5)), REFUSED, ["n.h5ad", "negative values", "scaled"]),
    ("fractional", last_entry("1.5"), REFUSED, ["fractional values", "raw"]),
    ("log-normalised h5ad", instead("l.h5ad", lambda p: write_h5ad(p, np.log1p(DENSE))), REFUSED, ["log-normalised", "layers['counts']"]),
    ("normalised h5ad", instead("s.h5ad", lambda p: write_h5ad(p, DENSE * 33.3)), REFUSED, ["fractional", "layers['counts']"]),
    ("nan", last_entry("nan"), REFUSED, ["missing or infinite"]),
    ("inf", last_entry("inf"), REFUSED, ["missing or infinite"]),
    ("nan in h5ad", instead("m.h5ad", lambda p: write_h5ad(p, np.where(DENSE > 8, np.nan, DENSE))), REFUSED, ["m.h5ad", "missing or infinite"]),
    ("a word among counts", last_entry("many"), REFUSED, ["matrix.mtx.gz", "not readable"]),
    ("a count too large", last_entry("99999999999"), REFUSED, ["too large for a count"]),
    ("an R object", instead("seurat.rds", lambda p: p.write_bytes(gzip.compress(b"X\n\0\0\0\3\0\4\3\1" + bytes(60)))), REFUSED, ["seurat.rds", "R"]),
    ("a gzipped h5", instead("c.h5.gz", lambda p: p.write_bytes(gzip.compress(write_h5(p.with_suffix("")).read_bytes()))), REFUSED, ["c.h5.gz", "gunzip"]),
    ("a cut zip", instead("m.zip", lambda p: p.write_bytes(b"PK\x03\x04" + bytes(90))), REFUSED, ["m.zip"]),
    ("a cut tar.gz", instead("m.tar.gz", lambda p: p.write_bytes(gzip.compress(bytes(5000))[:20])), REFUSED, ["m.tar.gz"]),
    ("log-normalised table", instead("l.csv", lambda p: table(p, np.log1p(DENSE.T))), REFUSED, ["l.csv", "log-normalised"]),
    ("a table of words", instead("w.csv", lambda p: p.write_text("gene,A-1,B-1\nCD3D,high,low\n")), REFUSED, ["w.csv"]),
    ("select that no cell matches", sheet("select\t" + SHEET.replace("\nip", "\n-9\tip").replace("\npk", "\n\tpk")), REFUSED, ["sample 'ip'", "-9"]),
    ("zero cells", library(matrix=NO_CELLS), REFUSED, ["no cells"]),
    ("zero cells in h5ad", instead("z.h5ad", lambda p: write_h5ad(p, NO_CELLS)), REFUSED, ["no cells"]),
    ("zero genes", library(matrix=sparse.csr_matrix((CELLS, 0), dtype=np.int32), genes=[]), REFUSED, ["no genes"]),
    ("zero counts", library(matrix=sparse.csr_matrix((CELLS, len(GENES) + 1), dtype=np.int32)), REFUSED, ["holds no counts"]),
    ("one cell", library(matrix=counts(cells=1)), REFUSED, ["one cell", "single cells"]),
    ("duplicate barcodes", library(cells=[*barcodes(CELLS)[:-1], barcodes(CELLS)[0]]), REFUSED, ["barcode", "occurs 2 times", "by itself"]),
    ("two libraries in one folder", lambda f: (write_trio(f / "ip", prefix="a_"), write_trio(f / "ip", prefix="b_")), REFUSED, ["several"]),
    ("mouse identifiers", library(gene_ids=[f"ENSMUSG{i:011d}" for i in range(len(GENES) + 1)]), REFUSED, ["mouse genes", "human"]),
    ("mouse symbols", library(genes=[*MOUSE, CAR], gene_ids=[*MOUSE, CAR]), REFUSED, ["mouse genes (Cd3d"]),
    ("unknown genes", both(genes=[*(f"g{i}" for i in range(len(GENES))), CAR]), REFUSED, ["none of the", "marker genes", "(CLL1_scFv, g0"]),
    ("libraries without a common gene", library(genes=[*(f"LOC{i}" for i in range(40)), "CD3D", CAR]), REFUSED, ["share 2 of 35 gene names"]),
    ("no mitochondrial genes", library(genes=[*(g for g in GENES if "MT-" not in g), CAR]), CARRIED_ON, ["ip: no mitochondrial genes"]),
    ("antibodies beside", library(genes=[*GENES, CAR, "anti-CD4"], types=PROTEIN), CARRIED_ON, ["1 of Antibody Capture: left out"]),
    ("few cells", library(matrix=counts(cells=20)), CARRIED_ON, ["ip: 20 cells, below qc.min_cells (50)", "failed"]),
    ("the same matrix twice", lambda f: (shutil.rmtree(f / "pk"), shutil.copytree(f / "ip", f / "pk")), CARRIED_ON, ["pk: 60 of 60 cells hold exactly the counts of a cell of ip", "copy of the other"]),
]  # fmt: skip

PER_CELL = counts()
ZEROS = "%%MatrixMarket matrix coordinate integer general\n35 60 2\n1 1 0\n2 2 0\n"
IMPLAUSIBLE = [
    ("human and mouse genes without prefixes", library(genes=[*GENES, *MOUSE[:17], CAR]), REFUSED, ["33 % of the genes are a mouse's (Cd3d", "both species", "prefix"]),
    ("human and mouse identifiers mixed", library(gene_ids=[f"ENS{'MUS' * (i % 3 == 0)}G{i:011d}" for i in range(len(GENES) + 1)]), REFUSED, ["34 % of the genes are a mouse's", "ENSMUSG"]),
    ("antibodies alone", library(types=["Antibody Capture"] * (len(GENES) + 1)), REFUSED, ["holds Antibody Capture alone", "no gene expression"]),
    ("antibodies alone in h5ad", instead("ab.h5ad", write_proteins), REFUSED, ["ab.h5ad", "holds Antibody Capture alone"]),
    ("rounded log values", library(matrix=sparse.csr_matrix(np.rint(np.log1p(DENSE)).astype(np.int32))), REFUSED, ["vary too little", "rounded log values"]),
    ("binarised counts", library(matrix=sparse.csr_matrix((DENSE > 0).astype(np.int32))), REFUSED, ["every value is 1", "raw UMI counts"]),
    ("copies of one cell", library(matrix=sparse.csr_matrix(np.tile(DENSE[:1], (60, 1)).astype(np.int32))), REFUSED, ["vary too little", "copies of one cell"]),
    ("a matrix of stored zeros", in_folder("matrix.mtx.gz", lambda p: write_gz(p, ZEROS)), REFUSED, ["holds no counts"]),
    ("a transgene that is a gene by symbol", config(CONFIG.replace(CAR, "CD3D")), CARRIED_ON, ["CD3D is the human gene CD3D", "Name the construct's own feature"]),
    ("a transgene that is a gene by identifier", config(CONFIG.replace(CAR, "ENSG00000000001")), CARRIED_ON, ["is the human gene CD3D"]),
    ("a transgene that is a gene by another name", and_then(both(genes=[*GENES, "T3D"]), config(CONFIG.replace(CAR, "T3D"))), CARRIED_ON, ["T3D is the human gene CD3D"]),
    ("a transgene that is mitochondrial", config(CONFIG.replace(CAR, "MT-CO1")), CARRIED_ON, ["MT-CO1 is the human gene MT-CO1"]),
    ("blanks around a feature's name", config(CONFIG.replace(CAR, f"'{CAR} '")), REFUSED, [f"no library has '{CAR} ' (with blanks at its ends)"]),
]  # fmt: skip

TRANSGENE = [
    ("in no library, spelt otherwise", both(genes=[*GENES, "CLL1-scFv"]), REFUSED, ["no library has CLL1_scFv", "Closest feature names: CLL1-scFv"]),
    ("in no library, other name", both(genes=[*GENES, "pMSGV_vector"], gene_ids=[*ids(GENES), "pMSGV_vector"]), REFUSED, ["look like a transgene: pMSGV_vector"]),
    ("in no library at all", both(genes=GENES), REFUSED, ["no library has CLL1_scFv", "look like a transgene: none", "add the construct"]),
    ("one of two in no library", config(CONFIG.replace(CAR, f"{CAR}, RQR8")), REFUSED, ["no library has RQR8", "transgene: CLL1_scFv"]),
    ("in one library only", library(genes=GENES), CARRIED_ON, ["ip: without the feature CLL1_scFv", "missed, not absent"]),
    ("never seen in one library", without_car_umis, CARRIED_ON, ["ip: no UMI of the transgene in 60 cells"]),
]  # fmt: skip

SHEETS = [
    ("missing", lambda f: (f / "samples.tsv").unlink(), REFUSED, ["samples.tsv", "no such file"]),
    ("empty", sheet(""), REFUSED, ["samples.tsv", "empty"]),
    ("header only", sheet(SHEET.splitlines()[0] + "\n"), REFUSED, ["samples.tsv", "a header and no"]),
    ("Windows line ends", sheet(SHEET.replace("\n", "\r\n")), CARRIED_ON, ["Nothing is wrong"]),
    ("byte-order mark", sheet("\ufeff" + SHEET), CARRIED_ON, ["Nothing is wrong"]),
    ("trailing blanks", sheet(SHEET.replace("\t", " \t ").replace("\n", "  \n")), CARRIED_ON, ["Nothing is wrong"]),
    ("trailing tabs and blank lines", sheet(SHEET.replace("\n", "\t\n\n")), CARRIED_ON, ["Nothing is wrong"]),
    ("comment lines", sheet("# ours\n" + SHEET), CARRIED_ON, ["Nothing is wrong"]),
    ("missing column", sheet(SHEET.replace("donor", "patient")), REFUSED, ["the column 'donor' is missing", "unknown column 'patient'"]),
    ("unknown column", sheet(SHEET.replace("path", "pathh")), REFUSED, ["unknown column 'pathh' (did you mean 'path'?)"]),
    ("extra tab", in_sheet("P1\tip", "P1\tip\t\tx"), REFUSED, ["row 2", "tab too many"]),
    ("commas", sheet(SHEET.replace("\t", ",")), REFUSED, ["separated by tabs, not commas"]),
    ("blanks for tabs", sheet(SHEET.replace("\t", "    ")), REFUSED, ["separated by tabs"]),
    ("a column twice", sheet(SHEET.replace("donor", "condition")), REFUSED, ["duplicate column 'condition'"]),
    ("UTF-16", sheet(SHEET, "utf-16"), REFUSED, ["samples.tsv", "not UTF-8"]),
    ("a spreadsheet file", lambda f: (f / "samples.tsv").write_bytes(b"PK\x03\x04\xff\xfe"), REFUSED, ["not UTF-8", "tab-separated"]),
    ("duplicate names", in_sheet("pk\tpeak", "ip\tpeak"), REFUSED, ["'ip' occurs in more than one row"]),
    ("same path twice", in_sheet("P1\tpk", "P1\tip"), REFUSED, ["'ip' and 'pk' name the same path"]),
    ("same path by a link", linked, REFUSED, ["'ip' and 'pk' name the same path"]),
    ("empty condition", in_sheet("ip\tproduct", "ip\t"), REFUSED, ["row 2: 'condition' is empty"]),
    ("no source of cells", in_sheet("P1\tip", "P1\t"), REFUSED, ["sample 'ip'", "neither path nor raw_path"]),
    ("one sample only", in_sheet("pk\tpeak\tP1\tpk\n", ""), CARRIED_ON, ["one condition (product): nothing is compared"]),
    ("name with a slash", named("a/b"), REFUSED, ["row 2: sample: 'a/b'"]),
    ("name going up", named("../../etc/passwd"), REFUSED, ["row 2: sample: '../../etc/passwd'"]),
    ("name of two dots", named(".."), REFUSED, ["row 2: sample: '..'"]),
    ("name with a blank", named("my sample"), REFUSED, ["row 2: sample: 'my sample'"]),
    ("name of HTML", named("<script>alert(1)</script>"), REFUSED, ["row 2: sample"]),
    ("name of 300 characters", named("x" * 300), REFUSED, ["row 2: sample"]),
    ("name as a command", named("$(touch hacked)"), REFUSED, ["row 2: sample"]),
    ("name with quotes", named("it's"), REFUSED, ["row 2: sample"]),
    ("name with a wildcard", named("{sample}"), REFUSED, ["row 2: sample"]),
    ("condition of HTML", in_sheet("product", "<b>product</b>"), REFUSED, ["row 2: condition"]),
    ("donor with a slash", in_sheet("P1", "P/1"), REFUSED, ["row 2: donor"]),
    ("word for a number", sheet("flow_car_percent\t" + SHEET.replace("\nip", "\nhigh\tip").replace("\npk", "\n\tpk")), REFUSED, ["row 2: flow_car_percent: 'high'", "number"]),
    ("percent above 100", sheet("flow_car_percent\t" + SHEET.replace("\nip", "\n130\tip").replace("\npk", "\n\tpk")), REFUSED, ["row 2: flow_car_percent"]),
    ("unknown chemistry", sheet("chemistry\t" + SHEET.replace("\nip", "\n4p\tip").replace("\npk", "\n\tpk")), REFUSED, ["row 2: chemistry: '4p' is not one of: 3p, 5p"]),
]  # fmt: skip

CONFIGURATIONS = [
    ("empty", config(""), REFUSED, ["config.yaml", "expected keys and values"]),
    ("a list", config("- a\n- b\n"), REFUSED, ["expected keys and values, found list"]),
    ("not YAML", config("samples: [samples.tsv\ntransgene: {\n"), REFUSED, ["config.yaml", "not valid YAML", "line"]),
    ("a tab in YAML", config("samples: samples.tsv\n\ttransgene: x\n"), REFUSED, ["not valid YAML", "line 2"]),
    ("a key twice", key("samples: samples.tsv"), REFUSED, ["config.yaml", "duplicate key 'samples'", "line 3"]),
    ("unknown key", key("qc: {min_gene: 3}"), REFUSED, ["qc.min_gene: unknown key (did you mean 'min_genes'?)"]),
    ("unknown block", key("emmbedding: {}"), REFUSED, ["emmbedding: unknown key (did you mean 'embedding'?)"]),
    ("word for a number", key("qc: {mads: three}"), REFUSED, ["qc.mads: 'three' should be of type number"]),
    ("number for a list", config("samples: samples.tsv\ntransgene: {features: 3}\n"), REFUSED, ["transgene.features: 3 should be of type array"]),
    ("out of range", key("qc: {max_mito_percent: 130}"), REFUSED, ["qc.max_mito_percent", "130"]),
    ("no choice of that name", key("qc: {preset: strict}"), REFUSED, ["qc.preset: 'strict' is not one of: paper, adaptive"]),
    ("limits crossed", key("qc: {min_genes: 50000}"), REFUSED, ["min_genes must be below max_genes"]),
    ("no transgene", config("samples: samples.tsv\n"), REFUSED, ["the key 'transgene' is missing"]),
    ("no features", config("samples: samples.tsv\ntransgene: {features: []}\n"), REFUSED, ["transgene.features"]),
    ("a contrast for one condition", lambda f: (key("contrasts: {a: {test: peak, reference: product}}")(f), in_sheet("pk\tpeak\tP1\tpk\n", "")(f)), REFUSED, ["contrasts.a.test: no sample has the condition 'peak'", "leave contrasts out"]),
    ("no contrast", key("contrasts: {}"), CARRIED_ON, ["no contrast is asked for: nothing is compared"]),
    ("condition that no sample has", key("contrasts: {a: {test: peek, reference: product}}"), REFUSED, ["contrasts.a.test: no sample has the condition 'peek' (did you mean 'peak'?)"]),
    ("a condition against itself", key("contrasts: {a: {test: peak, reference: peak}}"), REFUSED, ["same condition"]),
    ("contrast name with a path", key("contrasts: {../x: {test: peak, reference: product}}"), REFUSED, ["../x"]),
    ("no such negative sample", key("car: {negative_sample: blood}"), REFUSED, ["no sample is called 'blood'"]),
    ("singler without reference", key("annotation: {method: singler}"), REFUSED, ["annotation.reference", "singler"]),
    ("override without its guard", key("annotation: {overrides: [{population: all, cluster: '3', label: B cell}]}"), REFUSED, ["expect"]),
    ("no marker file", key("annotation: {markers: nowhere.yaml}"), REFUSED, ["annotation.markers: no such file"]),
    ("marker file of another kind", file("m.yaml", "T cell: [CD3D]\n", key("annotation: {markers: m.yaml}")), REFUSED, ["m.yaml", "'lineages' is missing", "config/markers.yaml"]),
    ("no claims file", key("claims: nowhere.yaml"), REFUSED, ["claims: no such file"]),
    ("broken claims", file("c.yaml", "claims: [{id: A}]\n", key("claims: c.yaml")), REFUSED, ["c.yaml", "claims.0", "is missing"]),
    ("no gene-set file", key(GMT_KEY), REFUSED, ["enrichment.gene_sets: no such file"]),
    ("gene sets with Windows line ends", file("sets.gmt", GMT.replace("\n", "\r\n"), key(GMT_KEY)), CARRIED_ON, ["Nothing is wrong"]),
    ("gene sets of mouse symbols", file("sets.gmt", "SET\tna\t" + "\t".join(MOUSE) + "\n", key(GMT_KEY)), REFUSED, ["gene sets sets", "0 of", "another species"]),
    ("gene sets without tabs", file("sets.gmt", "SET CD3D CD3E\n", key(GMT_KEY)), REFUSED, ["sets.gmt, line 1", "tab"]),
    ("empty gene sets", file("sets.gmt", "", key(GMT_KEY)), REFUSED, ["sets.gmt", "no gene set"]),
    ("truncated gene sets", file("sets.gmt", gzip.compress(GMT.encode())[:30], key(GMT_KEY)), REFUSED, ["sets.gmt", "not a readable GMT file"]),
]  # fmt: skip

PLACES = [
    *(
        (f"folder named {name!r}", moved(name), CARRIED_ON, ["Nothing is wrong"])
        for name in (
            "with blanks", "it's", "Größe-数据", "$(touch hacked)", "`touch hacked`", "a;touch hacked",
            "<b>bold", "50%", "-rf", "x" * 200,
        )
    ),
    ("folder with braces", moved("{sample}"), REFUSED, ["cells of ip", "{sample}: Snakemake takes the braces", "Rename"]),
    ("quotes in the sheet", lambda f: ((f / "ip").rename(f / "a b"), (f / "samples.tsv").write_text(SHEET.replace("P1\tip", 'P1\t"a b"'))), CARRIED_ON, ["Nothing is wrong"]),
]  # fmt: skip

TOGETHER = [
    (
        "everything at once",
        and_then(
            in_folder("matrix.mtx.gz", cut),
            lambda f: cut(f / "pk/barcodes.tsv.gz"),
            key("qc: {mads: three}\nembeding: {}"),
            in_sheet("ip\tproduct\tP1", "ip\tproduct\tP/1"),
        ),
        REFUSED,
        ["ip/matrix.mtx.gz", "pk/barcodes.tsv.gz", "qc.mads", "embeding: unknown key", "row 2: donor"],
    ),
]

ROWS = [
    pytest.param(*row[1:], id=f"{kind}: {row[0]}")
    for kind, rows in {
        "library": LIBRARIES,
        "implausible": IMPLAUSIBLE,
        "transgene": TRANSGENE,
        "sheet": SHEETS,
        "configuration": CONFIGURATIONS,
        "place": PLACES,
        "together": TOGETHER,
    }.items()
    for row in rows
]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("spoil", "outcome", "words"), ROWS)
def test_bad_input(tmp_path, monkeypatch, capsys, spoil, outcome, words):
    spoil(write_study(tmp_path))
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    status = main(["check", "samples.tsv"])
    out, err = capsys.readouterr()
    assert status == (1 if outcome == REFUSED else 0), err
    told = err if outcome == REFUSED else out
    assert not [word for word in words if word not in told], told
    assert "Traceback" not in out + err
    assert "Error:" not in err
    assert contents(tmp_path) == before, "a check writes nothing"
    if outcome == REFUSED:
        assert err.startswith("carpeak: ")
        assert err.count("carpeak: ") == 1, "one message"


def test_the_table_is_long_enough():
    assert len(ROWS) >= 80
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_a_sound_study_is_told_with_its_numbers(tmp_path, monkeypatch, capsys):
    write_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "samples.tsv"]) == 0
    out = capsys.readouterr().out
    umis = np.asarray(counts(seed=1).sum(axis=1)).ravel()
    car = int(counts(seed=1)[:, len(GENES)].sum())
    row = next(line for line in out.splitlines() if line.startswith("ip"))
    assert row.split() == [
        *("ip", "product", "10x", "folder,", "v3", "60", "35", f"{np.median(umis):,.0f}", CAR, str(car))
    ]
    assert "Nothing is wrong" in out
    assert "minute" in out and "GB" in out


def test_large_libraries_are_judged_by_their_first_cells_and_unpacked_to_the_end(
    tmp_path, monkeypatch, capsys
):
    """Limits made small stand for a large library: numbers are said to be about, a broken end is still found."""
    write_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(survey, "READ_WHOLE", 100)
    monkeypatch.setattr(survey, "HEAD", 500)
    monkeypatch.setattr(reading, "PIECE", 4096)
    assert main(["check", "samples.tsv"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("ip"))
    exact = int(counts(seed=1)[:, len(GENES)].sum())
    about = int(row.rsplit("about ", 1)[1])
    assert 0.5 * exact < about < 2 * exact
    assert row.count("about") == 2
    matrix = tmp_path / "ip/matrix.mtx.gz"
    matrix.write_bytes(matrix.read_bytes()[:-4])
    assert main(["check", "samples.tsv"]) == 1
    assert "ip/matrix.mtx.gz: the gzip file is cut short" in capsys.readouterr().err


def test_a_large_table_of_genes_by_cells_is_not_read_to_its_end(tmp_path, monkeypatch, capsys):
    write_study(tmp_path)
    instead("t.csv", lambda p: table(p, counts(seed=1).toarray().T))(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(survey, "READ_WHOLE", 100)
    monkeypatch.setattr(survey, "HEAD", 300)
    assert main(["check", "samples.tsv"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("ip"))
    assert "CLL1_scFv (not counted)" in row
