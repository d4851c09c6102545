"""Copy the genome with the construct added."""

from carpeak.job import job

with job(snakemake):
    from carpeak.construct import fasta, reference

    reference.append(
        list(fasta.records(snakemake.input.construct)),
        (snakemake.input.fasta, snakemake.input.gtf),
        (snakemake.output.genome, snakemake.output.genes),
    )
