"""The terminal: one line per job, the time that is left, and what a failed run says."""

import io
import logging
from types import SimpleNamespace

import pytest
from carpeak.commands import failures, past_times, screen

QUIET = {"dryrun": False, "verbose": False, "quiet": None, "printshellcmds": False, "debug_dag": False}


def log(shown, message="", level=logging.INFO, **more):
    shown.handle(logging.makeLogRecord({"msg": message, "levelno": level, **more}))


def start(shown, job, rule, message):
    log(shown, event="job_info", jobid=job, rule_name=rule, rule_msg=message)


@pytest.fixture
def shown():
    return screen.Screen(io.StringIO(), past={"embed": 30.0, "report": 10.0})


def lines(shown):
    return shown.stream.getvalue().splitlines()


def test_a_job_is_one_line_with_its_place_and_the_time_left(shown):
    log(shown, event="resources_info", cores=2)
    log(shown, event="run_info", stats={"embed": 3, "report": 1, "all": 1, "total": 5})
    start(shown, 1, "embed", "Clusters of population all")
    log(shown, event="job_finished", job_id=1)
    start(shown, 2, "embed", "Clusters of population t_cells")
    start(shown, 9, "all", None)
    first, *jobs = lines(shown)
    assert first == "4 jobs on 2 cores, about 50 s left"  # (3 x 30.7 + 10.7) / 2
    assert [line[9:] for line in jobs] == [
        "1/4  Clusters of population all",
        "2/4  Clusters of population t_cells  (about 40 s left)",  # (2 x 30.7 + 10.7) / 2
    ]


def test_on_a_cluster_no_time_is_told_and_a_second_attempt_counts_once(shown):
    log(shown, event="resources_info", nodes=50)
    log(shown, event="run_info", stats={"embed": 2, "total": 2})
    start(shown, 1, "embed", "Clusters of population all")
    log(shown, event="job_error", jobid=1, rule_name="embed", log=[])
    start(shown, 1, "embed", "Clusters of population all")
    start(shown, 2, "embed", "Clusters of population t_cells")
    first, *jobs = lines(shown)
    assert first == "2 jobs, at most 50 at a time"
    assert [line[9:] for line in jobs] == [
        "1/2  Clusters of population all",
        "FAILED: Clusters of population all (rule embed)",
        "2/2  Clusters of population t_cells",
    ]


def test_jobs_that_share_a_message_share_a_line(shown):
    log(shown, event="run_info", stats={"draw_qc": 1, "draw_car": 1, "report": 1, "total": 3})
    for job, message in enumerate(["Draw the figures", "Draw the figures", "Write the report"]):
        start(shown, job, "rule", message)
    assert [line[9:].split("  (")[0] for line in lines(shown)[1:]] == [
        "1/3  Draw the figures",
        "3/3  Write the report",
    ]


def test_snakemakes_own_words_stay_in_its_log_and_others_pass(shown):
    for text in (
        "Building DAG of jobs...",
        "Select jobs to execute...",
        "Elapsed time: 1",
        "Conda environments: ignored",
    ):
        log(shown, text)
    log(shown, "Creating conda environment x")
    log(shown, "WorkflowError:\nsomething is wrong", logging.ERROR)
    assert lines(shown) == ["Creating conda environment x", "WorkflowError:", "something is wrong"]


def test_what_stops_the_run_before_any_job_is_shown(shown):
    """A lock that a killed run left, an input that nothing makes: Snakemake sends them as events."""
    message = (
        "LockException:\nError: Directory cannot be locked. It can be removed with the --unlock argument."
    )
    log(shown, message, logging.ERROR, event="error", exception="LockException")
    assert lines(shown) == message.splitlines()
    log(shown, "WorkflowError:\nAt least one job did not complete", logging.ERROR, event="error")
    log(shown, "RuleException:\nCalledProcessError in file x", logging.ERROR, event="error")
    assert lines(shown) == message.splitlines(), "a failed job is told by its own line"


def test_a_failed_job_is_named_with_its_log(shown):
    log(shown, event="run_info", stats={"ingest": 1, "total": 1})
    start(shown, 4, "ingest", "Read the counts of peak")
    log(
        shown,
        event="job_error",
        jobid=4,
        rule_name="ingest",
        log=["logs/ingest/peak.log"],
        level=logging.ERROR,
    )
    assert lines(shown)[-2:] == [
        f"{lines(shown)[-2][:8]} FAILED: Read the counts of peak (rule ingest)",
        "         Its log: logs/ingest/peak.log",
    ]


def test_no_line_is_longer_than_the_screen(shown, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    start(shown, 1, "ingest", "Read the counts of " + "x" * 300)
    monkeypatch.setenv("COLUMNS", "80")
    start(shown, 2, "ingest", "Read the counts of " + "y" * 300)
    assert [len(line) for line in lines(shown)] == [screen.WIDTH, 80]


def test_preflight_is_shown_when_it_is_done(shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start(shown, 1, "preflight", "Look")
    (tmp_path / "results").mkdir()
    (tmp_path / screen.PREFLIGHT).write_text("sample  cells\nip      7\n")
    log(shown, event="job_finished", job_id=1)
    assert lines(shown)[-4:] == ["", "sample  cells", "ip      7", ""]


def logger_like_snakemakes():
    logger = logging.Logger("like snakemake's")
    for name in ("DefaultStreamHandler", "DefaultLogFileHandler"):
        handler = logging.StreamHandler(io.StringIO())
        handler.name = name
        handler.setFormatter(logging.Formatter("%(rule_name)s %(rule_msg)s"))
        logger.addHandler(handler)
    return logger


def test_the_handler_is_exchanged_and_the_log_keeps_the_details(tmp_path):
    logger = logger_like_snakemakes()
    assert screen.take_over(logger, SimpleNamespace(**QUIET), logs=tmp_path)
    file, mine = logger.handlers
    logger.info("", extra={"event": "job_info", "jobid": 1, "rule_name": "embed", "rule_msg": "Clusters"})
    assert file.stream.getvalue() == "embed None\n    message: Clusters\n"
    assert "Clusters" in mine.stream.getvalue()


@pytest.mark.parametrize("asked", ["dryrun", "verbose", "quiet", "printshellcmds", "debug_dag"])
def test_who_asks_snakemake_for_more_or_less_gets_it(asked, tmp_path):
    logger = logger_like_snakemakes()
    before = list(logger.handlers)
    assert not screen.take_over(logger, SimpleNamespace(**(QUIET | {asked: True})), logs=tmp_path)
    assert logger.handlers == before


def test_another_logger_is_left_alone(tmp_path):
    logger = logger_like_snakemakes()
    logger.removeHandler(logger.handlers[0])
    assert not screen.take_over(logger, SimpleNamespace(**QUIET), logs=tmp_path)


# --- times


def test_times_come_from_the_logs_of_earlier_runs(tmp_path):
    for name, text in {
        "embed/all": "a warning\ndone in 30.0 s\n",
        "embed/car_t": "done in 10.0 s\n",
        "report": "done in 4.5 s\n",
        "failed": "carpeak: failed: x",
    }.items():
        (tmp_path / f"{name}.log").parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.log").write_text(text)
    assert past_times.by_rule(tmp_path) == {"embed": 20.0, "report": 4.5}
    assert past_times.by_rule(tmp_path / "none") == {}


def test_no_time_is_told_where_too_little_is_known():
    assert past_times.left({"a": 4, "b": 1}, {"a": 10.0}, cores=1) == pytest.approx(42.8)
    assert past_times.left({"a": 3, "b": 1}, {"a": 10.0}, cores=1) is None
    assert past_times.left({}, {"a": 10.0}, cores=1) is None


def test_a_run_takes_as_long_as_its_longest_job():
    assert past_times.left({"a": 1, "b": 1}, {"a": 100.0, "b": 1.0}, cores=64) == 100.0


@pytest.mark.parametrize(
    ("seconds", "words"), [(3, "10 s"), (44, "40 s"), (100, "2 min"), (5000, "83 min"), (9000, "2.5 h")]
)
def test_times_in_words(seconds, words):
    assert past_times.in_words(seconds) == words


# --- failures


@pytest.fixture
def logs(tmp_path):
    (tmp_path / "ingest").mkdir()
    return tmp_path


def test_a_users_mistake_is_told_with_job_and_log(logs):
    (logs / "ingest/peak.log").write_text(
        "a warning\ncarpeak: ingest: peak/matrix.mtx: cut short. Fetch it again.\n"
    )
    (logs / "merge.log").write_text("done in 1.0 s\n")
    (text,) = failures.told(logs, since=0)
    assert text == (
        "carpeak: ingest: peak/matrix.mtx: cut short. Fetch it again.\n"
        f"(rule ingest, peak; log: {logs / 'ingest/peak.log'})"
    )


def test_a_fault_of_the_program_is_told_as_one(logs):
    (logs / "merge.log").write_text("Traceback (most recent call last):\n  File x\nKeyError: 'gene'\n")
    (text,) = failures.told(logs, since=0)
    assert text.startswith("carpeak: rule merge: KeyError: 'gene'\nThis is a fault of carpeak")


def test_old_logs_and_stopped_runs_are_no_failures(logs):
    (logs / "merge.log").write_text("carpeak: merge: x")
    assert failures.told(logs, since=(logs / "merge.log").stat().st_mtime + 1) == []
    (logs / "merge.log").write_text("Traceback (most recent call last):\n  File x\nKeyboardInterrupt\n")
    assert failures.told(logs, since=0) == []


def test_a_killed_job_is_found_by_its_unfinished_log(logs):
    (logs / "merge.log").write_text("")
    (logs / "ingest/ip.log").write_text("done in 1.0 s\n")
    assert failures.told(logs, since=0) == []
    (text,) = failures.unfinished(logs, since=0)
    assert "rule merge: stopped without a message" in text and "memory" in text
