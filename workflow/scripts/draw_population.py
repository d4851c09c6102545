"""Figures of one population: its UMAP and what its labels express."""

from carpeak.job import job

with job(snakemake):
    from carpeak import cells, io
    from carpeak.figures import population, style

    name, footer = snakemake.wildcards.population, snakemake.params.footer
    status = io.read_json(snakemake.input.integration)
    places = io.read_table(snakemake.input.places)
    passed = cells.kept(map(io.read_table, snakemake.input.quality))
    table = cells.placed(places, io.read_table(snakemake.input.labels), passed)
    umap, markers = population.draw(
        table,
        name,
        counts=snakemake.input.counts,
        message=status["message"],
        conditions=snakemake.params.conditions,
        footer=footer,
    )
    style.save(umap, snakemake.output.umap, snakemake.output.umap_png)
    style.save(markers, snakemake.output.markers, snakemake.output.markers_png)
