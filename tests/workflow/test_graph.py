"""The graph of jobs: its length, what may read the truth, and what a run promises to leave behind."""

import re
import resource
import subprocess
import sys

import pytest
from runs import ROOT, demo, snakemake


def test_the_longest_chain_of_jobs(tmp_path):
    """From the ingested libraries to the report, simulation excluded, as `snakemake --dag` draws the jobs."""
    text = snakemake(tmp_path, "--dag", "dot", *demo()).stdout
    rules = {n: label.split("\\n")[0] for n, label in re.findall(r'(\d+)\[label = "(.*?)"', text)}
    after = {}
    for a, b in re.findall(r"(\d+) -> (\d+)", text):
        after.setdefault(a, []).append(b)

    def length(job):
        counted = rules[job] not in ("simulate", "all")
        return counted + max((length(n) for n in after.get(job, [])), default=0)

    assert "report" in rules.values()
    assert 8 <= max(map(length, rules)) <= 13


def test_no_analysis_rule_reads_the_truth(tmp_path):
    """Truth files are outputs of `simulate` and inputs of nothing, in the whole graph of files."""
    text = snakemake(tmp_path, "--filegraph", *demo()).stdout
    assert "truth.cells.tsv.gz" in text, "the graph should show what simulate writes"
    blocks = re.findall(r"label=<(.*?)>\];", text, flags=re.S)
    readers = []
    for block in blocks:
        rule = re.search(r"<b><font[^>]*>(.*?)</font>", block)
        inputs = block.split("output")[0] if "input" in block else ""
        if "truth." in inputs:
            readers.append(rule.group(1) if rule else block[:80])
    assert readers == []
    sources = [
        *(ROOT / "workflow/rules").glob("*.smk"),
        *(ROOT / "workflow/scripts").glob("*.py"),
        ROOT / "Snakefile",
    ]
    named = [path.name for path in sources if "truth" in path.read_text()]
    assert set(named) <= {"demo.smk", "simulate.py"}


@pytest.mark.parametrize("target", ["qc", "car", "comparison"])
def test_targets_to_stop_and_look(tmp_path, target):
    done = snakemake(tmp_path, "-n", target, *demo())
    assert "rule report:" not in done.stdout + done.stderr


def test_lint():
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_parsing_is_quick_and_opens_no_matrix(tmp_path):
    """A hundred libraries whose matrices are not matrices: a dry run plans them without looking inside."""
    rows = ["sample\tcondition\tdonor\tpath"]
    for n in range(100):
        (tmp_path / f"m{n}.h5").write_text("not a matrix")
        rows.append(f"s{n}\t{'peak' if n % 2 else 'product'}\tP{n // 2}\tm{n}.h5")
    (tmp_path / "samples.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "config.yaml").write_text("samples: samples.tsv\ntransgene: {features: [CAR]}\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = snakemake(tmp_path, "-n", "--quiet", "--configfile", str(tmp_path / "config.yaml"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert took < 5, "seconds of work, whatever else the machine does"


def test_a_users_mistake_is_one_message(tmp_path):
    (tmp_path / "config.yaml").write_text("samples: samples.tsv\ntransgene: {feature: [CAR]}\n")
    done = snakemake(tmp_path, "-n", "--configfile", str(tmp_path / "config.yaml"), check=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "transgene.feature: unknown key (did you mean 'features'?)" in text
    assert "Traceback" not in text


def test_a_study_inherits_nothing_from_the_demo(tmp_path):
    """The demo's flow value, title and simulation must not reach a user's study."""
    for name in ("ip", "pk"):
        (tmp_path / f"{name}.h5").write_text("")
    (tmp_path / "samples.tsv").write_text(
        "sample\tcondition\tdonor\tpath\nip\tproduct\tP1\tip.h5\npk\tpeak\tP1\tpk.h5\n"
    )
    (tmp_path / "config.yaml").write_text("samples: samples.tsv\ntransgene: {features: [CAR]}\n")
    text = snakemake(tmp_path, "-n", "--configfile", str(tmp_path / "config.yaml")).stdout
    assert "simulate" not in text
    assert "demo/" not in text
    assert "RQR8" not in text


def test_the_working_directorys_own_configuration_is_taken(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("samples: nowhere.tsv\ntransgene: {features: [CAR]}\n")
    done = snakemake(tmp_path, "-n", check=False)
    assert done.returncode != 0
    assert "nowhere.tsv" in done.stdout + done.stderr
