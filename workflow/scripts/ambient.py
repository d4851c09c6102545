"""Sum the empty droplets of one library, whose unfiltered matrix the sheet names."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.libraries import empty_droplets
    from carpeak.readers import added, layouts

    prefix = f"{snakemake.wildcards.sample}_"
    cells = [cell.removeprefix(prefix) for cell in io.read_cells(snakemake.input.cells)]
    droplets = layouts.chosen_if_any(layouts.open_library(snakemake.params.raw_path), snakemake.params.select)
    if snakemake.input.get("molecules"):
        droplets = added.with_transgene(droplets, snakemake.input.molecules, snakemake.input.counted)
    profile, genes = empty_droplets.empty_droplets(droplets, cells=cells, features=snakemake.params.features)
    io.write_json(profile, snakemake.output.profile)
    io.write_table(genes, snakemake.output.genes)
