"""The lock that a killed Snakemake leaves in its folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import UserError


def remove_stale(folder: Path) -> bool:
    """Remove the lock in `folder` if no Snakemake runs there any more; returns whether there was one.

    Raises UserError where one runs. The answer of plain Snakemake to a stale lock is `snakemake --unlock`.
    """
    locks = folder / ".snakemake/locks"
    if not locks.is_dir() or not any(locks.iterdir()):
        return False
    alive = _running_in(folder.resolve())
    if alive:
        msg = f"another run works in this folder (process {alive[0]}); wait for it or stop it."
        raise UserError(msg)
    shutil.rmtree(locks)
    print("removed the lock of a run that was killed")
    return True


def _running_in(folder: Path) -> list[int]:
    """Process ids of Snakemake processes whose working directory is `folder`."""
    import psutil

    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd", "status"]):
        info = process.info
        words = info["cmdline"] or []
        is_snakemake = any(Path(part).name in ("snakemake", "snakemake.exe") for part in words[:3])
        is_module = words[1:3] == ["-m", "snakemake"]
        is_alive = info["cwd"] == str(folder) and info["status"] != psutil.STATUS_ZOMBIE
        if (is_snakemake or is_module) and is_alive:
            found.append(info["pid"])
    return found
