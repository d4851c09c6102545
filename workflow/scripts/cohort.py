"""Statistics of the patients, and what a text says of them."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.cohort import analyse, tables

    cohort = tables.read(snakemake.params.settings, snakemake.params.schemas)
    found = analyse.tables(cohort)
    for name, table in found.items():
        io.write_table(table, snakemake.output[name])
    io.write_json(analyse.summary(cohort, found), snakemake.output.summary)
