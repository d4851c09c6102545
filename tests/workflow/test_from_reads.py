"""The CAR brought in from reads, through Snakemake as a user runs it."""

import gzip
import html
import json
import re
import shutil
from collections import Counter

import anndata
import numpy as np
import pysam
import pytest
from carpeak.readers.layouts import open_library
from fixtures_reads import Lanes, bases, endogenous, put, spike
from runs import snakemake

UMI = 12


def write_study(folder, rows, units, **more):
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
    (folder / "units.tsv").write_text("\n".join(units) + "\n")
    config = {
        "samples": "samples.tsv",
        "units": "units.tsv",
        "transgene": {"name": "a CAR", "features": ["CAR"]},
        "construct": {"fasta": "car.fa", "name": "CAR", "against": ["mrna.fa.gz"]},
        "reads": {"geometry": "10x-v3"},
    }
    (folder / "config.yaml").write_text(json.dumps(config | more))  # JSON is YAML
    return ["--configfile", str(folder / "config.yaml")]


def as_bam(pairs, path):
    """A BAM file without one alignment, barcodes as the sequencer read them."""
    header = pysam.AlignmentHeader.from_dict({"HD": {"VN": "1.6"}, "SQ": [{"SN": "chr1", "LN": 1000}]})
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for number, (first, read) in enumerate(pairs):
            record = pysam.AlignedSegment(header)
            record.query_name, record.flag, record.query_sequence = f"r{number}", 4, read.decode()
            record.set_tag("CR", first[:16].decode())
            record.set_tag("UR", first[16:].decode())
            file.write(record)


def barcodes_of(library):
    return [name.partition("-")[0].encode() for name in library.barcodes.to_pylist()]


@pytest.fixture(scope="module")
def counted(small, tmp_path_factory):
    """A whole run: the demo's small libraries, and reads of a CAR that their matrices lack."""
    folder = tmp_path_factory.mktemp("counted")
    rng = np.random.default_rng(2)
    rna = bases(rng, 1500)
    mrna = bases(rng, 500) + rna[1000:1200] + bases(rng, 500)
    put(folder / "car.fa", [("pVector", rna)])
    put(folder / "mrna.fa", [("ENST1", mrna)])
    text = (folder / "mrna.fa").read_bytes().replace(b">ENST1", b">ENST1 gene_symbol:CD28")
    (folder / "mrna.fa.gz").write_bytes(gzip.compress(text))
    truth, droplets = {}, {}
    for name in ("product", "peak"):
        matrices = small / "demo" / name
        cells = barcodes_of(open_library(matrices / "filtered_feature_bc_matrix"))
        raw = open_library(matrices / "raw_feature_bc_matrix")
        few = np.asarray(raw.matrix().sum(axis=1)).ravel() < 50
        empty = sorted({b for b, is_few in zip(barcodes_of(raw), few) if is_few} - set(cells))
        lanes = Lanes(rng)
        truth[name] = spike(lanes, rna, [(1001, 1200)], cells, UMI, number=400, antisense=False, foreign=30)
        endogenous(lanes, [mrna], cells, UMI, 200)
        droplets[name] = {(empty[i], bases(rng, UMI)) for i in range(25)}
        for barcode, umi in droplets[name]:
            lanes.add(barcode, umi, rna[200:290], errors=0)
        lanes.write_named(folder, name) if name == "product" else as_bam(
            [pair for lane in lanes.pairs for pair in lane], folder / "peak.bam"
        )
    rows = ["sample\tcondition\tdonor\tpath\traw_path"]
    rows += [
        f"{name}\t{name}\tP4\t{small}/demo/{name}/filtered_feature_bc_matrix\t{small}/demo/{name}/raw_feature_bc_matrix"
        for name in ("product", "peak")
    ]
    units = ["sample\tlane\tr1\tr2\tbam", "peak\tall\t\t\tpeak.bam"]
    units += [f"product\tL{i}\tproduct_L{i}_R1.fastq.gz\tproduct_L{i}_R2.fastq.gz\t" for i in (0, 1)]
    options = write_study(folder, rows, units)
    snakemake(folder, *options)
    return folder, options, truth, droplets


@pytest.mark.slow
@pytest.mark.workflow
@pytest.mark.parametrize("name", ["product", "peak"])
def test_the_transgene_joins_and_nothing_else_changes(small, counted, name):
    folder, _, truth, _ = counted
    cells = anndata.read_h5ad(folder / f"results/ingest/{name}.h5ad")
    before = anndata.read_h5ad(small / f"results/ingest/{name}.h5ad")
    assert list(cells.obs_names) == list(before.obs_names)
    assert list(cells.var_names) == [*before.var_names, "CAR"]
    assert (cells.X[:, :-1] != before.X).nnz == 0
    planted = Counter(cell.decode() for cell, _ in truth[name])
    planted = np.array([planted[n.split("_")[1].partition("-")[0]] for n in cells.obs_names])
    found = cells[:, "CAR"].X.toarray()[:, 0]
    assert abs(found - planted).sum() <= 0.02 * planted.sum()
    assert cells.var["transgene"].sum() == 1 and cells.var["transgene"]["CAR"]


@pytest.mark.slow
@pytest.mark.workflow
def test_droplets_without_cells_get_theirs(small, counted):
    """Ambient RNA is measured with the transgene in it, or its rate would be 0 by construction."""
    folder, _, _, droplets = counted
    for name in ("product", "peak"):
        ambient = json.loads((folder / f"results/ambient/{name}.json").read_text())
        before = json.loads((small / f"results/ambient/{name}.json").read_text())
        assert ambient["transgene_umis"] == {"CAR": len(droplets[name])}
        assert ambient["umis"] - before["umis"] == len(droplets[name])


@pytest.mark.slow
@pytest.mark.workflow
def test_the_report_says_so(counted):
    folder, _, truth, _ = counted
    page = html.unescape((folder / "results/report.html").read_text())
    assert "Of CAR (1,500 bases), these stretches are endogenous genes’ too: CD28 1001–1200." in page
    for name in ("product", "peak"):
        told = re.search(
            rf"The matrix of {name} lacks CAR; .* no other count was changed.* ([\d,]+) UMIs in", page
        )
        assert abs(int(told[1].replace(",", "")) - len(truth[name])) <= 0.02 * len(truth[name])
    assert "In libraries given as reads" in page
    assert re.search(r"careful</span> <b>CAR</b>: .*poly\(A\) signal", page), "no 3' end, and 3' chemistry"


@pytest.mark.slow
@pytest.mark.workflow
def test_the_preflight_looks_for_no_transgene(counted):
    folder, _, _, _ = counted
    lines = (folder / "results/preflight.txt").read_text().splitlines()
    assert [line.split("  ")[-1].strip() for line in lines[1:3]] == ["from reads", "from reads"]


@pytest.mark.slow
@pytest.mark.workflow
def test_a_run_again_has_nothing_to_do(counted):
    folder, options, _, _ = counted
    assert "Nothing to be done" in "".join(
        getattr(snakemake(folder, "-n", *options), stream) for stream in ("stdout", "stderr")
    )


@pytest.mark.slow
@pytest.mark.workflow
@pytest.mark.skipif(shutil.which("STAR") is None, reason="no STAR (Debian: rna-star)")
def test_a_library_that_has_nothing_but_reads(tmp_path):
    rng = np.random.default_rng(7)
    rna, cells = bases(rng, 1500), sorted(bases(rng, 16) for _ in range(60))
    names = ["CD28", "GAPDH", "ACTB"]
    contigs = [(names[0], bases(rng, 400) + rna[1000:1200] + bases(rng, 400))]
    contigs += [(name, bases(rng, 900)) for name in names[1:]]
    put(tmp_path / "genome.fa", contigs)
    put(tmp_path / "car.fa", [("CAR", rna)])
    (tmp_path / "mrna.fa.gz").write_bytes(gzip.compress((tmp_path / "genome.fa").read_bytes()))
    row = '{0}\tx\texon\t1\t{1}\t.\t+\t.\tgene_id "{0}"; transcript_id "{0}_t";\n'
    genes = "".join(row.format(name, len(sequence)) for name, sequence in contigs)
    genes += row.format("chrUn", 100)
    (tmp_path / "genes.gtf.gz").write_bytes(gzip.compress(genes.encode()))
    kit = [*cells, *(bases(rng, 16) for _ in range(200))]
    (tmp_path / "kit.txt.gz").write_bytes(gzip.compress(b"\n".join(sorted(kit)) + b"\n"))
    truth, units, rows = {}, ["sample\tlane\tr1\tr2"], ["sample\tcondition\tdonor\tchemistry"]
    for name, condition in (("ip", "product"), ("pk", "peak")):
        lanes = Lanes(rng)
        truth[name] = spike(lanes, rna, [(1001, 1200)], cells, UMI, number=300, antisense=True, foreign=20)
        endogenous(lanes, [sequence for _, sequence in contigs], cells, UMI, 700, antisense=True)
        lanes.write_named(tmp_path, name)
        rows.append(f"{name}\t{condition}\tP1\t5p")
        units += [f"{name}\tL{i}\t{name}_L{i}_R1.fastq.gz\t{name}_L{i}_R2.fastq.gz" for i in (0, 1)]
    options = write_study(
        tmp_path,
        rows,
        units,
        reads={"geometry": "10x-v3", "barcodes": "kit.txt.gz"},
        reference={"fasta": "genome.fa", "gtf": "genes.gtf.gz", "memory_gb": 2},
    )
    targets = [
        f"results/{stage}/{name}" for stage in ("ingest", "ambient") for name in ("ip.json", "pk.json")
    ]
    snakemake(tmp_path, *targets, *options)
    for name in ("ip", "pk"):
        found = anndata.read_h5ad(tmp_path / f"results/ingest/{name}.h5ad")
        assert sorted(found.var_names) == sorted([*names, "CAR"])
        planted = Counter(cell.decode() for cell, _ in truth[name])
        umis = dict(zip(found.obs_names, found[:, "CAR"].X.toarray()[:, 0]))
        assert len(umis) >= 0.9 * len(cells)
        off = [abs(n - planted[cell.split("_")[1]]) for cell, n in umis.items()]
        assert sum(off) <= 0.02 * sum(planted[cell.split("_")[1]] for cell in umis)
    matrices = matrices_of(tmp_path)
    assert len(matrices) == 4
    assert re.match(r"\d+\.\d+", json.loads((tmp_path / "results/align/ip/summary.json").read_text())["star"])
    assert (
        "1 annotated contigs have no sequence (chrUn)" in (tmp_path / "logs/extend_reference.log").read_text()
    )
    shutil.rmtree(tmp_path / "results/align")
    snakemake(tmp_path, "results/align/ip/summary.json", "results/align/pk/summary.json", *options, cores=1)
    assert matrices_of(tmp_path) == matrices, "the counts depend on the number of cores"


def matrices_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in (folder / "results/align").rglob("*.mtx")}


def stub_study(folder, *, rows=("ip\tproduct\tP1", "pk\tpeak\tP1"), unit="ip\tL1\ta.fq\tb.fq", **more):
    for name in ("car.fa", "mrna.fa.gz", "a.fq", "b.fq", "c.bam", "genome.fa", "genes.gtf", "kit.txt"):
        (folder / name).write_text("x")
    units = ["sample\tlane\tr1\tr2\tbam", unit]
    return write_study(folder, ["sample\tcondition\tdonor\tpath", *rows], units, **more)


ONLY_READS = {
    "reference": {"fasta": "genome.fa", "gtf": "genes.gtf"},
    "reads": {"geometry": "10x-v3", "barcodes": "kit.txt"},
}
MATRIX = ("ip\tproduct\tP1\tcar.fa", "pk\tpeak\tP1\ta.fq")


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "sample 'pk': neither path nor raw_path is given"),
        (
            {"rows": ("ip\tproduct\tP1", MATRIX[1])},
            "sample 'ip' has reads and no matrix: set reference.fasta",
        ),
        ({"rows": ("ip\tproduct\tP1", MATRIX[1])}, "set reads.barcodes, the kit's list"),
        (
            {"rows": ("ip\tproduct\tP1", MATRIX[1]), "unit": "ip\tL1\t\t\tc.bam", **ONLY_READS},
            "a BAM file can only add the transgene to a matrix",
        ),
        ({"rows": MATRIX, "unit": "IP\tL1\ta.fq\tb.fq"}, "units: no sample is called 'IP'"),
        ({"rows": MATRIX, "reads": {}}, "reads.geometry: FASTQ files need the geometry"),
        ({"rows": MATRIX, "reads": {"geometry": "10x-v9"}}, "geometry '10x-v9' is unknown (did you mean"),
        (
            {"rows": MATRIX, "construct": {"fasta": "no.fa", "against": ["mrna.fa.gz"]}},
            "construct.fasta: no such file",
        ),
        ({"rows": MATRIX, "unit": "ip\tL1\ta.fq\tno.fq"}, "row 2: there is no such file"),
        ({"rows": MATRIX, "construct": {"fasta": "car.fa"}}, "the key 'against' is missing"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(tmp_path, given, words):
    done = snakemake(tmp_path, "-n", *stub_study(tmp_path, **given), check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert words in " ".join(said.split()) and "Traceback" not in said


@pytest.mark.workflow
def test_reads_need_the_construct(tmp_path):
    options = stub_study(tmp_path, rows=MATRIX)
    config = json.loads((tmp_path / "config.yaml").read_text())
    del config["construct"]
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    said = snakemake(tmp_path, "-n", *options, check=False).stderr
    assert "construct: the sequence of the CAR is needed to count reads" in " ".join(said.split())


@pytest.mark.workflow
def test_a_construct_of_another_name_says_what_to_set(tmp_path):
    options = stub_study(tmp_path, rows=MATRIX, transgene={"features": ["CD19CAR"]})
    put(tmp_path / "car.fa", [("vector", bases(np.random.default_rng(0), 300))])
    put(tmp_path / "mrna.fa.gz", [("a", b"ACGT" * 20)])
    said = snakemake(tmp_path, "results/construct/construct.json", *options, check=False).stderr
    assert "'CAR' is not among transgene.features (CD19CAR)" in said and "Traceback" not in said
    assert not list((tmp_path / "results").rglob("construct.*"))
