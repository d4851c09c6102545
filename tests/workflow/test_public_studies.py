"""The ready public studies, through Snakemake, on small files made in the layout of the real ones."""

import gzip
import io
import json
import tarfile

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse
from runs import ROOT, snakemake
from server import running

STUDIES = ROOT / "config/studies"
GENES = ["CD3D", "CD3E", "CD8A", "CD8B", "CD4", "MT-CO1", "MT-ND1", *(f"GENE{n}" for n in range(300))]


@pytest.fixture(scope="module")
def server():
    with running() as one:
        yield one


def counts(cells, seed, genes=GENES):
    """Small counts, cells x genes."""
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(0.5, 1.0, len(genes)), (cells, len(genes))).astype(np.int32)


def barcodes(cells, seed):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), 16)) for _ in range(cells)]


def csv(values, names):
    """Genes x cells, comma-separated, the first column the gene, gzipped."""
    table = pd.DataFrame(values.T, index=GENES, columns=names)
    return gzip.compress(table.to_csv().encode(), mtime=0)


def packed(files, mode):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def trio(values, names, genes, folder):
    """A gzipped tar of one folder with a Cell Ranger v3 trio."""
    matrix = io.BytesIO()
    scipy.io.mmwrite(matrix, scipy.sparse.coo_matrix(values.T))
    features = "".join(f"ENSG{n:011}\t{gene}\tGene Expression\n" for n, gene in enumerate(genes))
    files = {
        "matrix.mtx": matrix.getvalue(),
        "features.tsv": features.encode(),
        "barcodes.tsv": "".join(f"{name}-1\n" for name in names).encode(),
    }
    return packed({f"{folder}/{k}.gz": gzip.compress(v, mtime=0) for k, v in files.items()}, "w:gz")


def gse151310(server):
    """One table per library."""
    made = {"CART_IP": counts(80, 1), "CART_PP": counts(70, 2)}
    for name, values in made.items():
        content = csv(values, barcodes(len(values), len(values)))
        server.serve(f"/GSE151310_{name}.UMI_matrix.csv.gz", content, cuts=[len(content) // 2, None])
    return made


def gse125881(server):
    """One table of all libraries, told apart by the end of the barcodes; -1 is not -11."""
    made = {mark: counts(60 + mark, mark) for mark in (1, 2, 11, 12)}
    names = [f"{name}-{mark}" for mark in made for name in barcodes(60 + mark, mark)]
    server.serve("/GSE125881_raw.expMatrix.csv.gz", csv(np.vstack(list(made.values())), names))
    return {"CLL-1_IP": made[1], "CLL-1_d21": made[2]}


def gse235760(server):
    """One h5ad of all libraries: normalised values in X, counts in raw.X, symbols in feature_name."""
    kinds = [(f"patient{d}", t, k) for d in (1, 2) for t in ("IP", "Peak") for k in ("CAR+", "CAR-")]
    made = [counts(60 + number, number) for number in range(len(kinds))]
    values = scipy.sparse.csr_matrix(np.vstack(made).astype(np.float32))
    var = pd.DataFrame(
        {"feature_name": pd.Categorical(GENES)}, index=[f"ENSG{n:011}" for n in range(len(GENES))]
    )
    obs = pd.DataFrame(
        [kind for kind, part in zip(kinds, made, strict=True) for _ in range(len(part))],
        columns=["donor_id", "Timepoint", "Transduction"],
        index=[f"{name}-1_{n}" for n, name in enumerate(barcodes(values.shape[0], 9))],
    ).astype("category")
    raw = anndata.AnnData(values, obs=obs, var=var)
    cells = raw.copy()
    cells.X = scipy.sparse.csr_matrix(np.log1p(values.toarray() / 7))
    cells.raw = raw
    buffer = server.folder / "cells.h5ad"
    cells.write_h5ad(buffer)
    server.serve("/cells.h5ad", buffer.read_bytes())
    names = ["P1_IP_CARpos", "P1_IP_CARneg", "P1_Peak_CARpos", "P1_Peak_CARneg"]
    return dict(zip(names, made[:4], strict=True))


def gse197268(server):
    """A tar of one gzipped tar per library; the construct is a feature."""
    genes = [*GENES, "Yescarta", "Kymriah"]
    records = {
        "GSM5911998_Patient8-Infusion": counts(75, 1, genes),
        "GSM5911999_Patient8-D7-CART": counts(65, 2, genes),
        "GSM5911997_Patient8-Baseline": counts(55, 3, genes),
    }
    files = {
        f"{name}.tar.gz": trio(values, barcodes(len(values), 4), genes, name.split("_")[1])
        for name, values in records.items()
    }
    server.serve("/GSE197268_RAW.tar", packed(files, "w"))
    first, second, _ = records.values()
    return {"P8_Infusion": first, "P8_D7-CART": second}


MADE = {"GSE151310": gse151310, "GSE125881": gse125881, "GSE235760": gse235760, "GSE197268": gse197268}


@pytest.mark.parametrize(
    "name",
    ["GSE125881", *(pytest.param(name, marks=pytest.mark.slow) for name in MADE if name != "GSE125881")],
)
def test_a_public_study_is_fetched_and_read(server, tmp_path, name):
    """The shipped configuration, its first libraries, from a mirror: every library has the planted counts."""
    server.files.clear()
    server.folder = tmp_path
    made = MADE[name](server)
    study, run = STUDIES / name, tmp_path / "run"
    run.mkdir()
    sheet = (study / "samples.tsv").read_text().splitlines()
    kept = [sheet[0], *(line for line in sheet if line.split("\t")[0] in made)]
    assert len(kept) == len(made) + 1
    (tmp_path / "samples.tsv").write_text("\n".join(kept) + "\n")
    table = pd.read_csv(study / "downloads.tsv", sep="\t", dtype=str, keep_default_na=False)
    table = table.drop(columns=["bytes", "sha256"], errors="ignore")  # those of the real files
    table.to_csv(tmp_path / "downloads.tsv", sep="\t", index=False)
    mirror = f"{{files: {tmp_path}/downloads.tsv, mirror: '{server.url}'}}"
    overrides = [f"samples={tmp_path}/samples.tsv", f"data_root={tmp_path}/data", f"download={mirror}"]
    targets = [f"results/ingest/{sample}.json" for sample in made]
    options = ["--configfile", str(study / "config.yaml"), "--config", *overrides]
    snakemake(run, *targets, *options)
    for sample, values in made.items():
        found = json.loads((run / f"results/ingest/{sample}.json").read_text())
        assert (found["cells"], found["umis"]) == (len(values), int(values.sum()))
        cells = anndata.read_h5ad(run / f"results/ingest/{sample}.h5ad")
        assert list(cells.var_names[:5]) == GENES[:5]
        np.testing.assert_array_equal(np.sort(cells.X.sum(axis=1).A1), np.sort(values.sum(axis=1)))
        planted = {"Yescarta": values[:, -2].sum(), "Kymriah": values[:, -1].sum()}
        assert found["transgene_umis"] == (planted if name == "GSE197268" else {})
    assert not any(path.suffix == ".part" for path in (tmp_path / "data").rglob("*"))
