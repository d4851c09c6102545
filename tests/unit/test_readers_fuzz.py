"""Whatever bytes come, the readers give a matrix or a sentence, and never a wrong matrix where that can be known."""

import os
import shutil

import numpy as np
import pytest
from carpeak.errors import UserError
from carpeak.readers import layouts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from libraries import GENES, pack_trio, write_dense, write_h5, write_h5ad, write_h5mu, write_loom, write_trio
from scipy import sparse

EXAMPLES = int(os.environ.get("CARPEAK_FUZZ", "60"))  # per layout and kind of damage
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
COUNTS = sparse.csr_matrix(np.random.default_rng(5).poisson(1.5, (9, len(GENES))).astype(np.int32))

# checked: any damage is noticed, for a checksum covers the bytes; counted: a file that ends early is
LAYOUTS = {
    "gzipped folder": (lambda p: write_trio(p / "a", COUNTS), {"checked", "counted"}),
    "plain folder": (lambda p: write_trio(p / "a", COUNTS, zipped=False), {"counted"}),
    "v2 folder": (lambda p: write_trio(p / "a", COUNTS, zipped=False, version=2), {"counted"}),
    "zip": (lambda p: pack_trio(p / "a.zip", COUNTS, kind="zip"), {"checked", "counted"}),
    "tar.gz": (lambda p: pack_trio(p / "a.tar.gz", COUNTS, kind="gz"), {"checked", "counted"}),
    "tar": (lambda p: pack_trio(p / "a.tar", COUNTS, kind="", zipped=False), {"counted"}),
    "h5": (lambda p: write_h5(p / "a.h5", COUNTS), {"counted"}),
    "v2 h5": (lambda p: write_h5(p / "a.h5", COUNTS, version=2), {"counted"}),
    "h5ad": (lambda p: write_h5ad(p / "a.h5ad", COUNTS, place="raw/X"), {"counted"}),
    "dense h5ad": (lambda p: write_h5ad(p / "a.h5ad", COUNTS, place="dense"), {"counted"}),
    "h5mu": (lambda p: write_h5mu(p / "a.h5mu", COUNTS), {"counted"}),
    "loom": (lambda p: write_loom(p / "a.loom", COUNTS), {"counted"}),
    "csv": (lambda p: write_dense(p / "a.csv", COUNTS), set()),
    "R table": (lambda p: write_dense(p / "a.tsv", COUNTS, delimiter="\t", short=True, quoted=True), set()),
    "gzipped csv": (lambda p: write_dense(p / "a.csv.gz", COUNTS, turned=True), {"checked", "counted"}),
}


@pytest.fixture(scope="module", params=LAYOUTS)
def whole(request, tmp_path_factory):
    """An intact library: its path, its files and their bytes, and which damage must be noticed."""
    folder = tmp_path_factory.mktemp("fuzz")
    make, noticed = LAYOUTS[request.param]
    path = make(folder)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return path, {file: file.read_bytes() for file in files}, noticed


def read(path):
    """The matrix at `path` as an array, checked in itself; None where it is refused."""
    try:
        library = layouts.open_library(path)
        matrix = library.matrix()
    except UserError as error:
        assert str(path.parent) in str(error)
        return None
    assert matrix.dtype == np.int32
    assert (
        matrix.shape
        == (len(library.barcodes), len(library.symbols))
        == (
            len(library.barcodes),
            len(library.gene_ids),
        )
    )
    assert matrix.nnz == 0 or (matrix.data.min() >= 0 and matrix.indices.max() < matrix.shape[1])
    return matrix.toarray() if np.prod(matrix.shape) < 1e6 else matrix


def expected(found):
    return found is None or np.array_equal(found, COUNTS.toarray())


@FUZZ
@given(st.data())
def test_a_file_that_ends_early_gives_the_matrix_or_a_sentence(whole, data):
    path, files, noticed = whole
    name = data.draw(st.sampled_from(sorted(files)))
    name.write_bytes(files[name][: data.draw(st.integers(0, len(files[name]) - 1))])
    try:
        found = read(path)
        assert "counted" not in noticed or expected(found)
    finally:
        name.write_bytes(files[name])


@FUZZ
@given(st.data())
def test_changed_bytes_give_the_matrix_or_a_sentence(whole, data):
    path, files, noticed = whole
    name = data.draw(st.sampled_from(sorted(files)))
    old = files[name]
    start = data.draw(st.integers(0, len(old) - 1))
    stop = min(len(old), start + data.draw(st.sampled_from([0, 1, 1, 2, 8, 100])))
    new = data.draw(
        st.one_of(st.binary(max_size=8), st.sampled_from([b"\n", b"\t", b" ", b"-", b"nan", b"\0", b'"']))
    )
    name.write_bytes(old[:start] + new + old[stop:])
    try:
        found = read(path)
        assert "checked" not in noticed or expected(found)
    finally:
        name.write_bytes(old)


STARTS = [
    b"",
    b"%%MatrixMarket matrix coordinate integer general\n",
    b"%%MatrixMarket matrix coordinate integer general\n3 2 1\n",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    b"\x89HDF\r\n\x1a\n",
    b"PK\x03\x04",
    b"BZh9",
    b"g,AAAACCCC,CCCCAAAA\nCD3D,1,2\n",
    b"X\n\0\0\0\3",
]


@FUZZ
@given(st.sampled_from(STARTS), st.binary(max_size=400))
def test_any_bytes_give_a_sentence_or_a_matrix(tmp_path, start, rest):
    (tmp_path / "file").write_bytes(start + rest)
    read(tmp_path / "file")


WORDS = st.sampled_from(
    [
        "",
        "0",
        "1",
        "-1",
        "2.5",
        "nan",
        "1e400",
        "99999999999999999999",
        "CD3D",
        "AAAACCCCGGGG-1",
        '"',
        "x\0",
        " ",
        "é",
    ]
)


@FUZZ
@given(st.lists(st.lists(WORDS, min_size=1, max_size=4), min_size=1, max_size=6), st.sampled_from(",\t; "))
def test_any_table_gives_a_sentence_or_a_matrix(tmp_path, rows, delimiter):
    (tmp_path / "t.csv").write_text("\n".join(delimiter.join(row) for row in rows), encoding="utf-8")
    read(tmp_path / "t.csv")


@FUZZ
@given(
    st.lists(st.lists(WORDS, max_size=4), max_size=5),
    st.lists(WORDS, max_size=4),
    st.lists(WORDS, max_size=4),
)
def test_any_trio_gives_a_sentence_or_a_matrix(tmp_path, entries, genes, cells):
    folder = tmp_path / "trio"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    lines = ["%%MatrixMarket matrix coordinate integer general", f"{len(genes)} {len(cells)} {len(entries)}"]
    text = "\n".join(lines + [" ".join(row) for row in entries]) + "\n"
    for name, content in {
        "matrix.mtx": text,
        "genes.tsv": "".join(f"{gene}\n" for gene in genes),
        "barcodes.tsv": "".join(f"{cell}\n" for cell in cells),
    }.items():
        (folder / name).write_text(content, encoding="utf-8")
    read(folder)
