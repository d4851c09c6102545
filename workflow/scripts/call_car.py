"""Decide which cells carry the CAR, and what each library says of its CAR as a whole."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.car import calls
    from carpeak.settings import CarSettings
    from carpeak.stats import stored

    counts = stored.read(snakemake.input.counts)
    labels = io.read_table(snakemake.input.labels, columns=["cell", "cell_type"])
    cells = io.join_cells(counts.obs_names.to_frame(index=False, name="cell"), labels)
    ambient = dict(
        zip(snakemake.params.with_ambient, map(io.read_json, snakemake.input.ambient), strict=True)
    )
    calls, fit, table = calls.call_samples(
        counts,
        cells["cell_type"],
        snakemake.params.samples,
        ambient,
        options=CarSettings(**snakemake.params.options),
        contrasts=snakemake.params.contrasts,
    )
    io.write_table(calls, snakemake.output.calls)
    io.write_json(fit, snakemake.output.fit)
    io.write_table(table, snakemake.output.table)
