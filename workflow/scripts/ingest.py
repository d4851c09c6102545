"""Read one library of any layout into raw integer counts with named genes."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.libraries import ingest
    from carpeak.readers import added, layouts

    library = layouts.open_library(snakemake.params.path, select=snakemake.params.select)
    if snakemake.input.get("molecules"):
        library = added.with_transgene(library, snakemake.input.molecules, snakemake.input.counted)
    cells, summary = ingest.prepare(
        library,
        sample=snakemake.wildcards.sample,
        features=snakemake.params.features,
        call_seed=snakemake.params.call_seed,
    )
    io.write_h5ad(cells, snakemake.output.counts)
    io.write_json(summary, snakemake.output.summary)
