"""A Slurm of one node on the loopback interface, all of it in one folder; nothing of the system is touched.

Needs Debian's slurm-wlm and munge, and root (slurmd puts jobs into control groups). Where the memory
controller of control groups (version 1) can be written, Slurm holds each job to the memory it declares.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
CONTROLLER = Path("/sys/fs/cgroup/memory")
NODE = "node1"
CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
{memory}
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000
PartitionName=main Nodes={node} Default=YES MaxTime=INFINITE State=UP
"""
HELD = "ProctrackType=proctrack/cgroup\nTaskPlugin=task/cgroup"
NOT_HELD = "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none"
CGROUP = "CgroupPlugin=cgroup/v1\nConstrainRAMSpace=yes\nConstrainSwapSpace=yes\nAllowedSwapSpace=0\n"


@dataclass(frozen=True)
class Slurm:
    """A running Slurm: what commands need to find it, and whether it holds jobs to their memory."""

    environ: dict[str, str]
    holds_memory: bool

    def ask(self, *command: str) -> str:
        """What a command of Slurm prints."""
        done = subprocess.run(
            command, env=self.environ, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    def jobs(self) -> dict[str, str]:
        """Number of each job, those that ended included -> its state."""
        lines = self.ask("squeue", "--states=all", "--noheader", "--array", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)


def missing() -> str | None:
    """Why no Slurm can be started here."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if absent:
        return f"no {', '.join(absent)}: needs Debian's slurm-wlm and munge"
    return None if os.geteuid() == 0 else "slurmd needs root"


@contextmanager
def started(folder: Path) -> Iterator[Slurm]:
    """Start munged, slurmctld and slurmd in `folder`, and end them; raises RuntimeError where they don't start."""
    holds_memory = os.access(CONTROLLER, os.W_OK)
    environ = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{folder}:{_path()}"}
    _configure(folder, holds_memory=holds_memory)
    slurm = Slurm(environ, holds_memory)
    daemons: list[subprocess.Popen] = []
    try:
        for command in _daemons(folder):
            with (folder / f"{command[0]}.out").open("w") as out:
                daemons.append(subprocess.Popen(command, env=environ, stdout=out, stderr=out))
            time.sleep(0.5)
        _wait(slurm, folder)
        yield slurm
    finally:
        _cancel(slurm)
        for daemon in reversed(daemons):
            for process in [*psutil.Process(daemon.pid).children(recursive=True), daemon]:
                process.terminate()
            daemon.wait(timeout=30)


def _cancel(slurm: Slurm) -> None:
    """End what a failed test left in the queue: jobs survive the daemons."""
    for _ in range(20):
        try:
            left = slurm.ask("squeue", "--noheader", "--format=%i").split()
            if not left:
                return
            slurm.ask("scancel", *left)
        except subprocess.SubprocessError:
            return
        time.sleep(0.5)


def _daemons(folder: Path) -> list[list[str]]:
    files = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid"}
    files |= {"log-file": "munged.log", "seed-file": "munged.seed"}
    munged = ["munged", "--foreground", "--force"]
    munged += [f"--{option}={folder / name}" for option, name in files.items()]
    return [munged, ["slurmctld", "-D"], ["slurmd", "-D", "-N", NODE]]


def _configure(folder: Path, *, holds_memory: bool) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        ports = {"controller_port": one.getsockname()[1], "node_port": two.getsockname()[1]}
    memory = HELD if holds_memory else NOT_HELD
    text = CONF.format(host=socket.gethostname(), folder=folder, node=NODE, memory=memory, **ports)
    (folder / "slurm.conf").write_text(text)
    (folder / "cgroup.conf").write_text(CGROUP)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    # The plugin starts srun without SLURM_CONF, so that it would look in /etc.
    srun = folder / "srun"
    real = shutil.which("srun", path=_path())
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {real} "$@"\n')
    srun.chmod(0o755)


def _wait(slurm: Slurm, folder: Path) -> None:
    """Until the node takes jobs."""
    for _ in range(60):
        try:
            if "idle" in slurm.ask("sinfo", "--noheader", "--format=%T"):
                return
        except subprocess.SubprocessError:
            pass
        time.sleep(0.5)
    told = "\n".join(path.read_text(errors="replace")[-1500:] for path in folder.glob("*.log"))
    raise RuntimeError(f"Slurm does not start here:\n{told}")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
