"""Build the STAR index that fits the memory."""

from carpeak.job import job

with job(snakemake):
    from pathlib import Path

    from carpeak.reads import align, star

    align.demand_star()
    free = min(align.free_memory(), snakemake.resources.mem_mb * 10**6)
    chosen = star.plan(*star.size_of(snakemake.input.genome), free=free)
    genome, genes, index = snakemake.input.genome, snakemake.input.genes, snakemake.output.index
    align.make_index(chosen, Path(genome), Path(genes), Path(index), threads=snakemake.threads)
