"""Readers: every layout gives the same matrix as an independent reader, every damage a sentence."""

import gzip
import tracemalloc

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from carpeak.errors import UserError
from carpeak.readers import hdf5, layouts, paths
from carpeak.readers import text as reading
from libraries import GENES, IDS, barcodes, write_h5, write_h5ad, write_trio
from scipy import sparse


@pytest.fixture
def counts():
    generator = np.random.default_rng(1)
    dense = generator.poisson(0.8, (9, len(GENES)))
    dense[4] = 0  # a barcode without any count
    return sparse.csr_matrix(dense.astype(np.int32))


LAYOUTS = {
    "v3 folder": lambda p, c: write_trio(p / "a", c),
    "plain v3 folder": lambda p, c: write_trio(p / "b", c, zipped=False),
    "v2 folder": lambda p, c: write_trio(p / "c", c, version=2, zipped=False),
    "GEO prefix": lambda p, c: write_trio(p / "d", c, prefix="GSM1_p4_"),
    "not sorted by cell": lambda p, c: write_trio(p / "e", c, unsorted=True),
    "whole numbers written as real": lambda p, c: write_trio(p / "f", c.astype(float), values="real"),
    "v3 h5": lambda p, c: write_h5(p / "g.h5", c),
    "v2 h5": lambda p, c: write_h5(p / "h.h5", c, version=2),
    "named by nothing": lambda p, c: write_h5(p / "matrix.bin", c),
    **{
        f"h5ad {place}": lambda p, c, place=place: write_h5ad(p / "i.h5ad", c, place=place)
        for place in ("X", "csc", "dense", "raw/X", "layers/counts")
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_counts(tmp_path, counts, layout):
    library = layouts.open_library(LAYOUTS[layout](tmp_path, counts))
    matrix = library.matrix()
    assert matrix.dtype == np.int32
    assert matrix.has_canonical_format
    np.testing.assert_array_equal(matrix.toarray(), counts.toarray())
    assert list(library.symbols) == GENES
    assert list(library.gene_ids) == IDS
    assert library.barcodes.to_pylist() == barcodes(counts.shape[0])


@pytest.mark.parametrize("layout", ["v3 folder", "not sorted by cell", "v3 h5", "h5ad X", "h5ad csc"])
def test_a_stored_zero_is_no_detected_gene(tmp_path, counts, layout):
    """Files of corrected counts hold zeros by name; genes per cell are those with a count."""
    zeroed = counts.copy()
    zeroed.data[::3] = 0
    assert zeroed.nnz > np.count_nonzero(zeroed.toarray()) > 0
    matrix = layouts.open_library(LAYOUTS[layout](tmp_path, zeroed)).matrix()
    np.testing.assert_array_equal(matrix.toarray(), zeroed.toarray())
    np.testing.assert_array_equal(np.diff(matrix.indptr), (zeroed.toarray() > 0).sum(1))


def test_several_blocks_and_unsorted_blocks(tmp_path, counts, monkeypatch):
    monkeypatch.setattr(reading, "PIECE", 128)
    monkeypatch.setattr(hdf5, "ENTRIES", 5)
    for make in ("v3 folder", "not sorted by cell", "v3 h5", "h5ad csc"):
        matrix = layouts.open_library(LAYOUTS[make](tmp_path, counts)).matrix()
        np.testing.assert_array_equal(matrix.toarray(), counts.toarray())


def test_other_modalities_are_left_out_and_named(tmp_path, counts):
    types = ["Gene Expression"] * 4 + ["Antibody Capture"] * 2
    library = layouts.open_library(write_trio(tmp_path / "a", counts, types=types))
    np.testing.assert_array_equal(library.matrix().toarray(), counts.toarray()[:, :4])
    assert list(library.symbols) == GENES[:4]
    assert library.others == {"Antibody Capture": 2}


def test_matrix_without_entries(tmp_path):
    library = layouts.open_library(
        write_trio(tmp_path / "a", sparse.csr_matrix((9, len(GENES)), dtype=np.int32))
    )
    assert library.matrix().shape == (9, len(GENES))
    assert library.matrix().nnz == 0


def replace(path, old, new):
    with gzip.open(path, "rt") as file:
        text = file.read()
    assert old in text
    with gzip.open(path, "wt") as file:
        file.write(text.replace(old, new, 1))


def cut(path, share=0.6):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def damage_last_entry(folder, value):
    with gzip.open(folder / "matrix.mtx.gz", "rt") as file:
        lines = file.read().splitlines()
    lines[-1] = " ".join([*lines[-1].split()[:2], value])
    with gzip.open(folder / "matrix.mtx.gz", "wt") as file:
        file.write("\n".join(lines) + "\n")


FOLDER_FAULTS = {
    "no matrix": (lambda f: (f / "matrix.mtx.gz").unlink(), "not a count matrix"),
    "no barcodes": (lambda f: (f / "barcodes.tsv.gz").unlink(), "barcodes.tsv (or .gz) is missing"),
    "no features": (lambda f: (f / "features.tsv.gz").unlink(), "features.tsv (or .gz) is missing"),
    "truncated matrix": (lambda f: cut(f / "matrix.mtx.gz"), "cut short or damaged"),
    "truncated barcodes": (lambda f: cut(f / "barcodes.tsv.gz"), "cut short or damaged"),
    "empty matrix file": (lambda f: (f / "matrix.mtx.gz").write_bytes(b""), "empty"),
    "html page": (lambda f: (f / "matrix.mtx.gz").write_bytes(gzip.compress(b"<html>404</html>")), "line 1"),
    "not gzip": (
        lambda f: (f / "matrix.mtx.gz").write_bytes(b"\x1f\x8b\x08MatrixMarket plain"),
        "cut short or damaged",
    ),
    "barcode too few": (lambda f: replace(f / "barcodes.tsv.gz", "AAAC0003-1\n", ""), "lists 8 names"),
    "gene too many": (
        lambda f: replace(f / "features.tsv.gz", "ENSG", "X\tX\tGene Expression\nENSG"),
        "lists 7",
    ),
    "entries missing": (lambda f: replace(f / "matrix.mtx.gz", "\n6 9 ", "\n6 9 9"), "announces"),
    "negative": (lambda f: damage_last_entry(f, "-2"), "negative values"),
    "fractional": (lambda f: damage_last_entry(f, "1.5"), "fractional values"),
    "nan": (lambda f: damage_last_entry(f, "nan"), "missing or infinite"),
    "word": (lambda f: damage_last_entry(f, "many"), "not readable"),
    "cell out of range": (lambda f: replace(f / "matrix.mtx.gz", "\n1 1 ", "\n1 99 "), "not listed"),
}


@pytest.mark.parametrize("fault", FOLDER_FAULTS)
def test_damaged_folders_are_refused_with_a_sentence(tmp_path, fault):
    folder = write_trio(tmp_path / "lib", sparse.csr_matrix(np.ones((9, len(GENES)), np.int32)))
    damage, words = FOLDER_FAULTS[fault]
    damage(folder)
    with pytest.raises(UserError) as caught:
        layouts.open_library(folder).matrix()
    assert words in str(caught.value)
    assert str(folder) in str(caught.value)


def test_two_libraries_in_one_folder_are_refused(tmp_path, counts):
    write_trio(tmp_path / "x", counts, prefix="p1_")
    write_trio(tmp_path / "x", counts, prefix="p2_")
    with pytest.raises(UserError, match="several libraries"):
        layouts.open_library(tmp_path / "x")


def test_damaged_single_files_are_refused_with_a_sentence(tmp_path, counts):
    whole = write_h5(tmp_path / "a.h5", counts)
    cut(whole, 0.8)
    (tmp_path / "empty.h5").touch()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "hollow").mkdir()
    for name, words in {
        "a.h5": "cut short or damaged",
        "empty.h5": "is empty",
        "notes.txt": "not a count matrix",
        "hollow": "folder is empty",
        "absent": "no such file or folder",
    }.items():
        with pytest.raises(UserError, match=words):
            layouts.open_library(tmp_path / name).matrix()


def test_log_values_in_h5ad_are_recognised(tmp_path, counts):
    with pytest.raises(UserError, match=r"X holds fractional values .*log-normalised.*layers\['counts'\]"):
        layouts.open_library(write_h5ad(tmp_path / "a.h5ad", counts, place="logs"))


@pytest.mark.parametrize("side", ["ctrl", "stim"])
def test_real_kang_folders_equal_scipy(real_data, side):
    folder = real_data / f"kang_ifnb/{side}_9015x1000"
    library = layouts.open_library(folder)
    assert (library.matrix() != scipy.io.mmread(folder / "matrix.mtx.gz").T.tocsr()).nnz == 0
    with gzip.open(folder / "barcodes.tsv.gz", "rt") as file:
        assert library.barcodes.to_pylist() == file.read().split()
    assert {"ISG15", "CD3D"} <= set(library.symbols)


def test_real_folder_equals_scipy_within_memory(real_data):
    folder = real_data / "pbmc3k/counts_13714x2700"
    expected = scipy.io.mmread(folder / "matrix.mtx.gz").T.tocsr()
    library = layouts.open_library(folder)
    tracemalloc.start()  # counts numpy's memory; arrow's blocks are bounded by BYTES
    matrix = library.matrix()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (matrix != expected).nnz == 0
    assert peak < 2.5 * (matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)


@pytest.mark.parametrize(
    "name",
    [
        "carpall_P02/h5/CAR-T10310322.filtered_feature_bc_matrix.h5",
        "carpall_P02/h5/CAR-T10310324.filtered_feature_bc_matrix.h5",
        "tiny_unit_fixtures/scanpy_10x_v3_filtered_feature_bc_matrix.h5",
        "carpall_P02/h5/CAR-T11141510.filtered_feature_bc_matrix.h5",
    ],
)
def test_real_h5_equals_scipy(real_data, name):
    library = layouts.open_library(real_data / name)
    with h5py.File(real_data / name) as file:
        group = file["matrix"]
        arrays = tuple(group[part][:] for part in ("data", "indices", "indptr"))
        names = [name.decode() for name in group["features/name"][:]]
        expected = sparse.csc_matrix(arrays, shape=tuple(group["shape"][:])).T.tocsr()
    assert (library.matrix() != expected).nnz == 0
    assert list(library.symbols) == names


def joined(tmp_path, marks=("-1", "-2")):
    """An h5ad file of two libraries: 4 cells of P4_IP, then 5 of P4_PK."""
    dense = np.arange(9 * len(GENES)).reshape(9, -1) % 5
    cells = anndata.AnnData(sparse.csr_matrix(dense.astype(np.int32)))
    cells.var_names, cells.obs_names = GENES, [f"ACGTACGT{'ACGTACGTA'[i]}{i}{marks[i > 3]}" for i in range(9)]
    cells.obs["library"] = pd.Categorical(["P4_IP"] * 4 + ["P4_PK"] * 5)
    cells.obs["lane"] = [1.0] * 4 + [2.0] * 5
    cells.write_h5ad(tmp_path / "both.h5ad")
    return tmp_path / "both.h5ad", dense


@pytest.mark.parametrize(
    "select", ["library=P4_PK", "lane=2", "-2", "library = P4_PK", "library=P4_PK & lane=2 & -2"]
)
def test_select_takes_one_library_out_of_a_file(tmp_path, select):
    path, dense = joined(tmp_path)
    library = layouts.open_library(path, select=select)
    np.testing.assert_array_equal(library.matrix().toarray(), dense[4:])
    assert len(library.barcodes) == 5
    assert all(b.endswith("-2") for b in library.barcodes.to_pylist())
    assert "5 of 9 cells" in library.layout


def test_select_by_prefix_and_in_a_folder(tmp_path, counts):
    folder = write_trio(tmp_path / "a", counts)
    library = layouts.open_library(folder, select="-1")
    np.testing.assert_array_equal(library.matrix().toarray(), counts.toarray())
    text = "".join(f"{'IP' if i < 6 else 'PK'}_AC{i}\n" for i in range(9))
    (folder / "barcodes.tsv.gz").write_bytes(gzip.compress(text.encode()))
    library = layouts.open_library(folder, select="PK_")
    np.testing.assert_array_equal(library.matrix().toarray(), counts.toarray()[6:])


@pytest.mark.parametrize(
    ("select", "words"),
    [
        ("library=P4_PR", "no cell has library 'P4_PR'.*did you mean 'P4_PK'.*P4_IP .4., P4_PK .5."),
        ("libary=P4_PK", "no column 'libary'.*did you mean 'library'.*Columns: library, lane"),
        ("-3", "no barcode ends with '-3'.*-1 .4., -2 .5."),
        ("P4_", r"no barcode starts with 'P4_'"),
        ("P4", "give column=value"),
        ("library=P4_PK & lane=3", "no cell has lane '3'"),
        ("library=P4_PK & lane=1", r"no cell meets all of select: library=P4_PK \(5\), lane=1 \(4\)"),
        ("=", "give column=value"),
    ],
)
def test_select_that_matches_nothing_says_what_there_is(tmp_path, select, words):
    with pytest.raises(UserError, match=words):
        layouts.open_library(joined(tmp_path)[0], select=select)


def test_select_by_column_in_a_folder_is_refused(tmp_path, counts):
    with pytest.raises(UserError, match=r"this layout .* has none"):
        layouts.open_library(write_trio(tmp_path / "a", counts), select="library=x")


def test_select_holds_for_droplets_only_where_something_matches(tmp_path, counts):
    alone = layouts.open_library(write_trio(tmp_path / "a", counts))
    assert layouts.chosen_if_any(alone, "_2") is alone
    both = layouts.open_library(joined(tmp_path)[0])
    assert len(layouts.chosen_if_any(both, "-2").barcodes) == 5
    assert layouts.chosen_if_any(both, "") is both


def write_genomes(path, counts, names=("GRCh38", "mm10", "CAR")):
    """A Cell Ranger v2 file with a group per genome; the CAR's lists two of the cells, the other way round."""
    with h5py.File(path, "w") as file:
        for name in names:
            own = counts[[3, 1]][:, :1].tocsr() if name == "CAR" else counts
            group = file.create_group(name)
            cells = [barcodes(9)[i] for i in (3, 1)] if name == "CAR" else barcodes(9)
            group["barcodes"] = np.array(cells, dtype="S")
            for part in ("data", "indices", "indptr"):
                group[part] = getattr(own, part)
            group["shape"] = np.array(own.shape[::-1])
            genes = ["scFv"] if name == "CAR" else GENES
            group["genes"], group["gene_names"] = np.array(genes, dtype="S"), np.array(genes, dtype="S")
    return path


def test_of_several_genomes_the_human_one_and_a_construct_are_taken(tmp_path, counts):
    library = layouts.open_library(write_genomes(tmp_path / "a.h5", counts))
    assert library.layout == "10x h5, v2, genomes GRCh38 and CAR"
    assert library.others == {"genome mm10": len(GENES)}
    assert list(library.symbols) == [*GENES, "scFv"]
    expected = np.zeros((9, 1), int)
    expected[[3, 1], 0] = counts.toarray()[[3, 1], 0]
    np.testing.assert_array_equal(library.matrix().toarray(), np.hstack([counts.toarray(), expected]))


def test_several_genomes_none_of_which_is_known_are_refused(tmp_path, counts):
    with pytest.raises(UserError, match=r"several genomes \(mm10, x\)"):
        layouts.open_library(write_genomes(tmp_path / "a.h5", counts, names=("mm10", "x")))


RUN_FOLDERS = {
    "outs/filtered_feature_bc_matrix": "Cell Ranger",
    "outs/filtered_gene_bc_matrices/GRCh38": "Cell Ranger v2",
    "outs/per_sample_outs/P4/count/sample_filtered_feature_bc_matrix": "Cell Ranger multi",
    "step3/filtered_feature_bc_matrix": "SeekSoul",
    "Solo.out/Gene/filtered": "STARsolo Gene",
    "P4.Solo.out/GeneFull/filtered": "STARsolo GeneFull",
    "output/filter_matrix": "DNBelab C4",
    "P4_outs/filtered_cell_gene_matrix": "MobiDrop",
    "outs/P4_matrix_10X": "CeleScope",
}


@pytest.mark.parametrize("inside", RUN_FOLDERS)
def test_the_folder_of_a_run_is_enough(tmp_path, counts, inside):
    write_trio(tmp_path / "run" / inside, counts, zipped="Solo" not in inside)
    write_trio(tmp_path / "run" / inside.replace("filter", "raw"), counts)
    library = layouts.open_library(tmp_path / "run")
    np.testing.assert_array_equal(library.matrix().toarray(), counts.toarray())
    assert library.layout == f"10x folder, v3 ({RUN_FOLDERS[inside]}: {inside})"
    assert library.path == tmp_path / "run"
    assert len(paths.watched(str(tmp_path / "run"))) == 3


def test_gene_comes_before_genefull_and_filtered_before_raw(tmp_path, counts):
    for folder in ("Gene", "GeneFull"):
        for called in ("raw", "filtered"):
            write_trio(tmp_path / "Solo.out" / folder / called, counts, zipped=False)
    for path in (tmp_path, tmp_path / "Solo.out"):
        assert "Gene/filtered)" in layouts.open_library(path).layout
    assert "GeneFull/filtered" not in layouts.open_library(tmp_path).layout


def test_a_run_with_unfiltered_droplets_only_is_refused(tmp_path, counts):
    write_trio(tmp_path / "Solo.out/Gene/raw", counts, zipped=False)
    with pytest.raises(UserError, match=r"only unfiltered droplets .*Gene/raw.*raw_path"):
        layouts.open_library(tmp_path)


def test_a_path_that_no_file_can_have_is_refused(tmp_path):
    path = tmp_path / ("x" * 300)
    assert not paths.path_exists(str(path))
    with pytest.raises(UserError, match="cannot be read"):
        layouts.open_library(path)


def test_the_named_one_of_a_plain_and_a_gzipped_matrix_is_read(tmp_path, counts):
    folder = write_trio(tmp_path / "a", counts)
    (folder / "matrix.mtx").write_text("%%MatrixMarket matrix coordinate integer general\n6 9 0\n")
    assert layouts.open_library(folder).matrix().nnz == 0
    assert layouts.open_library(folder / "matrix.mtx.gz").matrix().nnz == counts.nnz
    assert str(folder / "matrix.mtx.gz") in paths.watched(str(folder / "matrix.mtx.gz"))


def test_the_wrong_file_of_a_trio_and_a_matrix_alone_are_refused(tmp_path, counts):
    folder = write_trio(tmp_path / "a", counts, zipped=False)
    with pytest.raises(UserError, match="not a count matrix"):
        layouts.open_library(folder / "barcodes.tsv")
    assert paths.watched(str(folder / "barcodes.tsv")) == [str(folder / "barcodes.tsv")]
    (folder / "matrix.mtx").rename(tmp_path / "counts.mtx")
    with pytest.raises(UserError, match=r"barcodes.tsv .or .gz. is missing beside counts.mtx"):
        layouts.open_library(tmp_path / "counts.mtx")


def test_one_of_several_libraries_is_named_by_the_start_of_its_files(tmp_path, counts):
    write_trio(tmp_path / "x", counts, prefix="GSM1_ip_")
    write_trio(tmp_path / "x", counts[:5], prefix="GSM2_pk_")
    for name in ("GSM2_pk_", "GSM2", "GSM2_pk_matrix.mtx.gz"):
        assert layouts.open_library(tmp_path / "x" / name).matrix().shape == (5, len(GENES))
        assert paths.path_exists(str(tmp_path / "x" / name))
        assert len(paths.watched(str(tmp_path / "x" / name))) == 3
    with pytest.raises(UserError, match=r"several libraries \(GSM1_ip_, GSM2_pk_\).*x/GSM1_ip_"):
        layouts.open_library(tmp_path / "x" / "GSM")
    assert not paths.path_exists(str(tmp_path / "x" / "GSM3"))
