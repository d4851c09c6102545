"""One piece of work beside another, in a copy (fork) of this process, for jobs that are given two cores.

Threads would not do: igraph's clustering holds Python's lock. Results are those of one process, to the bit.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")


def beside(work: Callable[[], T], *, copies: bool) -> Callable[[], T]:
    """Start `work` in a copy of this process; what is returned waits for it and gives its value.

    An error of `work` is raised there; RuntimeError where the copy was killed. Without `copies` the work is
    done when its value is asked for, and so it is where a process can't be copied safely: beyond Linux, and
    outside jobs, whose libraries have one thread each. A copy of a process with more waits for them forever.
    """
    if not copies or sys.platform != "linux" or os.environ.get("OMP_NUM_THREADS") != "1":
        return work
    import multiprocessing

    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(work, sender), daemon=True)
    process.start()
    sender.close()

    def wait() -> T:
        try:
            error, value = receiver.recv()
        except EOFError:
            process.join()
            msg = f"the second process of this job was killed ({process.exitcode}), perhaps for its memory"
            raise RuntimeError(msg) from None
        process.join()
        if error is not None:
            raise error
        return value

    return wait


def _work(work: Callable[[], T], sender: Connection) -> None:
    try:
        found: tuple[BaseException | None, T | None] = (None, work())
    except BaseException as error:
        found = (error, None)
    sender.send(found)
