"""Remove the lock that a killed Snakemake left in this directory, if none runs here any more.

`make demo` calls this; the answer of plain Snakemake to a stale lock is `snakemake --unlock`.
"""

import shutil
import sys
from pathlib import Path

import psutil

LOCKS = Path(".snakemake/locks")


def running_here() -> list[int]:
    """Process ids of other Snakemake processes whose working directory is this one."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd", "status"]):
        info = process.info
        command = info["cmdline"] or []
        is_snakemake = any(Path(part).name in ("snakemake", "snakemake.exe") for part in command[:3])
        is_module = command[1:3] == ["-m", "snakemake"]
        is_alive = info["cwd"] == str(Path.cwd()) and info["status"] != psutil.STATUS_ZOMBIE
        if (is_snakemake or is_module) and is_alive:
            found.append(info["pid"])
    return found


if LOCKS.is_dir() and any(LOCKS.iterdir()):
    alive = running_here()
    if alive:
        sys.exit(f"carpeak: another run works in this folder (process {alive[0]}); wait for it or stop it.")
    shutil.rmtree(LOCKS)
    print("removed the lock of a run that was killed")
