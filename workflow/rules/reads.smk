"""From reads: the CAR's sequence checked, its UMIs counted, whole libraries aligned.

INPUTS:  the construct and transcripts that the configuration names, and the files of the sheet of reads
OUTPUTS: results/construct/                         findings, shared stretches, FASTA and GTF for aligners
         results/transgene/{sample}.molecules.tsv.gz  UMIs of the transgene in cells and droplets
         results/reference/                         the genome with the construct, and its STAR index
         results/align/{sample}/{filtered,raw}/     counts of a library that has nothing but reads
"""

from carpeak.construct import checkup

CONSTRUCT = study.config["construct"]
CONSTRUCT_FILES = {name: f"results/construct/{name}" for name in checkup.FILES}
REFERENCE = study.config.get("reference", {"fasta": [], "gtf": [], "memory_gb": 1})


rule check_construct:
    """Examine the CAR's sequence and find what it shares with the species' own transcripts."""
    input:
        fasta=CONSTRUCT["fasta"],
        gtf=CONSTRUCT["gtf"] or [],
        against=CONSTRUCT["against"],
    output:
        CONSTRUCT_FILES.values(),
    log:
        "logs/check_construct.log",
    conda:
        "../../envs/align.yaml"
    threads: 1
    resources:
        mem_mb=memory("check_construct"),
        runtime=minutes("check_construct"),
    params:
        transcript=CONSTRUCT["transcript"],
        name=CONSTRUCT["name"],
        features=study.config["transgene"]["features"],
        # the ends of the RNA matter for each end that is read; 3' asks for more
        chemistry="5p" if all(s.chemistry == "5p" for s in study.samples) else "3p",
        code=code("check_construct"),
    message:
        "Check the CAR's sequence"
    script:
        "../scripts/check_construct.py"


rule count_transgene:
    """Count the transgene's UMIs of one library in its reads; its matrix lacks them, or has the aligner's.

    An aligner loses reads of which a masked stretch leaves too little, so its counts are replaced.
    """
    input:
        reads=lambda wildcards: study.sample(wildcards.sample).reads.files,
        cells=lambda wildcards: study.files(study.sample(wildcards.sample).matrix),
        droplets=lambda wildcards: study.droplet_files(wildcards.sample),
        construct=CONSTRUCT_FILES["construct.fa"],
        against=CONSTRUCT["against"],
        barcodes=study.config["reads"]["barcodes"] or [],
    output:
        molecules="results/transgene/{sample}.molecules.tsv.gz",
        summary="results/transgene/{sample}.json",
    log:
        "logs/count_transgene/{sample}.log",
    conda:
        "../../envs/align.yaml"
    threads: 1
    resources:
        mem_mb=memory("count_transgene"),
        runtime=minutes("count_transgene"),
    params:
        pairs=lambda wildcards: study.sample(wildcards.sample).reads.pairs,
        bams=lambda wildcards: study.sample(wildcards.sample).reads.bams,
        path=lambda wildcards: study.sample(wildcards.sample).path or "",
        select=lambda wildcards: study.sample(wildcards.sample).select,
        raw_path=lambda wildcards: study.sample(wildcards.sample).raw_path or "",
        replaces=lambda wildcards: study.sample(wildcards.sample).aligned,
        chemistry=lambda wildcards: study.sample(wildcards.sample).chemistry,
        geometry=study.config["reads"]["geometry"],
        strand=study.config["reads"]["strand"],
        code=code("count_transgene"),
    message:
        "Count the CAR's UMIs in the reads of {wildcards.sample}"
    script:
        "../scripts/count_transgene.py"


rule extend_reference:
    """Copy the genome with the construct as one contig, gene, transcript and exon more."""
    input:
        construct=CONSTRUCT_FILES[
            "construct.masked.fa" if CONSTRUCT["shared"] == "mask" else "construct.fa"
        ],
        fasta=REFERENCE["fasta"],
        gtf=REFERENCE["gtf"],
    output:
        genome="results/reference/genome.fa",
        genes="results/reference/genes.gtf",
    log:
        "logs/extend_reference.log",
    conda:
        "../../envs/align.yaml"
    threads: 1
    resources:
        mem_mb=memory("extend_reference"),
        runtime=minutes("extend_reference"),
    params:
        code=code("extend_reference"),
    message:
        "Add the CAR to the genome"
    script:
        "../scripts/extend_reference.py"


rule index_reference:
    """Build the STAR index that fits the memory."""
    input:
        genome="results/reference/genome.fa",
        genes="results/reference/genes.gtf",
    output:
        index=directory("results/reference/star"),
    log:
        "logs/index_reference.log",
    conda:
        "../../envs/align.yaml"
    threads: 8
    resources:
        mem_mb=int(REFERENCE["memory_gb"] * 1000),
        runtime=1440,
    params:
        code=code("index_reference"),
    message:
        "Build the STAR index"
    script:
        "../scripts/index_reference.py"


rule align:
    """Count all genes of one library with STARsolo; the counts do not depend on the threads."""
    input:
        reads=lambda wildcards: study.sample(wildcards.sample).reads.files,
        index="results/reference/star",
        barcodes=study.config["reads"]["barcodes"] or [],
    output:
        expand(
            "results/align/{{sample}}/{kind}/{file}",
            kind=("filtered", "raw"),
            file=studies.ALIGNED_TRIO,
        ),
        summary="results/align/{sample}/summary.json",
    log:
        "logs/align/{sample}.log",
    conda:
        "../../envs/align.yaml"
    threads: 8
    resources:
        mem_mb=int(REFERENCE["memory_gb"] * 1000),
        runtime=1440,
    params:
        pairs=lambda wildcards: study.sample(wildcards.sample).reads.pairs,
        chemistry=lambda wildcards: study.sample(wildcards.sample).chemistry,
        geometry=study.config["reads"]["geometry"],
        strand=study.config["reads"]["strand"],
        code=code("align"),
    message:
        "Align the reads of {wildcards.sample}"
    script:
        "../scripts/align.py"
