"""Download an Enrichr library once and keep it, with its checksum."""

from carpeak.job import job

with job(snakemake):
    from carpeak.comparison import gene_sets

    sets = gene_sets.fetch(snakemake.wildcards.library)
    gene_sets.write_gmt(sets, snakemake.output.gmt, snakemake.output.checksum)
