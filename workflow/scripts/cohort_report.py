"""The report of patients without single cells, one self-contained HTML page."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.report import cohort_page

    page = cohort_page.html(
        dict(snakemake.input.items()), snakemake.params.config, block=snakemake.params.block
    )
    io.write_text(page, snakemake.output.page)
