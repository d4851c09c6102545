"""The label tables of the three populations: what rule annotate writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import annotate, graph, io, markers, matrix, overrides, ranksum, singler_ref, states

if TYPE_CHECKING:
    from anndata import AnnData

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
    "margin",
    "cycling",
]


def label(
    counts: AnnData,
    embedding: pd.DataFrame,
    clusters: pd.DataFrame,
    *,
    population: str,
    settings: Mapping[str, Any],
    n_neighbors: int,
    min_pct: float,
    seed: int,
    inherited: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Labels, cluster scores and cluster markers of one population.

    `counts` holds all kept cells; `embedding` and `clusters` those of the population; `settings` is the
    configuration's ``annotation`` block; `inherited` the labels of the T cells, for ``car_t``.
    """
    marker_file = markers.load(settings["markers"])
    if embedding.empty:
        return _unplaced(clusters, population, marker_file, settings["scheme"], inherited)
    chosen = counts[embedding["cell"].to_numpy()]
    clusters = io.join_cells(embedding[["cell"]], clusters)
    cells = annotate.Cells(
        counts=chosen.X.tocsr(),
        cells=embedding["cell"].tolist(),
        genes=list(chosen.var_names),
        samples=chosen.obs["sample"].astype(str).to_numpy(),
        transgene=chosen.var["transgene"].to_numpy(dtype=bool),
        clusters=clusters["cluster"].to_numpy(dtype=str),
    )
    points = {key: embedding.filter(regex=f"^{key}_").to_numpy(dtype=np.float64) for key in ("harmony", "pc")}
    if population == "car_t" and inherited is not None:
        labels, scores = _inherit(clusters, inherited)
    elif population == "all":
        labels, scores = _lineages(cells, points, marker_file, settings, n_neighbors=n_neighbors, seed=seed)
    else:
        labels, scores = _states(
            cells, points, marker_file, settings["scheme"], n_neighbors=n_neighbors, seed=seed
        )
    column = "cell_type" if population == "all" else "t_state"
    labels = _override(labels, marker_file, settings, population, column)
    found = ranksum.one_vs_rest(
        matrix.normalise(cells.counts, exclude=cells.transgene),
        cells.clusters,
        cells.genes,
        min_pct=min_pct,
        exclude=cells.transgene,
    )
    return labels, annotate.cluster_scores(labels, column, scores), found


def _lineages(
    cells: annotate.Cells,
    points: Mapping[str, Any],
    marker_file: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    n_neighbors: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    panels = marker_file["lineages"]
    if settings["method"] == "singler":
        reference = singler_ref.read_reference(settings["reference"])
        log = matrix.normalise(cells.counts, exclude=cells.transgene)
        found = singler_ref.scores(log, cells.genes, reference)
        both = {}
        for key, place in points.items():
            weights = graph.fuzzy_weights(*graph.nearest(place, n_neighbors, seed=seed))
            both[key] = singler_ref.classify(found, weights, lineages=list(panels))
    else:
        both = {
            k: annotate.lineages(cells, p, panels, n_neighbors=n_neighbors, seed=seed)
            for k, p in points.items()
        }
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
    cells: annotate.Cells,
    points: Mapping[str, Any],
    marker_file: Mapping[str, Any],
    scheme: str,
    *,
    n_neighbors: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame, scores = states.label_states(
        cells, points["harmony"], marker_file, n_neighbors=n_neighbors, seed=seed
    )
    plain, _ = states.label_states(cells, points["pc"], marker_file, n_neighbors=n_neighbors, seed=seed)
    labels = pd.DataFrame(
        {
            "cell": cells.cells,
            "cluster": cells.clusters,
            "t_state": frame[f"t_state_{scheme}"],
            "t_state_unintegrated": plain[f"t_state_{scheme}"],
            "t_state_canonical": frame["t_state_canonical"],
            "t_state_paper": frame["t_state_paper"],
            "t_lineage": frame["t_lineage"],
            "t_lineage_unintegrated": plain["t_lineage"],
            "score": frame[f"score_{scheme}"],
            "margin": frame[f"margin_{scheme}"],
            "cycling": states.cycling(cells, marker_file.get("cycling", [])),
        }
    )
    return labels[STATE_COLUMNS], scores[scheme]


def _inherit(clusters: pd.DataFrame, inherited: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """CAR+ T cells keep the labels they have among the T cells, so that a cell has one state."""
    mine = inherited[inherited["cell"].isin(set(clusters["cell"]))]
    labels = io.join_cells(clusters[["cell", "cluster"]], mine.drop(columns="cluster"))
    shares = pd.get_dummies(
        labels["t_state"], dtype=float
    )  # in place of panel scores: the share of each state
    return labels[STATE_COLUMNS], shares


def _override(
    labels: pd.DataFrame,
    marker_file: Mapping[str, Any],
    settings: Mapping[str, Any],
    population: str,
    column: str,
) -> pd.DataFrame:
    known = markers.labels(marker_file, population, settings["scheme"])
    columns = [column, f"{column}_unintegrated"]
    if column == "t_state":
        columns.append(f"t_state_{settings['scheme']}")
    changed = overrides.apply(
        labels, settings["overrides"], population=population, columns=columns, known=known
    )
    if column == "t_state":
        states_known = marker_file["t_states"][settings["scheme"]]
        by_hand = (changed["t_state"] != labels["t_state"]) & changed["t_state"].isin(list(states_known))
        lineage = changed["t_state"][by_hand].map(lambda name: states_known[name]["lineage"])
        for name in ("t_lineage", "t_lineage_unintegrated"):
            changed.loc[by_hand, name] = lineage
    return changed


def _unplaced(
    clusters: pd.DataFrame,
    population: str,
    marker_file: Mapping[str, Any],
    scheme: str,
    inherited: pd.DataFrame | None,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cells of a population too small to embed: unassigned (or as inherited), no scores, no markers."""
    columns: Sequence[str] = LINEAGE_COLUMNS if population == "all" else STATE_COLUMNS
    if population == "car_t" and inherited is not None:
        labels, _ = _inherit(clusters, inherited)
    else:
        labels = clusters[["cell", "cluster"]].reindex(columns=list(columns))
        for name in columns[2:]:
            labels[name] = pd.Series(markers.UNASSIGNED, index=labels.index, dtype=object)
        for name, value in {"score": np.nan, "margin": np.nan, "cycling": False}.items():
            if name in columns:
                labels[name] = pd.Series(
                    value, index=labels.index, dtype=bool if value is False else np.float32
                )
    names = markers.labels(marker_file, population, scheme)[:-1]
    scores = pd.DataFrame(columns=["cluster", "fingerprint", "cells", "label", "label_share", *names])
    return labels, scores, pd.DataFrame(columns=ranksum.MARKER_COLUMNS)
