"""Count the transgene's UMIs of one library in its reads."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.readers import added, layouts
    from carpeak.reads import transgene
    from carpeak.study import geometry, units

    asked, given = snakemake.params, snakemake.input
    library = layouts.open_library(asked.path, select=asked.select) if asked.path else None
    raw = layouts.open_library(asked.raw_path) if asked.raw_path else None
    if not asked.replaces:
        names = [record.name for record in transgene.read_constructs(given.construct)]
        added.demand_absent(library or raw, names)
    counted = transgene.count_library(
        units.ReadFiles(tuple(map(tuple, asked.pairs)), tuple(asked.bams)),
        construct=given.construct,
        against=given.against,
        cells=library.barcodes.to_pylist() if library else [],
        place=asked.path,
        geometry=geometry.parse(asked.geometry) if asked.geometry else None,
        strand=transgene.strand_of(asked.chemistry, asked.strand),
        droplets=layouts.chosen_if_any(raw, asked.select).barcodes if raw else None,
        whitelist=given.get("barcodes") or None,
    )
    counted.write(snakemake.output.molecules)
    io.write_json({**counted.summary(), "replaces": asked.replaces}, snakemake.output.summary)
