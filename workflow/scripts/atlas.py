"""One table and one h5ad file with everything known about every kept cell."""

from carpeak.job import job

with job(snakemake):
    from carpeak import atlas, cells, io
    from carpeak.stats import stored

    places = io.read_table(snakemake.input.umap)
    embedding = io.join_cells(io.read_table(snakemake.input.embedding), places)
    table = cells.joined(
        cells.kept(map(io.read_table, snakemake.input.quality)),
        labels=io.read_table(snakemake.input.labels),
        t_labels=io.read_table(snakemake.input.t_labels),
        umap=places,
        calls=io.read_table(snakemake.input.calls),
    )
    io.write_table(table, snakemake.output.table)
    counts = stored.read(snakemake.input.counts)
    made = atlas.build(counts, table, embedding, samples=snakemake.params.samples)
    atlas.write(made, counts, snakemake.output.atlas)
