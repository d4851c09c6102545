"""A made-up cohort for tests: cells of several donors with labels, calls and counts, as the stages write them.

Depth, cell numbers and effects differ between donors; effects are planted by the caller.
"""

from __future__ import annotations

from dataclasses import asdict

import anndata
import numpy as np
import pandas as pd
from carpeak.donors import audit, gather
from scipy import sparse

GENES = [
    "NKG7",
    "LAG3",
    "GZMB",
    "QUIET",
    *[f"SET{k}" for k in range(15)],
    *[f"g{k}" for k in range(80)],
    "CAR",
]
TERM = "GO:0000001"
SETS = {TERM: frozenset(f"SET{k}" for k in range(15))}
SIDES = {"test": "peak", "reference": "product"}
CONTRASTS = {"peak_vs_product": SIDES}
STATES = ["CD4 Tn", "CD4 Tem", "CD8 Teff"]
SHARES = {"product": [0.55, 0.25, 0.20], "peak": [0.20, 0.55, 0.25]}
OPPOSITE = {"product": [0.25, 0.55, 0.20], "peak": [0.55, 0.20, 0.25]}
LEVELS = np.random.default_rng(0).gamma(2, 0.4, len(GENES))

CLAIMS = [
    {"id": name, "quantity": {"scheme": "configured", "direction": "up", "also": [], **quantity}}
    for name, quantity in {
        "C4": {"kind": "largest_subset", "population": "car_t", "condition": "reference", "label": "CD4 Tn"},
        "C5": {"kind": "largest_subset", "population": "car_t", "condition": "test", "label": "CD4 Tem"},
        "C6": {"kind": "majority", "population": "car_t", "label": "CD4", "over": "CD8"},
        "C7": {"kind": "gene_change", "population": "car_t", "group": "CD4", "gene": "NKG7", "min_effect": 0.4},
        "C8": {"kind": "gene_change", "population": "car_t", "group": "CD4", "gene": "GZMB", "min_effect": 0.4},
        "C9": {"kind": "term_change", "population": "car_t", "group": "CD4", "term": TERM},
    }.items()
]  # fmt: skip


def library(donor, condition, *, cells, effect, shares, rng, depth=1.0, sort="unsorted", doubt=0.0):
    """One library: `effect` (log2, by gene) is what its cells show over the common levels."""
    states = rng.choice(STATES, cells, p=shares)
    size = depth * np.exp(rng.normal(0, 0.3, cells))
    mean = LEVELS * np.exp2(np.array([effect.get(gene, 0.0) for gene in GENES]))
    counts = rng.poisson(np.outer(size, mean))
    carries = np.full(cells, True) if sort == "CAR+" else rng.random(cells) < 0.5
    counts[:, GENES.index("CAR")] = np.where(carries, 1 + rng.poisson(1, cells), 0)
    name = f"{donor}_{condition}" + ("" if sort == "unsorted" else f"_{sort}")
    return {
        "library": audit.Library(name, condition, donor, sort=sort),
        "states": states,
        "counts": counts,
        "probability": np.where(carries, 1 - doubt, 0.05),
    }


def evidence_of(libraries, *, draws=5, least=10, least_verdict=20, rule="umi"):
    """`Evidence` and variants of these libraries, through the workflow's own way of gathering."""
    names, obs, states, probability = [], [], [], []
    for one in libraries:
        known = one["library"]
        cells = [f"{known.sample}_{k}" for k in range(len(one["states"]))]
        names += cells
        obs.append(pd.DataFrame({"sample": known.sample, "condition": known.condition, "donor": known.donor},
                                index=cells))  # fmt: skip
        states.append(one["states"])
        probability.append(one["probability"])
    matrix = sparse.csr_matrix(np.vstack([one["counts"] for one in libraries]))
    var = pd.DataFrame({"transgene": [gene == "CAR" for gene in GENES]}, index=GENES)
    data = anndata.AnnData(matrix, obs=pd.concat(obs), var=var)
    state = np.concatenate(states)
    lineage = np.array([one.split()[0] for one in state])
    umis = np.asarray(matrix[:, GENES.index("CAR")].todense()).ravel()
    labels = pd.DataFrame(
        {"cell": names, "cell_type": "T cell", "cell_type_unintegrated": "T cell", "margin": 1.0}
    )
    t_labels = pd.DataFrame({"cell": names, "t_state": state, "t_state_unintegrated": state,
                             "t_state_canonical": state, "t_state_paper": state, "t_lineage": lineage,
                             "t_lineage_unintegrated": lineage, "margin": 0.95})  # fmt: skip
    calls = pd.DataFrame({"cell": names, "car_umis": umis, "n_umis": np.asarray(matrix.sum(axis=1)).ravel(),
                          "car_probability": np.concatenate(probability),
                          "car_call": np.where(umis > 0, "positive", "undetermined")})  # fmt: skip
    found = gather.evidence(
        data,
        labels,
        t_labels,
        calls,
        contrast="peak_vs_product",
        contrasts=CONTRASTS,
        libraries=[asdict(one["library"]) for one in libraries],
        options={"min_cells": least, "min_cells_verdict": least_verdict, "draws": draws},
        sets=SETS,
        seed=1,
    )
    return found, gather.variants(found.cells, rule=rule, seed=1)
