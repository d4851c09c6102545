"""The hand-made results that unit tests read (tests/support) still look like those of a real run."""

import base64
import json
from pathlib import Path

import anndata
import fixtures_results
import fixtures_scripts
import pandas as pd
import pyarrow.parquet
import pytest

# Keys that a run writes only under another setting than the demo's.
OTHER_SETTINGS = {"car/fit.json": {"changes"}}


@pytest.fixture(scope="module")
def handmade(tmp_path_factory):
    """The hand-made results, with the files that real scripts make of them."""
    folder = tmp_path_factory.mktemp("handmade")
    fixtures_results.make(folder, cells=400)
    return folder / "results"


def kind(column: pd.Series) -> str:
    """What a column of a text table holds; whole numbers are numbers, as one missing value makes them so."""
    if column.isna().all():
        return "missing"
    if column.dtype == bool:
        return "boolean"
    return "number" if pd.api.types.is_numeric_dtype(column) else "text"


def layout(path: Path) -> dict[str, str]:
    """Names and types of the columns of a table or the top-level keys of a JSON file, in their order."""
    if path.suffix == ".parquet":
        return {field.name: str(field.type) for field in pyarrow.parquet.read_schema(path)}
    if path.suffix == ".tsv":
        return {str(name): kind(column) for name, column in pd.read_csv(path, sep="\t").items()}
    if path.suffix == ".json":
        found = json.loads(path.read_text())
        return {key: "number" if type(v) in (int, float) else type(v).__name__ for key, v in found.items()}
    assert path.suffix == ".h5ad", f"how is {path.name} compared?"
    cells = anndata.read_h5ad(path)
    columns = {
        "X": str(cells.X.dtype),
        "index of obs": cells.obs.index.name,
        "index of var": cells.var.index.name,
    }
    for name, table in (("obs", cells.obs), ("var", cells.var)):
        columns |= {f"{name}.{column}": str(dtype) for column, dtype in table.dtypes.items()}
    return columns


def differences(handmade: Path, real: Path, name: str) -> list[str]:
    """What is not the same in the file `name` of both folders of results."""
    if not (real / name).is_file():
        return [f"{name}: no real run writes it"]
    made, true = layout(handmade / name), layout(real / name)
    true = {key: value for key, value in true.items() if key not in OTHER_SETTINGS.get(name, ())}
    found = [f"{name}: {key} is only in the hand-made one" for key in made if key not in true]
    found += [f"{name}: {key} is only in the real one" for key in true if key not in made]
    silent = {"missing", "NoneType"}
    found += [
        f"{name}: {key} is {made[key]}, really {true[key]}"
        for key in made
        if key in true and made[key] != true[key] and not {made[key], true[key]} & silent
    ]
    return found or ([] if list(made) == list(true) else [f"{name}: another order, really {list(true)}"])


def test_names_columns_and_types_are_those_of_a_real_run(handmade, small):
    files = sorted(str(path.relative_to(handmade)) for path in handmade.rglob("*") if path.is_file())
    assert len(files) > 30
    wrong = [line for name in files for line in differences(handmade, small / "results", name)]
    assert not wrong, "change tests/support/fixtures_results.py:\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.rename(columns={"fraction": "share"}), "fraction is only in the real one"),
        (lambda table: table.assign(more=1), "more is only in the hand-made one"),
        (lambda table: table.assign(n="many"), "n is text, really number"),
        (lambda table: table[table.columns[::-1]], "another order"),
    ],
)
def test_a_difference_would_be_noticed(handmade, small, tmp_path, change, said):
    name = "tables/composition.tsv"
    (tmp_path / "tables").mkdir()
    change(pd.read_csv(handmade / name, sep="\t")).to_csv(tmp_path / name, sep="\t", index=False)
    assert said in "\n".join(differences(tmp_path, small / "results", name))


def read_by_jobs(folder: Path) -> dict[str, set[str]]:
    """The input files of every output of a finished run, as Snakemake remembers them."""
    store = folder / ".snakemake/metadata"
    found = {}
    for path in store.rglob("*"):
        if path.is_file():
            encoded = str(path.relative_to(store)).replace("/@", "")
            found[base64.b64decode(encoded).decode()] = set(json.loads(path.read_text())["input"])
    return found


def test_scripts_get_the_inputs_that_their_rules_have(small, tmp_path, monkeypatch):
    """fixtures_scripts.py repeats the inputs of the deliverables' rules; here is what the rules had."""
    calls = []
    monkeypatch.setattr(
        fixtures_scripts, "run", lambda script, folder, **files: calls.append((script, files))
    )
    fixtures_results.make(tmp_path, cells=100)
    (tmp_path / "results/report.html").touch()
    (tmp_path / "results/figures").mkdir()
    for figure in (small / "results/figures").glob("*.svg"):
        (tmp_path / "results/figures" / figure.name).touch()
    fixtures_scripts.draw(tmp_path)
    fixtures_scripts.make_atlas(tmp_path)
    fixtures_scripts.make_report(tmp_path, fixtures_scripts.config())
    really = read_by_jobs(small)
    assert {script for script, _ in calls} >= {"draw_qc", "draw_comparison", "atlas", "report"}
    for script, files in calls:
        given = set()
        for value in files["inputs"].values():
            given |= {str(Path(one)) for one in ([value] if isinstance(value, str) else value)}
        for output in files["outputs"].values():
            # The patients' part of the page has tests of its own (test_cohort_report.py).
            read = {str(Path(one)) for one in really[output]}
            read = {one for one in read if not one.startswith("results/cohort/") and "cohort.html" not in one}
            assert read == given, (script, output)
