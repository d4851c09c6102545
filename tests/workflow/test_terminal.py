"""What a real run prints: pre-flight first, one line per job, findings and the report last."""

import re

import pytest
from carpeak.commands.screen import WIDTH
from runs import SMALL, demo, snakemake

MOST_LINES = 60


@pytest.fixture(scope="module")
def printed(small):
    return (small / "terminal.txt").read_text().splitlines()


def test_the_demo_fits_a_screen(printed):
    assert len(printed) < MOST_LINES, "\n".join(printed)
    assert [line for line in printed if len(line) > WIDTH and "file://" not in line and "/" not in line] == []


def test_every_job_is_told_in_words_and_those_of_figures_share_a_line(printed, small):
    jobs = [match for line in printed if (match := re.match(r"\d\d:\d\d:\d\d +(\d+)/(\d+)  (.*)", line))]
    log = min((small / ".snakemake/log").glob("*.log"))  # later ones are of tests that ask again
    messages = re.findall(r"^    message: (.*)$", log.read_text(), re.M)
    assert len(messages) == int(jobs[0][2]), "every job but the target has a message"
    assert [job[3].split("  (")[0] for job in jobs] == list(dict.fromkeys(messages))
    assert {m for m in messages if messages.count(m) > 1} == {
        "Draw the figures",
        "Pack the interactive maps",
        "Compute UMAPs and cluster markers",
    }
    numbers = [int(job[1]) for job in jobs]
    assert numbers == sorted(set(numbers)) and numbers[-1] <= int(jobs[0][2])
    assert all(len(message.split()) > 2 and "{" not in message for message in messages)


def test_pre_flight_comes_before_anything_is_joined(printed):
    """The demo's libraries are made by the run, so reading may start beside the look at them."""
    (table,) = (n for n, line in enumerate(printed) if line.startswith("sample  "))
    (joined,) = (n for n, line in enumerate(printed) if "Join the kept cells" in line)
    assert table < joined
    assert "The whole run will take about" in "\n".join(printed[table:joined])


def test_findings_and_the_link_come_last(printed, small):
    assert printed[-1] == f"The report: {(small / 'results/report.html').as_uri()}"
    assert printed[-2].startswith("Details: ") and printed[-2].endswith(".snakemake.log")
    claims = next(line for line in printed if line.startswith("Claims: "))
    table = (small / "results/tables/claims.tsv").read_text().splitlines()[1:]
    assert sum(map(int, re.findall(r"\d+", claims))) == len(table)
    page = re.sub(r"\s+", " ", (small / "results/report.html").read_text().replace("\u00a0", " "))
    found = " ".join(
        printed[
            printed.index("peak against product (simulated data: no patient was measured):")
            + 1 : printed.index(claims)
        ]
    )
    found = [text.strip() for text in re.split(r" +- ", f" {found}") if text.strip()]
    assert len(found) >= 3
    for text in found:
        assert re.sub(r"\s+", " ", text.replace("\u00a0", " ")) in page, "the page's own sentence"


def test_the_log_keeps_what_snakemake_says(small):
    whole = "".join(path.read_text() for path in (small / ".snakemake/log").glob("*.log"))
    assert re.search(r"^(?:local)?rule embed:\n    input: results/counts.h5ad", whole, re.M)
    assert "    message: Join the kept cells of all libraries" in whole


def test_a_run_with_nothing_to_do_says_where_the_report_is(small):
    done = snakemake(small, *demo(cells=SMALL))
    assert "Nothing to do: the results are up to date." in done.stderr
    assert done.stderr.rstrip().endswith((small / "results/report.html").as_uri())
