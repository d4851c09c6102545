"""What the workflow answers on studies made of real cells with planted changes and planted nulls.

usage: OPENBLAS_NUM_THREADS=1 python benchmarks/real.py [--data FOLDER] [--seeds 2] [--first 7001]
    [--source NAME ...] [--design NAME ...] [--out docs]

Labels, CAR calls, composition, genes, gene sets (Reactome; GO for the claims) and the general claims are
computed by the functions of the workflow's rules at the defaults of a user's study. Writes real.tsv, a row
per study and measure, and prints the means.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import real_studies  # isort: skip (puts the package on the path)
import anndata
import numpy as np
import pandas as pd
from carpeak import io
from carpeak.car import calls as calling
from carpeak.claims import judge
from carpeak.comparison import (
    ambient_genes,
    attribution,
    composition,
    differential_expression,
    enrichment,
    gene_sets,
    label_error,
    library_effect,
)
from carpeak.populations import annotate, axes, embed, markers
from carpeak.settings import (
    AnnotationSettings,
    CarSettings,
    ChangeLimits,
    EmbeddingSettings,
    EnrichmentLimits,
)
from carpeak.seurat import recipes
from carpeak.study import claims_file
from labelled import ROOT
from real_studies import CAR, Study
from scipy import sparse

SHEET = [{"sample": name, "condition": name, "donor": "made"} for name in ("product", "peak")]
SIDES = {"test": "peak", "reference": "product"}
LIMITS = ChangeLimits()
REACTOME = Path("genesets_more/ReactomePathways_2022.gmt")
ALWAYS = ("G1",)  # no claim on a change
SEED = 0  # of the analysis, the workflow's default


def joined(study: Study) -> anndata.AnnData:
    """Both libraries as rule merge writes them."""
    names, blocks, truths = [], [], []
    for row, library in zip(SHEET, (study.product, study.peak), strict=True):
        umis = sparse.csr_matrix(library.truth["car_umis"].to_numpy()[:, None])
        blocks.append(sparse.hstack([library.counts, umis]))
        names += [f"{row['sample']}_{i}" for i in range(len(library.truth))]
        truths.append(library.truth.assign(**row, batch=row["sample"]))
    obs = pd.concat(truths, ignore_index=True).set_axis(names)
    counts = sparse.vstack(blocks).tocsr().astype(np.int32)
    cells = anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=[*study.genes, CAR]))
    cells.var["transgene"] = cells.var_names == CAR
    return cells


def labels_of(
    counts: anndata.AnnData, population: str, model: axes.Model
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Labels of one population, and how well its states can be told apart."""
    settings = EmbeddingSettings()
    found = embed.embed(
        counts.X,
        cells=counts.obs_names,
        genes=counts.var_names,
        batch=counts.obs["batch"].astype(str),
        transgene=counts.var["transgene"].to_numpy(dtype=bool),
        settings=settings,
        resolution=getattr(settings.resolution, population),
        seed=SEED,
        steps=recipes.STEPS[settings.method],
    )
    labels, _, resolution = annotate.annotate(
        counts,
        found.points,
        found.clusters,
        found.neighbors,
        population=population,
        settings=AnnotationSettings(markers=str(ROOT / "config/markers.yaml")),
        model=model,
    )
    return labels, resolution


def analysed(study: Study, sets: dict[str, enrichment.GeneSetMatrix], model: axes.Model) -> dict[str, Any]:
    """Every table of the comparison."""
    counts = joined(study)
    labels, _ = labels_of(counts, "all", model)
    lineages = labels.set_index("cell")["cell_type"].reindex(counts.obs_names)
    t_counts = counts[lineages.to_numpy() == "T cell"]
    states, resolution = labels_of(t_counts, "t_cells", model)
    called, fit, car = calling.call_samples(
        counts,
        lineages.reset_index(drop=True),
        [{**row, "flow_car_percent": None, "sorted": None} for row in SHEET],
        {},
        options=CarSettings(),
        contrasts={"peak_vs_product": SIDES},
    )
    kept = pd.DataFrame({"cell": counts.obs_names, "sample": counts.obs["sample"].to_numpy()})
    gathered = composition.gather(kept, labels, states, called)
    shares = composition.composition(gathered, SHEET)
    errors = io.read_table(ROOT / "workflow/resources/label_error.tsv")
    shares = label_error.widened(shares, errors, scheme="canonical")
    varied = composition.sensitivity(gathered, SHEET, scheme="canonical", seed=SEED, fit=fit)
    transgene = counts.var["transgene"].to_numpy(dtype=bool)
    leaks = ambient_genes.by_side(
        counts, labels, SIDES, t_lineages=dict(zip(states["cell"], states["t_lineage"])), ambient={}
    )
    effect = library_effect.measure(
        counts.X, lineages, counts.obs["condition"], counts.var_names, sides=SIDES, transgene=transgene
    )
    obs = t_counts.obs[["sample", "condition", "donor"]].astype(str).rename_axis("cell").reset_index()
    options = {"transgene": transgene, "conditions": SIDES, "min_pct": 0.01, "seed": SEED}
    de, de_varied, _ = differential_expression.compare(
        t_counts.X,
        differential_expression.gather(obs, states, called),
        counts.var_names,
        min_cells=10,
        **options,
    )
    de, de_varied = (ambient_genes.marked(table, leaks, counts.var_names) for table in (de, de_varied))
    caused = attribution.attribute(
        t_counts.X, attribution.gather(obs, states, called), counts.var_names, **options
    )
    claims = claims_file.read(
        ROOT / "config/claims.general.yaml", ROOT / "workflow/schemas/claims.schema.yaml"
    )
    limits: dict[str, Any] = {"limits": EnrichmentLimits(), "named": claims_file.terms(claims)}
    enriched = enrichment.over_representation(de[de["depth"] == "equal"], sets, **limits)
    groups = claims_file.groups(claims)
    frames = {
        "samples": pd.DataFrame(SHEET).assign(cells_in=len(counts)),
        "composition": shares,
        "composition_sensitivity": varied,
        "de": de,
        "de_sensitivity": de_varied,
        "enrichment": enriched,
        "enrichment_sensitivity": enrichment.sensitivity(de, de_varied, sets, groups=groups, **limits),
        "attribution": caused,
    }
    main, others = judge.assemble(
        frames,
        contrast=SIDES,
        scheme="canonical",
        limits=LIMITS,
        seed=SEED,
        floor=effect["floor"],
        resolution=resolution,
    )
    return {
        "counts": counts, "lineages": lineages, "states": states, "calls": called, "car": car,
        "composition": shares, "de": de, "enrichment": enriched, "judged": judge.judge(claims, main, others),
    }  # fmt: skip


def measures(study: Study, found: dict[str, Any]) -> dict[str, float]:
    """What is compared with the truth."""
    obs = found["counts"].obs
    t_cell, called = obs["t_cell"].to_numpy(), found["lineages"].to_numpy() == "T cell"
    result = {
        "lineage: T cells found": float(called[t_cell].mean()),
        "lineage: T cells among called": float(t_cell[called].mean()),
    }
    for row in found["car"].to_dict("records"):
        side = obs["sample"] == row["sample"]
        truth = float(obs.loc[side & t_cell, "car"].mean())
        name = f"CAR share, {row['sample']}"
        result[f"{name}: truth"] = truth
        result[f"{name}: identifiable"] = float(row["identifiable"])
        if row["identifiable"]:
            result[f"{name}: estimate"] = row["car_fraction"]
            result[f"{name}: width of the 95 % interval"] = row["car_fraction_high"] - row["car_fraction_low"]
            result[f"{name}: interval holds it"] = float(
                row["car_fraction_low"] <= truth <= row["car_fraction_high"]
            )
    positive = (found["calls"].set_index("cell")["car_call"].reindex(obs.index) == "positive").to_numpy()
    result["CAR calls: false among positive"] = float((~obs["car"].to_numpy())[positive].mean())
    result |= _states(obs, found) | _genes(study, found["de"]) | _sets(study, found["enrichment"])
    verdicts = [one["verdict"] for one in found["judged"] if one["claim"] not in ALWAYS]
    result["claims of a change: asked"] = len(verdicts)
    for name in ("supported", "opposed", "absent", "indeterminate", "not_estimable"):
        result[f"claims of a change: {name}"] = verdicts.count(name)
    return result


def _states(obs: pd.DataFrame, found: dict[str, Any]) -> dict[str, float]:
    states = found["states"].set_index("cell")
    truth = obs.loc[states.index]
    known = truth["t_cell"] & ~truth["between"]
    lineage = states["t_lineage"].isin(["CD4", "CD8"]) & known
    result = {
        "states: CD4 or CD8 called": float(lineage.sum() / known.sum()),
        "states: CD4 or CD8 right of called": float(
            (states["t_lineage"] == truth["lineage"])[lineage].mean()
        ),
    }
    name = states["t_state_canonical"].astype(str)
    naive = name.isin(["CD4 Tn", "CD8 Tn"])
    memory = name.str.contains("Tem|CTL|Teff|memory") | name.isin(["CD4 Tcm", "CD8 Tcm"])
    for group, cells, right in (
        ("naive cells", known & truth["naive"], naive),
        ("memory cells", known & ~truth["naive"], memory),
    ):
        result[f"states: {group} named so"] = float(right[cells].mean())
        result[f"states: {group} named the other"] = float(
            (memory if right is naive else naive)[cells].mean()
        )
    between = truth["between"].to_numpy(dtype=bool)
    result["states: cells in between named naive"] = float(naive[between].mean())
    result["states: cells in between named memory"] = float(memory[between].mean())
    shares = found["composition"]
    for side in ("product", "peak"):
        cells = (truth["sample"] == side) & truth["t_cell"]
        for label in ("CD4 Tn", "CD8 Tn"):
            true = float((truth["naive"] & (truth["lineage"] == label[:3]))[cells].mean())
            row = shares[
                (shares["population"] == "t_cells") & (shares["label"] == label) & (shares["sample"] == side)
            ]
            if row.empty or true < 0.02:
                continue
            one = row.iloc[0]
            result[f"share of {label}, {side}: truth"] = true
            result[f"share of {label}, {side}: found"] = float(one["fraction"])
            result[f"share of {label}, {side}: interval holds it"] = float(
                one["fraction_low"] <= true <= one["fraction_high"]
            )
    return result


def _genes(study: Study, de: pd.DataFrame) -> dict[str, float]:
    part = de[(de["population"] == "t_cells") & (de["group"] == "all") & (de["depth"] == "equal")]
    part = part.set_index("gene")
    change = part["log2_fold_change"]
    hit = (part["p_adjusted"] < LIMITS.adjusted_p) & (change.abs() >= LIMITS.log2_fold_change)
    true = pd.Series(study.changed, dtype=float).reindex(part.index)
    planted = true.notna() | part.index.isin(list(study.in_set))
    single = part.index.isin(list(study.single))
    covered = (part["log2_fold_change_low"] <= true.fillna(0)) & (
        true.fillna(0) <= part["log2_fold_change_high"]
    )
    seen = part[["pct_test", "pct_reference"]].mean(axis=1)
    result = {
        "genes: tested, not planted": int((~planted).sum()),
        "genes: not planted, called changed": int(hit[~planted].sum()),
        "genes: not planted, interval holds 0": float(covered[~planted].mean()),
        # a gene of fewer cells is tested only where one side shows more of them: chosen for a difference
        "genes: the same, in 1 % of the cells of both": float(covered[~planted & (seen >= 0.01)].mean()),
    }
    if len(study.single):
        result["genes: planted, tested"] = int(single.sum())
        result["genes: planted, mean of found over true change"] = float((change / true)[single].mean())
        result["genes: planted, found with the right sign"] = float(
            (hit & (np.sign(change) == np.sign(true)))[single].mean()
        )
        result["genes: planted, interval holds the change"] = float(covered[single].mean())
    return result


def _sets(study: Study, table: pd.DataFrame) -> dict[str, float]:
    own = (table["population"] == "t_cells") & (table["group"] == "all")
    part = table[own & (table["library"] == REACTOME.stem)]
    significant = part[part["p_adjusted"] < 0.05]
    result = {"sets: tested": int(part["term_id"].nunique())}
    if not study.gene_set:
        return result | {"sets: significant without a planted one": int(significant["term_id"].nunique())}
    up = part[part["direction"] == "up"].sort_values("p_value", kind="stable").reset_index(drop=True)
    place = up.index[up["term_id"] == study.gene_set]
    unrelated = [
        row
        for row in significant.to_dict("records")
        if len(set(str(row["genes"]).split(";")) & study.in_set) < 0.5 * row["overlap"]
    ]
    return result | {
        "sets: planted one, significant": float(study.gene_set in set(significant["term_id"])),
        "sets: planted one, rank": float(place[0] + 1) if len(place) else np.nan,
        "sets: significant and mostly of other genes": len(unrelated),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--source", nargs="+", choices=real_studies.SOURCES, default=real_studies.SOURCES)
    parser.add_argument("--design", nargs="+", choices=real_studies.DESIGNS, default=real_studies.DESIGNS)
    parser.add_argument("--first", type=int, default=7001)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--name", default="real.tsv")
    options = parser.parse_args()
    reactome = options.data / REACTOME
    if not reactome.is_file():
        raise SystemExit(f"no labelled cells and gene sets at {options.data}: name their folder with --data")
    libraries = gene_sets.read_all([reactome, ROOT / "workflow/resources/go_bp.gmt.gz"])
    matrices = {name: enrichment.GeneSetMatrix.of(sets) for name, sets in libraries.items()}
    by_id = {one.term_id: frozenset(one.genes) for one in libraries[REACTOME.stem]}
    model = axes.load(ROOT / "workflow/resources/t_states.json")
    wanted = sorted(set(markers.genes(markers.load(ROOT / "config/markers.yaml"))))
    car = real_studies.car_cells(options.data)
    rows = []
    for source_name in options.source:
        source = real_studies.read_source(options.data, source_name, wanted)
        for design in options.design:
            for seed in range(options.first, options.first + options.seeds):
                started = time.process_time()
                study = real_studies.make(source, car, by_id, design=design, seed=seed)
                found = measures(study, analysed(study, matrices, model))
                head = {"source": source_name, "design": design, "seed": seed}
                rows += [{**head, "measure": k, "value": round(float(v), 5)} for k, v in found.items()]
                print(*head.values(), f"{time.process_time() - started:.0f} s", flush=True)
                io.write_table(pd.DataFrame(rows), options.out / options.name)
    table = pd.DataFrame(rows)
    mean = table.pivot_table(index="measure", columns=["source", "design"], values="value", sort=False)
    print(mean.round(3).to_string())


if __name__ == "__main__":
    main()
