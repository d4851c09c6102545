"""Look at every library before anything heavy starts, and refuse the run with everything that is wrong."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.preflight import preflight

    found = preflight.examine(
        snakemake.params.libraries,
        features=snakemake.params.features,
        marker_file=snakemake.input.markers,
        gene_set_files=snakemake.input.gene_sets,
        claims=snakemake.params.claims,
        min_cells=snakemake.params.min_cells,
        min_genes=snakemake.params.min_genes,
        threads=snakemake.threads,
    )
    found.check()
    io.write_text(preflight.as_text(found), snakemake.output.told)
    io.write_text(preflight.table(found), snakemake.output.table)
