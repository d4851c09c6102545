"""Makes the simulated input of designs.R: twelve donors at three times, CAR+ and other cells, covariates.

python tests/oracles/designs_input.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

GENES, DONORS = 150, 12
TIMES = ("product", "peak", "remission")


def main(folder: Path) -> None:
    """Write counts.tsv (genes x units) and units.tsv (what each unit is) into `folder`."""
    generator = np.random.default_rng(21)
    rows = [
        {"donor": f"d{donor:02d}", "condition": time, "car": car, "age": 30 + 7 * (donor * 5 % 11),
         "response": "yes" if donor % 3 else "no", "batch": "b2" if (donor + TIMES.index(time)) % 3 == 0 else "b1"}
        for donor in range(1, DONORS + 1) for time in TIMES for car in ("car", "rest")
    ]  # fmt: skip
    units = pd.DataFrame(rows)
    units.insert(0, "unit", units["donor"] + "_" + units["condition"] + "_" + units["car"])
    step = units["condition"].map({name: float(number) for number, name in enumerate(TIMES)}).to_numpy()
    is_car = (units["car"] == "car").to_numpy(float)
    responds = (units["response"] == "yes").to_numpy(float)
    own = pd.DataFrame(generator.normal(0, 0.5, (GENES, DONORS)), columns=sorted(units["donor"].unique()))
    level = generator.normal(4, 1.3, GENES)[:, None] + own[units["donor"]].to_numpy()
    for share, size, what in (
        (0.3, 0.6, step), (0.2, 0.5, is_car * step), (0.2, 0.6, responds * (step > 0)),
        (0.2, 0.5, (units["batch"] == "b2").to_numpy(float)),
    ):  # fmt: skip
        effect = np.where(generator.random(GENES) < share, generator.normal(0, size, GENES), 0)
        level = level + effect[:, None] * what
    depth = generator.uniform(0.4, 2.5, len(units))
    shape = np.exp(generator.normal(2.2, 0.8, GENES))[:, None]
    counts = generator.poisson(np.exp(level) * depth * generator.gamma(shape, 1 / shape, level.shape))
    names = [f"gene{number:03d}" for number in range(GENES)]
    pd.DataFrame(counts, index=names, columns=units["unit"]).to_csv(folder / "counts.tsv", sep="\t")
    units.to_csv(folder / "units.tsv", sep="\t", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
