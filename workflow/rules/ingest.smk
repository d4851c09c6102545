"""From count matrices in any layout to raw integer counts.

INPUTS:  the matrices that the sample sheet names, or results/align/{sample}/
         results/transgene/{sample}.molecules.tsv.gz   where the transgene is counted from reads
OUTPUTS: results/ingest/{sample}.h5ad     raw counts, cells x genes, transgene and mitochondrial genes flagged
         results/ingest/{sample}.json     layout, size, transgene UMIs, missing features
         results/ambient/{sample}.json    empty droplets, where raw_path is given
         results/ambient/{sample}.genes.parquet   their RNA by gene
"""


rule ingest:
    """Read one library, call its cells where only droplets are given, and name cells and genes."""
    input:
        unpack(transgene_input),
        matrix=lambda wildcards: study.files(study.sample(wildcards.sample).matrix),
        genes=WORKFLOW / "resources/genes.tsv.gz",
    output:
        counts="results/ingest/{sample}.h5ad",
        summary="results/ingest/{sample}.json",
    log:
        "logs/ingest/{sample}.log",
    priority: 1  # on the longest chain of jobs; droplets can wait
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=memory("ingest"),
        runtime=minutes("ingest"),
    params:
        path=lambda wildcards: study.sample(wildcards.sample).matrix,
        select=lambda wildcards: study.sample(wildcards.sample).select,
        features=study.config["transgene"]["features"],
        call_seed=lambda wildcards: (
            study.config["seed"] if study.sample(wildcards.sample).called_from_droplets else None
        ),
        code=code("ingest"),
    message:
        "Read the counts of {wildcards.sample}"
    script:
        "../scripts/ingest.py"


rule ambient:
    """Sum the droplets of one library that hold no cell."""
    input:
        unpack(transgene_input),
        cells="results/ingest/{sample}.h5ad",
        droplets=lambda wildcards: study.droplet_files(wildcards.sample),
        genes=WORKFLOW / "resources/genes.tsv.gz",
    output:
        profile="results/ambient/{sample}.json",
        genes="results/ambient/{sample}.genes.parquet",
    log:
        "logs/ambient/{sample}.log",
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=memory("ambient"),
        runtime=minutes("ambient"),
    params:
        select=lambda wildcards: study.sample(wildcards.sample).select,
        raw_path=lambda wildcards: study.sample(wildcards.sample).raw_path,
        features=study.config["transgene"]["features"],
        code=code("ambient"),
    message:
        "Sum the empty droplets of {wildcards.sample}"
    script:
        "../scripts/ambient.py"
