"""The report of a cohort without single cells.

INPUTS: results/cohort/, results/figures/cohort_*.svg
OUTPUTS: results/provenance.json, results/report.html
"""


rule provenance:
    """Versions, resolved configuration, checksums of the inputs, seeds and times."""
    input:
        COHORT_TABLES,
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


rule cohort_report:
    """One self-contained page on the patients."""
    input:
        unpack(cohort_input),
        provenance="results/provenance.json",
        template=str(WORKFLOW / "resources/report/cohort_page.html.j2"),
        style=str(WORKFLOW / "resources/report/style.css"),
        behaviour=str(WORKFLOW / "resources/report/page.js"),
    output:
        page="results/report.html",
    log:
        "logs/cohort_report.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("cohort_report"),
        runtime=minutes("cohort_report"),
    params:
        config=study.config,
        block=study.cohort,
        code=code("cohort_report"),
    message:
        "Write the report"
    script:
        "../scripts/cohort_report.py"
