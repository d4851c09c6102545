"""Whatever a sheet, configuration, claims, marker, gene-set, sequence or reads file holds: values or one sentence.

Values are drawn from the schemas themselves, right and wrong ones; then the text is spoilt. Never a traceback, never
longer than five seconds.
"""

import math
import os
import time
from contextlib import suppress

import pytest
import yaml
from carpeak import home
from carpeak.comparison import gene_sets
from carpeak.construct import checkup
from carpeak.errors import UserError
from carpeak.populations import markers
from carpeak.study import claims_file, units
from carpeak.study import config as configuration
from carpeak.study import study as studies
from fixtures_libraries import CAR, CONFIG, GENES, SHEET, write_study
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get("CARPEAK_FUZZ", "60"))  # per kind of file
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SECONDS = 5.0
SCHEMAS = home.workflow() / "schemas"


def schema(name):
    return configuration.load_yaml(SCHEMAS / f"{name}.schema.yaml")


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", " ", "nan", ".inf", "../x", "$(id)", "peak\n", "é", "x" * 5000, 10**400, -1, 2**63]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), st.none(), max_size=2),
)


def values(node, depth=0):
    """Values that the schema `node` describes, and at times one that it does not."""
    kinds = node.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if "enum" in node:
        right = st.sampled_from(node["enum"])
    elif kind == "object" and depth < 6:
        known = {key: values(sub, depth + 1) for key, sub in node.get("properties", {}).items()}
        right = st.fixed_dictionaries({}, optional=known)
        if isinstance(node.get("additionalProperties"), dict):
            more = st.one_of(st.text(max_size=5), st.integers())
            right = st.dictionaries(more, values(node["additionalProperties"], depth + 1), max_size=2)
    elif kind == "array":
        right = st.lists(values(node.get("items", {}), depth + 1), max_size=3)
    elif kind in ("number", "integer"):
        low, high = node.get("minimum", -2), node.get("maximum", 100)
        right = st.integers(int(low), int(high)) if kind == "integer" else st.floats(low, high)
    elif kind == "boolean":
        right = st.booleans()
    else:
        right = st.text(max_size=12)
    return st.one_of(right, right, right, right, right, ODD)


SPOILT = st.sampled_from(["whole", "whole", "whole", "cut", "bytes", "utf-16", "latin-1", "nul", "twice"])


def spoil(text, how, draw):
    """The bytes of a file: as they are, or damaged."""
    data = text.encode("utf-8", errors="surrogatepass")
    if how == "cut":
        return data[: draw(st.integers(0, len(data)))]
    if how == "bytes":
        at = draw(st.integers(0, len(data)))
        return data[:at] + draw(st.binary(max_size=6)) + data[at + draw(st.integers(0, 3)) :]
    if how in ("utf-16", "latin-1"):
        return text.encode(how, errors="replace")
    if how == "nul":
        return data.replace(b"a", b"\0", 1)
    return data * 2 if how == "twice" else data


def told_quickly(read):
    """What `read` gives, or the sentence; nothing else may be raised, and not late."""
    started = time.process_time()
    found = None
    try:
        found = read()
    except UserError as error:
        assert str(error).strip()
        assert len(str(error)) < 50_000
    assert time.process_time() - started < SECONDS
    return found


def finite(value):
    """Whether no number anywhere in `value` is infinite or none."""
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def as_yaml(value):
    return yaml.safe_dump(value, allow_unicode=True)


@FUZZ
@given(st.data())
def test_any_configuration(tmp_path_factory, data):
    folder = write_once(tmp_path_factory)
    value = data.draw(values(schema("config")))
    if isinstance(value, dict) and data.draw(st.booleans()):
        value = {**value, "samples": "samples.tsv", "transgene": {"features": [CAR]}}
    text = "" if value is None else CONFIG
    with suppress(yaml.YAMLError, ValueError):
        text = as_yaml(value)
    path = folder / "config.yaml"
    path.write_bytes(spoil(text, data.draw(SPOILT), data.draw))

    def read():
        held = configuration.load_yaml(path)
        return studies.load(held, source=path, workflow=home.workflow())

    study = told_quickly(read)
    assert study is None or finite(study.config)


FOLDERS = {}


def write_once(factory):
    if "study" not in FOLDERS:
        FOLDERS["study"] = write_study(factory.mktemp("fuzz") / "study")
    return FOLDERS["study"]


CELL = st.one_of(
    st.sampled_from(["ip", "pk", "product", "peak", "P1", "nan", "inf", "1e400", "-1", "0.5", "../x", "9" * 400, ""]),
    st.text(max_size=10),
)  # fmt: skip


@FUZZ
@given(st.data())
def test_any_sheet(tmp_path_factory, data):
    folder = write_once(tmp_path_factory)
    columns = st.lists(st.sampled_from([*schema("samples")["properties"], "x", ""]), min_size=1, max_size=8)
    header = data.draw(columns)
    rows = data.draw(st.lists(st.lists(CELL, min_size=1, max_size=9), max_size=4))
    text = data.draw(st.sampled_from([SHEET, ""])) or "\n".join("\t".join(row) for row in [header, *rows])
    (folder / "fuzz.tsv").write_bytes(spoil(text, data.draw(SPOILT), data.draw))
    value = {"samples": "fuzz.tsv", "transgene": {"features": [CAR]}}
    told_quickly(lambda: studies.load(value, source=folder / "c.yaml", workflow=home.workflow()))


@FUZZ
@given(st.data())
def test_any_units(tmp_path, data):
    header = data.draw(st.permutations(["sample", "lane", "r1", "r2"]))
    rows = data.draw(st.lists(st.lists(CELL, min_size=1, max_size=5), max_size=4))
    text = "\n".join("\t".join(row) for row in [header, *rows])
    (tmp_path / "units.tsv").write_bytes(spoil(text, data.draw(SPOILT), data.draw))
    told_quickly(lambda: units.read(tmp_path / "units.tsv"))


@FUZZ
@given(st.data())
def test_any_claims(tmp_path, data):
    text = as_yaml_or_empty(data.draw(values(schema("claims"))))
    (tmp_path / "c.yaml").write_bytes(spoil(text, data.draw(SPOILT), data.draw))
    found = told_quickly(lambda: claims_file.read(tmp_path / "c.yaml", SCHEMAS / "claims.schema.yaml"))
    assert found is None or finite(found)


def as_yaml_or_empty(value):
    try:
        return as_yaml(value)
    except (yaml.YAMLError, ValueError):
        return ""


@FUZZ
@given(st.data())
def test_any_markers(tmp_path, data):
    whole = configuration.load_yaml(home.workflow().parent / "config/markers.yaml")
    for _ in range(data.draw(st.integers(0, 2))):  # replace a part at some depth
        node = whole
        while isinstance(node, dict) and node:
            key = data.draw(st.sampled_from(sorted(map(str, node))))
            if key not in node:
                break
            if data.draw(st.booleans()) or not isinstance(node[key], dict):
                node[key] = data.draw(ODD)
                break
            node = node[key]
    (tmp_path / "m.yaml").write_bytes(spoil(as_yaml_or_empty(whole), data.draw(SPOILT), data.draw))
    told_quickly(lambda: markers.load(tmp_path / "m.yaml"))


@FUZZ
@given(st.data())
def test_any_gene_sets(tmp_path, data):
    word = st.one_of(st.sampled_from([*GENES, "GO:0006954", "", "\t", "é"]), st.text(max_size=6))
    rows = data.draw(st.lists(st.lists(word, max_size=6), max_size=5))
    text = "\n".join("\t".join(row) for row in rows)
    (tmp_path / "s.gmt").write_bytes(spoil(text, data.draw(SPOILT), data.draw))
    told_quickly(lambda: gene_sets.read_gmt(tmp_path / "s.gmt"))


@FUZZ
@given(st.data())
def test_any_sequence(tmp_path, data):
    line = st.one_of(
        st.text("ACGTNacgtn", max_size=70),
        st.sampled_from([">", ">CAR", ">CAR x", "ATG*", "LOCUS", "@r", ""]),
    )
    text = "\n".join(data.draw(st.lists(line, max_size=12)))
    (tmp_path / "c.fa").write_bytes(spoil(text, data.draw(SPOILT), data.draw))
    part = data.draw(st.sampled_from([None, "1-20", "9-3"]))
    told_quickly(lambda: checkup.load(str(tmp_path / "c.fa"), None, transcript=part, name=None))
