"""Folders as finished runs leave them, made by hand: what `carpeak compare` reads."""

import copy
from pathlib import Path

import fixtures_results
import fixtures_scripts
from carpeak import io

COUNTS = "sha-of-the-counts"


def make(
    folder: Path,
    *,
    seed: int = 0,
    empty: bool = False,
    settings: dict | None = None,
    counts: str = COUNTS,
    commit: str = "a" * 40,
    simulated: bool = True,
) -> Path:
    """Results of a run with `settings` over the hand-made configuration; returns the folder `results`."""
    results = fixtures_results.make(folder, cells=300, seed=seed, empty=empty)
    configuration = copy.deepcopy(fixtures_scripts.config())
    for key, value in (settings or {}).items():
        group, _, name = key.rpartition(".")
        (configuration[group] if group else configuration)[name] = value
    provenance = {
        "carpeak": "0.1.0",
        "git": {"commit": commit, "changed": False},
        "title": "Made by hand",
        "simulated": simulated,
        "started": f"2026-01-01T00:00:{seed:02d}Z",
        "finished": "2026-01-01T00:02:00Z",
        "platform": {"python": "3.11.7"},
        "packages": {"scanpy": "1.11.5"},
        "inputs": [
            {"role": "cells of product", "file": "ip/matrix.mtx.gz", "bytes": 1, "sha256": counts},
            {"role": "cells of peak", "file": "pk/matrix.mtx.gz", "bytes": 1, "sha256": f"{counts}-peak"},
        ],
        "configuration": configuration,
        "steps": [],
    }
    io.write_json(provenance, results / "provenance.json")
    (results / "report.html").write_text("<html></html>")
    return results


def rewrite(path: Path, **changes: object) -> None:
    """Change keys of a JSON object."""
    io.write_json(io.read_json(path) | changes, path)
