"""What the two simulated libraries hold: numbers of cells, depth, damage, doublets, CAR, in each variant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Variant = Literal["paper", "null", "reversed"]
VARIANTS: tuple[Variant, ...] = ("paper", "null", "reversed")
MIN_CELLS_LIBRARY = 60  # of a cohort's libraries
CELLS = 15_414  # captured in both libraries together (the paper's number)
TRANSDUCED = 0.3396  # transduced share of the product's T cells (the paper's Table 2, patient 4)
# Reversed, few CAR+ cells are CD4: more of them are seen at the peak, so that they can be compared.
REVERSED_PEAK_CAR = 1.2
FEATURES = {"RQR8": 0.55, "CLL1_scFv": 0.45}  # share of the construct's UMIs on each feature

# Median UMIs of an intact cell in a library of depth 1, and the sd of its natural logarithm.
SIZES = {
    "CD4 Tn": (2850.0, 0.32), "CD4 Tem": (3150.0, 0.34), "Treg": (3050.0, 0.33), "CD8 Tn": (2800.0, 0.32),
    "CD8 Teff": (3000.0, 0.35), "NK cell": (2900.0, 0.35), "B cell": (2900.0, 0.38),
    "Monocyte/DC": (4300.0, 0.42), "Red cell": (2600.0, 0.50), "Platelet": (950.0, 0.45),
}  # fmt: skip
CYCLING_SIZE = 1.35
# Median share of mitochondrial UMIs, and the sd of its natural logarithm.
MITO = {"Red cell": (0.010, 0.5), "Platelet": (0.045, 0.45)}
MITO_NUCLEATED = (0.047, 0.28)

DAMAGED = 0.05  # share of nucleated cells
DAMAGED_KEEP = (0.15, 0.60)  # share of the other transcripts that a damaged cell keeps
DAMAGED_MITO = (0.15, 0.55)  # its share of mitochondrial UMIs
DOUBLETS_PER_1000 = 0.008  # share of doublets per 1,000 captured cells
DOUBLET_CAPTURE = (0.65, 1.0)  # share of its UMIs that each partner brings

# CAR UMIs of a transduced cell relative to the library's mean, and the dispersion (size) of the NB.
CAR_LEVEL = {"CD4 Tn": 0.85, "CD4 Tem": 1.15, "Treg": 1.05, "CD8 Tn": 0.75, "CD8 Teff": 1.25}
CAR_SIZE = 1.5
# Odds of a T cell of being transduced, by state.
CAR_ODDS = {"CD4 Tn": 1.05, "CD4 Tem": 1.15, "Treg": 0.9, "CD8 Tn": 0.85, "CD8 Teff": 0.95}


@dataclass(frozen=True, eq=False)
class LibraryDesign:
    """One library: `share` of all captured cells; `kinds` are shares of cells, `states` of its T cells."""

    name: str
    share: float
    depth: float
    kinds: dict[str, float]
    states: dict[str, float]
    cycling: float
    transduced: float
    car_mean: float
    ambient: float
    at_peak: bool
    recipient: dict[str, float]


PRODUCT = LibraryDesign(
    name="product",
    share=0.50,
    depth=1.0,
    kinds={
        "T": 0.903,
        "NK cell": 0.020,
        "B cell": 0.012,
        "Monocyte/DC": 0.030,
        "Red cell": 0.020,
        "Platelet": 0.015,
    },
    states={"CD4 Tn": 0.46, "CD4 Tem": 0.17, "Treg": 0.08, "CD8 Tn": 0.17, "CD8 Teff": 0.12},
    cycling=0.22,
    transduced=TRANSDUCED,
    car_mean=1.85,
    ambient=75.0,
    at_peak=False,
    recipient={},
)
PEAK = LibraryDesign(
    name="peak",
    share=0.50,
    depth=0.64,
    kinds={
        "T": 0.665,
        "NK cell": 0.030,
        "B cell": 0.015,
        "Monocyte/DC": 0.140,
        "Red cell": 0.085,
        "Platelet": 0.065,
    },
    states={"CD4 Tn": 0.16, "CD4 Tem": 0.44, "Treg": 0.08, "CD8 Tn": 0.10, "CD8 Teff": 0.22},
    cycling=0.07,
    transduced=0.47,
    car_mean=0.64,
    ambient=60.0,
    at_peak=True,
    # The donor is male, the patient female; all CAR-T cells are the donor's.
    recipient={"T": 0.10, "NK cell": 0.3, "B cell": 0.3, "Monocyte/DC": 0.4},
)


def libraries(variant: Variant) -> tuple[LibraryDesign, LibraryDesign]:
    """The product and the peak of a variant.

    ``null``: the peak holds what the product holds, at its own depth and ambient RNA. ``reversed``: CD8
    cells outnumber CD4 cells in both, and effector states dominate the product.
    """
    if variant == "null":
        same = {
            f: getattr(PRODUCT, f)
            for f in ("kinds", "states", "cycling", "transduced", "recipient", "at_peak")
        }
        return PRODUCT, replace(PEAK, **same, car_mean=PRODUCT.car_mean * PEAK.depth)
    if variant == "reversed":
        product = {"CD4 Tn": 0.09, "CD4 Tem": 0.25, "Treg": 0.05, "CD8 Tn": 0.24, "CD8 Teff": 0.37}
        peak = {"CD4 Tn": 0.21, "CD4 Tem": 0.10, "Treg": 0.06, "CD8 Tn": 0.40, "CD8 Teff": 0.23}
        return replace(PRODUCT, states=product), replace(PEAK, states=peak, car_mean=REVERSED_PEAK_CAR)
    return PRODUCT, PEAK
