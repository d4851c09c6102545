"""Say how much of each library's RNA is ambient, and of which genes."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.libraries import ambient_share
    from carpeak.stats import stored

    profiles = [io.read_table(path) for path in snakemake.input.profiles]
    table = ambient_share.table(
        stored.read(snakemake.input.counts),
        io.read_table(snakemake.input.labels, columns=["cell", "cell_type"]),
        dict(zip(snakemake.params.with_ambient, profiles, strict=True)),
        snakemake.params.samples,
    )
    io.write_table(table, snakemake.output.table)
