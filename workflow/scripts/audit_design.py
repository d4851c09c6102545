"""Audit which donors and sides every contrast has, and what is confounded with it."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.donors import audit

    designs = audit.audit(
        [audit.Library(**one) for one in snakemake.params.libraries],
        snakemake.params.contrasts,
        formula=snakemake.params.formula,
    )
    io.write_table(audit.table(designs), snakemake.output.table)
