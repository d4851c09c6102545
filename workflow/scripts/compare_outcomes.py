"""Compare how genes change in groups of donors."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.donors import gather, subgroups
    from carpeak.stats import stored

    source, params = snakemake.input, snakemake.params
    counts = stored.read(source.counts)
    labels = [io.read_table(path) for path in (source.labels, source.t_labels, source.calls)]
    held = gather.evidence(counts, *labels, contrast=snakemake.wildcards.contrast, **params.common)
    transgene = counts.var["transgene"].to_numpy(dtype=bool)
    io.write_table(subgroups.outcomes(held, params.outcome, transgene=transgene), snakemake.output.table)
