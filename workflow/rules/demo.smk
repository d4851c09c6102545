"""The demo study: two libraries simulated to the paper's description of patient 4.

INPUTS:  workflow/resources/genes.tsv.gz, workflow/resources/go_bp.gmt.gz
OUTPUTS: demo/{library}/{filtered,raw}_feature_bc_matrix/   counts as Cell Ranger writes them
         demo/truth.{cells.tsv.gz,genes.tsv,terms.tsv}           the truth; nothing that is judged reads it
         results/tables/planted.tsv          what was planted beside what was found, for the report
"""

MATRIX_FILES = ("matrix.mtx.gz", "features.tsv.gz", "barcodes.tsv.gz")


rule simulate:
    """Simulate both libraries of the demo study, and write down the truth."""
    input:
        genes=WORKFLOW / "resources/genes.tsv.gz",
        gene_sets=WORKFLOW / "resources/go_bp.gmt.gz",
    output:
        matrices=expand(
            "demo/{library}/{kind}_feature_bc_matrix/{file}",
            library=study.names,
            kind=("filtered", "raw"),
            file=MATRIX_FILES,
        ),
        truth_cells="demo/truth.cells.tsv.gz",
        truth_genes="demo/truth.genes.tsv",
        truth_terms="demo/truth.terms.tsv",
    log:
        "logs/simulate/simulate.log",
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards: needs.of_simulation(study.config["demo"]) + above_jobs(),
        runtime=30 + study.config["demo"]["cells"] // 20_000,
    params:
        seed=study.config["demo"]["seed"],
        cells=study.config["demo"]["cells"],
        variant=study.config["demo"]["variant"],
        donors=study.config["demo"]["donors"],
        code=code("simulate"),
    message:
        "Simulate the demo's libraries"
    script:
        "../scripts/simulate.py"


rule planted:
    """What was planted beside what was found."""
    input:
        cells="demo/truth.cells.tsv.gz",
        genes="demo/truth.genes.tsv",
        terms="demo/truth.terms.tsv",
        car="results/tables/car.tsv",
        calls="results/car/calls.parquet",
        labels="results/populations/t_cells/labels.parquet",
        composition="results/tables/composition.tsv",
        de=f"results/tables/de.{JUDGED}.tsv",
        enrichment=f"results/tables/enrichment.{JUDGED}.tsv",
    output:
        table="results/tables/planted.tsv",
    log:
        "logs/planted.log",
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("planted"),
        runtime=minutes("planted"),
    params:
        limits={
            "adjusted_p": study.config["enrichment"]["adjusted_p"],
            "log2_fold_change": study.config["enrichment"]["log2_fold_change"],
            "fdr": study.config["car"]["fdr"],
        },
        code=code("planted"),
    message:
        "Set what was planted beside what was found"
    script:
        "../scripts/planted.py"
