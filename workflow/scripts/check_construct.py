"""Examine the CAR's sequence and write what aligners need of it."""

from carpeak.job import job

with job(snakemake):
    from pathlib import Path

    from carpeak.construct import checkup

    constructs = checkup.load(
        snakemake.input.fasta,
        snakemake.input.get("gtf") or None,
        transcript=snakemake.params.transcript,
        name=snakemake.params.name,
    )
    checkup.demand_configured(constructs, snakemake.params.features)
    found = checkup.check(constructs, snakemake.input.against, chemistry=snakemake.params.chemistry)
    checkup.write(found, Path(snakemake.output[0]).parent)
