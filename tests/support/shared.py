"""Folders that several tests read and one of them makes: once per session, with any number of workers.

pytest-xdist gives each worker a session of its own, so that a session's fixture would run the demo once per
worker. Here the first worker that needs a folder makes it under a lock, and the others wait for it.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


class SharedFolders:
    """Folders below one root, each made by the first who asks for it."""

    def __init__(self, root: Path):
        self.root = root

    def folder(self, name: str, make: Callable[[Path], object]) -> Path:
        """The folder `name` after `make(folder)`; where that failed, the test of every worker fails."""
        folder, done, failed = (self.root / f"{name}{end}" for end in ("", ".done", ".failed"))
        with (self.root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if failed.exists():
                pytest.fail(f"the shared run '{name}' failed before:\n{failed.read_text()}")
            if not done.exists():
                folder.mkdir()
                try:
                    make(folder)
                except BaseException as problem:
                    failed.write_text(str(problem))
                    raise
                done.touch()
        return folder


def of_session(tmp_path_factory: pytest.TempPathFactory) -> SharedFolders:
    """The folders of this call of pytest; its workers have temporary folders beside each other."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    root.mkdir(exist_ok=True)
    return SharedFolders(root)
