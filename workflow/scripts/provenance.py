"""Versions, resolved configuration, input checksums, seeds and times."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.report import provenance

    record = provenance.collect(
        config=snakemake.params.config,
        inputs=snakemake.params.inputs,
        logs=snakemake.params.logs,
        workflow=snakemake.params.workflow,
    )
    io.write_json(record, snakemake.output.provenance)
