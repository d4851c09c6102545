"""Pack one population into the interactive map of the report."""

from carpeak.job import job

with job(snakemake):
    from carpeak import cells, io
    from carpeak.explore import cell_map
    from carpeak.stats import stored

    source, params = snakemake.input, snakemake.params
    counts = stored.read(source.counts)
    table = cell_map.gather(
        io.read_table(source.umap),
        cells.kept(map(io.read_table, source.quality)),
        labels=io.read_table(source.labels),
        calls=io.read_table(source.calls),
    )
    genes = cell_map.choose_genes(
        asked=params.genes,
        markers=params.markers,
        contrasts=[io.read_table(path) for path in source.de],
        clusters=io.read_table(source.markers),
        measured=counts.var_names,
    )
    packed = cell_map.population_map(
        table, counts, population=snakemake.wildcards.population, samples=params.samples, genes=genes
    )
    io.write_json(packed, snakemake.output.map)
