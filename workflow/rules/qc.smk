"""Which barcodes are cells, and one matrix of all samples.

INPUTS:  results/ingest/{sample}.h5ad
OUTPUTS: results/qc/{sample}.cells.parquet       metrics, doublet score and the reason of removal of every barcode
         results/qc/{sample}.thresholds.json     limits, verdict on the library
         results/counts.h5ad                     raw counts of the kept cells of all samples
         results/markers.json                    markers that the data name otherwise, or lack
         results/tables/samples.tsv              the libraries in numbers
"""


rule filter_cells:
    """Judge every barcode of one library by its metrics and as a doublet."""
    input:
        counts="results/ingest/{sample}.h5ad",
    output:
        cells="results/qc/{sample}.cells.parquet",
        thresholds="results/qc/{sample}.thresholds.json",
    log:
        "logs/filter_cells/{sample}.log",
    priority: 1  # on the longest chain of jobs
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=memory("filter_cells"),
        runtime=minutes("filter_cells"),
    params:
        sample=lambda wildcards: {
            name: getattr(study.sample(wildcards.sample), name)
            for name in ("sample", "condition", "donor")
        },
        loading=lambda wildcards: {
            name: getattr(study.sample(wildcards.sample), name)
            for name in ("lanes", "doublet_percent")
        },
        options=study.config["qc"],
        seed=study.config["seed"],
        code=code("filter_cells"),
    message:
        "Judge the quality of every barcode of {wildcards.sample}, and find doublets"
    script:
        "../scripts/filter_cells.py"


rule merge:
    """Join the kept cells of all libraries."""
    input:
        counts=expand("results/ingest/{sample}.h5ad", sample=study.names),
        cells=expand("results/qc/{sample}.cells.parquet", sample=study.names),
        thresholds=expand("results/qc/{sample}.thresholds.json", sample=study.names),
        markers=study.config["annotation"]["markers"],
        aliases=WORKFLOW / "resources/aliases.tsv.gz",
        genes=WORKFLOW / "resources/genes.tsv.gz",
        model=WORKFLOW / "resources/t_states.json",
    output:
        counts="results/counts.h5ad",
        markers="results/markers.json",
        samples="results/tables/samples.tsv",
    log:
        "logs/merge/all.log",
    priority: 1  # on the longest chain of jobs
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=memory("merge"),
        runtime=minutes("merge"),
    params:
        samples=study.sheet("sample", "condition", "donor", "batch"),
        features=study.config["transgene"]["features"],
        genes=study.config["genes"],
        code=code("merge"),
    message:
        "Join the kept cells of all libraries"
    script:
        "../scripts/merge.py"
