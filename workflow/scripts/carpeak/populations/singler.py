"""SingleR against a reference of the user's own (Aran 2019; the singler package).

Lineages rest on its scores averaged over neighbours; beside the T-cell states stand its labels of single
cells, with its own fine-tuning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..errors import UserError
from ..names import UNASSIGNED
from .marker_panels import best_two

if TYPE_CHECKING:
    from numpy.typing import NDArray

# How references call what the lineages of the marker file are called here; the first match wins. Words of
# the Human Primary Cell Atlas, Novershtern, Blueprint/ENCODE and Monaco references.
NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "HSC",
        (
            "hsc",
            "hematopoietic stem",
            "haematopoietic stem",
            "progenitor",
            "colony forming",
            "cmp",
            "gmp",
            "mep",
        ),
    ),
    ("Plasma cell", ("plasma cell", "plasmablast", "plasma_cell")),
    ("Monocyte/DC", ("monocyt", "dendritic", "dc", "macrophage", "pdc", "mdc")),
    ("NK cell", ("mature nk", "nk cell", "nk_cell", "natural killer", "nk")),
    ("T cell", ("t cell", "t-cell", "t_cell", "cd4", "cd8", "treg", "nkt", "tgd", "gamma delta")),
    ("B cell", ("b cell", "b-cell", "b_cell")),
    ("Platelet", ("platelet", "megakaryocyte")),
    ("Red cell", ("erythro", "red cell", "red blood")),
)
SHARED_GENES = 200
MIN_DELTA = 0.02  # a best label that leads the median label by less is not believed


def read_reference(path: str | Path) -> pd.DataFrame:
    """Read genes x cell types (log expression) from .csv or .tsv, also .gz; the first column names genes."""
    separator = "\t" if ".tsv" in Path(path).name else ","
    try:
        table = pd.read_csv(path, sep=separator, index_col=0)
    except (OSError, ValueError) as error:
        msg = f"{path}: the reference cannot be read as a table of genes x cell types ({error})"
        raise UserError(msg) from error
    wrong = [str(name) for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    if table.shape[1] < 2 or wrong:
        where = f"column '{wrong[0]}' is not numeric" if wrong else "it has fewer than two numeric columns"
        msg = f"{path}: {where}. Expected gene symbols in the first column and one column per cell type."
        raise UserError(msg)
    twice = [
        str(name) for name in table.columns if re.sub(r"\.\d+$", "", str(name)) in table.columns.drop(name)
    ]
    if twice or np.isinf(table.to_numpy(dtype=float)).any():
        where = (
            f"the column '{twice[0].rsplit('.', 1)[0]}' occurs twice" if twice else "it holds infinite values"
        )
        msg = f"{path}: {where}. Give the log expression of each gene in each cell type."
        raise UserError(msg)
    table.index = table.index.astype(str)
    return table[~table.index.duplicated()].dropna()


def lineage_of(name: str, lineages: Sequence[str]) -> str:
    """The lineage that a reference's cell type belongs to, or its own name where none fits."""
    if name in lineages:
        return name
    low = name.lower().replace(".", " ")
    words = low.replace("-", " ").replace("_", " ").replace(":", " ").replace("+", " ").split()
    for lineage, parts in NAMES:
        if lineage in lineages and any((p in words) if len(p) <= 3 else (p in low) for p in parts):
            return lineage
    return name


def scores(log_counts: sparse.csr_matrix, genes: Sequence[str], reference: pd.DataFrame) -> pd.DataFrame:
    """SingleR's correlation score of each cell with each cell type (cells x types); fine-tuning not included.

    `log_counts` is cells x genes; `reference` genes x cell types.
    """
    table = _classified(log_counts, genes, reference, fine_tune=False).column("scores")
    return pd.DataFrame({str(name): np.asarray(table.column(name)) for name in table.column_names})


def per_cell(log_counts: sparse.csr_matrix, genes: Sequence[str], reference: pd.DataFrame) -> pd.DataFrame:
    """SingleR's own label of each cell, fine-tuned, and its lead (``singler``, ``singler_delta``).

    Arguments as in `scores`. Labels are the reference's; the lead is missing where one label is left.
    """
    found = _classified(log_counts, genes, reference, fine_tune=True)
    return pd.DataFrame(
        {
            "singler": np.array([str(name) for name in found.column("best")], dtype=object),
            "singler_delta": np.asarray(found.column("delta"), dtype=np.float32),
        }
    )


def _classified(
    log_counts: sparse.csr_matrix, genes: Sequence[str], reference: pd.DataFrame, *, fine_tune: bool
) -> Any:
    import singler

    shared = [gene for gene in genes if gene in reference.index]
    if len(shared) < SHARED_GENES:
        msg = (
            f"annotation.reference: only {len(shared)} of its genes are in the data. It must name genes by "
            "the same symbols as the matrices."
        )
        raise UserError(msg)
    trained = singler.train_single(
        reference.loc[shared].to_numpy(dtype=np.float64),
        ref_labels=[str(name) for name in reference.columns],
        ref_features=shared,
        test_features=list(genes),
        assay_type=0,
    )
    columns = sparse.csc_matrix(log_counts.T.astype(np.float64))
    return singler.classify_single(columns, trained, use_fine_tune=fine_tune)


def t_cell_kind(name: str) -> tuple[str, str]:
    """What a name of a T cell says: CD4, CD8, ``other`` for no T cell, or nothing; naive, memory or nothing.

    Of references' names as of those of `config/markers.yaml`; a name of several states says what they share.
    """
    low = f" {re.sub(r'[^a-z0-9]+', ' ', name.lower())} "
    cd4 = any(word in low for word in ("cd4", "treg", "regulatory", "helper", " th1", " th2", " th17"))
    cd8 = any(word in low for word in ("cd8", "cytotoxic"))
    lineage = "CD4" if cd4 and not cd8 else "CD8" if cd8 and not cd4 else ""
    if not lineage and name != UNASSIGNED and lineage_of(name, ["T cell", "NK cell", "B cell"]) != "T cell":
        lineage = "other"
    naive = any(word in low for word in ("naive", " tn ", "cd45ra cd25"))
    memory = any(word in low for word in ("memory", "effector", "emra", " tcm ", " tem ", " teff ", " ctl "))
    return lineage, "naive" if naive and not memory else "memory" if memory and not naive else ""


def agreement(states: Sequence[str], labels: Sequence[str]) -> NDArray[np.bool_]:
    """Whether a cell's state and SingleR's label may both be true: neither says what the other excludes."""
    kinds = {name: t_cell_kind(name) for name in {*states, *labels}}
    return np.array(
        [
            all(not a or not b or a == b for a, b in zip(kinds[one], kinds[other], strict=True))
            for one, other in zip(states, labels, strict=True)
        ],
        dtype=bool,
    )


def classify(
    fine: pd.DataFrame, weights: sparse.csr_matrix, *, lineages: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Label every cell from `scores` averaged over its neighbours: frame (label, score, margin), scores.

    `weights` are neighbour weights (cells x cells). Cell types of the reference are joined to `lineages`
    by name, each lineage scoring as its best type. Cells whose best type leads the median type by less
    than `MIN_DELTA` are `unassigned`.
    """
    pool = (weights + sparse.identity(weights.shape[0], format="csr")).tocsr()
    total = np.asarray(pool.sum(axis=1)).ravel()
    values = pd.DataFrame((pool @ fine.to_numpy()) / total[:, None], columns=fine.columns)
    coarse = values.T.groupby([lineage_of(name, lineages) for name in fine.columns], sort=True).max().T
    best, score, margin = best_two(coarse.to_numpy())
    thin = score - values.median(axis=1).to_numpy() < MIN_DELTA
    label = np.where(thin, UNASSIGNED, np.asarray(coarse.columns, dtype=object)[best])
    frame = pd.DataFrame(
        {"label": label, "score": score.astype(np.float32), "margin": margin.astype(np.float32)}
    )
    return frame, coarse
