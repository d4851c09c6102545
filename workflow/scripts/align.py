"""Count all genes of one library with STARsolo."""

from carpeak.job import job

with job(snakemake):
    from pathlib import Path

    from carpeak import io
    from carpeak.reads import align, transgene
    from carpeak.study import geometry

    asked = snakemake.params
    layout = geometry.parse(asked.geometry)
    align.demand_star()
    warnings = align.check(asked.pairs, layout, snakemake.input.barcodes)
    numbers = align.align_into(
        asked.pairs,
        Path(snakemake.input.index),
        snakemake.input.barcodes,
        Path(snakemake.output.summary).parent,
        geometry=layout,
        strand=transgene.strand_of(asked.chemistry, asked.strand),
        threads=snakemake.threads,
    )
    told = {"star": align.star_version(), **numbers, "warnings": warnings}
    io.write_json(told, snakemake.output.summary)
