"""The donor as the unit: which contrasts the donors allow, and what each of them says of every claim.

INPUTS: the sample sheet; results/counts.h5ad, results/populations/{all,t_cells}/labels.parquet,
    results/car/calls.parquet, gene sets and the claims file
OUTPUTS: results/tables/design.tsv; of studies with several donors also
    results/tables/donors.{claims,verdicts}.tsv, results/tables/donors.{de,sets,composition}.{contrast}.tsv;
    where the configuration asks for them results/tables/donors.outcome.{contrast}.tsv, donors.times.tsv
"""

from dataclasses import asdict

from carpeak.donors import audit

LIBRARIES = [asdict(library) for library in audit.libraries_of(study.samples)]
CELLS = {
    "counts": "results/counts.h5ad",
    "labels": "results/populations/all/labels.parquet",
    "t_labels": "results/populations/t_cells/labels.parquet",
    "calls": "results/car/calls.parquet",
}
COMMON = {
    "libraries": LIBRARIES,
    "contrasts": study.contrasts,
    "formula": study.config["donors"]["formula"],
    "options": {
        key: study.config["donors"][key] for key in ("min_cells", "min_cells_verdict", "draws")
    },
    "seed": study.config["seed"],
}
donors_output = {"donors": "results/tables/donors.verdicts.tsv"} if SEVERAL_DONORS else {}


rule audit_design:
    """Which donors have both sides of a contrast, and what can't be told from it."""
    output:
        table="results/tables/design.tsv",
    log:
        "logs/audit_design.log",
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("audit_design"),
        runtime=minutes("audit_design"),
    params:
        libraries=LIBRARIES,
        contrasts=study.contrasts,
        formula=study.config["donors"]["formula"],
        code=code("audit_design"),
    message:
        "Check what the design allows"
    script:
        "../scripts/audit_design.py"


rule measure_donors:
    """Every donor's own effect behind every claim, with the variance of its cells, labels and calls."""
    input:
        **CELLS,
        gene_sets=study.gene_set_files,
        claims=study.config["claims"],
        schema=str(WORKFLOW / "schemas/claims.schema.yaml"),
    output:
        table="results/tables/donors.claims.tsv",
    log:
        "logs/measure_donors.log",
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("measure_donors"),
        runtime=minutes("measure_donors"),
    params:
        common=COMMON,
        contrast=next(iter(study.contrasts)),
        rule=study.config["car"]["rule"],
        code=code("measure_donors"),
    message:
        "Measure every claim in every donor"
    script:
        "../scripts/measure_donors.py"


rule compare_donors:
    """Genes, gene sets and composition compared over donors: moderated t, PyDESeq2, camera, log-ratios."""
    input:
        **CELLS,
        gene_sets=study.gene_set_files,
        de="results/tables/de.{contrast}.tsv",
    output:
        genes="results/tables/donors.de.{contrast}.tsv",
        sets="results/tables/donors.sets.{contrast}.tsv",
        composition="results/tables/donors.composition.{contrast}.tsv",
    log:
        "logs/compare_donors/{contrast}.log",
    conda:
        "../../envs/donors.yaml"
    threads: 1
    resources:
        mem_mb=memory("compare_donors"),
        runtime=minutes("compare_donors"),
    params:
        common=COMMON,
        sizes=(study.config["enrichment"]["min_size"], study.config["enrichment"]["max_size"]),
        second_engine=study.config["donors"]["second_engine"],
        code=code("compare_donors"),
    message:
        "Compare genes, gene sets and shares over donors, {wildcards.contrast}"
    script:
        "../scripts/compare_donors.py"


if study.config["donors"]["outcome"]:

    rule compare_outcomes:
        """How genes change in groups of donors, such as those who responded, and how much more in one."""
        input:
            **CELLS,
        output:
            table="results/tables/donors.outcome.{contrast}.tsv",
        log:
            "logs/compare_outcomes/{contrast}.log",
        conda:
            "../../envs/donors.yaml"
        threads: 1
        resources:
            mem_mb=memory("compare_outcomes"),
            runtime=minutes("compare_outcomes"),
        params:
            common=COMMON,
            outcome=study.config["donors"]["outcome"],
            code=code("compare_outcomes"),
        message:
            "Compare genes between groups of donors, {wildcards.contrast}"
        script:
            "../scripts/compare_outcomes.py"


if study.config["donors"]["times"]:

    rule compare_times:
        """Genes over more than two times: every pair of them, and the trend."""
        input:
            **CELLS,
        output:
            table="results/tables/donors.times.tsv",
        log:
            "logs/compare_times.log",
        conda:
            "../../envs/donors.yaml"
        threads: 1
        resources:
            mem_mb=memory("compare_times"),
            runtime=minutes("compare_times"),
        params:
            common=COMMON,
            contrast=next(iter(study.contrasts)),
            times=study.config["donors"]["times"],
            code=code("compare_times"),
        message:
            "Compare genes over all times"
        script:
            "../scripts/compare_times.py"


rule draw_donors:
    """A forest plot for every claim: donors as rows, all of them below."""
    input:
        details="results/claims.json",
    output:
        forest=report(
            "results/figures/donors.svg",
            caption="../report/donors.rst",
            category="4 Comparison",
            labels={"figure": "every donor, every claim"},
        ),
        forest_png="results/figures/donors.png",
    log:
        "logs/draw_donors.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw_donors"),
        runtime=minutes("draw_donors"),
    params:
        footer="Simulated data: no patient was measured." if study.config["simulated"] else "",
        code=code("draw_donors"),
    message:
        "Draw the figures"
    script:
        "../scripts/draw_donors.py"
