"""Studies whose files are fetched, through Snakemake: from a server, from a mirror, and when it fails."""

import gzip
import io
import json

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from runs import jobs_to_run, snakemake
from server import running

CELLS, QC_TABLE = 120, "results/tables/samples.tsv"
RECEIPTS = [
    f"results/downloads/{name}.json"
    for name in ("ip/matrix.mtx.gz", "ip/features.tsv.gz", "ip/barcodes.tsv.gz", "pk.h5ad")
]


@pytest.fixture(scope="module")
def server():
    with running() as one:
        yield one


def counts(seed):
    """Genes and a cells x genes matrix of a small library with T-cell, mitochondrial and transgene rows."""
    genes = ["CD3D", "CD3E", "CD8A", "CD4", "MT-CO1", "MT-ND1", "CAR", *(f"GENE{n}" for n in range(400))]
    rng = np.random.default_rng(seed)
    means = rng.gamma(0.5, 1.0, len(genes))
    return genes, rng.poisson(means, (CELLS, len(genes)))


def h5ad(seed):
    genes, values = counts(seed)
    cells = anndata.AnnData(
        scipy.sparse.csr_matrix(values.astype(np.float32)),
        obs=pd.DataFrame(index=[f"C{n}-1" for n in range(CELLS)]),
        var=pd.DataFrame(index=genes),
    )
    return written(cells.write_h5ad, ".h5ad")


def written(write, suffix):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        write(path)
        return path.read_bytes()


def trio(seed):
    """The three files of a 10x folder, by name."""
    import scipy.io

    genes, values = counts(seed)
    matrix = io.BytesIO()
    scipy.io.mmwrite(matrix, scipy.sparse.coo_matrix(values.T.astype(np.int32)))
    features = "".join(f"ID{n}\t{gene}\tGene Expression\n" for n, gene in enumerate(genes))
    barcodes = "".join(f"C{n}-1\n" for n in range(CELLS))
    files = {
        "matrix.mtx": matrix.getvalue(),
        "features.tsv": features.encode(),
        "barcodes.tsv": barcodes.encode(),
    }
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in files.items()}


def write_study(folder, rows, downloads, **download):
    """A study that fetches its files: `rows` (sample, condition, path), `downloads` (path, url, ...)."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["sample\tcondition\tdonor\tpath", *(f"{s}\t{c}\tP1\t{path}" for s, c, path in rows)]
    (folder / "samples.tsv").write_text("\n".join(lines) + "\n")
    columns = list(dict.fromkeys(key for row in downloads for key in row))
    table = ["\t".join(columns), *("\t".join(str(row.get(c, "")) for c in columns) for row in downloads)]
    (folder / "downloads.tsv").write_text("\n".join(table) + "\n")
    value = {
        "samples": "samples.tsv",
        "data_root": "data",
        "download": {"files": "downloads.tsv", **download},
        "transgene": {"features": ["CAR"]},
    }
    (folder / "config.yaml").write_text(json.dumps(value))
    return ["--configfile", str(folder / "config.yaml")]


ROWS = [("ip", "product", "ip"), ("pk", "peak", "pk.h5ad")]


@pytest.fixture
def study(server, tmp_path):
    """A product as a 10x folder of three files and a peak as one h5ad, on the server; a folder to run in."""
    server.files.clear()
    downloads = []
    for name, content in trio(1).items():
        server.serve(f"/geo/{name}", content)
        downloads.append({"path": f"ip/{name}", "url": f"{server.url}/geo/{name}"})
    content = h5ad(2)
    server.serve("/geo/peak.h5ad", content, cuts=[20_000, None])
    downloads.append({"path": "pk.h5ad", "url": f"{server.url}/geo/peak.h5ad", "bytes": len(content)})
    options = write_study(tmp_path / "study", ROWS, downloads)
    run = tmp_path / "run"
    run.mkdir()
    return run, options, downloads, tmp_path / "study"


def nothing_to_do(run, options, targets):
    return "Nothing to be done" in snakemake(run, "-n", *targets, *options).stdout


def test_a_study_is_fetched_read_and_not_fetched_again(study, server):
    run, options, *_ = study
    planned = jobs_to_run(snakemake(run, "-n", QC_TABLE, *options).stdout)
    assert planned["download"] == 4
    assert not any(served.asked for served in server.files.values()), "a dry run touches no network"
    done = snakemake(run, QC_TABLE, *options)
    assert "pk.h5ad: complete" in done.stderr, "progress reaches the terminal"
    table = pd.read_csv(run / QC_TABLE, sep="\t")
    assert table["cells_in"].tolist() == [CELLS, CELLS]
    asked = {path: len(served.asked) for path, served in server.files.items()}
    assert asked.pop("/geo/peak.h5ad") == 2, "broken off once, resumed once"
    assert set(asked.values()) == {1}
    log = (run / "logs/download/pk.h5ad.log").read_text()
    assert "broke off after 20,000 of" in log
    receipt = json.loads((run / "results/downloads/pk.h5ad.json").read_text())
    assert receipt["source"] == f"{server.url}/geo/peak.h5ad"

    assert nothing_to_do(run, options, [QC_TABLE])
    other = run.parent / "other run"
    other.mkdir()
    server.files.clear()
    snakemake(other, *RECEIPTS, *options)
    receipt = json.loads((other / RECEIPTS[-1]).read_text())
    assert receipt["source"] == "found in place", "another run of the study takes the files that are there"


def test_a_mirror_is_one_key_and_starts_nothing_anew(study, server):
    run, options, downloads, _ = study
    copies = run.parent / "copies of GEO"
    for one in downloads:
        path = copies / one["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(server.files[one["url"].removeprefix(server.url)].content)
    server.files.clear()
    mirror = ["--config", f"download={{files: downloads.tsv, mirror: '{copies}'}}"]
    snakemake(run, *RECEIPTS, *options, *mirror)
    assert json.loads((run / "results/downloads/pk.h5ad.json").read_text())["source"].startswith("file://")
    assert nothing_to_do(run, options, RECEIPTS), "with or without the mirror, the files are the same"


@pytest.mark.parametrize("failure", ["404", "page", "checksum"])
def test_a_file_that_cannot_be_had_stops_the_run_with_a_sentence(study, server, failure):
    run, options, downloads, folder = study
    if failure == "404":
        del server.files["/geo/peak.h5ad"]
        words = [f"{server.url}/geo/peak.h5ad: not found (404)", "correct the column url"]
    elif failure == "page":
        server.serve("/geo/peak.h5ad", b"<html><title>Sorry</title></html>")
        words = ["web page ('Sorry')", "download.mirror"]
    else:
        options = write_study(folder, ROWS, [*downloads[:-1], downloads[-1] | {"sha256": "0" * 64}])
        words = ["checksum of pk.h5ad is wrong", "0" * 64]
    done = snakemake(run, RECEIPTS[-1], *options, check=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    for word in words:
        assert word in text
    assert "Traceback" not in text
    assert not (folder / "data/pk.h5ad").exists()
    assert not (run / "results/downloads/pk.h5ad.json").exists()


def test_without_the_key_nothing_is_fetched(study, server):
    run, options, *_ = study
    done = snakemake(run, "-n", *options, "--config", "download=null", check=False)
    assert done.returncode != 0
    assert "path does not exist" in done.stdout + done.stderr
    assert not any(served.asked for served in server.files.values())
