"""What the changes mean: gene sets behind them, and verdicts on the paper's claims_file.

INPUTS: tables of the comparison (composition.tsv, de.CONTRAST.tsv and their sensitivity.* tables),
    tables/samples.tsv, gene sets (GMT files or Enrichr libraries), the claims file.
OUTPUTS: tables/enrichment.CONTRAST.tsv, tables/sensitivity.enrichment.CONTRAST.tsv,
    tables/claims.tsv, claims.json; resources/enrichr/LIBRARY.gmt where a library had to be fetched.
"""


rule fetch_gene_sets:
    """Download an Enrichr library once; the only step that uses a network."""
    output:
        gmt="resources/enrichr/{library}.gmt",
        checksum="resources/enrichr/{library}.gmt.sha256",
    log:
        "logs/fetch_gene_sets/{library}.log",
    wildcard_constraints:
        library="[A-Za-z0-9_-]{1,100}",
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("fetch_gene_sets"),
        runtime=minutes("fetch_gene_sets"),
    params:
        code=code("fetch_gene_sets"),
    message:
        "Fetch the gene sets {wildcards.library}"
    script:
        "../scripts/fetch_gene_sets.py"


rule enrich:
    """Test which gene sets are over-represented among the genes that changed."""
    input:
        de="results/tables/de.{contrast}.tsv",
        sensitivity="results/tables/sensitivity.de.{contrast}.tsv",
        gene_sets=study.gene_set_files,
    output:
        table="results/tables/enrichment.{contrast}.tsv",
        sensitivity="results/tables/sensitivity.enrichment.{contrast}.tsv",
    log:
        "logs/enrich/{contrast}.log",
    priority: 1  # on the longest chain of jobs
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("enrich"),
        runtime=minutes("enrich"),
    params:
        limits=study.enrichment_limits,
        named=claims_file.terms(study.claims),  # tested whatever their size
        groups=claims_file.groups(study.claims),
        code=code("enrich"),
    message:
        "Find the gene sets among the changed genes, {wildcards.contrast}"
    script:
        "../scripts/enrich.py"


rule preranked:
    """Rank all tested genes by their change and see which gene sets lie at one end; only where asked for."""
    input:
        de="results/tables/de.{contrast}.tsv",
        gene_sets=study.gene_set_files,
    output:
        table="results/tables/gsea.{contrast}.tsv",
    log:
        "logs/preranked/{contrast}.log",
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("preranked"),
        runtime=minutes("preranked"),
    params:
        limits=study.enrichment_limits,
        seed=study.config["seed"],
        code=code("preranked"),
    message:
        "Rank all genes of {wildcards.contrast} and test gene sets at both ends"
    script:
        "../scripts/preranked.py"


rule judge_claims:
    """Give every claim a verdict with an estimate and an interval."""
    input:
        unpack(donors_input),
        claims=study.config["claims"],
        samples="results/tables/samples.tsv",
        car="results/tables/car.tsv",
        composition="results/tables/composition.tsv",
        composition_sensitivity="results/tables/sensitivity.composition.tsv",
        de=f"results/tables/de.{JUDGED}.tsv",
        de_sensitivity=f"results/tables/sensitivity.de.{JUDGED}.tsv",
        enrichment=f"results/tables/enrichment.{JUDGED}.tsv",
        enrichment_sensitivity=f"results/tables/sensitivity.enrichment.{JUDGED}.tsv",
        attribution=f"results/tables/attribution.{JUDGED}.tsv",
        effect=f"results/contrast/{JUDGED}.library_effect.json",
        resolution="results/populations/t_cells/resolution.json",
        schema=str(WORKFLOW / "schemas/claims.schema.yaml"),
    output:
        **donors_output,
        table="results/tables/claims.tsv",
        details="results/claims.json",
    log:
        "logs/judge_claims.log",
    priority: 1  # on the longest chain of jobs
    conda:
        "../../envs/stats.yaml"
    threads: 1
    resources:
        mem_mb=memory("judge_claims"),
        runtime=minutes("judge_claims"),
    params:
        contrast=study.contrasts[JUDGED],
        scheme=study.config["annotation"]["scheme"],
        thresholds={
            key: study.config["enrichment"][key] for key in ("adjusted_p", "log2_fold_change")
        },
        seed=study.config["seed"],
        code=code("judge_claims"),
    message:
        "Judge the claims"
    script:
        "../scripts/judge_claims.py"
