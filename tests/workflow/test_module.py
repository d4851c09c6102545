"""carpeak as a module of another workflow that prefixes its rules."""

import json

import pytest
from runs import ROOT, jobs_to_run, snakemake

pytestmark = pytest.mark.workflow

PARENT = f"""
configfile: "config/config.yaml"


module carpeak:
    snakefile:
        "{ROOT}/workflow/Snakefile"
    config:
        config["carpeak"]


use rule * from carpeak as carpeak_*


use rule merge from carpeak as carpeak_merge with:
    threads: 1


rule count_rows:
    default_target: True
    input:
        "results/tables/samples.tsv",
        rules.carpeak_qc.input,
    output:
        "rows.txt",
    shell:
        "wc -l < {{input[0]}} > {{output}}"
"""
CONFIG = {
    "mine": 1,  # settings of the other workflow do not disturb
    "carpeak": {
        "title": "Within another workflow",
        "simulated": True,
        "samples": "sheets/samples.tsv",  # relative to the configuration file
        "demo": {"cells": 2000},
        "transgene": {"features": ["RQR8", "CLL1_scFv"]},
    },
}


@pytest.fixture
def parent(tmp_path):
    (tmp_path / "config/sheets").mkdir(parents=True)
    (tmp_path / "Snakefile").write_text(PARENT)
    (tmp_path / "config/config.yaml").write_text(json.dumps(CONFIG))
    (tmp_path / "config/sheets/samples.tsv").write_bytes((ROOT / "config/samples.tsv").read_bytes())
    return tmp_path


def test_every_rule_is_there_under_its_prefix(parent):
    done = snakemake(parent, "-n", "carpeak_all", "count_rows", snakefile=parent / "Snakefile")
    jobs = jobs_to_run(done.stdout + done.stderr)
    own = jobs_to_run(snakemake(parent, "-n", "--configfile", str(own_config(parent))).stdout)
    assert {name.removeprefix("carpeak_"): n for name, n in jobs.items() if name != "count_rows"} == own
    assert jobs["count_rows"] == 1


def own_config(parent):
    """The same study by itself."""
    path = parent / "config/alone.yaml"
    path.write_text(json.dumps(CONFIG["carpeak"]))
    return path


def test_a_mistake_names_the_file_of_the_other_workflow(parent):
    wrong = {**CONFIG, "carpeak": {**CONFIG["carpeak"], "samples": "none.tsv"}}
    (parent / "config/config.yaml").write_text(json.dumps(wrong))
    done = snakemake(parent, "-n", snakefile=parent / "Snakefile", check=False)
    assert done.returncode
    assert "config/none.tsv: no such file" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_target_is_made_from_another_folder(parent):
    snakemake(parent, snakefile=parent / "Snakefile")
    assert (parent / "rows.txt").read_text().strip() == "3"
    assert (parent / "results/figures/qc_metrics.svg").stat().st_size > 1000
    again = snakemake(parent, "-n", snakefile=parent / "Snakefile")
    assert "Nothing to be done" in again.stdout + again.stderr
