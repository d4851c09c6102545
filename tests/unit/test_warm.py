"""The process that forks jobs: its copies do what the job would do, and nobody outlives anybody."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from carpeak import warm

pytestmark = pytest.mark.skipif(not warm.is_possible(), reason="jobs are forked on Linux only")
PACKAGE = Path(warm.__file__).parent.parent
HEAD = f"import sys; sys.path.insert(0, {str(PACKAGE)!r})\nfrom carpeak import warm\nwarm.hand_over()\n"


@pytest.fixture
def server(tmp_path):
    """A server that imports next to nothing; its Snakemake is a process that sleeps."""
    snakemake = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    path = tmp_path / "folder/jobs"
    path.parent.mkdir()
    code = f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); from carpeak import warm; "
    code += f"warm.LIBRARIES = ('colorsys',); warm.serve({str(path)!r}, {snakemake.pid})"
    process = subprocess.Popen([sys.executable, "-c", code])
    wait_for(path.exists)
    yield path, process, snakemake
    for one in (snakemake, process):
        one.kill()
        one.wait()


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def job(tmp_path, body, path, **options):
    script = tmp_path / "job.py"
    script.write_text(HEAD + body)
    environ = os.environ | {warm.SOCKET: str(path), "COLOUR": "blue"}
    return subprocess.Popen(
        [sys.executable, str(script), "word"],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_copy_is_as_the_job(server, tmp_path):
    body = """
import os
print("colorsys" in sys.modules, os.getppid(), os.getcwd(), sys.argv[1], os.environ["COLOUR"], __name__)
sys.stderr.write("aside")
"""
    out, err = (run := job(tmp_path, body, server[0])).communicate(timeout=60)
    assert out.split() == ["True", str(server[1].pid), str(tmp_path), "word", "blue", "__main__"]
    assert (err, run.returncode) == ("aside", 0)


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit('no such file')", 1, "no such file\n"),
        ("raise ValueError('wrong')", 1, "ValueError: wrong\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", warm.KILLED, ""),
    ],
)
def test_the_job_ends_as_its_copy(server, tmp_path, end, status, said):
    run = job(tmp_path, end, server[0])
    err = run.communicate(timeout=60)[1]
    assert run.returncode == status
    assert err.endswith(said)


def copy_of(run, tmp_path):
    """The process that works for a job which writes its number into a file and sleeps."""
    file = tmp_path / "pid"
    wait_for(lambda: file.is_file() and file.read_text())
    process = psutil.Process(int(file.read_text()))
    assert process.pid != run.pid
    return process


SLEEPS = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_copy_ends_with_its_job(server, tmp_path, how):
    """Tests may be run in the background of a shell, where an interrupt is ignored until it is restored."""
    run = job(
        tmp_path,
        SLEEPS,
        server[0],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    copy = copy_of(run, tmp_path)
    run.send_signal(how)
    assert run.wait(timeout=60) != 0
    wait_for(lambda: not copy.is_running())
    assert server[1].poll() is None


def test_all_end_with_snakemake(server, tmp_path):
    path, process, snakemake = server
    run = job(tmp_path, SLEEPS, path)
    copy = copy_of(run, tmp_path)
    snakemake.kill()
    snakemake.wait()
    assert run.wait(timeout=60) == warm.KILLED
    assert process.wait(timeout=60) == 0
    assert not copy.is_running()
    assert not path.parent.exists(), "nothing is left in the folder for temporary files"


def test_without_a_server_the_job_works_itself(tmp_path):
    body = "import os\nprint(os.getpid())"
    for path in (tmp_path / "nobody", ""):
        run = job(tmp_path, body, path)
        assert run.communicate(timeout=60)[0].split() == [str(run.pid)]


def test_another_interpreter_works_itself(server, tmp_path):
    body = "import os\nprint(os.getpid())"
    script = tmp_path / "job.py"
    script.write_text("import sys; sys.prefix = '/elsewhere'\n" + HEAD + body)
    environ = os.environ | {warm.SOCKET: str(server[0])}
    run = subprocess.Popen([sys.executable, str(script)], env=environ, stdout=subprocess.PIPE, text=True)
    assert run.communicate(timeout=60)[0].split() == [str(run.pid)]
