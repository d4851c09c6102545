"""The report, one self-contained HTML page."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.report import page

    page = page.page(
        dict(snakemake.input.items()), snakemake.params.config, chemistry=snakemake.params.chemistry
    )
    io.write_text(page, snakemake.output.page)
