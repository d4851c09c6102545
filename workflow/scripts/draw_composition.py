"""The figure of what every library consists of."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.figures import composition, style

    figure = composition.composition(
        io.read_table(snakemake.input.composition),
        colours=style.sample_colours(snakemake.params.samples),
        footer=snakemake.params.footer,
    )
    style.save(figure, snakemake.output.composition, snakemake.output.composition_png)
