"""Names for the cells of one population."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.populations import annotate, axes
    from carpeak.settings import AnnotationSettings, build

    inherited = snakemake.input.get("inherited")
    labels, scores, resolution = annotate.annotate(
        io.read_h5ad(snakemake.input.counts),
        io.read_table(snakemake.input.embedding),
        io.read_table(snakemake.input.clusters),
        io.read_arrays(snakemake.input.neighbors),
        population=snakemake.wildcards.population,
        settings=build(AnnotationSettings, snakemake.params.annotation),
        model=axes.load(snakemake.input.model),
        inherited=None if inherited is None else io.read_table(inherited),
    )
    io.write_table(labels, snakemake.output.labels)
    io.write_table(scores, snakemake.output.scores)
    io.write_json(io.plain(resolution), snakemake.output.resolution)
