"""How much RNA is ambient, and which cells carry the CAR.

INPUTS: results/counts.h5ad, results/populations/all/labels.parquet, results/ambient/{sample}.json of
    the samples that have unfiltered droplets (raw_path)
OUTPUTS: results/tables/ambient.tsv,
    results/car/calls.parquet (every kept cell), results/car/fit.json, results/tables/car.tsv;
    results/tables/car_contrast.tsv and car_cd8.tsv (CAR+ against the other T cells of a library)
"""

WITH_AMBIENT = [sample.sample for sample in study.samples if sample.raw_path]


rule contamination:
    """Estimate the ambient share of each library's RNA, and name the genes that carry it."""
    input:
        counts="results/counts.h5ad",
        labels="results/populations/all/labels.parquet",
        profiles=expand("results/ambient/{sample}.genes.parquet", sample=WITH_AMBIENT),
    output:
        table="results/tables/ambient.tsv",
    log:
        "logs/contamination.log",
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("contamination"),
        runtime=minutes("contamination"),
    params:
        samples=study.sheet("sample", "condition", "donor"),
        with_ambient=WITH_AMBIENT,
        code=code("contamination"),
    message:
        "Estimate the ambient RNA of each library"
    script:
        "../scripts/contamination.py"


rule call_car:
    """Transgene UMIs and call of every cell; per library the error rates and fractions."""
    input:
        counts="results/counts.h5ad",
        labels="results/populations/all/labels.parquet",
        ambient=expand("results/ambient/{sample}.json", sample=WITH_AMBIENT),
    output:
        calls="results/car/calls.parquet",
        fit="results/car/fit.json",
        table="results/tables/car.tsv",
    log:
        "logs/call_car.log",
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("call_car"),
        runtime=minutes("call_car"),
    params:
        samples=study.sheet("sample", "condition", "donor", "flow_car_percent", "sorted"),
        with_ambient=WITH_AMBIENT,
        options=study.config["car"],
        contrasts=study.contrasts,
        code=code("call_car"),
    message:
        "Call the CAR in every T cell"
    script:
        "../scripts/call_car.py"


rule contrast_car:
    """Genes that differ between CAR+ and other T cells of a library, by P(CAR+) and by detection."""
    input:
        counts="results/counts.h5ad",
        labels="results/populations/all/labels.parquet",
        t_labels="results/populations/t_cells/labels.parquet",
        calls="results/car/calls.parquet",
    output:
        table="results/tables/car_contrast.tsv",
        cd8="results/tables/car_cd8.tsv",
    log:
        "logs/contrast_car.log",
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("contrast_car"),
        runtime=minutes("contrast_car"),
    params:
        samples=study.sheet("sample", "condition", "donor"),
        min_pct=study.config["de"]["min_pct"],
        code=code("contrast_car"),
    message:
        "Compare CAR+ T cells with the other T cells of their library"
    script:
        "../scripts/contrast_car.py"
