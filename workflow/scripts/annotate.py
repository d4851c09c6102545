"""Names for the cells of one population."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.populations import annotate, axes
    from carpeak.settings import AnnotationSettings, build
    from carpeak.seurat import cluster_states
    from carpeak.stats import stored

    source, population = snakemake.input, snakemake.wildcards.population
    inherited, counts = source.get("inherited"), stored.read(source.counts)
    settings = build(AnnotationSettings, snakemake.params.annotation)
    embedding, clusters = io.read_table(source.embedding), io.read_table(source.clusters)
    found = annotate.annotate(
        counts,
        embedding,
        clusters,
        io.read_arrays(source.neighbors),
        population=population,
        settings=settings,
        model=axes.load(source.model),
        inherited=None if inherited is None else io.read_table(inherited),
    )
    if settings.states == "clusters" and population == "t_cells" and len(embedding):
        found = cluster_states.annotated(found[0], counts, clusters, settings)
    labels, scores, resolution = found
    io.write_table(labels, snakemake.output.labels)
    io.write_table(scores, snakemake.output.scores)
    io.write_json(io.plain(resolution), snakemake.output.resolution)
