"""Draw what each donor says of each claim."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.figures import forest, style

    claims = io.read_json(snakemake.input.details)["claims"]
    figure = forest.forest(claims, footer=snakemake.params.footer)
    style.save(figure, snakemake.output.forest, snakemake.output.forest_png)
