"""A complete results folder of about 1,500 made-up cells, for tests of figures, report and atlas.

The numbers are consistent with each other (counts add up, every cell is in every table) but mean
nothing; `empty=True` makes the folder of a study without T cells.
"""

import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from carpeak import io
from carpeak.comparison import attribution, car_contrast, claim_genes
from carpeak.libraries import ambient_share, merge
from carpeak.simulate import planted
from carpeak.stats import stored
from scipy import sparse

SAMPLES = {"product": "product", "peak": "peak"}
LINEAGES = ["T cell", "Red cell", "Monocyte/DC", "Platelet", "B cell", "NK cell", "unassigned"]
CENTRES = np.array([[0, 0], [9, 2], [-8, 4], [6, -8], [-6, -6], [2, 8], [-1, -9]], dtype=float)
STATES = [
    "CD4 Tn",
    "CD4 Tcm",
    "CD4 Tem",
    "CD4 CTL",
    "CD8 Tn",
    "CD8 Tcm",
    "CD8 Tem",
    "CD8 Teff",
    "Treg",
    "unassigned",
]
PAPER = [
    "CD4 Tn",
    "CD4 Tn",
    "CD4 Tem",
    "CD4 Tem",
    "CD8 Tn",
    "CD8 Tn",
    "CD8 Teff",
    "CD8 Teff",
    "Treg",
    "unassigned",
]
SHARES = {
    "product": [0.42, 0.14, 0.10, 0.02, 0.14, 0.04, 0.03, 0.05, 0.04, 0.02],
    "peak": [0.10, 0.06, 0.44, 0.08, 0.03, 0.03, 0.08, 0.12, 0.04, 0.02],
}
GENES = [
    "CD3D",
    "CD3E",
    "CD4",
    "CD8A",
    "CD8B",
    "TCF7",
    "LEF1",
    "CCR7",
    "SELL",
    "IL7R",
    "GZMB",
    "GZMK",
    "GNLY",
    "NKG7",
    "PRF1",
    "CST7",
    "LAG3",
    "IL2RA",
    "FOXP3",
    "CCL5",
    "GZMH",
    "KLRG1",
    "MKI67",
    "TOP2A",
    "HMGB2",
    "HBA1",
    "HBA2",
    "HBG1",
    "HBB",
    "PF4",
    "PPBP",
    "LYZ",
    "IFITM3",
    "S100A8",
    "CD79A",
    "MS4A1",
    "KLRD1",
    "CTLA4",
    "XIST",
    "RPS4Y1",
]
KILLING = ["NKG7", "LAG3", "PRF1", "CST7", "GZMB", "GNLY", "GZMK"]
TERMS = [
    ("GO:0006954", "inflammatory response"),
    ("GO:0071346", "cellular response to type II interferon"),
    ("GO:0032729", "positive regulation of type II interferon production"),
    ("GO:0001909", "leukocyte mediated cytotoxicity"),
    ("GO:0002443", "leukocyte mediated immunity & <b>defence</b>"),
] + [
    (f"GO:{9000000 + i}", f"a made-up process number {i} with a rather long name to be wrapped")
    for i in range(20)
]
PROGRAMMES = ("naive", "memory", "central_memory", "effector_memory", "cytotoxic", "regulatory", "exhausted")
PROGRAMMES += ("interferon", "cycling", "gamma_delta", "mait")


def make(folder: Path, *, empty: bool = False, cells: int = 1500, seed: int = 0) -> Path:
    """Write the folder `results` of a made-up study into `folder` and return it."""
    results = folder / "results"
    rng = np.random.default_rng(seed)
    cell_table = _cells(rng, cells, empty=empty)
    _quality(results, rng, cell_table)
    _counts(results, rng, cell_table)
    _populations(results, rng, cell_table)
    _car(results, cell_table)
    _composition(results, cell_table)
    _expression(results, rng, empty=empty)
    _enrichment(results, rng, empty=empty)
    _claims(results, empty=empty)
    _beside(results, rng, empty=empty)
    return results


def _cells(rng: np.random.Generator, n: int, *, empty: bool) -> pd.DataFrame:
    sample = np.repeat(list(SAMPLES), [n // 2, n - n // 2])
    weights = {
        "product": [0.93, 0.02, 0.02, 0.01, 0.01, 0.0, 0.01],
        "peak": [0.5, 0.2, 0.15, 0.08, 0.02, 0.03, 0.02],
    }
    if empty:
        weights = {name: [0.0, 0.5, 0.3, 0.2, 0, 0, 0] for name in SAMPLES}
    lineage = np.concatenate([rng.choice(len(LINEAGES), (sample == s).sum(), p=weights[s]) for s in SAMPLES])
    state = np.concatenate([rng.choice(len(STATES), (sample == s).sum(), p=SHARES[s]) for s in SAMPLES])
    xy = CENTRES[lineage] + rng.normal(0, 0.9, (n, 2)) * np.where(lineage == 0, 2.2, 0.7)[:, None]
    umis = np.round(rng.lognormal(7.8, 0.45, n)).astype(int)
    is_t = lineage == 0
    car = np.where(
        is_t, rng.poisson(np.where(sample == "product", 0.35, 0.5), n), rng.random(n) < 0.01
    ).astype(int)
    return pd.DataFrame(
        {
            "cell": [f"{s}_{'ACGT'[i % 4]}{i:07d}-1" for i, s in enumerate(sample)],
            "sample": sample,
            "condition": sample,
            "donor": "P4",
            "n_umis": umis,
            "n_genes": (umis**0.9).astype(int),
            "pct_mito": rng.gamma(4, 1.0, n),
            "doublet_score": rng.beta(2, 18, n),
            "cell_type": np.array(LINEAGES)[lineage],
            "t_state": np.array(STATES)[state],
            "t_paper": np.array(PAPER)[state],
            "x": xy[:, 0],
            "y": xy[:, 1],
            "car_umis": car,
        }
    )


def _quality(results: Path, rng: np.random.Generator, cells: pd.DataFrame) -> None:
    rows = []
    for number, (sample, part) in enumerate(cells.groupby("sample", sort=False)):
        gone = 120
        reasons = rng.choice(["few_genes", "high_mito", "doublet"], gone, p=[0.2, 0.4, 0.4])
        lost = pd.DataFrame(
            {
                "cell": [f"{sample}_LOST{i}-1" for i in range(gone)],
                "n_umis": np.where(
                    reasons == "few_genes", rng.integers(40, 120, gone), rng.integers(500, 9000, gone)
                ),
                "n_genes": np.where(
                    reasons == "few_genes", rng.integers(20, 99, gone), rng.integers(300, 3000, gone)
                ),
                "pct_mito": np.where(
                    reasons == "high_mito", rng.uniform(15, 70, gone), rng.uniform(1, 8, gone)
                ),
                "doublet_score": np.where(reasons == "doublet", rng.uniform(0.35, 0.8, gone), 0.1),
                "removed_by": reasons,
            }
        )
        kept = part[["cell", "n_umis", "n_genes", "pct_mito", "doublet_score"]].assign(removed_by="")
        table = pd.concat([kept, lost], ignore_index=True)
        table.insert(1, "sample", sample)
        table.insert(2, "condition", SAMPLES[str(sample)])
        table.insert(3, "donor", "P4")
        table["kept"] = table["removed_by"] == ""
        io.write_table(table, results / f"qc/{sample}.cells.parquet")
        limits = {
            "preset": "paper",
            "min_genes": 100,
            "max_genes": 30000,
            "min_umis": None,
            "max_umis": None,
            "max_mito_percent": 12.5,
            "mads": 3.0,
            "doublet_threshold": 0.35,
            "doublet_threshold_source": "valley",
            "expected_doublet_rate": 0.058,
            "found_doublet_rate": 0.06,
            "used_doublet_rate": 0.058,
            "doublet_rates_differ": "",
            "status": "poor" if number else "ok",
            "message": "Half of the barcodes are damaged cells." if number else "",
        }
        io.write_json(limits, results / f"qc/{sample}.thresholds.json")
        row = {
            "sample": sample,
            "condition": SAMPLES[str(sample)],
            "donor": "P4",
            "cells_in": len(table),
            "cells_kept": int(table["kept"].sum()),
        }
        for reason in ("few_genes", "many_genes", "low_umis", "high_umis", "high_mito", "doublet"):
            row[f"removed_{reason}"] = int((table["removed_by"] == reason).sum())
        row |= {"median_umis": part["n_umis"].median(), "median_genes": part["n_genes"].median()}
        row |= {name: limits[name] for name in merge.THRESHOLDS}
        row |= {"genes_in": 30, "genes_left_out": 0, "genes_absent": 0}
        rows.append(row | {name: limits[name] for name in ("status", "message")})
    io.write_table(pd.DataFrame(rows), results / "tables/samples.tsv")
    looked_at = []
    for name, part in cells.groupby("sample", sort=False):
        umis = {"RQR8": int(part["car_umis"].sum()), "CLL1_scFv": 0}
        summary = {"layout": "10x folder, v3", "cells": len(part), "genes": len(GENES) + 2}
        summary |= {"umis": int(part["n_umis"].sum()), "median_umis": float(part["n_umis"].median())}
        summary |= {"transgene_umis": umis, "missing_features": [], "other_modalities": {}, "notes": []}
        io.write_json(summary | {"cells_called": None}, results / f"ingest/{name}.json")
        row = {"sample": name, "condition": SAMPLES[str(name)], "donor": "P4", "layout": summary["layout"]}
        row |= {"cells": len(part), "droplets": np.nan, "genes": summary["genes"], "looked_at": len(part)}
        told = "; ".join(f"{feature}={number}" for feature, number in umis.items())
        row |= {"median_umis": summary["median_umis"], "transgene_umis": told}
        looked_at.append(row | {"missing_features": "", "limits": ""})
    io.write_table(pd.DataFrame(looked_at), results / "preflight.tsv")
    io.write_json({"used": {"ADGRG1": ["GPR56"]}, "missing": ["LINC02446"]}, results / "markers.json")
    shares = {"ambient_share": [0.022, np.nan], "ambient_share_low": [0.02, np.nan]}
    told = {"evidence": ["haemoglobin", ""], "message": ["", "too little hallmark RNA"]}
    ambient = pd.DataFrame({"sample": list(SAMPLES), **shares, "ambient_share_high": [0.025, np.nan], **told})
    ambient = ambient.assign(condition=SAMPLES.values(), donor="P4", profile=["empty_droplets", "cells"])
    ambient = ambient.assign(cells=[120, 0], umis=[7000, 0], genes="MALAT1;HBB", gene_shares="0.0300;0.0120")
    io.write_table(ambient[ambient_share.COLUMNS], results / "tables/ambient.tsv")


def _counts(results: Path, rng: np.random.Generator, cells: pd.DataFrame) -> None:
    genes = [*GENES, "RQR8", "CLL1_scFv"]
    dense = rng.poisson(0.6, (len(cells), len(genes)))
    dense[:, -2] = cells["car_umis"]
    dense[:, -1] = 0
    var = pd.DataFrame(
        {"gene_id": [f"ENSG{i:011d}" for i in range(len(genes))]}, index=pd.Index(genes, name="gene")
    )
    var["transgene"] = var.index.isin(["RQR8", "CLL1_scFv"])
    var["mito"] = False
    obs = cells.set_index("cell")[["sample", "condition", "donor"]].assign(batch=cells["sample"].to_numpy())
    obs = obs.astype("category")
    counts = sparse.csr_matrix(dense.astype(np.int32))
    stored.write(anndata.AnnData(obs=obs, var=var), {"X": counts}, results / "counts.h5ad", narrow=True)


def _populations(results: Path, rng: np.random.Generator, cells: pd.DataFrame) -> None:
    t_cells = cells[cells["cell_type"] == "T cell"]
    members = {"all": cells, "t_cells": t_cells, "car_t": t_cells[t_cells["car_umis"] > 0]}
    for name, part in members.items():
        folder = results / "populations" / name
        ok = len(part) >= 30
        table = part if ok else part.iloc[:0]
        embedding = {"cell": table["cell"].to_numpy()}
        embedding |= {
            f"{kind}_{i}": rng.normal(size=len(table)).astype("f4")
            for kind in ("pc", "harmony")
            for i in range(1, 31)
        }
        umap = {"cell": embedding["cell"]}
        umap |= {f"umap_{i}": table[axis].astype("f4").to_numpy() for i, axis in enumerate("xy", start=1)}
        io.write_table(pd.DataFrame(embedding), folder / "embedding.parquet")
        io.write_table(pd.DataFrame(umap), folder / "umap.parquet")
        label = "cell_type" if name == "all" else "t_state"
        order = table[label].value_counts().index
        cluster = (
            pd.Series(pd.Categorical(table[label], categories=order).codes).astype(str).to_numpy(dtype=object)
        )
        clusters = pd.DataFrame(
            {"cell": table["cell"].to_numpy(), "cluster": cluster, "cluster_unintegrated": cluster}
        )
        io.write_table(clusters, folder / "clusters.parquet")
        _labels(table, cluster, name, rng, folder)
        numbers = {"ari": 0.71, "lisi_before": 1.08, "lisi_after": 1.52, "lisi_max": 1.9} if ok else {}
        message = "" if ok else f"{len(part)} cells are too few to be embedded (at least 30)."
        empty = {"ari": None, "lisi_before": None, "lisi_after": None, "lisi_max": None}
        status = {"status": "ok" if ok else "too_few_cells", "message": message, "n_cells": len(part)}
        status |= (
            {"n_variable_genes": 2000, "n_pcs": 30}
            | (numbers or empty)
            | {"harmony": {"theta": 2}, "converged": True}
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "integration.json").write_text(json.dumps(status))
        _markers(results, name, table[label], rng)


def _labels(
    table: pd.DataFrame, cluster: np.ndarray, name: str, rng: np.random.Generator, folder: Path
) -> None:
    labels = pd.DataFrame({"cell": table["cell"].to_numpy(), "cluster": cluster})
    if name == "all":
        labels["cell_type"] = table["cell_type"].to_numpy()
    else:
        state = table["t_state"].to_numpy(dtype=object)
        flipped = np.where(rng.random(len(state)) < 0.1, "CD4 Tcm", state)
        labels["t_state"], labels["t_state_unintegrated"], labels["t_state_canonical"] = state, flipped, state
        labels["t_state_paper"] = table["t_paper"].to_numpy()
        lineage = [s[:3] if s[:2] == "CD" else ("CD4" if s == "Treg" else "unassigned") for s in state]
        labels["t_lineage"] = labels["t_lineage_unintegrated"] = np.array(lineage, dtype=object)
    if name == "all":
        labels["score"], labels["margin"] = rng.random((2, len(labels)), dtype=np.float32)
        labels["cell_type_unintegrated"] = labels["cell_type"]
    else:
        measures = ("score", "probability", "margin", "probability_cd8")
        for column, values in zip(measures, rng.random((4, len(labels)), dtype=np.float32)):
            labels[column] = values
        labels["t_state_ranks"] = labels["t_state_canonical"]
        labels["agreement"] = rng.random(len(labels)) < 0.9
        labels["cycling"] = rng.random(len(labels)) < 0.1
        for programme in PROGRAMMES:
            labels[f"programme_{programme}"] = rng.random(len(labels), dtype=np.float32)
        for column in ("t_state", "t_lineage"):
            labels[f"{column}_equal_depth"] = labels[column]
    io.write_table(labels, folder / "labels.parquet")


def _markers(results: Path, name: str, labels: pd.Series, rng: np.random.Generator) -> None:
    rows = [
        {
            "gene": gene,
            "cluster": str(cluster),
            "log2_fold_change": rng.normal(),
            "pct_in": rng.random(),
            "pct_out": 0.1,
        }
        | {"auc": 0.7, "p_value": 1e-9, "p_adjusted": 1e-7}
        for cluster in range(labels.nunique())
        for gene in GENES[:8]
    ]
    columns = ["gene", "cluster", "log2_fold_change", "pct_in", "pct_out", "auc", "p_value", "p_adjusted"]
    io.write_table(pd.DataFrame(rows, columns=columns), results / f"tables/markers.{name}.tsv")


def _car(results: Path, cells: pd.DataFrame) -> None:
    calls = cells[["cell", "car_umis"]].copy()
    calls["RQR8"], calls["CLL1_scFv"] = calls["car_umis"], 0
    calls["n_umis"] = cells["n_umis"] - cells["car_umis"]
    calls["car_probability"] = np.nan
    calls["car_call"] = np.where(calls["car_umis"] > 0, "positive", "undetermined")
    io.write_table(calls, results / "car/calls.parquet")
    fits = {name: {"min_umis": 1} for name in SAMPLES}
    fit = {"rule": "umi", "features": ["RQR8", "CLL1_scFv"], "samples": fits}
    io.write_json(fit, results / "car/fit.json")
    rows = []
    for sample, part in cells.groupby("sample", sort=False):
        t_cells = part["cell_type"] == "T cell"
        n, positive = int(t_cells.sum()), int((part["car_umis"][t_cells] > 0).sum())
        other, false = int((~t_cells).sum()), int((part["car_umis"][~t_cells] > 0).sum())
        low, high = _interval(false, other)
        rows.append(
            {"sample": sample, "condition": SAMPLES[str(sample)], "donor": "P4", "t_cells": n}
            | {"detected_fraction": positive / n if n else np.nan, "car_fraction": np.nan}
            | {
                "car_fraction_low": np.nan,
                "car_fraction_high": np.nan,
                "identifiable": False,
                "ambient_rate": 3e-7,
                "ambient_transgene_share": 4e-6,
            }
            | {"ambient_source": "empty_droplets", "false_positive_rate": false / other if other else np.nan}
            | {"false_positive_rate_low": low, "false_positive_rate_high": high, "n_positive": positive}
            | {"n_undetermined": n - positive, "n_negative": 0}
            | {"flow_car_percent": 33.96 if sample == "product" else np.nan, "not_told": ""}
        )
    io.write_table(pd.DataFrame(rows), results / "tables/car.tsv")
    _against_rest(results, [row for row in rows if row["n_positive"]])


def _against_rest(results: Path, rows: list) -> None:
    """CAR+ against the other T cells by detection alone, as the one-UMI rule leaves it; CD8A by the call."""
    heads = [{name: row[name] for name in ("sample", "condition", "donor")} for row in rows]
    change = {"pct": 0.2, "difference": -0.3, "difference_low": -0.4, "difference_high": -0.2}
    change |= {"p_value": 1e-9, "p_adjusted": 1e-6}
    genes = [h | {"rule": "detected", "gene": gene} | change for h in heads for gene in ("XIST", "KLRG1")]
    table = pd.DataFrame(genes, columns=car_contrast.COLUMNS)
    io.write_table(table, results / "tables/car_contrast.tsv")
    share = {f"{kind}{end}": 0.1 for kind in ("cd8a_only", "cd8b_only") for end in ("", "_low", "_high")}
    groups = [
        h | {"group": group, "cells": 100} | share for h in heads for group in ("positive", "undetected")
    ]
    io.write_table(pd.DataFrame(groups, columns=car_contrast.CD8_COLUMNS), results / "tables/car_cd8.tsv")


def _interval(k: int, n: int) -> tuple[float, float]:
    from scipy.stats import beta

    return (
        (beta.ppf(0.025, k + 0.5, n - k + 0.5), beta.ppf(0.975, k + 0.5, n - k + 0.5))
        if n
        else (np.nan, np.nan)
    )


def _composition(results: Path, cells: pd.DataFrame) -> None:
    t_cells = cells[cells["cell_type"] == "T cell"]
    car_t = t_cells[t_cells["car_umis"] > 0]
    lineage = t_cells["t_state"].map(
        lambda s: s[:3] if s[:2] == "CD" else "CD4" if s == "Treg" else "unassigned"
    )
    kinds = {
        "all": (cells, cells["cell_type"], LINEAGES),
        "t_cells": (t_cells, t_cells["t_state"], STATES),
        "car_t": (car_t, car_t["t_state"], STATES),
        "t_cells_lineage": (t_cells, lineage, ["CD4", "CD8", "unassigned"]),
        "car_t_lineage": (car_t, lineage.loc[car_t.index], ["CD4", "CD8", "unassigned"]),
    }
    rows = []
    for name, (part, label, labels) in kinds.items():
        for sample, condition in SAMPLES.items():
            here = label[part["sample"] == sample]
            for one in labels:
                n, total = int((here == one).sum()), len(here)
                low, high = _interval(n, total)
                row = {
                    "population": name,
                    "label": one,
                    "sample": sample,
                    "condition": condition,
                    "donor": "P4",
                }
                row |= {"n": n, "total": total, "fraction": n / total if total else np.nan}
                rows.append(row | {"fraction_low": low, "fraction_high": high, "label_error": False})
    table = pd.DataFrame(rows)
    io.write_table(table, results / "tables/composition.tsv")
    parts = [
        table.assign(variant=name) for name in ("unintegrated", "equal_depth", "two_umis", "paper_scheme")
    ]
    varied = pd.concat(parts, ignore_index=True).drop(columns="label_error")
    io.write_table(
        varied[["variant", *varied.columns.drop("variant")]], results / "tables/sensitivity.composition.tsv"
    )


DE_COLUMNS = [
    "population",
    "group",
    "gene",
    "depth",
    "log2_fold_change",
    "pct_test",
    "pct_reference",
    "auc",
    "p_value",
    "p_adjusted",
    "unit",
    "log2_fold_change_low",
    "log2_fold_change_high",
    "ambient_from",
]


def _expression(results: Path, rng: np.random.Generator, *, empty: bool) -> None:
    genes = GENES + [f"GENE{i}" for i in range(1500)]
    frames = []
    for population in ("t_cells", "car_t"):
        for group in ("all", "CD4", "CD8"):
            change = rng.normal(0, 0.25, len(genes))
            change[:40] = rng.normal(0, 1, 40)
            change[[genes.index(g) for g in KILLING]] = rng.uniform(0.8, 2.8, len(KILLING))
            change[
                [genes.index(g) for g in ("CCR7", "LEF1", "TCF7", "SELL", "MKI67", "TOP2A")]
            ] = -rng.uniform(1, 2.5, 6)
            for depth in ("full", "equal"):
                value = change + rng.normal(0, 0.08, len(genes)) + (0.05 if depth == "full" else 0)
                p = np.clip(10 ** -(value**2 * 40 + rng.exponential(0.4, len(genes))), 1e-290, 1)
                pct = rng.random((2, len(genes)))
                frames.append(
                    pd.DataFrame(
                        {"population": population, "group": group, "gene": genes, "depth": depth}
                        | {"log2_fold_change": value, "pct_test": pct[0], "pct_reference": pct[1]}
                        | {
                            "auc": 0.5 + value / 10,
                            "p_value": p,
                            "p_adjusted": np.clip(p * 20, 0, 1),
                            "unit": "cell",
                        }
                        | {"log2_fold_change_low": value - 0.1, "log2_fold_change_high": value + 0.1}
                        | {"ambient_from": np.where(np.isin(genes, ["HBB", "HBA1"]), "Red cell", "")}
                    )
                )
    table = pd.concat(frames, ignore_index=True)[DE_COLUMNS]
    table = table.iloc[:0] if empty else table
    io.write_table(table, results / "tables/de.peak_vs_product.tsv")
    varied = table[table["group"] != "all"].assign(variant="unintegrated")[["variant", *DE_COLUMNS]]
    io.write_table(varied, results / "tables/sensitivity.de.peak_vs_product.tsv")


ENRICHMENT_COLUMNS = [
    "population",
    "group",
    "direction",
    "library",
    "term_id",
    "term",
    "overlap",
    "set_size",
    "query",
    "background",
    "odds_ratio",
    "p_value",
    "p_adjusted",
    "leader",
    "genes",
]


def _enrichment(results: Path, rng: np.random.Generator, *, empty: bool) -> None:
    rows = []
    for population in ("t_cells", "car_t"):
        for group in ("all", "CD4", "CD8"):
            for direction in ("up", "down"):
                for rank, (term_id, term) in enumerate(TERMS):
                    p = (
                        10.0 ** -(12 - rank / 2) * rng.uniform(0.5, 2)
                        if direction == "up"
                        else 10.0 ** -(4 - rank / 8)
                    )
                    row = {
                        "population": population,
                        "group": group,
                        "direction": direction,
                        "library": "GO_BP",
                    }
                    row |= {
                        "term_id": term_id,
                        "term": term,
                        "overlap": int(rng.integers(4, 40)),
                        "set_size": 120,
                        "query": 90,
                        "background": 8800,
                    }
                    row |= {
                        "odds_ratio": float(rng.uniform(1.5, 9)),
                        "p_value": p / 50,
                        "p_adjusted": min(p, 1.0),
                    }
                    leader = term_id if rank < 5 else TERMS[0][0]
                    rows.append(row | {"leader": leader, "genes": "NKG7;GZMB;PRF1"})
    table = pd.DataFrame(rows, columns=ENRICHMENT_COLUMNS)
    table = table.iloc[:0] if empty else table
    io.write_table(table, results / "tables/enrichment.peak_vs_product.tsv")
    varied = table.assign(variant="full_depth")[["variant", *ENRICHMENT_COLUMNS]]
    io.write_table(varied, results / "tables/sensitivity.enrichment.peak_vs_product.tsv")


def _claims(results: Path, *, empty: bool) -> None:
    rows = [
        (
            "C4",
            "In the product, CD4 Tn is the largest CAR+ subset",
            "supported",
            0.28,
            0.2,
            0.36,
            "CD4 Tn leads.",
        ),
        (
            "C5",
            "At the peak, CD4 Tem is the largest CAR+ subset",
            "indeterminate",
            0.3,
            0.2,
            0.4,
            "Differs <without> Harmony.",
        ),
        (
            "C6",
            "CD4 outnumber CD8 among CAR+ cells at both times",
            "opposed",
            -0.2,
            -0.3,
            -0.1,
            "CD8 lead at the peak.",
        ),
        ("C10", "CD4 excess goes with severe CRS", "not_estimable", np.nan, np.nan, np.nan, "One patient."),
    ]
    if empty:
        rows = [
            (claim, text, "not_estimable", np.nan, np.nan, np.nan, "No CAR+ T cells.")
            for claim, text, *_ in rows
        ]
    columns = ["claim", "statement", "verdict", "estimate", "low", "high", "reason"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(6, "control", np.where(table["claim"].str.startswith("C7"), "also_in_undetected", ""))
    io.write_table(table, results / "tables/claims.tsv")
    details = {"contrast": {"test": "peak", "reference": "product"}, "donors": ["P4"]}
    details["library_effect"] = {"floor": None, "lineage": "", "lineages": []}
    details["claims"] = [{"claim": row[0], "verdict": row[2], "reason": row[-1]} for row in rows]
    io.write_json(details, results / "claims.json")


def _beside(results: Path, rng: np.random.Generator, *, empty: bool) -> None:
    """What stands beside the changes: attribution, the claims' genes by group, droplets, the planted truth."""
    effects = [f"{name}{end}" for name in attribution.EFFECTS for end in ("", "_low", "_high")]
    rows = [
        {"kind": "gene", "group": group, "name": gene} | dict(zip(effects, rng.normal(0, 1, len(effects))))
        for group in ("all", "CD4", "CD8")
        for gene in GENES
    ]
    table = pd.DataFrame([] if empty else [row | {"mix": 0.2} for row in rows], columns=attribution.COLUMNS)
    io.write_table(table, results / "tables/attribution.peak_vs_product.tsv")
    groups = [("car_t", "CD4"), ("car_t", "all"), ("undetected", "CD4"), ("undetected", "all")]
    groups += [("state", state) for state in ("CD8 Teff", "CD4 Tem", "CD4 Tn")]
    rows = [
        {"kind": kind, "group": group, "gene": gene, "side": side, "cells": 100, "mean": mean}
        | {"mean_low": mean - 0.1, "mean_high": mean + 0.1, "detected": mean / 3}
        for kind, group in groups
        for side in ("test", "reference")
        for gene, mean in zip(KILLING, rng.uniform(0.2, 2.5, len(KILLING)))
    ]
    table = pd.DataFrame([] if empty else rows, columns=claim_genes.COLUMNS)
    io.write_table(table, results / "tables/claim_genes.peak_vs_product.tsv")
    for sample in SAMPLES:
        ranks = {"rank": [1, 10, 100, 1000], "umis": [9000, 5000, 2000, 40], "cells": [1.0, 1.0, 0.9, 0.0]}
        profile = {"source": "empty_droplets", "droplets": 900, "effective_droplets": 850.5, "umis": 30000}
        profile |= {"transgene_umis": {"RQR8": 3, "CLL1_scFv": 0}, "ranks": ranks}
        io.write_json(profile, results / f"ambient/{sample}.json")
    one = {"kind": "car_share", "name": "", "found_low": 0.2, "found_high": 0.4, "of": 500}
    rows = [one | {"sample": sample, "planted": 0.3, "found": 0.31} for sample in SAMPLES]
    rows.append({"kind": "term", "name": TERMS[0][1], "planted": 1, "found": 1e-9})
    io.write_table(pd.DataFrame(rows, columns=planted.COLUMNS), results / "tables/planted.tsv")
