"""The command `carpeak`: its help, a study begun from a folder of matrices, what is passed to Snakemake."""

import sys

import pytest
import yaml
from carpeak import home
from carpeak.__main__ import COMMANDS, main
from carpeak.commands import demo, launch
from carpeak.errors import UserError
from carpeak.preflight.discover import discover
from carpeak.study.fill_in import FILL_IN
from fixtures_libraries import CAR, CONFIG, SHEET, counts, write_h5, write_study, write_trio

# --- help


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_fits_a_screen(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    try:
        assert main([*([command] if command else []), "--help"]) == 0
    except SystemExit as end:  # argparse
        assert end.code == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].startswith("usage: carpeak")
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 110
    if command:
        assert COMMANDS[command][1:] in out


def test_overview_names_every_command(capsys):
    main(["--help"])
    out = capsys.readouterr().out
    assert [
        line.split()[0] for line in out.splitlines() if line.split()[:1] and line.split()[0] in COMMANDS
    ] == [*COMMANDS]


# --- init


@pytest.fixture
def matrices(tmp_path):
    """Two libraries in folders of runs, one of them with droplets, and a file that is no matrix."""
    folder = tmp_path / "data"
    write_trio(folder / "ip/filtered_feature_bc_matrix", counts(seed=1))
    write_trio(folder / "ip/raw_feature_bc_matrix", counts(seed=1))
    write_h5(folder / "pk.filtered_feature_bc_matrix.h5", counts(seed=2))
    (folder / "notes.txt").write_text("product and peak of patient 1\n")
    return folder


def test_init_writes_what_the_matrices_say_and_marks_the_rest(matrices, tmp_path, capsys):
    study = tmp_path / "study"
    assert main(["init", str(study), str(matrices)]) == 0
    out = capsys.readouterr().out
    assert "notes.txt" in out, "what was left out is named"
    rows = [line.split("\t") for line in (study / "samples.tsv").read_text().splitlines() if line[:1] != "#"]
    assert rows == [
        ["sample", "condition", "donor", "path", "raw_path"],
        ["ip", FILL_IN, FILL_IN, f"{matrices}/ip", f"{matrices}/ip/raw_feature_bc_matrix"],
        ["pk", FILL_IN, FILL_IN, f"{matrices}/pk.filtered_feature_bc_matrix.h5", ""],
    ]
    assert yaml.safe_load((study / "config.yaml").read_text())["transgene"]["features"] == [CAR]


def test_a_study_with_marks_is_refused_in_one_sentence_and_runs_when_they_are_gone(
    matrices, tmp_path, capsys
):
    study = tmp_path / "study"
    main(["init", str(study), str(matrices)])
    capsys.readouterr()
    assert main(["check", str(study)]) == 1
    err = capsys.readouterr().err
    assert err.count(FILL_IN) == 1
    assert "samples.tsv (condition and donor of ip, pk)" in err
    assert err.count("\n  - ") == 1, "what follows from the marks is not told as well"
    sheet = study / "samples.tsv"
    filled = sheet.read_text().replace(f"ip\t{FILL_IN}\t{FILL_IN}", "ip\tproduct\tP1")
    sheet.write_text(filled.replace(f"pk\t{FILL_IN}\t{FILL_IN}", "pk\tpeak\tP1"))
    assert main(["check", str(study)]) == 0, capsys.readouterr().err
    assert "Nothing is wrong" in capsys.readouterr().out


def test_a_car_that_is_not_recognised_is_marked(matrices, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("carpeak.preflight.survey._custom", lambda library: ())
    study = tmp_path / "study"
    assert main(["init", str(study), str(matrices)]) == 0
    assert yaml.safe_load((study / "config.yaml").read_text())["transgene"]["features"] == [FILL_IN]
    assert main(["check", str(study)]) == 1
    assert "config.yaml (transgene.features)" in capsys.readouterr().err


def test_init_overwrites_nothing(matrices, tmp_path, capsys):
    write_study(tmp_path)
    assert main(["init", str(tmp_path), str(matrices)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "samples.tsv").read_text() == SHEET


def test_init_without_matrices(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    for folder, words in ((tmp_path / "data", "no count matrix found"), (tmp_path / "no", "no such folder")):
        assert main(["init", str(tmp_path / "study"), str(folder)]) == 1
        assert words in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_paths_below_the_study_are_relative(tmp_path):
    write_trio(tmp_path / "study/data/a", counts(seed=1))
    assert main(["init", str(tmp_path / "study"), str(tmp_path / "study/data")]) == 0
    assert "a\tFILL_IN\tFILL_IN\tdata/a\n" in (tmp_path / "study/samples.tsv").read_text()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            ["GSM1_ip_raw_feature_bc_matrix.h5", "GSM1_ip_filtered_feature_bc_matrix.h5"],
            [("GSM1_ip", "GSM1_ip_filtered_feature_bc_matrix.h5", "GSM1_ip_raw_feature_bc_matrix.h5")],
        ),
        (
            ["GSM1_ip_matrix.mtx.gz", "GSM1_ip_barcodes.tsv.gz", "GSM2_pk_matrix.mtx.gz"],
            [("GSM1_ip", "GSM1_ip_", None), ("GSM2_pk", "GSM2_pk_", None)],
        ),
        (["raw_counts.h5ad"], [("raw_counts", "raw_counts.h5ad", None)]),  # counts, not droplets
        (
            ["a/outs/filtered_feature_bc_matrix/matrix.mtx.gz", "a/outs/raw_feature_bc_matrix/matrix.mtx.gz"],
            [("a", "a", "a/outs/raw_feature_bc_matrix")],
        ),
        (
            ["a/raw_feature_bc_matrix/matrix.mtx.gz"],
            [("a", None, "a/raw_feature_bc_matrix")],
        ),
        (
            ["x/S 1/counts.csv.gz", "y/S 1/counts.csv.gz", ".hidden/counts.csv"],
            [("S_1", "x/S 1/counts.csv.gz", None), ("S_1-2", "y/S 1/counts.csv.gz", None)],
        ),
    ],
)
def test_libraries_are_found_by_name(tmp_path, files, expected):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    found = [
        tuple(place and place.removeprefix(f"{tmp_path}/") for place in (one.name, one.path, one.raw_path))
        for one in discover(tmp_path)
    ]
    assert found == expected


# --- run


def test_options_are_passed_on_and_win(tmp_path):
    words = launch.command(tmp_path / "config.yaml", tmp_path, ["qc", "-n"])
    assert words[:3] == [sys.executable, "-m", "snakemake"]
    assert words[-2:] == ["qc", "-n"]
    assert words[words.index("--directory") + 1] == str(tmp_path)
    assert words[words.index("--cores") + 1] == "all"
    assert words[words.index("--snakefile") + 1] == str(home.snakefile())
    for given, left_out in (
        (["--cores", "2"], "all"),
        (["-c2"], "all"),
        (["--jobs=3"], "all"),
        (["--directory", "/elsewhere"], str(tmp_path)),
        (["-d", "/elsewhere"], str(tmp_path)),
    ):
        assert left_out not in launch.command(tmp_path / "config.yaml", tmp_path, given)
    assert "all" in launch.command(tmp_path / "config.yaml", tmp_path, ["--config", "seed=2"])


def test_demo_simulates_as_many_patients_as_are_asked_for():
    own = "demo={donors: 6, cells: 30000}"
    assert demo.command_options("1", ["-n"]) == ["-n"]
    assert demo.command_options("6", ["-n"]) == ["-n", "--config", own]
    for words in (["--donors", "6", "-n"], ["--donors=6", "-n"]):  # behind the folder
        assert demo.command_options("1", words) == ["-n", "--config", own]
    merged = demo.command_options("6", ["--config", "donors={draws: 0}", "-n"])
    assert merged == ["--config", own, "donors={draws: 0}", "-n"]
    for wrong in ("0", "-3", "two", "", "1.5"):
        with pytest.raises(UserError, match="number of patients"):
            demo.command_options(wrong, [])


def test_the_exit_status_is_that_of_snakemake(tmp_path, monkeypatch):
    write_study(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG)
    seen = []
    monkeypatch.setattr(
        launch, "command", lambda *words: seen.append(words) or [sys.executable, "-c", "exit(7)"]
    )
    assert main(["run", str(tmp_path), "--cores", "2", "qc"]) == 7
    assert seen == [(tmp_path / "config.yaml", tmp_path, ["--cores", "2", "qc"])]
    assert main(["run", str(tmp_path / "config.yaml")]) == 7


def test_run_names_what_is_wrong_with_the_path(tmp_path, capsys):
    write_study(tmp_path)
    for path, words in (
        (tmp_path / "none.yaml", "no such configuration"),
        (tmp_path / "samples.tsv", "config.yaml"),
    ):
        assert main(["run", str(path)]) == 1
        assert words in capsys.readouterr().err


def test_the_home_of_a_checkout():
    assert home.snakefile().is_file()
    assert (home.workflow() / "rules/common.smk").is_file()
    assert (home.root() / "config/config.yaml").is_file()


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_run_names_a_configuration_in_another_encoding(tmp_path, capsys, encoding):
    """Snakemake reads it before the workflow can, and ends in a traceback."""
    text = (write_study(tmp_path) / "config.yaml").read_text() + "title: Größe\n"
    (tmp_path / "config.yaml").write_bytes(text.encode(encoding))
    assert main(["run", str(tmp_path), "-n"]) == 1
    assert "config.yaml: not UTF-8 text" in capsys.readouterr().err
