"""The label tables of the three populations: what rule annotate writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from .. import io
from ..names import UNASSIGNED
from ..stats import graph, matrix
from . import axes, equal_depth, lineages, markers, overrides, singler, states

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from ..settings import AnnotationSettings

# Where cells lie (cells x components), and who is near whom there
Space: TypeAlias = "tuple[NDArray[np.float64], graph.Neighbors]"

LINEAGE_COLUMNS = ["cell", "cluster", "cell_type", "score", "margin", "cell_type_unintegrated"]
STATE_COLUMNS = [
    "cell",
    "cluster",
    "t_state",
    "t_state_unintegrated",
    "t_state_canonical",
    "t_state_paper",
    "t_lineage",
    "t_lineage_unintegrated",
    "score",
    "probability",
    "margin",
    "probability_cd8",
    "t_state_ranks",
    "agreement",
    "cycling",
    *(f"programme_{name}" for name in axes.REPORTED),
]
REFERENCE_COLUMNS = ["singler", "singler_delta", "singler_agreement"]  # where the user gives a reference
MISSING = {"score": np.nan, "probability": np.nan, "margin": np.nan, "probability_cd8": np.nan}
MISSING |= {"agreement": False, "cycling": False} | {f"programme_{name}": np.nan for name in axes.REPORTED}


def annotate(
    counts: AnnData,
    embedding: pd.DataFrame,
    clusters: pd.DataFrame,
    neighbors: Mapping[str, NDArray[Any]],
    *,
    population: str,
    settings: AnnotationSettings,
    model: axes.Model,
    inherited: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Labels and cluster scores of one population, and how well T-cell states can be told apart in it.

    `counts` holds all kept cells; `embedding`, `clusters` and `neighbors` (see `embed.Embedding`) those of
    the population; `settings` is the configuration's ``annotation`` block; `model` the axes of T-cell
    states; `inherited` the labels of the T cells, for ``car_t``. T cells also get the names they would
    have at equal depth where a library is deeper than another (`equal_depth`) and SingleR's where there is a
    reference (REFERENCE_COLUMNS). The third value is empty but for ``t_cells``
    (see `states.resolution`).
    """
    marker_file = markers.load(str(settings.markers))
    if embedding.empty:
        return *_unplaced(clusters, population, marker_file, settings.scheme, inherited), {}
    chosen = counts[embedding["cell"].to_numpy()]
    clusters = io.join_cells(embedding[["cell"]], clusters)
    cells = lineages.Cells(
        counts=chosen.X,
        cells=embedding["cell"].tolist(),
        genes=list(chosen.var_names),
        samples=chosen.obs["sample"].astype(str).to_numpy(),
        transgene=chosen.var["transgene"].to_numpy(dtype=bool),
        clusters=clusters["cluster"].to_numpy(dtype=str),
    )
    resolution: dict[str, Any] = {}
    if population == "car_t" and inherited is not None:
        labels, scores = _inherit(clusters, inherited)
    elif population == "all":
        labels, scores = _lineages(cells, _spaces(embedding, neighbors), marker_file, settings)
    else:
        labels, scores, resolution = _states(cells, marker_file, settings.scheme, model)
        if settings.states == "cells":
            shallow = equal_depth.named(cells, labels, marker_file, settings.scheme, model)
            labels = labels.assign(**shallow)
        if settings.reference:
            labels = _beside_reference(labels, cells, str(settings.reference))
    column = "cell_type" if population == "all" else "t_state"
    labels = _override(labels, marker_file, settings, population, column)
    return labels, lineages.cluster_scores(labels, column, scores), resolution


def _spaces(embedding: pd.DataFrame, neighbors: Mapping[str, NDArray[Any]]) -> dict[str, Space]:
    return {
        name: (
            embedding.filter(regex=f"^{name}_").to_numpy(dtype=np.float64),
            (neighbors[f"{name}_indices"], neighbors[f"{name}_distances"]),
        )
        for name in ("harmony", "pc")
    }


def _lineages(
    cells: lineages.Cells,
    spaces: Mapping[str, Space],
    marker_file: Mapping[str, Any],
    settings: AnnotationSettings,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    panels = marker_file["lineages"]
    if settings.method == "singler":
        reference = singler.read_reference(str(settings.reference))
        log = matrix.normalise(cells.counts, exclude=cells.transgene).tocsr()
        found = singler.scores(log, cells.genes, reference)
        both = {}
        for name, (_, neighbors) in spaces.items():
            weights = graph.fuzzy_weights(*neighbors)
            both[name] = singler.classify(found, weights, lineages=list(panels))
    else:
        both = {name: lineages.lineages(cells, *space, panels) for name, space in spaces.items()}
    frame, scores = both["harmony"]
    labels = pd.DataFrame(
        {
            "cell": cells.cells,
            "cluster": cells.clusters,
            "cell_type": frame["label"],
            "score": frame["score"],
            "margin": frame["margin"],
            "cell_type_unintegrated": both["pc"][0]["label"],
        }
    )
    return labels[LINEAGE_COLUMNS], scores


def _states(
    cells: lineages.Cells, marker_file: Mapping[str, Any], scheme: str, model: axes.Model
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """States are named within each library, so that the labels with and without integration are the same."""
    frame, scores, found = states.label_states(cells, marker_file, model)
    named = {
        "cell": cells.cells,
        "cluster": cells.clusters,
        "t_state": frame[f"t_state_{scheme}"],
        "t_state_unintegrated": frame[f"t_state_{scheme}"],
        "t_lineage_unintegrated": frame["t_lineage"],
        "t_state_ranks": frame[f"t_state_ranks_{scheme}"],
        "cycling": states.cycling(cells, marker_file.get("cycling", [])),
    }
    named |= {name: frame[f"{name}_{scheme}"] for name in ("score", "probability", "margin", "agreement")}
    kept = [name for name in STATE_COLUMNS if name in frame and name not in named]
    labels = pd.DataFrame(named | {name: frame[name] for name in kept})
    resolution = states.resolution(frame, cells.samples, found, marker_file)
    return labels[STATE_COLUMNS], scores[scheme], resolution


def _beside_reference(labels: pd.DataFrame, cells: lineages.Cells, path: str) -> pd.DataFrame:
    """The labels with SingleR's own of every cell, and whether both can be true (REFERENCE_COLUMNS)."""
    log = matrix.normalise(cells.counts, exclude=cells.transgene).tocsr()
    found = singler.per_cell(log, cells.genes, singler.read_reference(path))
    agree = singler.agreement(labels["t_state"].tolist(), found["singler"].tolist())
    return labels.assign(**found, singler_agreement=agree)


def _inherit(clusters: pd.DataFrame, inherited: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """CAR+ T cells keep the labels they have among the T cells, so that a cell has one state."""
    mine = inherited[inherited["cell"].isin(set(clusters["cell"]))]
    labels = io.join_cells(clusters[["cell", "cluster"]], mine.drop(columns="cluster"))
    shares = pd.get_dummies(
        labels["t_state"], dtype=float
    )  # in place of panel scores: the share of each state
    given = [name for name in (*equal_depth.COLUMNS, *REFERENCE_COLUMNS) if name in labels]
    return labels[[*STATE_COLUMNS, *given]], shares


def _override(
    labels: pd.DataFrame,
    marker_file: Mapping[str, Any],
    settings: AnnotationSettings,
    population: str,
    column: str,
) -> pd.DataFrame:
    known = markers.labels(marker_file, population, settings.scheme)
    columns = [column, f"{column}_unintegrated"]
    if column == "t_state":
        columns.append(f"t_state_{settings.scheme}")
        columns += [name for name in equal_depth.COLUMNS[:1] if name in labels]
    changed = overrides.apply(labels, settings.overrides, population=population, columns=columns, known=known)
    if column == "t_state":
        states_known = marker_file["t_states"][settings.scheme]
        by_hand = (changed["t_state"] != labels["t_state"]) & changed["t_state"].isin(list(states_known))
        lineage = changed["t_state"][by_hand].map(lambda name: states_known[name]["lineage"])
        for name in [name for name in changed if str(name).startswith("t_lineage")]:
            changed.loc[by_hand, name] = lineage
    return changed


def _unplaced(
    clusters: pd.DataFrame,
    population: str,
    marker_file: Mapping[str, Any],
    scheme: str,
    inherited: pd.DataFrame | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells of a population too small to embed: unassigned (or as inherited), no scores."""
    columns: Sequence[str] = LINEAGE_COLUMNS if population == "all" else STATE_COLUMNS
    if population == "car_t" and inherited is not None:
        labels, _ = _inherit(clusters, inherited)
    else:
        labels = clusters[["cell", "cluster"]].reindex(columns=list(columns))
        for name in columns[2:]:
            labels[name] = pd.Series(UNASSIGNED, index=labels.index, dtype=object)
        for name, value in MISSING.items():
            if name in columns:
                labels[name] = pd.Series(
                    value, index=labels.index, dtype=bool if value is False else np.float32
                )
    names = markers.labels(marker_file, population, scheme)[:-1]
    scores = pd.DataFrame(columns=["cluster", "fingerprint", "cells", "label", "label_share", *names])
    return labels, scores
