"""Judge every barcode of one library: kept, or removed for one reason."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.libraries import cell_cycle, qc
    from carpeak.settings import QcSettings

    library = io.read_h5ad(snakemake.input.counts)
    table, thresholds = qc.judge(
        library.X,
        mito=library.var["mito"].to_numpy(),
        transgene=library.var["transgene"].to_numpy(),
        cell_cycle=cell_cycle.mask(library.var_names),
        options=QcSettings(**snakemake.params.options),
        seed=snakemake.params.seed,
        **snakemake.params.loading,
    )
    for place, (column, value) in enumerate(snakemake.params.sample.items()):
        table.insert(place, column, value)
    table.insert(0, "cell", library.obs_names.to_numpy())
    io.write_table(table, snakemake.output.cells)
    io.write_json(thresholds, snakemake.output.thresholds)
