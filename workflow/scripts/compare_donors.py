"""Compare genes, gene sets and composition over donors."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.comparison import ambient_marks, gene_sets
    from carpeak.donors import compare, gather, shifts
    from carpeak.stats import stored

    source, params = snakemake.input, snakemake.params
    counts = stored.read(source.counts)
    labels = [io.read_table(path) for path in (source.labels, source.t_labels, source.calls)]
    held = gather.evidence(counts, *labels, contrast=snakemake.wildcards.contrast, **params.common)
    genes, sets = compare.compare(
        held,
        gene_sets.read_all(source.gene_sets),
        transgene=counts.var["transgene"].to_numpy(dtype=bool),
        sizes=params.sizes,
        second_engine=params.second_engine,
    )
    genes = ambient_marks.copied(genes, io.read_table(source.de))
    io.write_table(genes, snakemake.output.genes)
    io.write_table(sets, snakemake.output.sets)
    io.write_table(shifts.shifts(held), snakemake.output.composition)
