"""Set what the simulator planted beside what the run found."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.simulate import planted

    tables = {name: io.read_table(path) for name, path in snakemake.input.items()}
    io.write_table(planted.table(**tables, limits=snakemake.params.limits), snakemake.output.table)
