"""Principal components, Harmony, neighbours and clusters of one population."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.populations import embed, members
    from carpeak.settings import EmbeddingSettings, build
    from carpeak.seurat import recipes
    from carpeak.stats import stored

    counts = stored.read(snakemake.input.counts)
    labels, calls = (snakemake.input.get(name) for name in ("labels", "calls"))
    members = members.members(
        counts.obs_names,
        snakemake.wildcards.population,
        labels=io.read_table(labels) if labels else None,
        calls=io.read_table(calls) if calls else None,
    )
    counts = counts[members]
    settings = build(EmbeddingSettings, snakemake.params.embedding)
    result = embed.embed(
        counts.X,
        cells=counts.obs_names,
        genes=counts.var_names,
        batch=counts.obs["batch"].astype(str),
        transgene=counts.var["transgene"].to_numpy(dtype=bool),
        settings=settings,
        resolution=snakemake.params.resolution,
        seed=snakemake.params.seed,
        steps=recipes.STEPS[settings.method],
        threads=snakemake.threads,
    )
    io.write_table(result.points, snakemake.output.embedding)
    io.write_table(result.clusters, snakemake.output.clusters)
    io.write_arrays(result.neighbors, snakemake.output.neighbors)
    io.write_json(result.report, snakemake.output.integration)
