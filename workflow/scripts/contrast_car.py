"""Compare CAR+ T cells with the other T cells of the same library."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.comparison import car_contrast
    from carpeak.populations import members
    from carpeak.stats import stored

    counts, params = stored.read(snakemake.input.counts), snakemake.params
    labels = io.read_table(snakemake.input.labels, columns=["cell", "cell_type"])
    calls = io.read_table(snakemake.input.calls)
    counts = counts[members.members(counts.obs_names, "t_cells", labels=labels)]
    cells = counts.obs[["sample"]].astype(str).rename_axis("cell").reset_index()
    cells = io.join_cells(cells, calls[calls["cell"].isin(set(cells["cell"]))])
    states = io.read_table(snakemake.input.t_labels, columns=["cell", "t_state"])
    cells = io.join_cells(cells, states, subset=True)
    transgene = counts.var["transgene"].to_numpy(dtype=bool)
    table = car_contrast.compare(
        counts.X,
        cells,
        counts.var_names,
        transgene=transgene,
        samples=params.samples,
        min_pct=params.min_pct,
    )
    io.write_table(table, snakemake.output.table)
    pair = (car_contrast.of_gene(counts, gene) for gene in ("CD8A", "CD8B"))
    io.write_table(car_contrast.cd8(cells, *pair, params.samples), snakemake.output.cd8)
