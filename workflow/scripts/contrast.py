"""Find the genes that differ between two conditions, at full and at equal depth."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.comparison import ambient_genes, attribution, claim_genes, differential_expression
    from carpeak.libraries import ambient_share
    from carpeak.stats import stored

    counts, conditions = stored.read(snakemake.input.counts), snakemake.params.conditions
    labels = io.read_table(snakemake.input.t_labels)
    calls = io.read_table(snakemake.input.calls, columns=["cell", "car_call", "car_umis", "car_probability"])
    transgene = counts.var["transgene"].to_numpy(dtype=bool)
    profiles = [io.read_table(path) for path in snakemake.input.profiles]
    leaks = ambient_genes.by_side(
        counts,
        io.read_table(snakemake.input.labels),
        conditions,
        t_lineages=dict(zip(labels["cell"], labels["t_lineage"], strict=True)),
        ambient=ambient_share.expected(
            counts,
            io.read_table(snakemake.input.ambient),
            dict(zip(snakemake.params.with_ambient, profiles, strict=True)),
        ),
    )
    names = counts.var_names
    counts = counts[counts.obs_names.isin(labels["cell"])]
    obs = counts.obs[["sample", "condition", "donor"]].astype(str).rename_axis("cell").reset_index()
    table, sensitivity, status = differential_expression.compare(
        counts.X,
        differential_expression.gather(obs, labels, calls),
        counts.var_names,
        transgene=transgene,
        conditions=conditions,
        seed=snakemake.params.seed,
        **snakemake.params.de,
    )
    io.write_table(ambient_genes.marked(table, leaks, names), snakemake.output.table)
    io.write_table(ambient_genes.marked(sensitivity, leaks, names), snakemake.output.sensitivity)
    io.write_json(status, snakemake.output.status)
    shown = claim_genes.by_group(
        counts.X,
        attribution.gather(obs, labels, calls),
        counts.var_names,
        claimed=snakemake.params.claimed,
        transgene=transgene,
        conditions=conditions,
        seed=snakemake.params.seed,
    )
    io.write_table(shown, snakemake.output.claim_genes)
