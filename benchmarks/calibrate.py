"""Measure the CAR caller on simulated libraries whose CAR+ cells are known.

usage: python benchmarks/calibrate.py [--libraries 50] [--out docs]
Half of the libraries come from the caller's model and half from generators that it does not assume. Writes
calibration.tsv (a row per setting), calibration.bounds.tsv (each acceptance bound with what was measured),
calibration.random.tsv (the same at random settings, one library each) and calibration.svg and .png; prints
the bounds. The same call gives the same bytes.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow/scripts"))

import calibration
import calibration_figure as figure
import numpy as np
import pandas as pd
from carpeak import io
from carpeak.figures import style


def at_random(number: int) -> pd.DataFrame:
    """Bounds measured at `number` random settings, half of the libraries from other generators."""
    grid = calibration.random_settings(number)
    parts = [calibration.run(1, grid=grid, first=500)]
    for place, name in enumerate(calibration.GENERATORS):
        every = grid[place :: len(calibration.GENERATORS)]
        parts.append(calibration.run(1, grid=every, generators=(name,), first=500))
    found = calibration.bounds(pd.concat(parts, ignore_index=True))
    return found[~found["bound"].str.contains("worst setting")]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--libraries", type=int, default=50, help="per setting, of each half")
    parser.add_argument("--random", type=int, default=300, help="random settings; 0 for none")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    started = time.process_time()
    with np.errstate(invalid="ignore"):
        model = calibration.run(options.libraries)
        other = calibration.run(options.libraries, generators=calibration.GENERATORS)
    scored = pd.concat([model, other], ignore_index=True)
    table, bounds = calibration.by_setting(scored), calibration.bounds(scored)
    table["setting"] += 1
    io.write_table(table.round(6), options.out / "calibration.tsv")
    io.write_table(bounds.round(6), options.out / "calibration.bounds.tsv")
    reliability = {name: calibration.equal_bins(part) for name, part in (("model", model), ("other", other))}
    table["setting"] -= 1
    footer = f"Simulated libraries: {options.libraries} per setting and half."
    drawn = figure.draw(table, reliability, footer=footer)
    style.save(drawn, options.out / "calibration.svg", options.out / "calibration.png")
    print(bounds.round(4).to_string(index=False))
    if options.random:
        unseen = at_random(options.random)
        io.write_table(unseen.round(6), options.out / "calibration.random.tsv")
        print(f"\n{options.random} random settings", unseen.round(4).to_string(index=False), sep="\n")
    done, seconds = len(scored) + 2 * options.random, time.process_time() - started
    print(f"{done} libraries, {seconds:.0f} s of processor time")


if __name__ == "__main__":
    main()
