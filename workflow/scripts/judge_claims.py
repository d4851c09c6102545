"""A verdict on every claim, from tables alone."""

from carpeak.job import job

with job(snakemake):
    from carpeak import claims, io, statements

    source, params = snakemake.input, snakemake.params
    frames = {name: io.read_table(path) for name, path in source.items() if path.endswith(".tsv")}
    main, others = claims.assemble(
        frames, contrast=params.contrast, scheme=params.scheme, limits=params.thresholds, seed=params.seed
    )
    judged = claims.judge(statements.read(source.claims, source.schema), main, others)
    io.write_table(claims.table(judged), snakemake.output.table)
    summary = {"contrast": dict(params.contrast), "donors": main.donors(), "claims": judged}
    io.write_json(summary, snakemake.output.details)
