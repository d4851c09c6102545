"""Every figure of the report, as SVG and PNG; nothing computes with them.

INPUTS: results/qc/, results/counts.h5ad, results/populations/, results/car/calls.parquet, results/tables/
OUTPUTS: results/figures/{qc_metrics,qc_removed,qc_ranks}, {umap,markers}.{population},
    car_{umap,detection,umis}, {composition,claim_genes,volcano,enrichment,sensitivity}.{contrast}, each .svg and
    .png; where nothing is compared, composition alone
"""

FOOTER = "Simulated data: no patient was measured." if study.config["simulated"] else ""
QC_FIGURES = expand("results/figures/qc_{name}.svg", name=["metrics", "removed", "ranks"])
POPULATION_FIGURES = expand(
    "results/figures/{name}.{population}.svg", population=POPULATIONS, name=["umap", "markers"]
)
CAR_FIGURES = expand("results/figures/car_{name}.svg", name=["umap", "detection", "umis"])
SHARE_FIGURES = [] if study.contrasts else ["results/figures/composition.svg"]
COMPARISON_FIGURES = expand(
    "results/figures/{name}.{contrast}.svg",
    contrast=study.contrasts,
    name=["composition", "claim_genes", "volcano", "enrichment", "sensitivity"],
)


rule draw_qc:
    """What was measured per barcode, the limits, and what was removed for which reason."""
    input:
        cells=expand("results/qc/{sample}.cells.parquet", sample=study.names),
        thresholds=expand("results/qc/{sample}.thresholds.json", sample=study.names),
        samples="results/tables/samples.tsv",
        droplets=expand("results/ambient/{sample}.json", sample=WITH_AMBIENT),
    output:
        metrics=report(
            "results/figures/qc_metrics.svg",
            caption="../report/qc_metrics.rst",
            category="1 Quality",
            labels={"figure": "UMIs, genes, mitochondrial share, doublet score"},
        ),
        metrics_png="results/figures/qc_metrics.png",
        removed=report(
            "results/figures/qc_removed.svg",
            caption="../report/qc_removed.rst",
            category="1 Quality",
            labels={"figure": "removed barcodes and why"},
        ),
        removed_png="results/figures/qc_removed.png",
        ranks=report(
            "results/figures/qc_ranks.svg",
            caption="../report/qc_ranks.rst",
            category="1 Quality",
            labels={"figure": "UMIs of droplets by rank"},
        ),
        ranks_png="results/figures/qc_ranks.png",
    log:
        "logs/draw_qc.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw_qc"),
        runtime=minutes("draw_qc"),
    params:
        samples=study.names,
        footer=FOOTER,
        options=study.config["qc"],
        code=code("draw_qc"),
    message:
        "Draw the figures"
    script:
        "../scripts/draw_qc.py"


rule draw_population:
    """The UMAP of a population, and the genes that its labels express."""
    input:
        counts="results/counts.h5ad",
        places="results/populations/{population}/umap.parquet",
        labels="results/populations/{population}/labels.parquet",
        integration="results/populations/{population}/integration.json",
        quality=expand("results/qc/{sample}.cells.parquet", sample=study.names),
    output:
        umap=report(
            "results/figures/umap.{population}.svg",
            caption="../report/umap.rst",
            category="2 Cells",
            labels={"population": "{population}", "figure": "UMAP"},
        ),
        umap_png="results/figures/umap.{population}.png",
        markers=report(
            "results/figures/markers.{population}.svg",
            caption="../report/markers.rst",
            category="2 Cells",
            labels={"population": "{population}", "figure": "marker genes"},
        ),
        markers_png="results/figures/markers.{population}.png",
    log:
        "logs/draw_population/{population}.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw_population"),
        runtime=minutes("draw_population"),
    params:
        conditions=study.shown_conditions,
        footer=FOOTER,
        code=code("draw_population"),
    message:
        "Draw the figures"
    script:
        "../scripts/draw_population.py"


rule draw_car:
    """Where the CAR is detected, how often, and how often in cells that can't carry it."""
    input:
        calls="results/car/calls.parquet",
        car="results/tables/car.tsv",
        places="results/populations/t_cells/umap.parquet",
        quality=expand("results/qc/{sample}.cells.parquet", sample=study.names),
    output:
        umap=report(
            "results/figures/car_umap.svg",
            caption="../report/car_umap.rst",
            category="3 CAR",
            labels={"figure": "CAR on the UMAP of T cells"},
        ),
        umap_png="results/figures/car_umap.png",
        detection=report(
            "results/figures/car_detection.svg",
            caption="../report/car_detection.rst",
            category="3 CAR",
            labels={"figure": "detected share and false positives"},
        ),
        detection_png="results/figures/car_detection.png",
        umis=report(
            "results/figures/car_umis.svg",
            caption="../report/car_umis.rst",
            category="3 CAR",
            labels={"figure": "transgene UMIs per T cell"},
        ),
        umis_png="results/figures/car_umis.png",
    log:
        "logs/draw_car.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw_car"),
        runtime=minutes("draw_car"),
    params:
        samples=study.names,
        footer=FOOTER,
        options=study.config["car"],
        code=code("draw_car"),
    message:
        "Draw the figures"
    script:
        "../scripts/draw_car.py"


rule draw_composition:
    """What all libraries consist of, where nothing is compared."""
    input:
        composition="results/tables/composition.tsv",
    output:
        composition=report(
            "results/figures/composition.svg",
            caption="../report/composition.rst",
            category="4 Composition",
            labels={"figure": "composition"},
        ),
        composition_png="results/figures/composition.png",
    log:
        "logs/draw_composition.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw_composition"),
        runtime=minutes("draw_composition"),
    params:
        samples=study.names,
        footer=FOOTER,
        code=code("draw_composition"),
    message:
        "Draw what every library consists of"
    script:
        "../scripts/draw_composition.py"


rule draw_comparison:
    """Composition before and after, changed genes, enriched terms, and what they depend on."""
    input:
        composition="results/tables/composition.tsv",
        composition_varied="results/tables/sensitivity.composition.tsv",
        de="results/tables/de.{contrast}.tsv",
        de_varied="results/tables/sensitivity.de.{contrast}.tsv",
        enrichment="results/tables/enrichment.{contrast}.tsv",
        claim_genes="results/tables/claim_genes.{contrast}.tsv",
        claims=study.config["claims"],
    output:
        composition=report(
            "results/figures/composition.{contrast}.svg",
            caption="../report/composition.rst",
            category="4 Comparison",
            labels={"contrast": "{contrast}", "figure": "composition"},
        ),
        composition_png="results/figures/composition.{contrast}.png",
        claim_genes=report(
            "results/figures/claim_genes.{contrast}.svg",
            caption="../report/claim_genes.rst",
            category="4 Comparison",
            labels={"contrast": "{contrast}", "figure": "genes of the claims"},
        ),
        claim_genes_png="results/figures/claim_genes.{contrast}.png",
        volcano=report(
            "results/figures/volcano.{contrast}.svg",
            caption="../report/volcano.rst",
            category="4 Comparison",
            labels={"contrast": "{contrast}", "figure": "changed genes"},
        ),
        volcano_png="results/figures/volcano.{contrast}.png",
        enrichment=report(
            "results/figures/enrichment.{contrast}.svg",
            caption="../report/enrichment.rst",
            category="4 Comparison",
            labels={"contrast": "{contrast}", "figure": "enriched terms"},
        ),
        enrichment_png="results/figures/enrichment.{contrast}.png",
        sensitivity=report(
            "results/figures/sensitivity.{contrast}.svg",
            caption="../report/sensitivity.rst",
            category="5 Sensitivity",
            labels={"contrast": "{contrast}", "figure": "depth and Harmony"},
        ),
        sensitivity_png="results/figures/sensitivity.{contrast}.png",
    log:
        "logs/draw_comparison/{contrast}.log",
    priority: 1  # the longest of what is drawn at the end
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw_comparison"),
        runtime=minutes("draw_comparison"),
    params:
        samples=study.names,
        shown=lambda wildcards: study.compared(wildcards.contrast),
        sides=lambda wildcards: study.shown_sides(wildcards.contrast),
        limits={key: study.config["enrichment"][key] for key in ("adjusted_p", "log2_fold_change")},
        footer=FOOTER,
        code=code("draw_comparison"),
    message:
        "Draw the figures"
    script:
        "../scripts/draw_comparison.py"
