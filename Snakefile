"""carpeak: what changed between a CAR-T infusion product and blood at the peak of expansion.

`snakemake --cores` runs the demo study; `--configfile my/config.yaml` runs yours.
"""

from snakemake.utils import min_version

min_version("9.0")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"  # configuration, sample sheet, helpers
include: "workflow/rules/preflight.smk"  # every library looked at before anything heavy starts
include: "workflow/rules/ingest.smk"  # any input layout -> raw counts
include: "workflow/rules/qc.smk"  # which barcodes are cells; one matrix of all samples
include: "workflow/rules/populations.smk"  # embedding, clusters, labels of all, T and CAR+ T cells
include: "workflow/rules/car.smk"  # which T cells carry the CAR
include: "workflow/rules/comparison.smk"  # composition and differential expression
include: "workflow/rules/donors.smk"  # designs, and what each of several donors says
include: "workflow/rules/claims.smk"  # enrichment and verdicts
include: "workflow/rules/figures.smk"  # every figure of the report
include: "workflow/rules/deliverables.smk"  # atlas, provenance, report


if study.downloads:

    include: "workflow/rules/download.smk"  # the files of a public study


if study.simulates:

    include: "workflow/rules/demo.smk"  # the simulated libraries of the demo study


if "construct" in study.config:

    include: "workflow/rules/reads.smk"  # the CAR's sequence, its UMIs in reads, alignment


rule all:
    """The whole analysis."""
    default_target: True
    input:
        "results/preflight.tsv",
        "results/report.html",
        "results/atlas.h5ad",
        "results/provenance.json",


rule qc:
    """Stop after quality control and look."""
    input:
        "results/preflight.tsv",
        "results/tables/samples.tsv",
        QC_FIGURES,


rule car:
    """Stop after CAR detection and look."""
    input:
        "results/preflight.tsv",
        "results/tables/car.tsv",
        CAR_FIGURES,


rule comparison:
    """Stop after the comparison and look: composition, changed genes, enrichment, claims."""
    input:
        "results/preflight.tsv",
        "results/tables/claims.tsv",
        "results/tables/composition.tsv",
        COMPARISON_FIGURES,
