"""Tabulate XIST and Y-chromosome genes by library and cell type."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.libraries import sex_genes
    from carpeak.stats import stored

    counts = stored.read(snakemake.input.counts)
    labels = io.read_table(snakemake.input.labels, columns=["cell", "cell_type"]).set_index("cell")
    table = sex_genes.table(
        counts.X,
        counts.var_names,
        counts.obs["sample"].astype(str),
        labels["cell_type"].reindex(counts.obs_names),
        snakemake.params.samples,
    )
    io.write_table(table, snakemake.output.table)
