"""One population as a map: where each cell lies, what it is called, what was measured, what it expresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import io
from ..cells import QC_COLUMNS
from ..figures import palette
from ..names import NEGATIVE, POSITIVE, UNDETERMINED
from ..stats import matrix
from . import packing

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from numpy.typing import NDArray
    from scipy import sparse

MAX_GENES = 150
MAX_CELLS_OF_GENES = 100_000  # beyond, expression is packed for an even sample of the cells
PER_CONTRAST = 40  # most changed genes of a contrast, up and down together
PER_CLUSTER = 6  # markers of a cluster
MEASURES = ("car_umis", "car_probability", "n_umis", "n_genes", "pct_mito", "doublet_score")
CALL_COLOURS = {POSITIVE: "#B2432F", UNDETERMINED: "#B9C0C8", NEGATIVE: "#2F6690"}


def choose_genes(
    *,
    asked: Iterable[str],
    markers: Iterable[str],
    contrasts: Sequence[pd.DataFrame],
    clusters: pd.DataFrame,
    measured: Sequence[str],
    most: int = MAX_GENES,
) -> list[str]:
    """The genes a reader may colour by.

    In this order until `most` are found: those `asked` for (claims, the configuration's list), `markers` of
    the labels, the most changed of each contrast, the clusters' markers.

    `contrasts` are tables of differential expression (de.CONTRAST.tsv), `clusters` is a markers table.
    """
    chosen = list(asked) + list(markers)
    for table in contrasts:
        rows = table[(table["depth"] == "equal") & (table["p_adjusted"] < 0.01)]
        rows = rows.reindex(rows["log2_fold_change"].abs().sort_values(ascending=False, kind="stable").index)
        chosen += list(dict.fromkeys(rows["gene"]))[:PER_CONTRAST]
    if len(clusters):
        chosen += list(clusters.groupby("cluster", sort=False).head(PER_CLUSTER)["gene"])
    known = set(measured)
    return [gene for gene in dict.fromkeys(chosen) if gene in known][:most]


def gather(
    umap: pd.DataFrame, passed: pd.DataFrame, *, labels: pd.DataFrame, calls: pd.DataFrame
) -> pd.DataFrame:
    """One row per cell of the population with its place, its library, its metrics, labels and CAR call."""
    inside = set(umap["cell"])
    table = io.join_cells(umap, labels[labels["cell"].isin(inside)])
    table = io.join_cells(table, passed[passed["cell"].isin(inside)], columns=QC_COLUMNS)
    calls = calls[calls["cell"].isin(inside)]
    return io.join_cells(table, calls, columns=["car_umis", "car_probability", "car_call"])


def population_map(
    cells: pd.DataFrame,
    counts: AnnData,
    *,
    population: str,
    samples: Sequence[Mapping[str, str]],
    genes: Sequence[str],
) -> dict[str, Any]:
    """The map of a population as `build` makes it, with the labels and measures that readers ask for.

    `samples` are the sheet's rows (sample, condition, donor) in order.
    """
    label = "cell_type" if population == "all" else "t_state"
    sizes = cells[label].value_counts()
    donors, conditions = (
        list(dict.fromkeys(row[name] for row in samples)) for name in ("donor", "condition")
    )
    labels = {
        label: {name: palette.colour(name) for name in sizes.index},
        "sample": palette.sample_colours([row["sample"] for row in samples]),
        "cluster": {
            name: palette.cluster_colour(name) for name in sorted(set(cells["cluster"]), key=_number)
        },
        "car_call": {name: CALL_COLOURS[name] for name in (POSITIVE, UNDETERMINED, NEGATIVE)},
        "condition": palette.sample_colours(conditions),
    }
    if len(donors) > 1:
        labels["donor"] = palette.sample_colours(donors)
    return build(cells, counts, labels=labels, measures=MEASURES, genes=genes)


def build(
    cells: pd.DataFrame,
    counts: AnnData,
    *,
    labels: Mapping[str, Mapping[str, str]],
    measures: Sequence[str],
    genes: Sequence[str],
) -> dict[str, Any]:
    """What the page needs of one population.

    `cells`: one row per cell with umap_1, umap_2, the columns named in `labels` (column -> colour by name, in
    the order of the legend) and `measures`, and `cell`. `counts`: raw counts of at
    least these cells. Returns plain JSON types; cells are sorted
    by the first label and a Z-order curve, so no cell can be told by its place in the file.
    """
    places = packing.grid(cells[["umap_1", "umap_2"]].to_numpy(dtype=np.float64))
    first = next(iter(labels))
    order = np.lexsort((packing.curve(places), _codes(cells[first], labels[first])))
    cells, places = cells.iloc[order], places[order]
    return {
        "n": len(cells),
        "bits": packing.BITS,
        "x": packing.coordinates(places[:, 0]),
        "y": packing.coordinates(places[:, 1]),
        "labels": [_label(cells, column, colours) for column, colours in labels.items()],
        "measures": [
            {"key": column, **packing.amounts(cells[column].to_numpy(dtype=np.float64))}
            for column in measures
        ],
        "genes": _expression(cells["cell"].to_numpy(), counts, genes),
    }


def _codes(values: pd.Series, colours: Mapping[str, str]) -> NDArray[np.int64]:
    position = {name: i for i, name in enumerate(colours)}
    return np.asarray(values.map(position).fillna(0), dtype=np.int64)


def _label(cells: pd.DataFrame, column: str, colours: Mapping[str, str]) -> dict[str, Any]:
    return {
        "key": column,
        "names": list(colours),
        "colours": list(colours.values()),
        "data": packing.categories(_codes(cells[column], colours)),
    }


def _expression(cells: NDArray, counts: AnnData, genes: Sequence[str]) -> dict[str, Any]:
    """log1p counts per 10,000 of the chosen genes, each packed alone, of every `step`-th cell."""
    step = -(-len(cells) // MAX_CELLS_OF_GENES) if len(cells) else 1
    chosen = counts.obs_names.get_indexer(cells[::step])
    rows = counts.X[np.sort(chosen)].tocsr()[np.argsort(np.argsort(chosen))]
    transgene = counts.var["transgene"].to_numpy(dtype=bool)
    columns = counts.var_names.get_indexer(list(genes))
    values: sparse.csc_matrix = matrix.normalise(rows, exclude=transgene)[:, columns].tocsc()
    packed = {
        gene: packing.amounts(np.asarray(values[:, [i]].todense(), dtype=np.float64).ravel())
        for i, gene in enumerate(genes)
    }
    for one in packed.values():
        one["data"] = one["data"] if one["high"] else ""
    return {"step": step, "unit": "log1p counts per 10,000", "values": packed}


def _number(cluster: str) -> tuple[int, str]:
    return (int(cluster), "") if cluster.isdigit() else (1 << 30, cluster)
