"""Write the per-stage conda files from the lock: python and pip from conda-forge, the rest pinned by pip.

usage: python envs/make_conda.py   (make lock calls it)
"""

import re
from collections.abc import Sequence
from pathlib import Path

ENVS = Path(__file__).resolve().parent
BASE = ["numpy", "scipy", "pandas", "pyarrow", "h5py", "anndata", "psutil", "pyyaml", "jsonschema"]
STAGES = {
    "core": [*BASE, "scikit-learn"],
    "embed": [
        *BASE,
        "scikit-learn",
        "scanpy",
        "pynndescent",
        "harmonypy",
        "igraph",
        "singler",
    ],
    "stats": [*BASE, "formulaic", "gseapy", "requests"],
    "report": [*BASE, "matplotlib", "pillow", "jinja2", "scanpy"],
    "donors": [*BASE, "formulaic", "gseapy", "pydeseq2", "requests", "statsmodels"],
    "cohort": [*BASE, "lifelines", "statsmodels"],
    "align": [*BASE, "pysam"],
}
# What is no Python package: stage -> packages of bioconda.
PROGRAMS = {"align": ["star=2.7.11b"]}


def pins(lock: str) -> dict[str, str]:
    """Name -> pinned version of every line of the lock."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\\n]+)", lock, flags=re.M))


def conda_file(names: list[str], versions: dict[str, str], programs: Sequence[str] = ()) -> str:
    """The text of one stage's environment file."""
    lines = "".join(f"      - {name}=={versions[name]}\n" for name in sorted(names))
    bioconda = "  - bioconda\n" if programs else ""
    more = "".join(f"  - {program}\n" for program in programs)
    return (
        "# Made by envs/make_conda.py from envs/requirements.txt; do not edit.\n"
        f"channels:\n  - conda-forge\n{bioconda}  - nodefaults\n"
        f"dependencies:\n  - python=3.12\n{more}  - pip\n  - pip:\n{lines}"
    )


if __name__ == "__main__":
    versions = pins((ENVS / "requirements.txt").read_text())
    for stage, names in STAGES.items():
        (ENVS / f"{stage}.yaml").write_text(conda_file(names, versions, PROGRAMS.get(stage, ())))
