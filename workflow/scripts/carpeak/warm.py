"""One process per run imports the heavy libraries; each job's script then starts as a copy (fork) of it.

Measured on the demo: of 180 s of CPU, its 41 jobs spent about 50 on importing pandas, scipy.stats, anndata
and their like, 1 to 3 s each. The Snakefile starts the server (`start`); a job hands itself over
(`hand_over`) and waits. Where something is missing (no Linux, another interpreter, a cluster's node, a
server that is not ready yet), the job runs by itself as if nothing of this existed. Nobody outlives anybody:
the server ends with Snakemake, a copy with its job, and a job whose copy was killed ends as a killed process.
"""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

SOCKET = "CARPEAK_WARM_SOCKET"  # environment: where the server of this run listens
HANDED_OVER = "CARPEAK_WARM_COPY"  # environment of a copy: it works itself
KILLED = 137  # what a shell says of a process that was killed
LIBRARIES = (
    "carpeak.job",  # first: it sets one thread, and a backend without a screen
    "numpy",
    "pandas",
    "scipy.sparse",
    "h5py",
    "pyarrow.parquet",
    "anndata",
    "scipy.stats",
    "snakemake.script",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "matplotlib.backends.backend_agg",
    "sklearn.neighbors",
    "sklearn.isotonic",
    "igraph",
)


def is_possible() -> bool:
    """Whether this system can fork safely and tell of the end of any process."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


def start() -> None:
    """Start the server of this run, which is this process's; jobs find it by the environment."""
    if not is_possible():
        return
    path = Path(tempfile.mkdtemp(prefix="carpeak.")) / "jobs"
    os.environ[SOCKET] = str(path)
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r}); "
    code += f"from carpeak import warm; warm.serve({str(path)!r}, {os.getpid()})"
    subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # an interrupt is for the jobs: their copies end with them
    )


def hand_over() -> None:
    """Have the server run this script and end as it ends; returns where this process has to work itself."""
    path = os.environ.get(SOCKET)
    if not path or HANDED_OVER in os.environ or not is_possible():
        return
    request = json.dumps(
        {"argv": sys.argv, "cwd": str(Path.cwd()), "environ": dict(os.environ), "python": sys.prefix}
    ).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
            descriptors = array.array("i", [0, 1, 2])
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
            connection.sendmsg([struct.pack("!Q", len(request))], rights)
            connection.sendall(request)
            taken = connection.recv(1)
        except OSError:
            return
        if taken != b"+":
            return
        status = connection.recv(1)
    os._exit(status[0] if status else KILLED)


def serve(path: str, snakemake: int) -> None:
    """Import the libraries, then fork for each job that comes, until process `snakemake` ends."""
    os.environ.pop(SOCKET, None)
    try:
        above = os.pidfd_open(snakemake)
        for name in LIBRARIES:
            importlib.import_module(name)
        gc.collect()
        gc.freeze()  # what is never collected stays shared between the copies
        _listen(path, above)
    finally:
        Path(path).unlink(missing_ok=True)
        Path(path).parent.rmdir()


def _listen(path: str, above: int) -> None:
    copies: dict[int, int] = {}  # the end of a job, as something to wait for -> the copy that works for it
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(64)
        while True:
            watched: list[Any] = [server, above, *copies]
            ready, _, _ = select.select(watched, [], [])
            for end in [end for end in copies if end in ready]:
                _kill(copies.pop(end))
                os.close(end)
            if above in ready:
                for copy in copies.values():
                    _kill(copy)
                return
            if server in ready:
                connection, _ = server.accept()
                with connection:
                    client = struct.unpack(
                        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                    )[0]
                    copy = os.fork()
                    if copy == 0:
                        server.close()
                        _work(connection)
                try:
                    copies[os.pidfd_open(client)] = copy
                except ProcessLookupError:
                    _kill(copy)


def _kill(copy: int) -> None:
    """End a copy; until it is waited for here, its number can belong to no other process."""
    os.kill(copy, signal.SIGKILL)
    os.waitpid(copy, 0)


def _work(connection: socket.socket) -> NoReturn:
    """In the copy: become the job's process, run its script, tell the job its status."""
    status = 1
    try:
        request = _received(connection)
        if request["python"] != sys.prefix:
            connection.sendall(b"-")
            os._exit(0)
        connection.sendall(b"+")
        status = _run(request)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        connection.sendall(bytes([status]))
        os._exit(status)


def _received(connection: socket.socket) -> dict[str, Any]:
    head, descriptors, _, _ = socket.recv_fds(connection, 8, 3)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    length, body = struct.unpack("!Q", head)[0], b""
    while len(body) < length:
        body += connection.recv(length - len(body))
    return dict(json.loads(body))


def _run(request: dict[str, Any]) -> int:
    """Run the script as `python SCRIPT` would; its exit status."""
    import runpy
    import traceback

    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environ"], **{HANDED_OVER: "1"})
    sys.argv = request["argv"]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
            return 1
        return int(end.code or 0) & 255
    except BaseException:
        traceback.print_exc()
        return 1
    return 0
