"""Find the genes that differ between two conditions, at full and at equal depth."""

from carpeak.job import job

with job(snakemake):
    from carpeak import contrast, io

    counts = io.read_h5ad(snakemake.input.counts)
    labels = io.read_table(snakemake.input.t_labels)
    calls = io.read_table(snakemake.input.calls, columns=["cell", "car_call"])
    counts = counts[counts.obs_names.isin(labels["cell"])]
    obs = counts.obs[["sample", "condition", "donor"]].astype(str).rename_axis("cell").reset_index()
    cells = contrast.gather(obs, labels, calls)
    table, sensitivity, status = contrast.compare(
        counts.X,
        cells,
        counts.var_names,
        transgene=counts.var["transgene"].to_numpy(dtype=bool),
        conditions=snakemake.params.conditions,
        seed=snakemake.params.seed,
        **snakemake.params.de,
    )
    io.write_table(table, snakemake.output.table)
    io.write_table(sensitivity, snakemake.output.sensitivity)
    io.write_json(status, snakemake.output.status)
