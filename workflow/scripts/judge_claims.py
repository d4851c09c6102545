"""A verdict on every claim, from tables alone."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.claims import by_donor, judge
    from carpeak.settings import ChangeLimits
    from carpeak.study import claims_file

    source, params = snakemake.input, snakemake.params
    tables = {name: path for name, path in source.items() if path.endswith(".tsv") or name == "patients"}
    frames = {name: io.read_table(path) for name, path in tables.items()}
    effects, patients = (frames.pop(name, None) for name in ("donors", "patients"))
    effect = io.read_json(source.effect)
    main, others = judge.assemble(
        frames,
        contrast=params.contrast,
        scheme=params.scheme,
        limits=ChangeLimits(**params.thresholds),
        seed=params.seed,
        floor=effect["floor"],
        resolution=io.read_json(source.resolution),
    )
    claims = claims_file.read(source.claims, source.schema)
    judged = judge.judge(claims, main, others)
    if effects is not None:
        judged = by_donor.judged(judged, claims, effects, main.de, patients=patients, seed=params.seed)
        io.write_table(by_donor.table(judged), snakemake.output.donors)
    io.write_table(judge.table(judged), snakemake.output.table)
    summary = {"contrast": dict(params.contrast), "donors": main.donors(), "library_effect": effect}
    summary["claims"] = judged
    io.write_json(summary, snakemake.output.details)
