"""The graph of jobs: its length, what may read the truth, and what a run promises to leave behind."""

import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property

import pytest
from runs import ROOT, demo, jobs_to_run, snakemake


@dataclass(frozen=True)
class Graph:
    """Jobs as `snakemake --dag` draws them: what each is called, and the jobs that it waits for."""

    labels: dict[str, str]
    waits_for: dict[str, set[str]]

    def rule(self, job: str) -> str:
        return self.labels[job].split("\\n")[0]

    def all_before(self, job: str) -> set[str]:
        direct = self.waits_for[job]
        return direct.union(*(self.all_before(before) for before in direct))

    @cached_property
    def longest_chain(self) -> int:
        """Jobs in the longest chain, without the simulation and the target."""
        lengths: dict[str, int] = {}

        def length(job: str) -> int:
            if job not in lengths:
                counted = self.rule(job) not in ("simulate", "all")
                lengths[job] = counted + max(map(length, self.waits_for[job]), default=0)
            return lengths[job]

        return max(map(length, self.labels))


def graph(folder, *options):
    text = snakemake(folder, "--dag", "dot", *options).stdout
    labels = dict(re.findall(r'(\d+)\[label = "(.*?)"', text))
    waits_for = {job: set() for job in labels}
    for before, job in re.findall(r"(\d+) -> (\d+)", text):
        waits_for[job].add(before)
    return Graph(labels, waits_for)


def test_the_longest_chain_of_jobs(tmp_path):
    """From the ingested libraries to the report, simulation excluded."""
    drawn = graph(tmp_path, *demo())
    assert any(drawn.rule(job) == "report" for job in drawn.labels)
    assert 8 <= drawn.longest_chain <= 13


def test_forty_libraries_wait_for_each_other_at_nothing_but_the_merge(tmp_path):
    """No job of one library waits for another library; more libraries add no step and no other job."""
    few = graph(tmp_path / "few", "--configfile", str(study(tmp_path / "few", 4)))
    many = graph(tmp_path / "many", "--configfile", str(study(tmp_path / "many", 40)))
    assert many.longest_chain == few.longest_chain
    of_one = {job for job in many.labels if many.rule(job) in ("ingest", "filter_cells")}
    assert len(of_one) == 2 * 40
    for job in of_one:
        assert len(many.all_before(job)) == (many.rule(job) == "filter_cells")  # its own library's ingest
    assert len(many.labels) - len(of_one) == len(few.labels) - 2 * 4
    merge = next(job for job in many.labels if many.rule(job) == "merge")
    assert many.all_before(merge) == of_one
    for job in (
        many.labels.keys() - of_one - {merge}
    ):  # what else reads every library's tables waits no longer
        before = many.all_before(job)
        assert merge in before or not before & of_one, many.labels[job]


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
    planned = jobs_to_run(done.stdout)
    assert "preflight" in planned
    assert "report" not in planned


def test_lint():
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def study(folder, libraries):
    """The configuration of a study of so many libraries, two a donor, whose matrices are not matrices."""
    folder.mkdir()
    rows = ["sample\tcondition\tdonor\tpath"]
    for n in range(libraries):
        (folder / f"m{n}.h5").write_text("not a matrix")
        rows.append(f"s{n}\t{'peak' if n % 2 else 'product'}\tP{n // 2}\tm{n}.h5")
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
    (folder / "config.yaml").write_text("samples: samples.tsv\ntransgene: {features: [CAR]}\n")
    return folder / "config.yaml"


def planning(folder, libraries):
    """Seconds of work of a dry run for so many libraries."""
    config = study(folder, libraries)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = snakemake(folder, "-n", "--quiet", "--configfile", str(config))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_parsing_is_quick_and_opens_no_matrix(tmp_path):
    """A dry run plans a hundred libraries without looking inside, in at most thrice the work of two.

    Two take what Snakemake and Python take to start; the rest is the plan. Seconds of another machine
    would say nothing.
    """
    two, hundred = planning(tmp_path / "two", 2), planning(tmp_path / "hundred", 100)
    print(f"2 libraries: {two:.1f} s, 100: {hundred:.1f} s")
    assert hundred < 3 * two


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
