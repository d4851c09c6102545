"""Which gene sets are over-represented among the genes that changed."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.comparison import enrichment, gene_sets
    from carpeak.settings import EnrichmentLimits

    source, params = snakemake.input, snakemake.params
    de, de_sensitivity = io.read_table(source.de), io.read_table(source.sensitivity)
    for path in source.gene_sets:
        gene_sets.check_cached(path)
    libraries = gene_sets.read_all(source.gene_sets)
    for name, sets in libraries.items():
        gene_sets.check_known(sets, de["gene"], source=name)
    matrices = {name: enrichment.GeneSetMatrix.of(sets) for name, sets in libraries.items()}
    options = {"limits": EnrichmentLimits(**params.limits), "named": params.named}
    table = enrichment.over_representation(de[de["depth"] == "equal"], matrices, **options)
    io.write_table(table, snakemake.output.table)
    varied = enrichment.sensitivity(de, de_sensitivity, matrices, groups=params.groups, **options)
    io.write_table(varied, snakemake.output.sensitivity)
