"""Provide one file of a public study, and write its receipt."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.download import provide
    from carpeak.study.downloads import Download

    receipt = provide.provide(
        Download(**snakemake.params.wanted),
        mirror=snakemake.resources.mirror,
        say=provide.teller(snakemake.log[0]),
    )
    io.write_json(receipt, snakemake.output.receipt)
