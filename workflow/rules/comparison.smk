"""What differs between samples: shares of cell types and states, and gene expression.

INPUTS: results/counts.h5ad, results/qc/{sample}.cells.parquet, results/populations/{all,t_cells}/labels.parquet,
    results/car/calls.parquet, results/car/fit.json, results/tables/ambient.tsv
OUTPUTS: results/tables/composition.tsv, results/tables/{de,claim_genes}.{contrast}.tsv, the same under other choices
    (results/tables/sensitivity.*), results/contrast/{contrast}.status.json,
    results/tables/attribution.{contrast}.tsv, results/contrast/{contrast}.library_effect.json
"""


rule compose:
    """Shares of every label in every sample, with intervals, and under other choices."""
    input:
        cells=expand("results/qc/{sample}.cells.parquet", sample=study.names),
        labels="results/populations/all/labels.parquet",
        t_labels="results/populations/t_cells/labels.parquet",
        calls="results/car/calls.parquet",
        fit="results/car/fit.json",
        label_error=WORKFLOW / "resources/label_error.tsv",
    output:
        table="results/tables/composition.tsv",
        sensitivity="results/tables/sensitivity.composition.tsv",
    log:
        "logs/compose.log",
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("compose"),
        runtime=minutes("compose"),
    params:
        samples=study.sheet("sample", "condition", "donor"),
        scheme=study.config["annotation"]["scheme"],
        seed=study.config["seed"],
        code=code("compose"),
    message:
        "Count the shares of cell types and states, with intervals"
    script:
        "../scripts/compose.py"


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


rule sex_genes:
    """XIST and Y genes by library and cell type: cells of two people, and libraries that were swapped."""
    input:
        counts="results/counts.h5ad",
        labels="results/populations/all/labels.parquet",
    output:
        table="results/tables/sex_genes.tsv",
    log:
        "logs/sex_genes.log",
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("sex_genes"),
        runtime=minutes("sex_genes"),
    params:
        samples=study.sheet("sample", "condition", "donor"),
        code=code("sex_genes"),
    message:
        "Check the sex of each library's cells"
    script:
        "../scripts/sex_genes.py"
