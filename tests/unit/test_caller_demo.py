"""The caller on the CAR counts of the demo's libraries, drawn again and again without the other genes.

One run of the demo is one draw: whether its intervals hold the truth is luck. Here states differ in expression,
odds and depth, doublets stay, droplets hold less of the soup than cells do, as in the demo.
"""

import numpy as np
import pytest
from carpeak.car import posterior
from carpeak.simulate import cells, design

CAPTURED = design.CELLS // 2
DOUBLETS_KEPT = 0.4  # share of them that quality control does not find
SPREAD = 0.4  # sd of the logarithm of the soup per droplet


def drawn(library, seed):
    """Transgene UMIs, depth and truth of the T cells; what empty droplets and the other cells show."""
    rng = np.random.default_rng(seed)
    table = cells.draw_cells(library, CAPTURED, rng)
    umis = rng.poisson(table["car_mean"] * rng.gamma(design.CAR_SIZE, 1 / design.CAR_SIZE, len(table)))
    rna = (table["nuclear"] + table["mito"]).to_numpy()
    soup = table["car_mean"].sum() / (rna.sum() + table["car_mean"].sum()) * library.ambient
    of_barcode = table["barcode"].to_numpy()
    droplet = np.exp(rng.normal(-0.08, SPREAD, CAPTURED))
    x = np.bincount(of_barcode, umis, CAPTURED).astype(int) + rng.poisson(soup * droplet)
    depth = np.bincount(of_barcode, rna, CAPTURED) + library.ambient * droplet
    car = np.bincount(of_barcode, table["car"], CAPTURED) > 0
    first = table.drop_duplicates("barcode").sort_values("barcode")
    kept = (first["kind"] != "damaged").to_numpy()
    kept &= (first["kind"] != "doublet").to_numpy() | (rng.random(CAPTURED) < DOUBLETS_KEPT)
    is_t = first["type"].isin(design.CAR_LEVEL).to_numpy()
    control = kept & ~is_t & (first["type"] != "NK cell").to_numpy()
    empty = rng.poisson(0.75 * library.ambient * np.exp(rng.normal(-0.08, SPREAD, 20_000)))
    seen = int(rng.binomial(empty.sum(), soup / library.ambient))
    slope = posterior.ambient_slope(x[control] >= 1, depth[control])
    ambient = posterior.ambient_prior(
        cell_depth=posterior.soup_depth(depth[kept & is_t], slope),
        droplets=(empty.sum() ** 2 / (empty**2).sum(), seen),
        non_t=(int(control.sum()), int((x[control] >= 1).sum())),
        slope=slope,
    )
    return x[kept & is_t], depth[kept & is_t], car[kept & is_t], ambient


@pytest.mark.parametrize("library", design.libraries("paper"), ids=lambda one: one.name)
def test_intervals_hold_the_share_of_the_demo(library):
    rows = []
    for seed in range(20):
        umis, depth, car, ambient = drawn(library, seed)
        found = posterior.fit(umis, depth, ambient)
        true = car.mean()
        rows.append((found.low <= true <= found.high, found.share - true, found.high_90 - found.low_90))
    covered, error, width = np.array(rows, dtype=float).T
    assert covered.sum() >= 17  # of 20: fewer has a chance of 2 % at 95 %
    assert abs(error.mean()) < 0.25 * width.mean()
