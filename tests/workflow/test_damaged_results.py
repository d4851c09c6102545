"""Results that were cut short or changed by hand, files from the future, and what no job could write to."""

import os
import time

import pytest
from fixtures_libraries import write_study
from runs import snakemake

DAYS = 2 * 86_400


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("written") / "study")
    run(folder)
    return folder


def run(study, *options, check=True):
    return snakemake(
        study, "results/counts.h5ad", "--configfile", str(study / "config.yaml"), *options, check=check
    )


def refused(study, *options):
    done = run(study, *options, check=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in text
    assert text.count("carpeak: ") == 1
    return text


@pytest.mark.parametrize("same_time", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_result_that_was_cut_short(finished, same_time):
    path = finished / "results/counts.h5ad"
    whole, stamp = path.read_bytes(), path.stat()
    path.write_bytes(whole[: len(whole) // 2])
    if same_time:
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    text = refused(finished)
    assert "results/counts.h5ad: damaged" in text
    assert "Delete it and run again" in text
    path.unlink()
    run(finished)
    assert path.read_bytes() == whole


def test_a_result_that_was_changed_and_is_as_long_as_before(finished):
    path = finished / "results/qc/ip.cells.parquet"
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    path.write_bytes(changed)
    assert "results/qc/ip.cells.parquet: damaged or changed since it was written" in refused(finished)
    path.unlink()
    run(finished)
    assert path.read_bytes() == whole


@pytest.mark.slow
def test_an_input_from_the_future(finished):
    path = finished / "pk/matrix.mtx.gz"
    os.utime(path, (time.time() + DAYS,) * 2)
    text = refused(finished)
    assert f"{path}: dated " in text
    assert "touch " in text
    os.utime(path)
    run(finished)


@pytest.mark.parametrize("name", ["results", "logs"])
def test_a_file_where_a_folder_belongs(tmp_path, name):
    study = write_study(tmp_path / "study")
    (study / name).write_text("notes\n")
    assert f"{name}: a file stands where the run has to make a folder" in refused(study)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_configuration_in_another_encoding(tmp_path, encoding):
    study = write_study(tmp_path / "study")
    (study / "config").mkdir()
    text = (study / "config.yaml").read_text().replace("samples: ", "title: Größe\nsamples: ../")
    (study / "config/config.yaml").write_bytes(text.encode(encoding))
    done = snakemake(study, "qc", check=False)
    assert done.returncode != 0
    assert "config.yaml: not UTF-8 text" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_one_resolution_makes_one_embedding_anew(small):
    """A dry run after a change of embedding.resolution.car_t alone."""
    from runs import demo

    done = snakemake(small, *demo(), "embedding={resolution: {car_t: 0.9}}", "--dry-run")
    text = done.stdout + done.stderr
    assert "results/populations/car_t/embedding.parquet" in text
    assert "results/populations/t_cells/embedding.parquet" not in _outputs(text)
    assert "results/populations/all/embedding.parquet" not in _outputs(text)


def _outputs(text):
    return [line for line in text.splitlines() if line.strip().startswith("output:")]
