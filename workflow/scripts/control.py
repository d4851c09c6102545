"""Say what of a contrast other cells of the same libraries show too, and how far genes move by themselves."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.comparison import attribution, library_effect
    from carpeak.stats import stored

    counts, params = stored.read(snakemake.input.counts), snakemake.params
    lineages = io.read_table(snakemake.input.labels).set_index("cell")["cell_type"]
    states = io.read_table(snakemake.input.t_labels, columns=["cell", "t_lineage", "t_state"])
    calls = io.read_table(snakemake.input.calls, columns=["cell", "car_call", "car_probability"])
    transgene = counts.var["transgene"].to_numpy(dtype=bool)
    effect = library_effect.measure(
        counts.X,
        lineages.reindex(counts.obs_names),
        counts.obs["condition"],
        counts.var_names,
        sides=params.conditions,
        transgene=transgene,
    )
    io.write_json(effect, snakemake.output.effect)
    counts = counts[counts.obs_names.isin(states["cell"])]
    obs = counts.obs[["sample", "condition", "donor"]].astype(str).rename_axis("cell").reset_index()
    table = attribution.attribute(
        counts.X,
        attribution.gather(obs, states, calls),
        counts.var_names,
        transgene=transgene,
        conditions=params.conditions,
        min_pct=params.min_pct,
        seed=params.seed,
    )
    io.write_table(table, snakemake.output.table)
