"""The configuration: every mistake told at once, with the key and the valid choices; defaults at every depth."""

from pathlib import Path

import pytest
import yaml
from carpeak.errors import UserError
from carpeak.study import config, study
from carpeak.study.problem import blocks
from runs import ROOT

WORKFLOW = ROOT / "workflow"
MINIMAL = {"samples": "samples.tsv", "transgene": {"features": ["CAR"]}}
ROWS = [
    {"sample": "ip", "condition": "product", "donor": "P1", "path": "ip"},
    {"sample": "pk", "condition": "peak", "donor": "P1", "path": "pk"},
]


def write_study(folder: Path, *, rows=ROWS, text: str | None = None) -> Path:
    """A sheet beside two folders that stand for matrices; returns the name of the configuration."""
    for row in rows:
        (folder / row.get("path", "x")).mkdir(exist_ok=True)
    columns = list(rows[0])
    lines = ["\t".join(columns), *("\t".join(row.get(c, "") for c in columns) for row in rows)]
    (folder / "samples.tsv").write_text(text if text is not None else "\n".join(lines) + "\n")
    return folder / "config.yaml"


def load(folder: Path, value=None, **changes):
    return study.load({**(value or MINIMAL), **changes}, source=folder / "config.yaml", workflow=WORKFLOW)


def test_defaults_reach_every_depth(tmp_path):
    write_study(tmp_path)
    loaded = load(tmp_path)
    assert loaded.config["embedding"]["resolution"] == {"all": 0.8, "t_cells": 0.5, "car_t": 0.5}
    assert loaded.config["qc"]["min_genes"] == 100
    assert loaded.contrasts == {"peak_vs_product": {"test": "peak", "reference": "product"}}
    assert not loaded.config["simulated"], "the demo's value must not leak into a user's study"


def test_a_study_that_compares_nothing_has_a_title_that_says_so(tmp_path):
    write_study(tmp_path, rows=[ROWS[0]])
    assert load(tmp_path).config["title"] == "CAR-T cells: product"
    assert (
        load(tmp_path, conditions={"product": "infusion bag"}).config["title"] == "CAR-T cells: infusion bag"
    )
    assert load(tmp_path, title="My own").config["title"] == "My own"
    write_study(tmp_path)
    assert load(tmp_path).config["title"] == "CAR-T product against peak"
    assert load(tmp_path, contrasts={}).config["title"] == "CAR-T cells: product, peak"


def test_a_study_of_ones_own_is_judged_by_the_general_list(tmp_path):
    """C1 of the paper reads "15,414 cells were captured": no statement on another study."""
    write_study(tmp_path)
    assert load(tmp_path).config["claims"] == str(ROOT / "config/claims.general.yaml")
    assert {claim["id"][0] for claim in load(tmp_path).claims} == {"G"}
    (tmp_path / "own.yaml").write_text((ROOT / "config/claims.yaml").read_text())
    assert load(tmp_path, claims="own.yaml").claims[0]["id"] == "C1"
    source = ROOT / "config/config.yaml"
    demo = study.load(yaml.safe_load(source.read_text()), source=source, workflow=WORKFLOW)
    assert demo.config["claims"] == str(ROOT / "config/claims.yaml")


def test_rows_may_share_a_file_if_each_selects_its_cells(tmp_path):
    rows = [
        {**ROWS[0], "path": "both", "select": "-1"},
        {**ROWS[1], "path": "both", "select": "library=P4 PK"},
    ]
    write_study(tmp_path, rows=rows)
    assert [s.select for s in load(tmp_path).samples] == ["-1", "library=P4 PK"]


def test_a_path_may_be_the_start_of_file_names(tmp_path):
    write_study(tmp_path, rows=[ROWS[0], {**ROWS[1], "path": "geo"}])
    for name in ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"):
        (tmp_path / "geo" / f"GSM2_{name}").touch()
    (tmp_path / "samples.tsv").write_text(
        "sample\tcondition\tdonor\tpath\nip\tproduct\tP1\tip\npk\tpeak\tP1\tgeo/GSM2_\n"
    )
    loaded = load(tmp_path)
    assert [Path(file).name for file in loaded.files(loaded.sample("pk").matrix)] == [
        "GSM2_barcodes.tsv.gz",
        "GSM2_features.tsv.gz",
        "GSM2_matrix.mtx.gz",
    ]


def test_defaults_do_not_change_the_value_given():
    value = {"samples": "s", "transgene": {"features": ["CAR"]}}
    schema = config.load_yaml(WORKFLOW / "schemas/config.schema.yaml")
    config.with_defaults(value, schema)
    assert value == {"samples": "s", "transgene": {"features": ["CAR"]}}


def test_shipped_configuration_is_valid():
    value = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    loaded = study.load(value, source=ROOT / "config/config.yaml", workflow=WORKFLOW)
    assert loaded.names == ["product", "peak"]
    assert loaded.sample("product").flow_car_percent == 33.96
    assert loaded.sample("product").path == "demo/product/filtered_feature_bc_matrix"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"transgene": {}}, ["transgene", "'features' is missing"]),
        ({"transgene": {"features": []}}, ["transgene.features"]),
        ({"car": {"rule": "sorted"}}, ["column 'sorted'", "empty for ip, pk"]),
        (
            {"car": {"min_umis": 2}},
            ["car.min_umis is of no effect under car.rule calibrated", "car.rule to umi"],
        ),
        ({"qc": {"min_gene": 3}}, ["qc.min_gene: unknown key", "did you mean 'min_genes'", "valid keys"]),
        ({"qc": {"preset": "strict"}}, ["qc.preset", "paper, adaptive"]),
        ({"qc": {"mads": "three"}}, ["qc.mads", "number"]),
        ({"qc": {"min_genes": 50000}}, ["min_genes must be below max_genes"]),
        ({"qc": {"max_mito_percent": 130}}, ["qc.max_mito_percent"]),
        ({"emmbedding": {}}, ["emmbedding: unknown key", "did you mean 'embedding'"]),
        (
            {"contrasts": {"a": {"test": "peek", "reference": "product"}}},
            ["'peek'", "did you mean 'peak'", "peak, product"],
        ),
        ({"contrasts": {"a": {"test": "peak", "reference": "peak"}}}, ["same condition"]),
        ({"contrasts": {"../x": {"test": "peak", "reference": "product"}}}, ["../x"]),
        ({"annotation": {"method": "singler"}}, ["annotation.reference", "singler"]),
        ({"annotation": {"markers": "nowhere.yaml"}}, ["annotation.markers", "no such file", "nowhere.yaml"]),
        ({"annotation": {"overrides": [{"population": "all", "cluster": "3", "label": "B"}]}}, ["expect"]),
        ({"enrichment": {"gene_sets": ["sets.gmt"]}}, ["enrichment.gene_sets", "no such file", "sets.gmt"]),
        ({"enrichment": {"min_size": 600}}, ["min_size must not exceed max_size"]),
        ({"samples": "other.tsv"}, ["other.tsv", "no such file"]),
    ],
)
def test_mistakes_name_key_and_remedy(tmp_path, changes, words):
    write_study(tmp_path)
    with pytest.raises(UserError) as caught:
        load(tmp_path, **changes)
    for word in words:
        assert word in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path):
    write_study(tmp_path)
    with pytest.raises(UserError) as caught:
        load(tmp_path, qc={"presett": 1, "mads": 0}, car={"rule": "guess"})
    text = str(caught.value)
    assert "qc.presett" in text
    assert "qc.mads" in text
    assert "car.rule" in text
    assert str(tmp_path / "config.yaml") in text


def test_mistakes_of_all_files_are_told_at_once(tmp_path):
    """Configuration, sheet, missing files and claims: one message, no second try for the next mistake."""
    text = "# made by hand\n\nsample\tcondition\tdonor\tpath\tcolour\n"
    text += "i p\tproduct\tP1\tip\t\npk\tpeek\tP1\tgone\t\n"
    write_study(tmp_path, text=text)
    (tmp_path / "claims.yaml").write_text("claims: [{id: A}]\n")
    with pytest.raises(UserError) as caught:
        load(tmp_path, qc={"mads": "x"}, claims="claims.yaml", embedding={"n_pcs": 0})
    message = str(caught.value)
    for words in (
        "qc.mads",
        "embedding.n_pcs",
        "no sample has the condition 'peak' (did you mean 'peek'?)",
        "unknown column 'colour'",
        "row 4: sample: 'i p'",
        "sample 'pk': path does not exist",
        "claims.yaml:\n",
    ):
        assert words in message
    assert message.count("colour") == 1, "a wrong column is told once, not once per row"


def test_a_faulty_row_raises_no_false_alarm(tmp_path):
    write_study(tmp_path, text="sample\tcondition\tdonor\tpath\nip\tproduct\tP1\tip\npk\t\tP1\tpk\n")
    with pytest.raises(UserError, match="row 3: 'condition' is empty") as caught:
        load(tmp_path)
    assert "contrasts" not in str(caught.value)


def test_text_from_the_command_line_becomes_numbers(tmp_path):
    """Snakemake's --config hands nested values over as text."""
    write_study(tmp_path)
    loaded = load(tmp_path, qc={"mads": "2.5", "doublets": "false", "max_mito_percent": "null"}, seed="7")
    assert loaded.config["qc"]["mads"] == 2.5
    assert loaded.config["qc"]["doublets"] is False
    assert loaded.config["qc"]["max_mito_percent"] is None
    assert loaded.config["seed"] == 7


def test_no_transgene_is_refused(tmp_path):
    write_study(tmp_path)
    with pytest.raises(UserError, match="'transgene' is missing"):
        study.load({"samples": "samples.tsv"}, source=tmp_path / "config.yaml", workflow=WORKFLOW)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("sample,condition,donor,path\na,b,c,d\n", ["tab", "commas"]),
        ("sample\tcondition\tdonor\tpath\n", ["no row"]),
        ("sample\tdonor\tpath\nip\tP1\tip\n", ["the column 'condition' is missing", "needs sample"]),
        (
            "sample\tcondition\tdonor\tpath\traw_path\nip\tproduct\tP1\t\tip\npk\tpeak\tP1\t\t\n",
            ["samples.tsv:\n  - sample 'pk'", "neither path nor raw_path", "raw_path alone"],
        ),
        (
            "sample\tcondition\tdonor\traw_path\nip\tproduct\tP1\tip\npk\tpeak\tP1\tip\n",
            ["same path"],
        ),
        (
            "sample\tcondition\tdonor\tpath\tflow\nip\tproduct\tP1\tip\t3\n",
            ["unknown column 'flow'", "flow_car_percent"],
        ),
        ("sample\tcondition\tdonor\tpath\nip\tproduct\tP1\tip\textra\n", ["row 2", "tab too many"]),
        ("sample\tcondition\tdonor\tpath\na b\tproduct\tP1\tip\n", ["row 2", "sample"]),
        ("sample\tcondition\tdonor\tpath\n../x\tproduct\tP1\tip\n", ["row 2", "sample"]),
        ("sample\tcondition\tdonor\tpath\n<b>x</b>\tproduct\tP1\tip\n", ["row 2", "sample"]),
        (
            "sample\tcondition\tdonor\tpath\nip\tproduct\tP1\tip\nip\tpeak\tP1\tpk\n",
            ["'ip'", "more than one row"],
        ),
        ("sample\tcondition\tdonor\tpath\nip\tproduct\tP1\tip\npk\tpeak\tP1\tip\n", ["same path"]),
        (
            "sample\tcondition\tdonor\tpath\tselect\nip\tproduct\tP1\tip\t-1\npk\tpeak\tP1\tip\t-1\n",
            ["same path and select '-1'"],
        ),
        (
            "sample\tcondition\tdonor\tpath\tselect\nip\tproduct\tP1\tip\t-1\npk\tpeak\tP1\tip\t\n",
            ["same path", "'pk' takes all of its cells"],
        ),
        (
            "sample\tcondition\tdonor\tpath\tselect\nip\tproduct\tP1\tip\tP4\npk\tpeak\tP1\tpk\t\n",
            ["row 2", "select"],
        ),
        (
            "sample\tcondition\tdonor\tpath\nip\tproduct\tP1\tgone\npk\tpeak\tP1\tpk\n",
            ["'ip'", "does not exist", "gone"],
        ),
        (
            "sample\tcondition\tdonor\tpath\tflow_car_percent\nip\tproduct\tP1\tip\thigh\n",
            ["row 2", "flow_car_percent", "number"],
        ),
    ],
)
def test_sheet_mistakes(tmp_path, text, words):
    write_study(tmp_path, text=text)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    for word in words:
        assert word in str(caught.value)


def test_sheet_as_spreadsheets_save_it(tmp_path):
    """A byte-order mark, Windows line ends, trailing blanks and a trailing tab change nothing."""
    text = "\ufeffsample\tcondition\tdonor\tpath\t\r\nip \tproduct\tP1\tip\t\r\npk\tpeak\tP1\tpk\t\r\n\r\n"
    write_study(tmp_path, text=text)
    loaded = load(tmp_path)
    assert loaded.names == ["ip", "pk"]
    assert loaded.sample("ip").path == str(tmp_path / "ip")
    assert loaded.sample("ip").batch == "ip"


def test_paths_are_relative_to_their_file(tmp_path):
    (tmp_path / "sheets").mkdir()
    write_study(tmp_path / "sheets")
    loaded = load(tmp_path, samples="sheets/samples.tsv")
    assert loaded.sample("pk").path == str(tmp_path / "sheets/pk")


def test_without_cells_the_droplets_are_opened(tmp_path):
    rows = [
        {"sample": "ip", "condition": "product", "donor": "P1", "path": "ip", "raw_path": "raw"},
        {"sample": "pk", "condition": "peak", "donor": "P1", "path": "", "raw_path": "pk"},
    ]
    for row in rows:
        (tmp_path / row["raw_path"]).mkdir()
    write_study(tmp_path, rows=rows)
    cells, droplets = load(tmp_path).samples
    assert cells.matrix == str(tmp_path / "ip")
    assert not cells.called_from_droplets
    assert droplets.matrix == str(tmp_path / "pk")
    assert droplets.called_from_droplets


def test_not_yaml_names_the_line(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("a: 1\nb: [1, 2\nc: 3\n")
    with pytest.raises(UserError, match=r"(?s)c\.yaml.*line"):
        config.load_yaml(path)


@pytest.mark.parametrize("name", ["config", "samples", "units"])
def test_schemas_are_strict_and_described(name):
    schema = config.load_yaml(WORKFLOW / f"schemas/{name}.schema.yaml")

    def walk(node, where):
        if node.get("type") == "object" and "properties" in node:
            assert node["additionalProperties"] is False, where
            for key, sub in node["properties"].items():
                assert sub.get("description"), f"{where}.{key} has no description"
                walk(sub, f"{where}.{key}")
        if "items" in node:
            walk(node["items"], f"{where}[]")

    walk(schema, name)


def test_readme_describes_every_key():
    text = (ROOT / "config/README.md").read_text()
    schema = config.load_yaml(WORKFLOW / "schemas/config.schema.yaml")

    def keys(node, prefix=""):
        for key, sub in node.get("properties", {}).items():
            yield prefix + key
            yield from keys(sub, f"{prefix}{key}.")

    for key in keys(schema):
        assert f"`{key}`" in text, f"config/README.md does not describe {key}"
    for column in config.load_yaml(WORKFLOW / "schemas/samples.schema.yaml")["properties"]:
        assert f"`{column}`" in text


def test_sorted_libraries_need_no_feature(tmp_path):
    rows = [row | {"sorted": "CAR+"} for row in ROWS]
    write_study(tmp_path, rows=rows)
    loaded = load(tmp_path, transgene={"features": []}, car={"rule": "sorted"})
    assert [sample.sorted for sample in loaded.samples] == ["CAR+", "CAR+"]
    with pytest.raises(UserError, match=r"transgene\.features is empty.*car\.rule to sorted"):
        load(tmp_path, transgene={"features": []})


def test_a_sort_is_for_or_against_the_car(tmp_path):
    write_study(tmp_path, rows=[row | {"sorted": "CD3+"} for row in ROWS])
    with pytest.raises(UserError, match=r"row 2: sorted: 'CD3\+' is not one of: CAR\+, CAR-"):
        load(tmp_path)


def test_problems_say_by_key_where_they_lie():
    """Whoever acts on a mistake asks for its key: texts may change."""
    override = {"population": "all", "label": "B cell", "cluster": "1"}
    value = {
        "samples": "samples.tsv",
        "transgene": {"features": ["CAR"]},
        "contrasts": {"a": {"test": "peak"}},
        "annotation": {"overrides": [override]},
        "downloads": {},
    }
    _, found = config.examine(value, config.load_yaml(WORKFLOW / "schemas/config.schema.yaml"))
    texts = {one.key: one.text for one in found}
    assert set(texts) == {"", "contrasts.a", "annotation.overrides.0"}
    assert blocks(found) == {"", "contrasts", "annotation"}
    assert texts["annotation.overrides.0"].endswith("needs either 'cluster' with 'expect', or 'cells'")
    assert str(found[0]) == found[0].text
