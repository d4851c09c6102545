"""Sum the empty droplets of one library, where the sheet names its unfiltered matrix."""

from carpeak.job import job

with job(snakemake):
    from carpeak import ambient, io, readers
    from carpeak.readers import added

    profile = ambient.NOT_GIVEN
    if snakemake.params.raw_path:
        select = snakemake.params.select
        cells = readers.open_library(snakemake.params.path, select=select).barcodes
        droplets = readers.chosen_if_any(readers.open_library(snakemake.params.raw_path), select)
        if snakemake.input.get("molecules"):
            droplets = added.with_transgene(droplets, snakemake.input.molecules, snakemake.input.counted)
        profile = ambient.empty_droplets(
            droplets, cells=cells.to_pylist(), features=snakemake.params.features
        )
    io.write_json(profile, snakemake.output.profile)
