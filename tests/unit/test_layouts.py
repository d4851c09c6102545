"""The same counts in every layout give the same result of ingest."""

import json

import numpy as np
import pytest
from carpeak.errors import UserError
from carpeak.libraries import ingest
from carpeak.preflight import survey
from carpeak.readers import layouts
from libraries import (
    GENES,
    IDS,
    barcodes,
    pack_trio,
    write_dense,
    write_h5,
    write_h5ad,
    write_h5mu,
    write_loom,
    write_trio,
)
from scipy import sparse

DENSE = {
    "csv": {},
    "csv turned": {"turned": True},
    "tsv": {"delimiter": "\t"},
    "R's write.table": {"delimiter": " ", "short": True, "quoted": True},
    "R's write.csv turned": {"quoted": True, "turned": True},
    "semicolons": {"delimiter": ";"},
    "header one short": {"delimiter": "\t", "short": True},
    "Windows": {"end": "\r\n"},
    "decimals": {"decimals": True},
}
WITH_IDS = {
    "Cell Ranger v3": lambda p, c: write_trio(p / "v3", c),
    "Cell Ranger v2": lambda p, c: write_trio(p / "GRCh38", c, version=2, zipped=False),
    "STARsolo": lambda p, c: write_trio(p / "Solo.out/Gene/filtered", c, zipped=False).parents[1],
    "SeekSoul": lambda p, c: write_trio(p / "step3/filtered_feature_bc_matrix", c).parents[1],
    "DNBelab C4": lambda p, c: write_trio(p / "output/filter_matrix", c).parents[1],
    "GEO prefix": lambda p, c: write_trio(p / "geo", c, prefix="GSM5911983_P1."),
    "GEO prefix named": lambda p, c: write_trio(p / "geo", c, prefix="GSM1_") / "GSM1_",
    "matrix file": lambda p, c: write_trio(p / "v3", c) / "matrix.mtx.gz",
    "tar.gz": lambda p, c: pack_trio(p / "GSM1.tar.gz", c, kind="gz"),
    "plain tar named by nothing": lambda p, c: pack_trio(p / "GSM1", c, kind="", zipped=False),
    "zip": lambda p, c: pack_trio(p / "a_RSEC_MolsPerCell_MEX.zip", c, kind="zip"),
    "h5 v3": lambda p, c: write_h5(p / "a.h5", c),
    "h5 v2": lambda p, c: write_h5(p / "a.h5", c, version=2),
    "h5ad X": lambda p, c: write_h5ad(p / "a.h5ad", c, place="X"),
    "h5ad raw.X": lambda p, c: write_h5ad(p / "a.h5ad", c, place="raw/X"),
    "h5ad layer": lambda p, c: write_h5ad(p / "a.h5ad", c, place="layers/counts"),
    "h5ad dense": lambda p, c: write_h5ad(p / "a.h5ad", c, place="dense"),
    "h5mu": lambda p, c: write_h5mu(p / "a.h5mu", c),
    "loom": lambda p, c: write_loom(p / "a.loom", c),
}
WITHOUT_IDS = {
    **{
        f"{name}{zipped}": lambda p, c, o=options, z=zipped: write_dense(p / f"table.txt{z}", c, **o)
        for name, options in DENSE.items()
        for zipped in ("", ".gz")
    },
}


@pytest.fixture
def counts():
    dense = np.random.default_rng(3).poisson(1.2, (9, len(GENES)))
    dense[2] = 0
    dense[5, 2] = 12345
    return sparse.csr_matrix(dense.astype(np.int32))


@pytest.mark.parametrize("layout", [*WITH_IDS, *WITHOUT_IDS])
def test_every_layout_gives_the_same_ingest_result(tmp_path, counts, layout):
    path = {**WITH_IDS, **WITHOUT_IDS}[layout](tmp_path, counts)
    cells, summary = ingest.prepare(layouts.open_library(path), sample="peak", features=["RQR8"])
    np.testing.assert_array_equal(cells.X.toarray(), counts.toarray())
    assert cells.X.dtype == np.int32
    assert cells.X.has_canonical_format
    assert list(cells.var_names) == GENES
    assert list(cells.var["gene_id"]) == (IDS if layout in WITH_IDS else GENES)
    assert list(cells.var_names[cells.var["transgene"]]) == ["RQR8"]
    assert list(cells.var_names[cells.var["mito"]]) == ["MT-CO1"]
    assert list(cells.obs_names) == [f"peak_{b}" for b in barcodes(9)]
    assert summary["transgene_umis"] == {"RQR8": int(counts[:, 2].sum())}
    assert summary["notes"] == []


def test_select_by_a_column_of_a_loom_file(tmp_path, counts):
    library = layouts.open_library(write_loom(tmp_path / "a.loom", counts), select="library=PK")
    np.testing.assert_array_equal(library.matrix().toarray(), counts.toarray()[1::2])


def test_h5mu_names_what_is_left_out(tmp_path, counts):
    library = layouts.open_library(write_h5mu(tmp_path / "a.h5mu", counts))
    assert library.layout == "h5mu, rna, X"
    assert library.others == {"prot": len(GENES)}


def test_integer_barcodes_and_symbols_given_twice_as_bd_writes_them(tmp_path, counts):
    folder = write_trio(tmp_path / "a", counts, zipped=False)
    (folder / "barcodes.tsv").write_text("".join(f"{i}\n" for i in range(100, 109)))
    (folder / "features.tsv").write_text("".join(f"{g}\t{g}\tGene Expression\n" for g in GENES))
    cells, _ = ingest.prepare(layouts.open_library(folder), sample="s", features=["RQR8"])
    assert list(cells.obs_names[:2]) == ["s_100", "s_101"]
    assert list(cells.var_names) == GENES


def names(folder, rows):
    (folder / "features.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    return layouts.open_library(folder)


def test_ids_without_symbols_get_them_from_the_table(tmp_path, counts):
    folder = write_trio(tmp_path / "a", counts, zipped=False)
    known = [
        "ENSG00000167286.10",
        "ENSG00000198804.2",
        "RQR8",
        "ENSG00000153563",
        "ENSG00000090382",
        "ENSG09999999999.1",
    ]
    library = names(folder, [[name] for name in known])
    assert list(library.symbols) == ["CD3D", "MT-CO1", "RQR8", "CD8A", "LYZ", "ENSG09999999999"]
    assert list(library.gene_ids[:3]) == ["ENSG00000167286", "ENSG00000198804", "RQR8"]
    assert any("4 genes given by Ensembl id have their symbols" in note for note in library.notes)
    assert any("1 that are not in it keep their id" in note for note in library.notes)


def test_a_few_genes_known_by_their_id_only_keep_it(tmp_path, counts):
    folder = write_trio(tmp_path / "a", counts, zipped=False)
    library = names(folder, [[i, s] for i, s in zip(IDS, [*GENES[:5], "ENSG00000167286"])])
    assert list(library.symbols) == [*GENES[:5], "ENSG00000167286"]
    assert library.notes == ()


def test_prefixes_of_genomes_are_taken_off_and_told(tmp_path, counts):
    folder = write_trio(tmp_path / "a", counts, zipped=False)
    library = names(folder, [[f"GRCh38_{i}", f"GRCh38_{s}"] for i, s in zip(IDS, GENES)])
    assert list(library.symbols) == GENES
    assert list(library.gene_ids) == IDS
    assert "6 gene names lost a genome's prefix" in library.notes[0]
    cells, _ = ingest.prepare(library, sample="s", features=["GRCh38_RQR8"])
    assert list(cells.var_names[cells.var["transgene"]]) == ["GRCh38_RQR8"]


def test_the_mouse_of_a_xenograft_is_left_out_and_told(tmp_path, counts):
    folder = write_trio(tmp_path / "a", counts, zipped=False)
    prefixes = ["GRCh38_", "GRCh38_", "", "mm10___", "GRCh38_", "mm10___"]
    library = names(folder, [[p + i, p + s] for i, s, p in zip(IDS, GENES, prefixes)])
    assert list(library.symbols) == ["CD3D", "MT-CO1", "RQR8", "LYZ"]
    assert library.others == {"genome mm10": 2}
    np.testing.assert_array_equal(library.matrix().toarray(), counts.toarray()[:, [0, 1, 2, 4]])


def test_preflight_tells_what_reading_changed_and_finds_the_prefixed_transgene(tmp_path, counts):
    folder = write_trio(tmp_path / "a", counts, zipped=False)
    names(folder, [[f"GRCh38_{i}", f"GRCh38_{s}"] for i, s in zip(IDS, GENES)])
    found = survey.survey_library("peak", str(folder), None, features=["GRCh38_RQR8"])
    assert found.problems == ()
    assert found.transgene_umis == {"GRCh38_RQR8": int(counts[:, 2].sum())}
    assert "lost a genome's prefix" in found.asides[0]


def test_a_dense_table_is_as_large_as_what_is_not_zero(tmp_path, counts):
    found = survey.survey_library(
        "peak", str(write_dense(tmp_path / "t.csv", counts)), None, features=["RQR8"]
    )
    assert found.entries == counts.nnz


def test_repeated_symbols_are_told(tmp_path, counts):
    folder = write_trio(tmp_path / "a", counts, zipped=False)
    library = names(folder, list(zip(IDS, ["CD3D", "MT-CO1", "RQR8", "CD3D", "LYZ", "CD3D"])))
    cells, summary = ingest.prepare(library, sample="s", features=["RQR8"])
    assert list(cells.var_names) == ["CD3D", "MT-CO1", "RQR8", "CD3D-1", "LYZ", "CD3D-2"]
    assert "1 symbols stand for several genes (such as CD3D)" in summary["notes"][0]


def test_cellxgene_files_have_symbols_in_var_only(tmp_path, counts):
    import anndata
    import pandas as pd

    cells = anndata.AnnData(counts, obs=pd.DataFrame(index=barcodes(9)), var=pd.DataFrame(index=IDS))
    cells.raw = cells.copy()
    cells.X = counts.astype(np.float32).log1p()
    cells.var["feature_name"] = pd.Categorical(GENES)
    cells.write_h5ad(tmp_path / "a.h5ad")
    library = layouts.open_library(tmp_path / "a.h5ad")
    assert list(library.symbols) == GENES
    assert list(library.gene_ids) == IDS
    assert library.layout == "h5ad, raw/X"


BAD_TABLES = {
    "word": ("g,AAAACCCC,CCCCAAAA\nCD3D,1,2\nLYZ,many,3\n", r"row 2 \('LYZ'\), column 'AAAACCCC': 'many'"),
    "gap": ("g,AAAACCCC,CCCCAAAA\nCD3D,1,2\nLYZ,,3\n", "missing or infinite"),
    "NA": ("g,AAAACCCC,CCCCAAAA\nCD3D,1,2\nLYZ,NA,3\n", "missing or infinite"),
    "negative": ("g,AAAACCCC,CCCCAAAA\nCD3D,1,2\nLYZ,-1,3\n", "negative"),
    "logs": ("g,AAAACCCC,CCCCAAAA\nCD3D,1,2.31\nLYZ,0,3\n", "fractional"),
    "short row": ("g,AAAACCCC,CCCCAAAA\nCD3D,1,2\nLYZ,1\n", r"row 2 \('LYZ'\) has 1 values"),
    "header only": ("g,AAAACCCC,CCCCAAAA\n", "not a count matrix|no rows"),
    "two columns of names": ("id,g,AAAACCCC\nE1,CD3D,1\nE2,LYZ,2\n", "not a count matrix"),
    "no genes": ("x,a,b\nc,1,2\nd,3,4\n", "named like genes or like barcodes"),
    "prose": ("Dear reader,\nthis is, as you see, no table\n", "not a count matrix"),
    "html": ("<!DOCTYPE html>\n<html><body>404, not found</body></html>\n", "not a count matrix"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_tables_are_refused_with_a_sentence(tmp_path, case):
    text, words = BAD_TABLES[case]
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=words):
        layouts.open_library(tmp_path / "t.csv").matrix()


def r_files():
    import bz2
    import gzip
    import lzma

    rds, rdata = b"X\n\0\0\0\3\0\4\3\0" + bytes(99), b"RDX3\nX\n\0\0\0\3" + bytes(99)
    return {
        "rds": (gzip.compress(rds), "readRDS"),
        "rds, plain": (rds, "readRDS"),
        "rds, xz": (lzma.compress(rds), "readRDS"),
        "RData": (gzip.compress(rdata), r"get\(load\("),
        "RData, bzip2": (bz2.compress(rdata), r"get\(load\("),
        "qs": (b"\x0b\x0e\x0a\x0c" + bytes(99), "qs::qread"),
        "qs2": (b"\x0b\x0e\x0a\xc1" + bytes(99), "qs2::qs_read"),
    }


@pytest.mark.parametrize("kind", r_files())
def test_objects_of_r_are_refused_with_the_lines_that_export_them(tmp_path, kind):
    data, reading = r_files()[kind]
    path = tmp_path / 'seurat "v5".bin'
    path.write_bytes(data)
    with pytest.raises(UserError, match=reading) as caught:
        layouts.open_library(path)
    assert "Matrix::writeMM(counts, " in str(caught.value)
    assert json.dumps(path.name) in str(caught.value)


def test_gzipped_hdf5_files_are_refused_with_the_remedy(tmp_path, counts):
    import gzip

    path = write_h5ad(tmp_path / "a.h5ad", counts, place="X")
    (tmp_path / "a.h5ad.gz").write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(UserError, match=r"gunzip a\.h5ad\.gz"):
        layouts.open_library(tmp_path / "a.h5ad.gz")


def test_h5seurat_is_refused_with_the_lines_that_export_it(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5seurat", "w") as file:
        file.create_group("assays/RNA")
        file["cell.names"] = np.array(["a"], dtype="S")
    with pytest.raises(UserError, match="LoadH5Seurat"):
        layouts.open_library(tmp_path / "a.h5seurat")


def test_archives_without_one_trio_are_refused(tmp_path, counts):
    import zipfile

    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(UserError, match=r"no matrix.mtx in the archive, which holds readme.txt"):
        layouts.open_library(tmp_path / "none.zip")
    path = pack_trio(tmp_path / "two.zip", counts, kind="zip", inside="P1")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("P2/matrix.mtx", "x")
    with pytest.raises(UserError, match="several libraries"):
        layouts.open_library(path)


def test_real_seurat_table_and_object(real_data):
    table = layouts.open_library(real_data / "tiny_unit_fixtures/pbmc_raw.txt")
    assert table.layout == "dense table, genes x cells"
    assert table.matrix().shape == (80, 230)
    with pytest.raises(UserError, match=r"get\(load\("):
        layouts.open_library(real_data / "tiny_unit_fixtures/pbmc_small.rda")
