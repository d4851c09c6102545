"""Sum the empty droplets of one library, where the sheet names its unfiltered matrix."""

from carpeak.job import job

with job(snakemake):
    from carpeak import ambient, io, readers

    profile = ambient.NOT_GIVEN
    if snakemake.params.raw_path:
        cells = readers.open_library(snakemake.params.path).barcodes
        profile = ambient.empty_droplets(
            readers.open_library(snakemake.params.raw_path),
            cells=cells.to_pylist(),
            features=snakemake.params.features,
        )
    io.write_json(profile, snakemake.output.profile)
