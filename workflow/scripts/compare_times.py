"""Compare genes over more than two times."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.donors import audit, gather, subgroups
    from carpeak.stats import stored

    source, params = snakemake.input, snakemake.params
    counts = stored.read(source.counts)
    labels = [io.read_table(path) for path in (source.labels, source.t_labels, source.calls)]
    held = gather.evidence(counts, *labels, contrast=params.contrast, **params.common)
    table = subgroups.over_times(
        held,
        [audit.Library(**one) for one in params.common["libraries"]],
        params.times,
        formula=params.common["formula"],
        transgene=counts.var["transgene"].to_numpy(dtype=bool),
    )
    io.write_table(table, snakemake.output.table)
