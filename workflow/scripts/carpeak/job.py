"""What every script does around its own work: one thread, a log, clean errors, and death with its parent."""

from __future__ import annotations

import os

# Sums in another order give other last digits, so one thread; set before numpy is imported anywhere.
for _name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM", "NUMEXPR"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")

import resource
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import warm, written
from .errors import MARK, CannotWriteError, UserError

POLL_SECONDS = 0.5


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run a script's body.

    Writes warnings and tracebacks to the rule's log file. A `UserError` becomes one message there and
    exit status 1; the workflow prints it (`errors.messages`) after what Snakemake has to say. A watcher
    ends the process when Snakemake is gone (killed): orphaned jobs that go on writing would collide with
    the next run. Inputs that an earlier job wrote must be as it left them; what this one writes is recorded.
    Where the run has a process with the libraries imported, the whole script runs as a copy of that.
    """
    warm.hand_over()
    end_with_parent()
    outputs = [str(path) for path in getattr(snakemake, "output", ())]
    log = Path(str(snakemake.log[0])) if snakemake.log else None
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        warnings.showwarning = _warnings_into(log)
        sys.excepthook = _errors_into(log)
        sys.unraisablehook = lambda ignored: _append(log, f"ignored: {ignored.exc_value!r}\n")
    started = time.perf_counter()
    try:
        written.forget(outputs)
        written.demand_whole(str(path) for path in getattr(snakemake, "input", ()))
        yield
        written.record(outputs)
    except UserError as error:
        message = f"{MARK}{snakemake.rule}: {error}\n"
        if not _append(log, message):
            sys.stderr.write(message)
        if isinstance(error, CannotWriteError):
            sys.stderr.flush()
            os._exit(1)  # a disk that is full makes HDF5 crash when it closes its files
        sys.exit(1)
    except BaseException:
        _append(log, traceback.format_exc())
        raise
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)  # also of programs and copies that it started
    peak = sum(one.ru_maxrss for one in used) / (2**20 if sys.platform == "darwin" else 2**10)
    _append(log, f"done in {time.perf_counter() - started:.1f} s, {cpu:.1f} s of CPU, {peak:.0f} MB\n")


def _append(log: Path | None, text: str) -> bool:
    """Whether `text` could be added to the log; a disk may be full."""
    if log is None:
        return False
    try:
        with log.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return False
    return True


def _errors_into(log: Path) -> Any:
    """Write HDF5's "cannot close" errors (full disk) to the log, not to the screen."""

    def show(kind: Any, error: BaseException, trace: Any) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        if "ObjectID._dealloc" in text:
            _append(log, text)
        else:
            sys.__excepthook__(kind, error, trace)

    return show


def _warnings_into(log: Path) -> Any:
    def show(message: Any, category: Any, filename: str, lineno: int, *_: Any) -> None:
        _append(log, warnings.formatwarning(message, category, filename, lineno))

    return show


def end_with_parent() -> None:
    """Start a daemon thread that ends this process when the Snakemake above it no longer runs."""
    import psutil

    above = [p for p in psutil.Process().parents() if "snakemake" in " ".join(_command(p))]
    if not above:
        return
    snakemake = above[0]

    def watch() -> None:
        while snakemake.is_running() and snakemake.status() != psutil.STATUS_ZOMBIE:
            time.sleep(POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _command(process: Any) -> list[str]:
    import psutil

    try:
        return list(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
