"""Principal components, Harmony, clusters and UMAP of one population."""

from carpeak.job import job

with job(snakemake):
    from carpeak import embed, io, populations

    counts = io.read_h5ad(snakemake.input.counts)
    labels = io.read_table(snakemake.input.labels) if "labels" in snakemake.input.keys() else None
    calls = io.read_table(snakemake.input.calls) if "calls" in snakemake.input.keys() else None
    counts = counts[populations.members(counts.obs_names, snakemake.wildcards.population, labels=labels, calls=calls)]
    result = embed.embed(
        counts.X,
        cells=counts.obs_names,
        genes=counts.var_names,
        batch=counts.obs["batch"].astype(str),
        transgene=counts.var["transgene"].to_numpy(dtype=bool),
        settings=snakemake.params.embedding,
        resolution=snakemake.params.resolution,
        seed=snakemake.params.seed,
    )
    io.write_table(result.points, snakemake.output.embedding)
    io.write_table(result.clusters, snakemake.output.clusters)
    io.write_json(result.report, snakemake.output.integration)
