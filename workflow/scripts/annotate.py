"""Names for the cells of one population, and the markers of its clusters."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io, label

    inherited = snakemake.input.get("inherited")
    labels, scores, markers = label.label(
        io.read_h5ad(snakemake.input.counts),
        io.read_table(snakemake.input.embedding),
        io.read_table(snakemake.input.clusters),
        population=snakemake.wildcards.population,
        settings=snakemake.params.annotation,
        n_neighbors=snakemake.params.n_neighbors,
        min_pct=snakemake.params.min_pct,
        seed=snakemake.params.seed,
        inherited=None if inherited is None else io.read_table(inherited),
    )
    io.write_table(labels, snakemake.output.labels)
    io.write_table(scores, snakemake.output.scores)
    io.write_table(markers, snakemake.output.markers)
