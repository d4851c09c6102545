"""What all tests share."""

import os
from pathlib import Path

os.environ["NUMBA_NUM_THREADS"] = "1"  # as jobs have it; numba refuses to change it later

import pytest
import shared
from runs import ROOT, demo, snakemake


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by -m
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs first, they take longest; whatever needs the demo at full size is of the second tier."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)
    for item in items:
        if "full" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; the test is skipped where there is none."""
    named = os.environ.get("CARPEAK_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set CARPEAK_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def shared_folders(tmp_path_factory):
    """Folders made once for all workers; tests read them and change nothing in them."""
    return shared.of_session(tmp_path_factory)


@pytest.fixture(scope="session")
def small(shared_folders):
    """A finished run of the demo with about 2,000 cells, and what it printed (terminal.txt)."""

    def run(folder: Path) -> None:
        done = snakemake(folder, *demo())
        (folder / "terminal.txt").write_text(done.stdout + done.stderr)

    return shared_folders.folder("small", run)


@pytest.fixture(scope="session")
def full(shared_folders):
    """Finished runs of the demo at full size, by variant and seed."""

    def run(variant: str, seed: int = 1) -> Path:
        options = demo(variant, seed=seed, cells=15414)
        return shared_folders.folder(f"{variant}-{seed}", lambda folder: snakemake(folder, *options))

    return run
