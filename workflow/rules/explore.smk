"""The interactive maps of the report, packed.

INPUTS:  results/counts.h5ad, results/qc/, results/populations/{population}/, results/car/calls.parquet,
    results/tables/de.{contrast}.tsv, results/tables/markers.{population}.tsv
OUTPUTS: results/explore/{population}.json
"""

from carpeak.figures import shown_genes

EXPLORED = ("all", "t_cells")


rule pack_map:
    """Places, labels, measures and the genes of most interest, small enough for one page."""
    input:
        counts="results/counts.h5ad",
        umap="results/populations/{population}/umap.parquet",
        labels="results/populations/{population}/labels.parquet",
        calls="results/car/calls.parquet",
        quality=expand("results/qc/{sample}.cells.parquet", sample=study.names),
        de=expand("results/tables/de.{contrast}.tsv", contrast=study.contrasts),
        markers="results/tables/markers.{population}.tsv",
    output:
        map="results/explore/{population}.json",
    log:
        "logs/pack_map/{population}.log",
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("pack_map"),
        runtime=minutes("pack_map"),
    params:
        samples=study.sheet("sample", "condition", "donor"),
        genes=[*claims_file.genes(study.claims), *study.config["report"]["genes"]],
        markers=lambda wildcards: list(shown_genes.of(wildcards.population)),
        code=code("pack_map"),
    message:
        "Pack the interactive maps"
    script:
        "../scripts/pack_map.py"
