"""Figures of CAR detection."""

from carpeak.job import job

with job(snakemake):
    from carpeak import cells, io
    from carpeak.figures import car, style

    samples, footer = snakemake.params.samples, snakemake.params.footer
    passed = cells.kept(map(io.read_table, snakemake.input.quality))
    places = io.read_table(snakemake.input.places)
    table = cells.placed(places, io.read_table(snakemake.input.calls), passed)
    style.save(
        car.on_umap(table, samples=samples, footer=footer), snakemake.output.umap, snakemake.output.umap_png
    )
    detection = car.detection(io.read_table(snakemake.input.car), footer=footer)
    style.save(detection, snakemake.output.detection, snakemake.output.detection_png)
    umis = car.umis(table, colours=style.sample_colours(samples), footer=footer)
    style.save(umis, snakemake.output.umis, snakemake.output.umis_png)
