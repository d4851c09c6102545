"""Genes that differ between conditions, and what other cells show of it; only where there is a contrast.

INPUTS: results/counts.h5ad, results/populations/{all,t_cells}/labels.parquet, results/car/calls.parquet,
    results/tables/ambient.tsv
OUTPUTS: results/tables/{de,claim_genes}.{contrast}.tsv, the same under other choices
    (results/tables/sensitivity.de.*), results/contrast/{contrast}.status.json,
    results/tables/attribution.{contrast}.tsv, results/contrast/{contrast}.library_effect.json
"""


rule contrast:
    """Genes that differ between two conditions, at full and at equal depth."""
    input:
        counts="results/counts.h5ad",
        labels="results/populations/all/labels.parquet",
        t_labels="results/populations/t_cells/labels.parquet",
        calls="results/car/calls.parquet",
        ambient="results/tables/ambient.tsv",
        profiles=expand("results/ambient/{sample}.genes.parquet", sample=WITH_AMBIENT),
    output:
        table="results/tables/de.{contrast}.tsv",
        sensitivity="results/tables/sensitivity.de.{contrast}.tsv",
        claim_genes="results/tables/claim_genes.{contrast}.tsv",
        status="results/contrast/{contrast}.status.json",
    log:
        "logs/contrast/{contrast}.log",
    priority: 1  # on the longest chain of jobs
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("contrast"),
        runtime=minutes("contrast"),
    params:
        conditions=lambda wildcards: study.contrasts[wildcards.contrast],
        de=study.config["de"],
        with_ambient=WITH_AMBIENT,
        claimed=claims_file.genes(study.claims),
        seed=study.config["seed"],
        code=code("contrast"),
    message:
        "Test every gene, {wildcards.contrast}"
    script:
        "../scripts/contrast.py"


rule control:
    """The same contrast in cells without detected CAR, at an equal mix of states, and in other lineages."""
    input:
        counts="results/counts.h5ad",
        labels="results/populations/all/labels.parquet",
        t_labels="results/populations/t_cells/labels.parquet",
        calls="results/car/calls.parquet",
    output:
        table="results/tables/attribution.{contrast}.tsv",
        effect="results/contrast/{contrast}.library_effect.json",
    log:
        "logs/control/{contrast}.log",
    priority: 1  # on the longest chain of jobs
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("control"),
        runtime=minutes("control"),
    params:
        conditions=lambda wildcards: study.contrasts[wildcards.contrast],
        min_pct=study.config["de"]["min_pct"],
        seed=study.config["seed"],
        code=code("control"),
    message:
        "Test the same genes where the CAR can't be the cause, {wildcards.contrast}"
    script:
        "../scripts/control.py"
