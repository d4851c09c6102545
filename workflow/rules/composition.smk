"""What each library consists of, and whose cells these are.

INPUTS: results/counts.h5ad, results/qc/{sample}.cells.parquet, results/populations/{all,t_cells}/labels.parquet,
    results/car/calls.parquet, results/car/fit.json
OUTPUTS: results/tables/composition.tsv, results/tables/sensitivity.composition.tsv, results/tables/cd4_cd8.tsv,
    results/tables/sex_genes.tsv
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
        ratio="results/tables/cd4_cd8.tsv",
        sensitivity="results/tables/sensitivity.composition.tsv",
    log:
        "logs/compose.log",
    priority: 1  # on the longest chain of jobs
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("compose"),
        runtime=minutes("compose"),
    params:
        samples=study.sheet("sample", "condition", "donor"),
        scheme=study.config["annotation"]["scheme"],
        states=study.config["annotation"]["states"],
        code=code("compose"),
    message:
        "Count the shares of cell types and states, with intervals"
    script:
        "../scripts/compose.py"


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
