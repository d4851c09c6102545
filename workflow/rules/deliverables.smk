"""What a run is for: the atlas, the provenance and the report. Nothing reads them.

INPUTS: everything under results/
OUTPUTS: results/atlas.h5ad, results/tables/cells.tsv.gz, results/provenance.json, results/report.html
"""


rule atlas:
    """Everything known about every kept cell, as a table and as one h5ad file."""
    input:
        counts="results/counts.h5ad",
        quality=expand("results/qc/{sample}.cells.parquet", sample=study.names),
        embedding="results/populations/all/embedding.parquet",
        umap="results/populations/all/umap.parquet",
        labels="results/populations/all/labels.parquet",
        t_labels="results/populations/t_cells/labels.parquet",
        calls="results/car/calls.parquet",
    output:
        atlas="results/atlas.h5ad",
        table="results/tables/cells.tsv.gz",
    log:
        "logs/atlas.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("atlas"),
        runtime=minutes("atlas"),
    params:
        samples=study.names,
        code=code("atlas"),
    message:
        "Write the atlas of all cells"
    script:
        "../scripts/atlas.py"


rule provenance:
    """Versions, resolved configuration, checksums of the inputs, seeds and times."""
    input:
        CLAIMS or "results/tables/composition.tsv",
        expand("results/ingest/{sample}.json", sample=study.names),
    output:
        provenance="results/provenance.json",
    log:
        "logs/provenance.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("provenance"),
        runtime=minutes("provenance"),
    params:
        config=study.config,
        inputs=study.given(),
        logs="logs",
        workflow=str(WORKFLOW),
        code=code("provenance"),
    message:
        "Write down versions, settings and checksums"
    script:
        "../scripts/provenance.py"


rule report:
    """One self-contained page that says what changed, how sure that is, and how it was found."""
    input:
        unpack(origins_input),
        unpack(cohort_input),
        unpack(donor_tables),
        unpack(compared_input),
        unpack(planted_input),
        preflight="results/preflight.tsv",
        samples="results/tables/samples.tsv",
        car="results/tables/car.tsv",
        car_fit="results/car/fit.json",
        ambient="results/tables/ambient.tsv",
        markers="results/markers.json",
        ingested=expand("results/ingest/{sample}.json", sample=study.names),
        car_contrast="results/tables/car_contrast.tsv",
        car_cd8="results/tables/car_cd8.tsv",
        composition="results/tables/composition.tsv",
        composition_varied="results/tables/sensitivity.composition.tsv",
        thresholds=expand("results/qc/{sample}.thresholds.json", sample=study.names),
        integration=expand(
            "results/populations/{population}/integration.json", population=POPULATIONS
        ),
        labels="results/populations/t_cells/labels.parquet",
        car_labels="results/populations/car_t/labels.parquet",
        provenance="results/provenance.json",
        figures=[
            *QC_FIGURES,
            *POPULATION_FIGURES,
            *CAR_FIGURES,
            *SHARE_FIGURES,
            *COMPARISON_FIGURES,
            *DONOR_FIGURES,
        ],
        maps=expand("results/explore/{population}.json", population=EXPLORED),
        template=str(WORKFLOW / "resources/report/template.html.j2"),
        macros=str(WORKFLOW / "resources/report/explore.html.j2"),
        style=[
            str(WORKFLOW / f"resources/report/{name}.css")
            for name in ("style", "explore", "tables")
        ],
        behaviour=[
            str(WORKFLOW / f"resources/report/{name}.js")
            for name in (
                "unpack",
                "page",
                "tables",
                "volcano",
                "genes",
                "terms",
                "explore",
                "words",
            )
        ],
    output:
        page="results/report.html",
    log:
        "logs/report.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("report"),
        runtime=minutes("report"),
    params:
        config=study.config,
        chemistry={s.sample: s.chemistry for s in study.samples if s.chemistry},
        code=code("report"),
    message:
        "Write the report"
    script:
        "../scripts/report.py"
