"""Join the kept cells of all libraries and tabulate what quality control did."""

from carpeak.job import job

with job(snakemake):
    import pandas as pd
    from carpeak import io
    from carpeak.libraries import aliases, merge
    from carpeak.populations import axes, markers
    from carpeak.stats import stored

    samples = pd.DataFrame(snakemake.params.samples)
    cells = [io.read_table(path) for path in snakemake.input.cells]
    thresholds = [io.read_json(path) for path in snakemake.input.thresholds]
    share = stored.HELD // len(snakemake.input.counts)  # all libraries are open at a time
    libraries = [stored.read(path, held=share) for path in snakemake.input.counts]
    wanted = markers.genes(markers.load(snakemake.input.markers))
    states = axes.load(
        snakemake.input.model
    ).every_gene()  # under their names, too, but no markers to report on
    others = aliases.known(
        sorted({*wanted, *states}), aliases=snakemake.input.aliases, genes=snakemake.input.genes
    )
    libraries, used = aliases.renamed(libraries, others)
    libraries = merge.same_names(libraries)
    genes = merge.gene_list(libraries, snakemake.params.genes)
    counts = merge.merge(libraries, cells, samples=samples, genes=genes)
    merge.check_transgene(counts.var, snakemake.params.features)
    stored.write(counts.frame(), {"X": counts.X}, snakemake.output.counts, narrow=True)  # read by twenty jobs
    io.write_json(aliases.report(used, wanted, genes.index), snakemake.output.markers)
    table = merge.sample_table(samples, cells, thresholds, merge.gene_counts(libraries, genes))
    io.write_table(table, snakemake.output.samples)
