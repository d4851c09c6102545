"""What all tests share."""

import os
from pathlib import Path

os.environ["NUMBA_NUM_THREADS"] = "1"  # as jobs have it; numba refuses to change it later

import pytest
from runs import ROOT, demo, snakemake


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; the test is skipped where there is none."""
    named = os.environ.get("CARPEAK_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set CARPEAK_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A finished run of the demo with about 2,000 cells."""
    folder = tmp_path_factory.mktemp("small")
    snakemake(folder, *demo())
    return folder


@pytest.fixture(scope="session")
def full(tmp_path_factory):
    """Finished runs of the demo at full size, by variant and seed."""
    done = {}

    def run(variant: str, seed: int = 1) -> Path:
        if (variant, seed) not in done:
            done[variant, seed] = tmp_path_factory.mktemp(f"{variant}-{seed}")
            snakemake(done[variant, seed], *demo(variant, seed=seed, cells=15414))
        return done[variant, seed]

    return run
