"""A verdict on every claim, from tables alone."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.claims import judge
    from carpeak.settings import ChangeLimits
    from carpeak.study import claims_file

    source, params = snakemake.input, snakemake.params
    frames = {name: io.read_table(path) for name, path in source.items() if path.endswith(".tsv")}
    main, others = judge.assemble(
        frames,
        contrast=params.contrast,
        scheme=params.scheme,
        limits=ChangeLimits(**params.thresholds),
        seed=params.seed,
    )
    judged = judge.judge(claims_file.read(source.claims, source.schema), main, others)
    io.write_table(judge.table(judged), snakemake.output.table)
    summary = {"contrast": dict(params.contrast), "donors": main.donors(), "claims": judged}
    io.write_json(summary, snakemake.output.details)
