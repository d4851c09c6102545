"""Measure what every donor says of every claim, under the main analysis and its variants."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.comparison import gene_sets
    from carpeak.donors import evidence, gather
    from carpeak.stats import stored
    from carpeak.study import claims_file

    source, params = snakemake.input, snakemake.params
    claims = claims_file.read(source.claims, source.schema)
    sets = gather.sets(gene_sets.read_all(source.gene_sets), claims_file.terms(claims))
    labels = [io.read_table(path) for path in (source.labels, source.t_labels, source.calls)]
    held = gather.evidence(
        stored.read(source.counts), *labels, contrast=params.contrast, sets=sets, **params.common
    )
    variants = gather.variants(held.cells, rule=params.rule, seed=held.seed)
    io.write_table(evidence.measure(claims, held, variants), snakemake.output.table)
