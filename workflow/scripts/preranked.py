"""Which gene sets lie at one end of all tested genes, ranked by their change."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.comparison import gene_sets, gsea
    from carpeak.settings import EnrichmentLimits

    source, params = snakemake.input, snakemake.params
    for path in source.gene_sets:
        gene_sets.check_cached(path)
    de = io.read_table(source.de)
    table = gsea.preranked(
        de[de["depth"] == "equal"],
        gene_sets.read_all(source.gene_sets),
        limits=EnrichmentLimits(**params.limits),
        seed=params.seed,
    )
    io.write_table(table, snakemake.output.table)
