"""What a run shows on the terminal: one line per job; everything else is in Snakemake's log.

Snakemake's own account of the demo is 680 lines. A logger plugin would have to be installed wherever somebody
types plain `snakemake`, so the handler of the terminal is exchanged when the workflow is read. It is left as
it is where somebody asks Snakemake for more or less: --dry-run, --verbose, --quiet, -p, another logger.
"""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from . import past_times

WIDTH = 120
PREFLIGHT = Path("results/preflight.txt")
REPORT = Path("results/report.html")
# Snakemake's words that are for its log: what it does next, and what the lines of the jobs tell already.
SAID_ELSEWHERE = (
    *(
        "Building DAG of jobs",
        "Using shell",
        "Conda environments: ignored",
        "Singularity containers: ignored",
    ),
    *("Select jobs to execute", "Execute ", "Removing output files", "Shutting down", "Exiting because"),
    *("Complete log", "Elapsed time", "Will exit after", "RuleException", "WorkflowError:\nAt least one job"),
    *("Touching output", "Group jobs: inactive", "At least one job did not complete"),
)


class Screen(logging.Handler):
    """Lines for a person: what starts, how far the run is, how long it may still take, what failed."""

    def __init__(self, stream: TextIO, *, past: Mapping[str, float]) -> None:
        """`past` is the median of seconds that a job of each rule took, from the logs of earlier runs."""
        super().__init__()
        self.stream = stream
        self.past = past
        self.waiting: Counter[str] = Counter()  # rule -> jobs that have not ended
        self.total = 0
        self.begun: set[int] = set()  # jobs; one that is tried again counts once
        self.cores = 1
        self.nodes = 0  # jobs that a cluster takes at a time
        self.messages: dict[int, tuple[str, str]] = {}  # job -> its rule and what it does
        self.shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Show the record, if it is for a person."""
        try:
            for line in self._lines(record):
                self.stream.write(line + "\n")
            self.stream.flush()
        except BrokenPipeError:
            raise
        except Exception:
            self.handleError(record)

    def _lines(self, record: logging.LogRecord) -> list[str]:
        event = str(getattr(record, "event", None) or "")
        if event in _EVENTS:
            return _EVENTS[event](self, record)
        said = record.getMessage() if record.msg else ""
        if event not in ("", "error") or not said or said.startswith(SAID_ELSEWHERE):
            return []
        if said.startswith("Nothing to be done"):
            return ["Nothing to do: the results are up to date.", *link(REPORT)]
        return said.splitlines()

    def _resources(self, record: logging.LogRecord) -> list[str]:
        self.cores = getattr(record, "cores", None) or self.cores
        self.nodes = getattr(record, "nodes", None) or self.nodes
        return []

    def _jobs(self, record: logging.LogRecord) -> list[str]:
        counts = dict(record.__dict__["stats"])
        self.total = counts.pop("total", 0) - counts.pop("all", 0)  # it makes nothing, and has no line
        self.waiting = Counter(counts)
        left = self._left()
        where = f", at most {self.nodes} at a time" if self.nodes else f" on {_count(self.cores, 'core')}"
        return [f"{_count(self.total, 'job')}{where}{f', {left}' if left else ''}"]

    def _start(self, record: logging.LogRecord) -> list[str]:
        job, rule = record.__dict__["jobid"], record.__dict__["rule_name"]
        message = record.__dict__["rule_msg"] or rule
        self.messages[job] = (rule, message)
        if rule == "all":
            return []
        self.begun.add(job)
        if message in self.shown:  # jobs that share a message, such as those of figures, share a line
            return []
        self.shown.add(message)
        left = self._left()
        where = f"{time.strftime('%H:%M:%S')} {len(self.begun):>{len(str(self.total))}}/{self.total}"
        return [cut(f"{where}  {message}{f'  ({left})' if left and len(self.begun) > 1 else ''}")]

    def _end(self, record: logging.LogRecord) -> list[str]:
        rule, _ = self.messages.get(record.__dict__["job_id"], ("", ""))
        self.waiting[rule] -= 1
        if rule == "preflight" and PREFLIGHT.is_file():
            told = PREFLIGHT.read_text(encoding="utf-8").splitlines()
            return ["", *(cut(line) for line in told if line), ""]
        return []

    def _error(self, record: logging.LogRecord) -> list[str]:
        rule, message = self.messages.get(record.__dict__["jobid"], (record.__dict__["rule_name"], ""))
        logs = ", ".join(map(str, record.__dict__["log"]))
        return [
            f"{time.strftime('%H:%M:%S')} FAILED: {message or rule} (rule {rule})",
            *([f"         Its log: {logs}"] if logs else []),
        ]

    def _left(self) -> str:
        if self.nodes:  # jobs wait in a queue that nobody here knows
            return ""
        seconds = past_times.left(self.waiting, self.past, cores=self.cores)
        return "" if seconds is None else f"about {past_times.in_words(seconds)} left"


_EVENTS: Mapping[str, Any] = {
    "resources_info": Screen._resources,
    "run_info": Screen._jobs,
    "job_info": Screen._start,
    "job_finished": Screen._end,
    "job_error": Screen._error,
}


class Detailed(logging.Formatter):
    """The words of a job above Snakemake's details, which it leaves out where a rule has a message."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The text of one record."""
        message = getattr(record, "rule_msg", None)
        if not message or str(getattr(record, "event", "")) != "job_info":
            return self.inner.format(record)
        plain = logging.makeLogRecord(record.__dict__ | {"rule_msg": None})
        return f"{self.inner.format(plain)}\n    message: {message}"


def take_over(logger: logging.Logger, settings: Any, *, logs: Path = Path("logs")) -> bool:
    """Put a `Screen` in the place of Snakemake's handler of the terminal; whether that was done.

    `settings` are Snakemake's OutputSettings; `logs` is the folder of the jobs' logs.
    """
    for handler in logger.handlers:
        if handler.name == "DefaultLogFileHandler" and handler.formatter:
            handler.setFormatter(Detailed(handler.formatter))
    asked = settings.dryrun or settings.verbose or settings.quiet or settings.printshellcmds
    default = [handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"]
    if asked or settings.debug_dag or not default:
        return False
    logger.removeHandler(default[0])
    logger.addHandler(Screen(getattr(default[0], "stream", sys.stderr), past=past_times.by_rule(logs)))
    return True


def cut(line: str) -> str:
    """`line`, not longer than the terminal nor than `WIDTH`."""
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    return line if len(line) <= width else f"{line[: width - 1]}…"


def link(page: Path) -> list[str]:
    """The line that says where the report is; none where there is no report."""
    return [f"The report: {page.resolve().as_uri()}"] if page.is_file() else []


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
