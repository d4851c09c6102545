"""Figures of the patients."""

from carpeak.job import job

with job(snakemake):
    from carpeak.figures import cohort_set, style

    figures = cohort_set.figures(
        snakemake.input, scale=snakemake.params.scale, footer=snakemake.params.footer
    )
    for name, figure in figures.items():
        style.save(figure, snakemake.output[name], snakemake.output[name].replace(".svg", ".png"))
