"""The truth tables of the demo study: what each cell is, and what each gene is expected to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import programmes as prog
from .profiles import Biology

if TYPE_CHECKING:
    from .library import Simulated


def cell_table(simulated: Simulated) -> pd.DataFrame:
    """One row per cell barcode of a library, in the order of its filtered matrix.

    cell, sample, barcode, kind, cell_type, state (T cells; else empty), cycling, car (truly transduced),
    car_umis_true (own, without ambient RNA), origin (donor or recipient), depth (expected UMIs relative to
    the median cell of its type), ambient_share (expected), second_type, second_state, second_car (of a
    doublet's second partner; else empty), doublet_between (partners of two lineages). `car` of a doublet is
    true where either partner is transduced.
    """
    cells = simulated.cells
    first = cells.drop_duplicates("barcode").set_index("barcode").sort_index()
    second = cells[cells.duplicated("barcode")].set_index("barcode").reindex(first.index)
    own = cells.groupby("barcode")[["nuclear", "mito"]].sum().sum(axis=1)
    order = simulated.positions
    second_car = second["car"].eq(True)  # noqa: FBT003
    table = pd.DataFrame(
        {
            "cell": [f"{simulated.name}_{b}" for b in simulated.names],
            "sample": simulated.name,
            "barcode": simulated.names,
            "kind": first["kind"].to_numpy()[order],
            "cell_type": _lineage(first["type"]).to_numpy()[order],
            "state": _state(first["type"]).to_numpy()[order],
            "cycling": (first["cycling"] | second["cycling"].eq(True)).to_numpy()[order],  # noqa: FBT003
            "car": (first["car"] | second_car).to_numpy()[order],
            "car_umis_true": simulated.car_umis[order],
            "origin": first["origin"].to_numpy()[order],
            "depth": first["depth"].to_numpy()[order],
            "ambient_share": (simulated.ambient / (simulated.ambient + own.to_numpy()))[order],
            "second_type": _lineage(second["type"]).to_numpy()[order],
            "second_state": _state(second["type"]).to_numpy()[order],
            "second_car": np.where(second["type"].isna(), "", second_car.astype(str).str.lower())[order],
        }
    )
    between = (table["second_type"] != "") & (table["second_type"] != table["cell_type"])
    table["doublet_between"] = between
    flags = table.select_dtypes(bool).columns
    return table.assign(**{f: table[f].map({True: "true", False: "false"}) for f in flags})


def _lineage(types: pd.Series) -> pd.Series:
    return types.where(~types.isin(prog.T_STATES), "T cell").fillna("")


def _state(types: pd.Series) -> pd.Series:
    return types.where(types.isin(prog.T_STATES), "").fillna("")


def gene_table(biology: Biology, libraries: list[Simulated]) -> pd.DataFrame:
    """One row per gene without the transgene.

    gene, programmes, batch_log2 (peak over product), planted (state:log2 effect, peak over product),
    planted_terms, decoy_terms (those the gene is a member of), and ``mean|sample|type|cycling``: expected
    counts per 10,000 (transgene excluded) of the intact single cells of that type, batch and ambient
    RNA included. The expected mean of any set of such cells is the average of their columns.
    """
    genes = biology.genes
    table = pd.DataFrame({"gene": genes})
    table["programmes"] = _memberships(genes, biology.programmes)
    table["batch_log2"] = biology.batch
    planted = pd.Series("", index=genes)
    effects = np.column_stack([biology.planted[s] for s in prog.T_STATES])
    for i in np.flatnonzero(effects.any(axis=1)).tolist():
        planted.iloc[i] = ";".join(f"{s}:{e:.3f}" for s, e in zip(prog.T_STATES, effects[i]) if e)
    table["planted"] = planted.to_numpy()
    table["planted_terms"] = _memberships(genes, biology.members)
    table["decoy_terms"] = _memberships(genes, biology.decoys)
    means = {f"mean|{lib.name}|{label}": values for lib in libraries for label, values in lib.means.items()}
    return pd.concat([table, pd.DataFrame(means)], axis=1)


def _memberships(genes: pd.Index, sets: dict[str, set[str]]) -> list[str]:
    return [";".join(name for name in sets if gene in sets[name]) for gene in genes]


def term_table(biology: Biology, names: dict[str, str]) -> pd.DataFrame:
    """The planted and the decoy terms: term_id, term, role, members, carriers (with an effect), share."""
    effects = np.column_stack([biology.planted[s] for s in prog.T_STATES])
    affected = set(biology.genes[np.flatnonzero(effects.any(axis=1))])
    listed = [(t, "planted", members) for t, members in biology.members.items()]
    listed += [(t, "decoy", members) for t, members in biology.decoys.items()]
    rows = [
        {
            "term_id": term,
            "term": names[term],
            "role": role,
            "members": len(members),
            "carriers": len(members & affected),
            "share": len(members & affected) / max(len(members), 1),
        }
        for term, role, members in listed
    ]
    return pd.DataFrame(rows)
