"""The patients' numbers against what the cells of the same patients show."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.cohort import analyse, cell_findings, tables

    cells = cell_findings.by_patient(
        io.read_table(snakemake.input.composition), io.read_table(snakemake.input.car)
    )
    if not snakemake.params.comparable:
        cells = cells.iloc[:0]
    cohort = tables.read(snakemake.params.settings, snakemake.params.schemas)
    found = analyse.correlations(cohort, cells, seed=snakemake.params.seed)
    io.write_table(found, snakemake.output.correlations)
