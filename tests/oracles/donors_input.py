"""Makes the simulated input of donors.R: five donors with unequal depth, genes in programmes, shares of labels.

python tests/oracles/donors_input.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

GENES, DONORS, SETS = 240, 5, 6


def main(folder: Path) -> None:
    """Write counts.tsv, sets.tsv and shares.tsv into `folder`."""
    generator = np.random.default_rng(20)
    libraries = [f"d{donor}_{side}" for donor in range(1, DONORS + 1) for side in ("product", "peak")]
    in_peak = np.array([name.endswith("peak") for name in libraries], dtype=float)
    level = generator.normal(3.5, 1.6, GENES)
    programme = generator.integers(0, SETS, GENES)
    donor = np.repeat(generator.normal(0, 0.4, (GENES, DONORS)), 2, axis=1)
    together = generator.normal(0, 0.15, (SETS, len(libraries)))[programme]
    effect = (
        np.where(generator.random(GENES) < 0.2, generator.normal(0, 1.2, GENES), 0) + (programme == 2) * 0.7
    )
    depth = generator.uniform(0.3, 3, len(libraries))
    mean = np.exp(level[:, None] + donor + together + effect[:, None] * in_peak) * depth
    shape = np.exp(generator.normal(2, 1.2, GENES))[:, None]
    counts = generator.poisson(mean * generator.gamma(shape, 1 / shape, mean.shape))
    names = [f"gene{number:03d}" for number in range(GENES)]
    pd.DataFrame(counts, index=names, columns=libraries).to_csv(folder / "counts.tsv", sep="\t")
    pd.DataFrame({"set": [f"set{one}" for one in programme], "gene": names}).to_csv(
        folder / "sets.tsv", sep="\t", index=False
    )
    weights = np.array([8.0, 5.0, 3.0, 1.0, 0.2])[:, None] * np.exp(
        generator.normal(0, 0.4, (5, len(libraries)))
    )
    shares = generator.poisson(weights * depth * 40)
    pd.DataFrame(shares, index=list("ABCDE"), columns=libraries).to_csv(folder / "shares.tsv", sep="\t")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
