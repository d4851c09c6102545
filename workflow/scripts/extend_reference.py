"""Copy the genome with the construct added."""

from carpeak.job import job

with job(snakemake):
    import warnings

    from carpeak.construct import fasta, reference

    copied = reference.append(
        list(fasta.records(snakemake.input.construct)),
        (snakemake.input.fasta, snakemake.input.gtf),
        (snakemake.output.genome, snakemake.output.genes),
    )
    if copied.without_sequence:
        few = ", ".join(copied.without_sequence[:5])
        warnings.warn(
            f"{len(copied.without_sequence)} annotated contigs have no sequence ({few})", stacklevel=1
        )
