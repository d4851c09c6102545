"""The methods paragraph of the report, from the configuration, the thresholds found and the versions used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..libraries.doublets import LARGE
from ..populations.embed import BOTH_WAYS
from ..stats.graph import EXACT_LIMIT

if TYPE_CHECKING:
    from ..settings import AnnotationSettings, EmbeddingSettings, QcSettings, Settings


SHARED = (
    "a graph of 20 shared neighbours, weighted by Jaccard's index and pruned at 1/15; a cell that this"
    " leaves alone joins the cluster of most of its neighbours"
)
SCALED = "genes centred, scaled to unit variance and cut at 10, as Seurat's ScaleData and RunPCA"
RECIPES = {  # of variable genes, components and clusters, by embedding.method
    "recommended": (
        "Seurat's vst within each library, those of most libraries first",
        SCALED,
        f"scanpy's Leiden on {SHARED}",
    ),
    "paper": ("Seurat's vst", SCALED, f"Louvain, the best of 10 starts, on {SHARED}"),
    "scanpy": (
        "scanpy, by binned dispersions within each library",
        "scanpy, genes not scaled",
        "scanpy's Leiden on a graph of {neighbors} neighbours with UMAP's weights",
    ),
}


GSEA = (
    " Beside it all tested genes were ranked by Wilcoxon's effect (AUC less one half) for preranked GSEA (500"
    " permutations of genes, shared by sets of one size)."
)


def paragraphs(
    settings: Settings,
    *,
    thresholds: Mapping[str, Mapping[str, Any]],
    integration: Mapping[str, Mapping[str, Any]],
    versions: Mapping[str, str],
) -> list[tuple[str, str]]:
    """(heading, text) pairs that can be pasted into a manuscript; `versions` maps packages to versions."""
    return [
        ("Quality control", _quality(settings.qc, thresholds)),
        ("Ambient RNA", _ambient()),
        ("Embedding and clusters", _embedding(settings.embedding, integration, versions, settings.seed)),
        ("Labels", _labels(settings.annotation, versions)),
        ("CAR detection", _car(settings)),
        ("Comparison", _comparison(settings, versions)),
        ("Verdicts", _verdicts()),
        (
            "Workflow",
            f"All steps ran as one Snakemake workflow. {_v(versions, 'carpeak', 'snakemake', 'numpy')}.",
        ),
    ]


def _v(versions: Mapping[str, str], *names: str) -> str:
    return ", ".join(f"{name} {versions[name]}" for name in names if name in versions)


def _quality(options: QcSettings, thresholds: Mapping[str, Mapping[str, Any]]) -> str:
    text = (
        f"Barcodes with fewer than {options.min_genes:,} or more than {options.max_genes:,} detected"
        " genes were removed, and those whose mitochondrial share of UMIs exceeded the sample's median by"
        f" more than {options.mads:g} scaled median absolute deviations"
    )
    if options.max_mito_percent is not None:
        text += f" or {options.max_mito_percent:g} %"
    limits = [
        f"{name}: {value['max_mito_percent']:.1f} %"
        for name, value in thresholds.items()
        if value.get("max_mito_percent") is not None
    ]
    text += f" ({'; '.join(limits)})." if limits else "."
    if options.preset == "adaptive":
        text += (
            f" UMIs and genes were also limited by {options.mads:g} scaled deviations of their logarithms,"
            " and all these limits held within fixed bounds, so that no lineage falls out as a whole; the"
            " limits that applied are in the table of samples."
        )
    if not options.doublets:
        return text + " Doublets were not looked for."
    sources = {
        "valley": "the valley of the score",
        "expected_rate": "the rate that the scores show, the expected one being a prior",
        "off": "not looked for",
    }
    found = "; ".join(
        f"{name}:"
        f" {sources.get(value.get('doublet_threshold_source', ''), value.get('doublet_threshold_source'))}"
        for name, value in thresholds.items()
    )
    return (
        text + f" Doublets were scored per sample by their neighbours among at most {LARGE:,} of its cells "
        "and twice as many simulated doublets, expecting "
        f"{100 * options.doublet_rate_per_1000:g} % per 1,000 cells of a lane, and cut at ({found})."
    )


def _ambient() -> str:
    return (
        "The ambient share of each library's RNA was estimated after SoupX (Young and Behjati 2020) from "
        "haemoglobin and immunoglobulin RNA in T cells, NK cells and monocytes and from T-cell receptor "
        "and CD3 RNA in B cells and monocytes, relative to the profile of empty droplets or, without "
        "unfiltered droplets, to the mean of all cells; doublets, and RNA that those cells seem to make "
        "themselves, were left out. Counts were not corrected. Where ambient RNA accounted for at least "
        "half of a gene's RNA in T cells, or another lineage expressed it at least ten times as much, the "
        "gene was marked, and counted for no gene set and no claim."
    )


def _of_many(integration: Mapping[str, Mapping[str, Any]]) -> str:
    """What is done otherwise where cells are many."""
    most = max((value.get("n_cells") or 0 for value in integration.values()), default=0)
    text = ""
    if most > EXACT_LIMIT:
        text += f" Of more than {EXACT_LIMIT:,} cells neighbours were sought approximately, by pynndescent."
    if most > BOTH_WAYS:
        text += f" Leiden's algorithm got each edge of more than {BOTH_WAYS:,} cells once instead of twice."
    return text


def _embedding(
    options: EmbeddingSettings,
    integration: Mapping[str, Mapping[str, Any]],
    versions: Mapping[str, str],
    seed: int,
) -> str:
    excluded = ", ".join(options.exclude_genes) or "none"
    resolution = options.resolution
    harmony_settings: Mapping[str, Any] = next(
        (value["harmony"] for value in integration.values() if value.get("harmony")), {}
    )
    shown = ", ".join(
        f"{key} {value}" for key, value in harmony_settings.items() if not isinstance(value, dict | list)
    )
    harmony = (
        f"integrated over samples with Harmony ({shown or options.harmony})"
        if options.integration == "harmony"
        else "not integrated"
    )
    variable, components, clusters = RECIPES[options.method]
    return (
        "Counts were scaled to 10,000 per cell, the transgene left out of the total, and"
        f" log1p-transformed. {options.n_variable_genes:,} variable genes ({variable}; never the transgene;"
        f" groups left out: {excluded}) gave {options.n_pcs} principal components ({components}), {harmony}."
        f" Cells were clustered ({clusters.format(neighbors=options.n_neighbors)}; resolution"
        f" {resolution.all:g} for all cells, {resolution.t_cells:g} for T cells, {resolution.car_t:g} for"
        " CAR+ T cells); clustering was repeated without Harmony. The UMAP layout minimises UMAP's objective"
        f" by an optimiser of carpeak's own, in full batches. Seed {seed}."
        f"{_of_many(integration)} {_v(versions, 'scanpy', 'harmonypy', 'igraph')}."
    )


def _labels(options: AnnotationSettings, versions: Mapping[str, str]) -> str:
    if options.method == "singler":
        lineages = f"Lineages were given by SingleR ({_v(versions, 'singler')}) from {options.reference}."
    else:
        lineages = (
            "Lineages were given to cells, not to clusters. Marker genes, pooled over each cell's neighbours"
            " of the same library, name the clear cells; a regularised discriminant on principal components"
            " and the cell's own markers, trained on these, names the rest, and leaves a cell unassigned"
            " where probability or score is low."
        )
    overrides = len(options.overrides)
    if options.states == "clusters":
        states = (
            " T-cell states were given to whole clusters by the genes of Zhang et al. 2025 (CD4 Tem: CD4,"
            " CCR7, GZMB; CD4 Tn: CD4, TCF7, LEF1; CD8 Teff: CD8A, CD8B, GZMB, GNLY; CD8 Tn: CD8A, CD8B,"
            " TCF7, LEF1; Treg: IL2RA, FOXP3): the name whose genes lie highest in the cluster relative to"
            " the others."
        )
        return (
            lineages + states + (f" {overrides} label(s) were set by hand after review." if overrides else "")
        )
    text = (
        f"{lineages} T-cell states were given to cells within each library, from where a cell stands between"
        " CD4 and CD8, naive and memory, central and effector memory, not cytotoxic and cytotoxic,"
        " conventional and regulatory: scores of genes from the literature whose weights were learned on"
        " FACS-sorted cells, averaged with those of the cell's neighbours. Where no single state is likelier"
        " than all others together, a coarser name is given, or none. Rank scores of published programmes"
        " (UCell's statistic) name every cell a second time. States follow the"
        f" {options.scheme} scheme; CAR+ T cells keep the state they have as T cells."
    )
    return text + (f" {overrides} label(s) were set by hand after review." if overrides else "")


def _car(settings: Settings) -> str:
    features, options = " and ".join(settings.transgene.features), settings.car
    if options.rule == "calibrated":
        rule = (
            "In each library they were modelled as ambient RNA (Poisson, proportional to depth, its rate"
            " measured in empty droplets and in cells that can't carry the CAR, as far as there are any) and,"
            " in a share of the T cells, the CAR (negative binomial, mean proportional to depth up to a tight"
            " prior); the posterior was averaged over quasi-random points. T cells with at least one UMI were"
            " called CAR+ as long as the expected share of CAR- cells among them was at most"
            f" {100 * options.fdr:g} %, CAR- as long as that of CAR+ cells was; the rest is undetermined."
            " The share of CAR+ cells is the posterior median with a 95 % interval, and is not given where"
            " that spans too much. The share with at least one UMI (the publication's rule) is given beside."
        )
    elif options.rule == "sorted":
        return (
            "Libraries were sorted for the CAR (or hold the cells that the source calls CAR+ or CAR-): every"
            " T cell was taken for what its library was sorted for. The purity of the sort is not known, and"
            " cells that it let through by mistake count like the others."
        )
    else:
        rule = (
            f"T cells with at least {options.min_umis} were called CAR+ (the rule of the publication);"
            " cells below it are undetermined, never negative."
        )
    return (
        f"{_reads(settings)}UMIs of {features} were summed per cell. {rule} The share of B cells, monocytes,"
        " red cells, platelets and plasma cells with at least one UMI is given as false-positive rate, with"
        " exact intervals."
    )


def _reads(settings: Settings) -> str:
    if not settings.units:
        return ""
    text = (
        "In libraries given as reads, those that share 16 bases with the transgene were aligned without gaps"
        " to it and to the parts of transcripts that resemble it (match 1, mismatch -3, best stretch), and"
        " counted where it scored at least 30 and at least 8 more than any of these; barcodes one base off"
        " one cell's were corrected, UMIs of a cell that are one base apart joined. "
    )
    if settings.reference and settings.construct:
        shared = "masked" if settings.construct.shared == "mask" else "kept"
        text += (
            "All other genes of libraries without a matrix were counted by STARsolo (one mismatch in"
            " barcodes, UMIs joined and cells called as Cell Ranger does) on the genome with the construct"
            f" added, its stretches shared with endogenous transcripts {shared}. "
        )
    return text


def _comparison(settings: Settings, versions: Mapping[str, str]) -> str:
    options, limits = settings.de, settings.enrichment
    shares = "Shares carry 95 % Jeffreys intervals of cell sampling."
    if not settings.contrasts:
        return f"{shares} Conditions were not compared."
    return (
        f"{shares} Genes detected in at least"
        f" {100 * options.min_pct:g} % of either side were compared between conditions by Wilcoxon's"
        f" rank-sum test (with tie and continuity correction) in all CAR+ T cells, in their CD4 and CD8 and"
        f" in all T cells ({options.min_cells} or more cells on a side), as sequenced and after thinning"
        " both sides to equal depth; P values were adjusted by Benjamini and Hochberg and are descriptive,"
        " the cells of a library being no independent units. Genes with adjusted P <"
        f" {limits.adjusted_p:g} and an absolute log2 fold change of at least"
        f" {limits.log2_fold_change:g} at equal depth were tested for over-represented gene sets of"
        f" {limits.min_size} to {limits.max_size} tested genes against the background of tested genes"
        f" ({_v(versions, 'gseapy')}).{GSEA if limits.gsea else ''} Transgene features took part in none of"
        " this."
    )


def _verdicts() -> str:
    return (
        "Each claim names a quantity and a limit of interest, set before the study was judged. A claim is"
        " supported where the 95 % interval lies beyond the limit in the direction stated, opposed where "
        "it lies beyond the limit the other way, absent where the 90 % interval lies within the limit on "
        "both sides (two one-sided tests at 5 %), and indeterminate otherwise; P values decide nothing. "
        "Claims are judged together: a change counts at the level that Holm's step asks for, or is "
        "indeterminate. "
        "For genes the limit is at least the change that most genes of lineages without a CAR show "
        "between the same libraries. A verdict must hold without Harmony and at the other sequencing "
        "depth (genes and terms at full, shares at equal depth), or it is indeterminate, as is one on a "
        "state that a library cannot tell apart. Fewer than 50 cells on a side give no verdict. Intervals"
        " cover the sampling of cells from the libraries at hand; with several patients the patient is "
        "the unit."
    )
